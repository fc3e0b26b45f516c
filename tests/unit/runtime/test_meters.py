from prometheus_client.parser import text_string_to_metric_families

from stator.runtime.meters import Meters, Metric, Reading
from stator.runtime.metric_names import ALL
from stator.runtime.metrics_page import metrics_page
from stator.runtime.vitals import Vitals
from tests.vitals import vitals_of

HITS = Metric("ddb_hits_total", "counter", "Hits.", ("table",))
TOOK = Metric("ddb_took_seconds", "histogram", "Time.", ("table",), (0.1, 1.0))
HELD = Metric("stator_held", "gauge", "Held now.", ("log",))


def samples(vitals: Vitals) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics_page(vitals).decode())
    return {(one.name, tuple(sorted(one.labels.values()))): one.value for family in families for one in family.samples}


def test_a_child_is_got_once_and_keeps_its_number() -> None:
    meters = Meters()
    meters.counter(HITS, "Notes").add()
    meters.counter(HITS, "Notes").add(2)
    assert meters.counter(HITS, "Notes").value == 3
    assert meters.counter(HITS, "Other").value == 0


def test_the_page_is_what_prometheus_reads() -> None:
    vitals = vitals_of("router-1", "router")
    vitals.meters.counter(HITS, 'No"tes').add(2)
    took = vitals.meters.distribution(TOOK, "Notes")
    for value in (0.05, 0.1, 0.5, 30.0):
        took.observe(value)
    vitals.meters.gauge(HELD, lambda: [Reading(("7",), 4.0)])
    shown = samples(vitals)
    assert shown["ddb_hits_total", ('No"tes',)] == 2
    assert shown["ddb_took_seconds_bucket", ("0.1", "Notes")] == 2
    assert shown["ddb_took_seconds_bucket", ("1.0", "Notes")] == 3
    assert shown["ddb_took_seconds_bucket", ("+Inf", "Notes")] == shown["ddb_took_seconds_count", ("Notes",)] == 4
    assert shown["ddb_took_seconds_sum", ("Notes",)] == 30.65
    assert shown["stator_held", ("7",)] == 4


def test_what_is_gone_is_forgotten_and_nothing_else() -> None:
    meters = Meters()
    meters.counter(HITS, "gone").add()
    meters.counter(HITS, "stays").add()
    meters.distribution(TOOK, "gone").observe(1)
    meters.forget("table", "gone")
    assert [list(children) for _, children in meters.counters()] == [[("stays",)]]
    assert [list(children) for _, children in meters.distributions()] == [[]]


def test_names_are_unique_and_say_their_kind_and_unit() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert metric.name.startswith(("ddb_", "stator_"))
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.bounds) == (metric.kind == "histogram")
