import pytest

from services.cli.instants import instant

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T05:00:00Z", 1_795_237_200.0),
        ("2026-11-21T05:00:00", 1_795_237_200.0),
        ("2026-11-21T06:00:00+01:00", 1_795_237_200.0),
        ("2026-11-21T05:00:00.250001Z", 1_795_237_200.250001),
        ("1795237200", 1_795_237_200.0),
        ("1795237200.25", 1_795_237_200.25),
        ("-10m", NOW_S - 600),
        ("-1.5h", NOW_S - 5400),
        ("-30s", NOW_S - 30),
        ("-2d", NOW_S - 172_800),
    ],
)
def test_instants_are_iso_8601_in_utc_or_seconds_since_1970_or_so_long_ago(text: str, seconds: float) -> None:
    assert instant(text, NOW_S) == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01T00:00:00Z", "-10", "-m", "10m", "-10 m"])
def test_what_is_no_instant_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not an instant such as 2026"):
        instant(text, NOW_S)
