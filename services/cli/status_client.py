"""Fetches the state of a deployment from its admin port."""

import http.client

import msgspec

from stator.rules.status import Status
from stator.runtime.settings import default_admin_port

from .api_client import ApiError, endpoint_url, exchange


def fetch_status(endpoint: str, admin: str | None) -> Status:
    """Raises ApiError, with what to do about it."""
    address = admin_address(endpoint, admin)
    try:
        page = exchange(address, "GET", "/status")
    except ApiError as error:
        raise ApiError(f"{error}. Is the server up, with its admin port there? (--admin says where)") from error
    if page.status != http.client.OK:
        raise ApiError(f"{address} is not Stator's admin port: it answers {page.status} (--admin says where it is)")
    try:
        return msgspec.json.decode(page.body, type=Status)
    except msgspec.DecodeError as error:
        raise ApiError(
            f"{address} tells nothing about tables: ask a router's admin port, or a standalone server's (--admin)"
        ) from error


def admin_address(endpoint: str, admin: str | None) -> str:
    """The admin port's address: the one given, or two above the endpoint's port. Raises ApiError for what is no address."""
    if admin is not None:
        url = endpoint_url(admin if "://" in admin else f"http://{admin}")
        if url.port is None:
            raise ApiError(f"{admin!r} is not an address such as http://localhost:8002")
        return f"{url.scheme}://{url.netloc}"
    url = endpoint_url(endpoint)
    host = url.hostname or ""
    port = default_admin_port(url.port or (443 if url.scheme == "https" else 80))
    return f"http://{'[' + host + ']' if ':' in host else host}:{port}"
