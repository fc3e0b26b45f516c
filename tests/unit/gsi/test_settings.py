"""What an index worker reads from its environment."""

from pathlib import Path

import pytest

from services.gsi.settings import GsiSettings
from stator.model.errors import StartupError

NEEDED = {
    "STATOR_NODE": "gsi-1",
    "STATOR_KAFKA": "k:9092",
    "STATOR_DATA": "/data",
    "STATOR_S3_ENDPOINT": "http://s3:9000",
    "STATOR_S3_BUCKET": "stator",
    "STATOR_S3_ACCESS_KEY": "a",
    "STATOR_S3_SECRET_KEY": "b",
}


def test_what_is_needed_is_enough_and_it_then_listens_for_health_only() -> None:
    settings = GsiSettings.from_environment(NEEDED)
    assert (settings.data, settings.admin_port, settings.listen) == (Path("/data"), 8002, None)


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_told_by_name(name: str) -> None:
    with pytest.raises(StartupError, match=f"^{name} is not set$"):
        GsiSettings.from_environment({given: value for given, value in NEEDED.items() if given != name})


def test_it_listens_where_the_seeds_say_unless_told_otherwise() -> None:
    seeds = NEEDED | {"STATOR_SEEDS": "leader-1=l:7000,gsi-1=g:7001"}
    assert GsiSettings.from_environment(seeds).listen == ("g", 7001)
    assert GsiSettings.from_environment(seeds | {"STATOR_LISTEN": "0.0.0.0:7002"}).listen == ("0.0.0.0", 7002)
    assert GsiSettings.from_environment(NEEDED | {"STATOR_SEEDS": "leader-1=l:7000"}).listen is None


@pytest.mark.parametrize("port", ["many", "-1", "", "65536"])
def test_an_admin_port_that_is_none_is_told_by_name(port: str) -> None:
    with pytest.raises(StartupError, match="STATOR_ADMIN_PORT"):
        GsiSettings.from_environment(NEEDED | {"STATOR_ADMIN_PORT": port})
