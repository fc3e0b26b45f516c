"""DynamoDB's protocol on one bare HTTP connection, for tests that must see or send what an SDK would hide."""

import http.client
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class Connection:
    """One HTTP connection. It never reconnects by itself: an answer proves that the server has kept it.

    `headers` go with each request: our servers need no more than what is sent anyway, DynamoDB Local wants a signature.
    """

    def __init__(self, port: int, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self._headers = headers
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._http.connect()
        self._http.auto_open = False

    def send(self, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0", **self._headers}
        self._http.request("POST", "/", body, headers)
        response = self._http.getresponse()
        return response.status, json.loads(response.read() or b"{}")

    def call(self, operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return self.send(f"DynamoDB_20120810.{operation}", json.dumps(parameters).encode())

    def close(self) -> None:
        self._http.close()
