"""Capacity told to a client is counted from sizes as DynamoDB counts them, to the byte."""

import pytest

from stator.model.attributes import item_size
from stator.model.item import encode_image
from stator.rules.capacity import WRITE_UNIT_BYTES, write_units
from stator.rules.commands import Command, DeleteItem, Outcome, PutItem
from stator.rules.decide import decide

SMALL = encode_image({"p": {"S": "a"}})


def image_of(size: int) -> bytes:
    item = {"p": {"S": "a"}, "text": {"S": "x" * (size - len("pa") - len("text"))}}
    assert item_size(item) == size
    return encode_image(item)


@pytest.mark.parametrize(("size", "units"), [(WRITE_UNIT_BYTES, 1), (WRITE_UNIT_BYTES + 1, 2)])
@pytest.mark.parametrize("kind", ["new", "replaced", "deleted"])
def test_a_measured_write_costs_by_the_byte(kind: str, size: int, units: int) -> None:
    sized = image_of(size)
    commands: dict[str, tuple[Command, bytes | None]] = {
        "new": (PutItem(b"key", sized, measured=True), None),
        "replaced": (PutItem(b"key", SMALL, measured=True), sized),
        "deleted": (DeleteItem(b"key", measured=True), sized),
    }
    command, stored = commands[kind]
    answer = decide(command, stored, 1).answer
    assert isinstance(answer, Outcome)
    assert write_units(answer.bytes_written) == units
