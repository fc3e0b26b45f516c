"""Fetches the state of a deployment from its admin port."""

import http.client

import msgspec

from stator.rules.status import Status

from .addresses import admin_address, get
from .api_client import ApiError


def fetch_status(endpoint: str, admin: str | None) -> Status:
    """Raises ApiError, with what to do about it."""
    address = admin_address(endpoint, admin)
    try:
        page = get(address, "/status")
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
