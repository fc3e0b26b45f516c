"""Stator for the test suites of its users: `StatorServer` for any test runner, the fixture `stator` for pytest.

What stands here is public: programs that we do not know import it.
"""

from stator.testing.server import ServerFailedError, StatorServer

__all__ = ["ServerFailedError", "StatorServer"]
