"""What we tell about metrics is about metrics that exist: the page in docs/, and the dashboard."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from stator.runtime.metric_names import ALL
from stator.runtime.metrics_page import metrics_page
from tests.architecture.source_tree import ROOT
from tests.vitals import vitals_of

PAGE = (ROOT / "docs" / "metrics.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "stator.json").read_text())
NAME = re.compile(r"\b(?:ddb|stator|process)_[a-z0-9_]+\b")
GRID_WIDTH = 24


def exposed() -> set[str]:
    """The names of all series of a process that has counted something of everything."""
    vitals = vitals_of("node", "role")
    for metric in ALL:
        labels = ["x"] * len(metric.labels)
        if metric.kind == "counter":
            vitals.meters.counter(metric, *labels).add()
        elif metric.kind == "histogram":
            vitals.meters.distribution(metric, *labels).observe(1.0)
    series = {line.partition("{")[0].partition(" ")[0] for line in metrics_page(vitals).decode().splitlines()}
    return series | {metric.name for metric in ALL if metric.kind == "gauge"}


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def test_every_metric_has_a_line_on_its_page_and_nothing_else_has() -> None:
    told = set(re.findall(r"`((?:ddb|stator)_[a-z0-9_]+)`", PAGE))
    assert told == {metric.name for metric in ALL} | {"stator_info"}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_the_page_gives_a_metric_its_labels(metric: Any) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{metric.name}`" in line]
    assert line.split("|")[2].strip() == ", ".join(metric.labels)


def test_the_dashboard_shows_only_what_is_exposed() -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert named - exposed() == set()


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(expressions())
    assert [metric.name for metric in ALL if metric.name not in shown] == []


def test_the_dashboard_groups_by_labels_that_exist() -> None:
    known = {label for metric in ALL for label in metric.labels} | {"le", "instance", "version"}
    groups = [group for expression in expressions() for group in re.findall(r"by \(([^)]*)\)", expression)]
    assert {label.strip() for group in groups for label in group.split(",")} <= known


def test_panels_have_their_own_ids_and_places() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= GRID_WIDTH for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)
