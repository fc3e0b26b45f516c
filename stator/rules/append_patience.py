"""How long a writer waits for its log before it doubts what it appended: about as long as the log lately takes, and a while.

A fixed time would make overload worse: once brokers take longer, every append would be doubted, and every doubt appends a Claim.
Only a hint: whether a record counts is never a matter of time (R1, R8).
"""

PATIENCE_S = 2.0
"""Of a log that is quick. Under the router's 5 s, above what a broker failover takes (`replica.lag.time.max.ms` 3 s only delays:
the Claim then queues behind the record and both land).
"""

PATIENCE_MAX_S = 6.0
"""Of a slow one. Routers have given a request up by then, and a leader in doubt is left alone for 10 s (R12)."""

_SPARE = 2.0
"""How many times as long as it took lately something may take."""

_FORGETS = 0.9
"""What is left of the slowest append's time when a quicker one is over."""


class Patience:
    """With one log, or a few that one process writes together."""

    def __init__(self) -> None:
        self._slow_s = 0.0

    @property
    def seconds(self) -> float:
        """How long the next append may take."""
        return min(PATIENCE_MAX_S, max(PATIENCE_S, _SPARE * self._slow_s))

    def took(self, seconds: float) -> None:
        """An append of ours was accepted after so long."""
        self._slow_s = max(seconds, _FORGETS * self._slow_s)

    def ran_out(self) -> None:
        """One takes longer: so may the next."""
        self._slow_s = self.seconds
