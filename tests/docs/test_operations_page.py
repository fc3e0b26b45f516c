"""docs/operations.md says what a running server does: neither more nor less."""

import http.client
import json
import re

from botocore.loaders import Loader

from stator.testing import StatorServer
from tests.docs.snippets import ROOT

TARGETS = {"dynamodb": "DynamoDB_20120810", "dynamodbstreams": "DynamoDBStreams_20120810"}
ROW = re.compile(r"^\| (\w+) \| (yes|no) \|", re.MULTILINE)


def known_to_botocore() -> dict[str, str]:
    """Every operation's name and its target's prefix."""
    loader = Loader()
    return {
        name: prefix
        for service, prefix in TARGETS.items()
        for name in loader.load_service_model(service, "service-2")["operations"]
    }


def is_served(server: StatorServer, target: str) -> bool:
    """Whether the server knows the operation: without parameters most answer that they miss some."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    connection.request("POST", "/", "{}", headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return "UnknownOperationException" not in answer.get("__type", "")


def test_the_page_lists_every_operation_once() -> None:
    listed = [name for name, _ in ROW.findall((ROOT / "docs" / "operations.md").read_text())]
    assert sorted(listed) == sorted(known_to_botocore())


def test_the_page_says_yes_where_the_server_does(stator: StatorServer) -> None:
    page = dict(ROW.findall((ROOT / "docs" / "operations.md").read_text()))
    served = {
        name: "yes" if is_served(stator, f"{prefix}.{name}") else "no" for name, prefix in known_to_botocore().items()
    }
    assert page == served
