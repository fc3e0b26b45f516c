"""A request that comes again under its id is answered as the first time, from what it then did (R18).

`decide` is a function of the command and the item that it finds, so what the first effect found gives the first answer:
attributes, capacity, all of it. A refusal, or a write that leaves the item as it is, leaves an effect only if it may have been sent
before: a stray first message, held up on its way, must not be decided anew after that answer has left.
"""

from stator.model.errors import DomainError
from stator.model.records import Effect
from stator.rules.commands import Command, Outcome
from stator.rules.decide import decide


def first_answer(command: Command, first: Effect) -> Outcome | DomainError | None:
    """How the command was answered when its `first` effect was decided; None when it would not have had that effect: somebody
    gives different requests the same id, and this one is new.
    """
    decision = decide(command, first.old, 0)
    return decision.answer if decision.new == first.new else None
