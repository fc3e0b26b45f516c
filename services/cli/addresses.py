"""Where a deployment is found: the API's endpoint, and its admin port beside it."""

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from stator.runtime.settings import default_admin_port

from .api_client import ApiError, endpoint_url, failure_text


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


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


def get(address: str, path: str, timeout_s: float = 10.0) -> Page:
    """One page. Raises ApiError for what is no address, or when nothing answers there in HTTP."""
    url = endpoint_url(address)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Page(response.status, headers, response.read())
    except (OSError, HTTPException) as error:
        raise ApiError(f"{address} does not answer: {failure_text(error)}") from error
    finally:
        connection.close()
