"""Units as AWS counts them. Source: AWS developer guide, "Read/write capacity mode"."""

import pytest

from stator.rules.capacity import read_units, write_units


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (4096, 1), (4097, 2), (400 * 1024, 100)])
def test_reads_cost_a_unit_for_each_4_kib_begun_and_half_when_eventual(size: int, units: int) -> None:
    assert read_units(size, strong=True) == units
    assert read_units(size, strong=False) == units / 2


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (400 * 1024, 400)])
def test_writes_cost_a_unit_for_each_kib_begun(size: int, units: int) -> None:
    assert write_units(size) == units
