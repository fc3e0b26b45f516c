"""Identifiers nobody can guess: the operating system's randomness behind the same code that the simulator seeds."""

from random import SystemRandom

from stator.adapters.identity_seeded import SeededIds


class SystemIds(SeededIds):
    """Unpredictable identifiers."""

    def __init__(self) -> None:
        super().__init__(SystemRandom())
