"""What landed against what was committed: lost, doubled, out of order, not published, missing without a reason."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from clearsight.demo.landed import Comparison
from clearsight.demo.truth import Change

SHOWN = 5


class Place(NamedTuple):
    """A change of the ledger: its rank in commit order."""

    rank: int
    change: Change


@dataclass(frozen=True)
class Ledger:
    """What the source's triggers and CloudWatch's simulator wrote down."""

    committed: Sequence[Change]
    """In commit order."""
    accepted: Counter[str]
    """Ids of log lines."""


@dataclass(frozen=True)
class Facts:
    """What is in the reporting database and in the audit topic."""

    changes: Sequence[Change]
    """In the order of their commit positions."""
    timelines: Mapping[str, Sequence[Change]]
    """Changes of each scenario as its timeline shows them."""
    lines: Counter[str]
    gaps: Sequence[str]
    """Reasons of what was written down as missing."""
    revisions: Mapping[str, int]
    """Event id → revision of each fact that is published."""
    published: Mapping[str, int]
    """Event id → the highest revision in the audit topic."""


@dataclass(frozen=True)
class Verdict:
    changes: Comparison[Change]
    lines: Comparison[str]
    misordered: Sequence[Place]
    unpublished: Sequence[str]
    unexplained_gaps: Sequence[str]

    def figures(self) -> dict[str, Any]:
        return {
            "events": self.changes.expected.total() + self.lines.expected.total(),
            "lost": self.changes.lost.total() + self.lines.lost.total(),
            "duplicated": self.changes.surplus.total() + self.lines.surplus.total(),
            "misordered": len(self.misordered),
            "unexplained_gaps": len(self.unexplained_gaps),
            "unpublished": len(self.unpublished),
        }

    @property
    def exact(self) -> bool:
        return not any(count for name, count in self.figures().items() if name != "events")

    def complaints(self) -> list[str]:
        """What is wrong, the first few of each kind."""
        found: list[tuple[str, Iterable[object]]] = [
            ("lost", [*sorted(self.changes.lost), *sorted(self.lines.lost)]),
            ("duplicated", [*sorted(self.changes.surplus), *sorted(self.lines.surplus)]),
            ("misordered", self.misordered),
            ("unexplained gap", self.unexplained_gaps),
            ("unpublished", self.unpublished),
        ]
        return [f"{what}: {thing}" for what, things in found for thing in list(things)[:SHOWN]]


def judge(ledger: Ledger, facts: Facts) -> Verdict:
    """No fault of ours deletes a record before it was read, so every gap is one without an explanation."""
    orders = (facts.changes, *facts.timelines.values())
    return Verdict(
        changes=Comparison(Counter(ledger.committed), Counter(facts.changes)),
        lines=Comparison(ledger.accepted, facts.lines),
        misordered=sorted({place for order in orders for place in misordered(ledger.committed, order)}),
        unpublished=sorted(
            event_id for event_id, revision in facts.revisions.items() if facts.published.get(event_id, 0) < revision
        ),
        unexplained_gaps=facts.gaps,
    )


def misordered(committed: Sequence[Change], found: Sequence[Change]) -> list[Place]:
    """The fewest changes that would have to move for those found to stand in commit order.

    What was never committed, or is found more often than it was, is no question of order.
    """
    ranks: defaultdict[Change, deque[int]] = defaultdict(deque)
    for rank, change in enumerate(committed):
        ranks[change].append(rank)
    places = [Place(ranks[change].popleft(), change) for change in found if ranks[change]]
    kept = set(_longest_rise([place.rank for place in places]))
    return [place for place in places if place.rank not in kept]


def _longest_rise(ranks: Sequence[int]) -> list[int]:
    """A longest increasing subsequence of distinct numbers."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for rank in ranks:
        place = bisect_left(ends, rank)
        before[rank] = ends[place - 1] if place else None
        ends[place : place + 1] = [rank]
    rise: list[int] = []
    step = ends[-1] if ends else None
    while step is not None:
        rise.append(step)
        step = before[step]
    return rise
