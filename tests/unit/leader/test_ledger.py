"""The ledger forgets what nobody needs, and remembers how far logs are closed."""

from services.leader.ledger import Ruled, forgotten, ruled
from services.leader.unmaterialized import Unmaterialized
from stator.adapters.view_memory import MemoryViews
from stator.codec.ledger_entries import decision_key, token_key
from stator.model.errors import OutcomeUnknownError
from stator.model.positions import LEDGER_LOG, Seq, TimestampUs
from stator.rules.request_tokens import WINDOW_US
from stator.rules.transaction_messages import Decide, Decided, Forget, Forgotten

HASH = b"h" * 16
KEYS = [decision_key(b"t"), token_key("token")]
COMMIT = Decide(LEDGER_LOG, b"t", 50, {1: 40, 2: 50}, "token", HASH)


class Ledger:
    def __init__(self) -> None:
        self.state = Unmaterialized(MemoryViews().open(LEDGER_LOG))
        self.now = 100
        self._seq = Seq(0)

    def decide(self, asked: Decide) -> object:
        return self._done(ruled(asked, self.state, self._timestamp))

    def forget(self, floors: dict[int, int]) -> object:
        return self._done(forgotten(Forget(LEDGER_LOG, floors, KEYS), self.state, self._timestamp))

    def knows(self) -> list[bool]:
        return [self.state.newest(key)[1] is not None for key in KEYS]

    def _done(self, done: Ruled) -> object:
        self._seq = Seq(self._seq + 1)
        for effect in done.effects:
            self.state.add(effect, self._seq)
        return done.answer

    def _timestamp(self) -> TimestampUs:
        return TimestampUs(self.now)


def test_a_decision_goes_once_all_its_logs_are_closed_behind_it() -> None:
    ledger = Ledger()
    ledger.decide(COMMIT)
    assert ledger.forget({1: 40}) == Forgotten(0)
    assert ledger.knows() == [True, True]
    assert ledger.forget({2: 49}) == Forgotten(0)
    assert ledger.forget({1: 40, 2: 50}) == Forgotten(1)
    assert ledger.knows() == [False, True]


def test_what_was_forgotten_is_not_committed_again_and_can_be_aborted() -> None:
    ledger = Ledger()
    ledger.decide(COMMIT)
    ledger.forget({1: 40, 2: 50})
    assert isinstance(ledger.decide(COMMIT), OutcomeUnknownError)
    assert ledger.knows() == [False, True]
    assert ledger.decide(Decide(LEDGER_LOG, b"t", None, {1: 60})) == Decided(None, {1: 60})


def test_a_floor_never_sinks() -> None:
    ledger = Ledger()
    ledger.forget({1: 40, 2: 50})
    ledger.forget({1: 10, 2: 10})
    assert isinstance(ledger.decide(COMMIT), OutcomeUnknownError)


def test_a_token_goes_when_it_may_be_used_again() -> None:
    ledger = Ledger()
    ledger.decide(COMMIT)
    ledger.now += WINDOW_US - 1
    assert ledger.forget({}) == Forgotten(0)
    ledger.now += 1
    assert ledger.forget({}) == Forgotten(1)
    assert ledger.knows() == [True, False]
