"""Who must come before whom: a graph whose edges say why, and the cycles in it, named as Adya named them.

    ww  wrote the version before          wr  wrote what the other read
    rw  read the version before the other's write       rt  was answered before the other was asked

A cycle means that no serial order exists. Its name says which edges it needs, the gravest first; a name that ends in
`-realtime` is a cycle only because the answer of one transaction came before another's question.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WW, WR, RW, RT = "ww", "wr", "rw", "rt"

CLASSES = (
    # name, the edge that the cycle begins with, the edges that it may go on with
    ("G0", WW, {WW}),
    ("G1c", WR, {WW, WR}),
    ("G-single", RW, {WW, WR}),
    ("G2", RW, {WW, WR, RW}),
    ("G0-realtime", WW, {WW, RT}),
    ("G1c-realtime", WR, {WW, WR, RT}),
    ("G-single-realtime", RW, {WW, WR, RT}),
    ("G2-realtime", RW, {WW, WR, RW, RT}),
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A way back to where one came from: `steps` are (from, why, to)."""

    name: str
    steps: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        return "".join(f"{start} -{why}-> " for start, why, _ in self.steps) + self.steps[0][0]


@dataclass
class Dependencies:
    """Edges between names. Two transactions may be joined for several reasons."""

    edges: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def add(self, start: str, why: str, end: str) -> None:
        """Enter an edge; nobody depends on himself."""
        if start != end:
            self.edges.setdefault(start, {}).setdefault(end, set()).add(why)
            self.edges.setdefault(end, {})

    def cycles(self) -> Iterator[Cycle]:
        """One cycle for each knot of transactions that cannot be put in order, of the gravest class that it has."""
        for knot in self._knots():
            yield next(self._cycles_in(knot))

    def _cycles_in(self, knot: set[str]) -> Iterator[Cycle]:
        for name, first, others in CLASSES:
            for start in sorted(knot):
                for end, reasons in self.edges[start].items():
                    if first not in reasons or end not in knot:
                        continue
                    back = self._path(end, start, others, knot)
                    if back is not None:
                        yield Cycle(name, ((start, first, end), *back))

    def _path(
        self, start: str, goal: str, allowed: Iterable[str], within: set[str]
    ) -> tuple[tuple[str, str, str], ...] | None:
        """The shortest way, by edges of these kinds."""
        came: dict[str, tuple[str, str]] = {}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            if here == goal:
                steps: list[tuple[str, str, str]] = []
                while here != start:
                    before, why = came[here]
                    steps.append((before, why, here))
                    here = before
                return tuple(reversed(steps))
            for end, reasons in self.edges[here].items():
                usable = sorted(reasons.intersection(allowed))
                if usable and end in within and end not in came and end != start:
                    came[end] = (here, usable[0])
                    queue.append(end)
        return None

    def _knots(self) -> Iterator[set[str]]:
        """Strongly connected components of more than one (Tarjan, without recursion: histories are long)."""
        number: dict[str, int] = {}
        lowest: dict[str, int] = {}
        stack: list[str] = []
        waiting: set[str] = set()
        for root in self.edges:
            if root in number:
                continue
            walk = [(root, iter(self.edges[root]))]
            number[root] = lowest[root] = len(number)
            stack.append(root)
            waiting.add(root)
            while walk:
                here, ends = walk[-1]
                for end in ends:
                    if end not in number:
                        number[end] = lowest[end] = len(number)
                        stack.append(end)
                        waiting.add(end)
                        walk.append((end, iter(self.edges[end])))
                        break
                    if end in waiting:
                        lowest[here] = min(lowest[here], number[end])
                else:
                    walk.pop()
                    if walk:
                        lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[here])
                    if lowest[here] == number[here]:
                        knot = {here}
                        while (popped := stack.pop()) != here:
                            knot.add(popped)
                        waiting -= knot
                        if len(knot) > 1:
                            yield knot
