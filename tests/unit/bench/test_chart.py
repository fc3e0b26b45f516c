"""The benchmark's picture shows what was measured, to scale."""

from xml.etree import ElementTree as ET

import pytest

from bench.chart import COLOURS, chart
from bench.client import Measured
from bench.matrix import Row, Spread

SVG = "{http://www.w3.org/2000/svg}"


def measured(requests_per_s: float) -> Measured:
    return Measured(requests_per_s, 1.0, 2.0, 100.0)


def row(operation: str, connections: int, *rates: tuple[float, float]) -> Row:
    return Row(operation, connections, tuple((measured(ours), measured(theirs)) for ours, theirs in rates))


def bars(rows: list[Row]) -> dict[str, list[float]]:
    """Heights of the bars, by colour; the background is no bar."""
    found: dict[str, list[float]] = {colour: [] for colour in COLOURS.values()}
    for rect in ET.fromstring(chart(rows)).iter(f"{SVG}rect"):
        if rect.get("width") == "30":
            found[str(rect.get("fill"))].append(float(str(rect.get("height"))))
    return found


def test_a_bar_is_as_high_as_the_median_and_panels_have_scales_of_their_own() -> None:
    rows = [
        row("PutItem", 1, (100, 50), (300, 60), (200, 70)),
        row("PutItem", 16, (400, 40)),
        row("Query", 1, (20_000, 10_000)),
    ]
    drawn = bars(rows)
    ours, theirs = drawn[COLOURS["Stator"]], drawn[COLOURS["DynamoDB Local"]]
    assert ours[0] / ours[1] == pytest.approx(200 / 400, rel=0.01)
    assert theirs[0] / ours[0] == pytest.approx(60 / 200, rel=0.01)
    assert ours[2] / theirs[2] == pytest.approx(2, rel=0.01)
    assert ours[2] < 230


def test_each_pair_of_bars_tells_how_many_times_as_many() -> None:
    texts = [text.text for text in ET.fromstring(chart([row("PutItem", 1, (300, 100))])).iter(f"{SVG}text")]
    assert {"PutItem", "300", "100", "3.0 times"} <= set(texts)


def test_a_ratio_compares_the_neighbours_of_a_round() -> None:
    assert row("PutItem", 1, (100, 10), (200, 100), (900, 300)).ratio == Spread(median=3.0, least=2.0, most=10.0)
