"""What is known about a failed run, gathered for `causes.explain`: plain data, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Order = tuple[int, int, int, int]
"""(epoch, commit LSN, LSN, total order): where a change stands in commit order."""
Slot = tuple[str, str]
"""(node, name of the input, or its row key where it has no name)."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    run_id: str
    outcome: str | None
    """succeeded, failed or running."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    category: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    failing_node: str | None = None


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One committed change of one audited row that holds a value. `old` or `new` null: added or removed."""

    event_id: str
    table: str
    """ "schema.table"."""
    row_key: str
    tx_id: int | None
    node: str | None
    name: str | None
    old: Any
    new: Any
    user: str | None
    """Name, else id, of who made it; null: not known."""
    occurred_at: datetime
    correlation_id: str | None
    link: str
    order: Order
    during_run: bool = False
    """Committed after the run had started and before it ended."""

    @property
    def slot(self) -> Slot:
        return (self.node or "", self.name or self.row_key)

    @property
    def change_key(self) -> str:
        return f"{self.table}/{self.row_key}/{self.tx_id}"

    @property
    def out_of_band(self) -> bool:
        return self.link == "unlinked"


@dataclass(frozen=True, slots=True)
class HealthyRun:
    """The values that a succeeded run started with. `origins`: slot → who gave it its value, where known."""

    run_id: str
    same_scenario: bool
    values: dict[Slot, Any]
    origins: dict[Slot, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What the run said about its error. `prominent`: the error itself; else its stack or a warning near it."""

    text: str
    prominent: bool


@dataclass(frozen=True, slots=True)
class NodeActivity:
    """Nodes in the order in which a run first touched them, and those that it finished without an error."""

    order: Sequence[str] = ()
    succeeded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CommittedTransaction:
    tx_id: int
    committed_at: datetime
    correlation_id: str | None
    user: str | None
    changes: Sequence[str] = ()
    """What it changed, a phrase each."""


@dataclass(frozen=True, slots=True)
class Case:
    run: RunFacts
    last_good: RunFacts | None
    changes: Sequence[ValueChange] = ()
    """Of the scenario, from the last good run's start to the failed run's end, in commit order."""
    healthy: Sequence[HealthyRun] = ()
    """Oldest first."""
    errors: Sequence[ErrorText] = ()
    activity: NodeActivity = NodeActivity()
    """Of the failed run."""
    healthy_activity: NodeActivity = NodeActivity()
    """Of the last good run."""
    named_transactions: Sequence[CommittedTransaction] = ()
    """Those that a lock conflict's messages name and that committed near the run."""
    overlapping_transactions: Sequence[CommittedTransaction] = ()
    """Those that changed the scenario's rows while the run was going, its own left out."""
    truncated: bool = False
    """There were more changes than were read."""
