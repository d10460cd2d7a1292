"""What landed against what was committed: lost, doubled, out of order, joined wrongly, not published, missing without a reason."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from chaos.intents import Intent

from clearsight.coverage import EVERY_CHANGE
from clearsight.demo.landed import Comparison
from clearsight.demo.truth import Change
from clearsight.topics import TopicNames

SHOWN = 5
SLACK = timedelta(seconds=10)
"""Heartbeats around a loss are a second apart, and faults of one volley strike up to three seconds apart."""


class Place(NamedTuple):
    """A change of the ledger: its rank in commit order."""

    rank: int
    change: Change


@dataclass(frozen=True)
class Loss:
    """What a fault made inevitable: records of a topic (EVERY_CHANGE: of every table) may be gone that were written then."""

    topic: str
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class GapRow:
    """A gap as the reporting database shows it."""

    topic: str
    reason: str
    detected: datetime
    after: datetime | None
    before: datetime | None
    of_offsets: bool
    """Of records that were in a topic, and whose neighbours there say when they were written."""

    def explained_by(self, loss: Loss) -> bool:
        if self.topic != loss.topic or not loss.began - SLACK <= self.detected <= loss.ended + SLACK:
            return False
        if self.of_offsets:
            return True
        assert self.after is None or self.before is None or self.after <= self.before
        return (
            self.after is not None
            and self.before is not None
            and loss.began - SLACK <= self.after
            and self.before <= loss.ended + SLACK
        )

    def covers(self, topic: str, committed: datetime) -> bool:
        return self.topic in (topic, EVERY_CHANGE) and (self.after or _EVER) <= committed <= (self.before or _NEVER)


_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Ledger:
    """What the source's triggers and CloudWatch's simulator wrote down."""

    committed: Sequence[Change]
    """In commit order."""
    accepted: Counter[str]
    """Ids of log lines."""
    committed_at: Mapping[int, datetime] = field(default_factory=dict)
    """By transaction."""
    intents: Mapping[int, Intent] = field(default_factory=dict)
    """By transaction, as the application knows them."""


class Link(NamedTuple):
    """What a fact says of its transaction."""

    event_id: str
    txid: int
    intent: Intent


@dataclass(frozen=True)
class Facts:
    """What is in the reporting database and in the audit topic."""

    changes: Sequence[Change]
    """In the order of their commit positions."""
    timelines: Mapping[str, Sequence[Change]]
    """Changes of each scenario as its timeline shows them."""
    lines: Counter[str]
    gaps: Sequence[GapRow]
    revisions: Mapping[str, int]
    """Event id → revision of each fact that is published."""
    published: Mapping[str, int]
    """Event id → the highest revision in the audit topic."""
    links: Sequence[Link] = ()
    """Of each change, action and transition of a transaction."""
    pending: Sequence[str] = ()
    """Event ids of what still waits for its context, though the deadline has passed."""


@dataclass(frozen=True)
class Verdict:
    changes: Comparison[Change]
    lines: Comparison[str]
    covered: Counter[Change]
    """Lost by a fault that must lose something, and within the time of a gap."""
    misordered: Sequence[Place]
    unpublished: Sequence[str]
    unexplained_gaps: Sequence[GapRow]
    mislinked: Sequence[Link]
    pending: Sequence[str]

    @property
    def lost(self) -> Counter[Change]:
        return self.changes.lost - self.covered

    def figures(self) -> dict[str, Any]:
        return {
            "events": self.changes.expected.total() + self.lines.expected.total(),
            "lost": self.lost.total() + self.lines.lost.total(),
            "duplicated": self.changes.surplus.total() + self.lines.surplus.total(),
            "misordered": len(self.misordered),
            "unexplained_gaps": len(self.unexplained_gaps),
            "mislinked": len(self.mislinked),
            "pending": len(self.pending),
            "unpublished": len(self.unpublished),
            "covered_by_gaps": self.covered.total(),
        }

    @property
    def exact(self) -> bool:
        return not any(count for name, count in self.figures().items() if name not in ("events", "covered_by_gaps"))

    def complaints(self) -> list[str]:
        """What is wrong, the first few of each kind."""
        found: list[tuple[str, Iterable[object]]] = [
            ("lost", [*sorted(self.lost), *sorted(self.lines.lost)]),
            ("duplicated", [*sorted(self.changes.surplus), *sorted(self.lines.surplus)]),
            ("misordered", self.misordered),
            ("unexplained gap", self.unexplained_gaps),
            ("mislinked", self.mislinked),
            ("pending", self.pending),
            ("unpublished", self.unpublished),
        ]
        return [f"{what}: {thing}" for what, things in found for thing in list(things)[:SHOWN]]


def judge(ledger: Ledger, facts: Facts, losses: Sequence[Loss] = ()) -> Verdict:
    """A gap is explained by a fault that must lose records, and nothing but such a gap explains a lost change."""
    orders = (facts.changes, *facts.timelines.values())
    changes = Comparison(Counter(ledger.committed), Counter(facts.changes))
    explained = [gap for gap in facts.gaps if any(map(gap.explained_by, losses))]
    return Verdict(
        changes=changes,
        covered=Counter(
            {
                change: count
                for change, count in changes.lost.items()
                if _covered(change, ledger.committed_at, explained)
            }
        ),
        lines=Comparison(ledger.accepted, facts.lines),
        misordered=sorted({place for order in orders for place in misordered(ledger.committed, order)}),
        unpublished=sorted(
            event_id for event_id, revision in facts.revisions.items() if facts.published.get(event_id, 0) < revision
        ),
        unexplained_gaps=[gap for gap in facts.gaps if gap not in explained],
        mislinked=sorted(link for link in facts.links if ledger.intents.get(link.txid) != link.intent),
        pending=sorted(facts.pending),
    )


def _covered(change: Change, committed_at: Mapping[int, datetime], gaps: Iterable[GapRow]) -> bool:
    topic = TopicNames().change(change.table)
    return any(gap.covers(topic, committed_at[change.txid]) for gap in gaps)


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
