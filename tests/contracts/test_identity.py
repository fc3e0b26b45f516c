import random
import re
from uuid import UUID

import pytest

from stator.adapters.identity_seeded import SeededIds
from stator.adapters.identity_system import SystemIds
from stator.ports.identity import IdSource


@pytest.fixture(params=["seeded", "system"])
def ids(request: pytest.FixtureRequest) -> IdSource:
    return SystemIds() if request.param == "system" else SeededIds(random.Random(7))


def test_identifiers_have_their_documented_forms(ids: IdSource) -> None:
    assert 0 < ids.bits64() < 2**64
    assert re.fullmatch(r"[A-Z0-9]{52}", ids.request_id())
    assert UUID(ids.uuid()).version == 4
    assert 1.5 <= ids.jitter(1.5, 2.5) <= 2.5


def test_identifiers_do_not_repeat(ids: IdSource) -> None:
    assert len({ids.bits64() for _ in range(1_000)}) == 1_000
    assert len({ids.request_id() for _ in range(1_000)}) == 1_000
    assert len({ids.uuid() for _ in range(1_000)}) == 1_000


def test_one_seed_gives_one_sequence() -> None:
    def sequence(seed: int) -> list[object]:
        ids = SeededIds(random.Random(seed))
        return [ids.bits64(), ids.request_id(), ids.uuid(), ids.jitter(0, 1)]

    assert sequence(1) == sequence(1)
    assert sequence(1) != sequence(2)


def test_bits64_is_never_zero() -> None:
    class Zeros(random.Random):
        def getrandbits(self, k: int, /) -> int:
            return 0 * k

    assert SeededIds(Zeros()).bits64() == 1
