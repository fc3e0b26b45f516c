"""Names of tables for the shell's completion. Whatever goes wrong completes to nothing: nobody asked for an error."""

import os

from .api_client import ApiClient, ApiError

PATIENCE_S = 1.0


def table_names(incomplete: str, usual_endpoint: str) -> list[str]:
    """Tables of the server that the environment names, else of the usual one: flags are not known yet."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or os.environ.get("AWS_ENDPOINT_URL") or usual_endpoint
    try:
        tables = ApiClient(endpoint).call("ListTables", {}, PATIENCE_S)["TableNames"]
    except ApiError:
        return []
    return [name for name in tables if name.startswith(incomplete)]
