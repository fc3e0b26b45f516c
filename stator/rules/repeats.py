"""A request that comes again under its id is answered as the first time, from what it then did (R16).

`decide` is a function of the command and the item that it finds, so what the first effect found gives the first answer:
attributes, capacity, all of it. A refusal left no effect: it was a read, and is decided again.
"""

from stator.model.records import Effect
from stator.rules.commands import Command, Outcome
from stator.rules.decide import decide


def first_outcome(command: Command, first: Effect) -> Outcome | None:
    """What the command came to when its `first` effect was decided; None when it would not have done that: somebody gives
    different requests the same id, and this one is new.
    """
    decision = decide(command, first.old, 0)
    if decision.new != first.new or not isinstance(decision.answer, Outcome):
        return None
    return decision.answer
