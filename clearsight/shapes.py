"""Schema changes as the stream shows them: what is derived from the shapes of rows, in commit order. Pure.

The connector writes no record for DDL, only rows with the columns of their moment. All rows of a table up to some commit
have one shape and all after it another, so a table's past is a sequence of runs of equal shapes, and each step from one run
to the next is a change. Rows arrive in any order: the runs depend only on which rows were seen, and a step that turns out
to have been two is withdrawn in favour of these.

Shapes are kept in two aspects: the names of the columns, which every row shows, and their types, which only records with
their schema do. A renamed column is one that is gone and one that is new in the same step: the stream cannot tell them apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from clearsight.order import CommitPosition

Aspect = Literal["columns", "types"]
What = Literal["columns.added", "columns.dropped", "columns.replaced", "types.changed"]

Shape = tuple[tuple[str, str | None], ...]
"""Columns by name, each with its type in the aspect `types`."""


class Seen(NamedTuple):
    """A row that was seen."""

    position: CommitPosition
    occurred_us: int
    event_id: UUID


class Run(NamedTuple):
    """Rows that follow each other with one shape; `first` is the first of them that was seen."""

    shape: Shape
    first: Seen


NextSeen = Callable[[Seen, Seen | None], Seen | None]
"""The first row after one and before the other (None: without end) among those that were observed before."""


def shape_of(columns: Iterable[str]) -> Shape:
    return tuple((column, None) for column in sorted(columns))


def run_at(runs: list[Run], position: CommitPosition) -> Run | None:
    """The run that a position falls into; None before the first."""
    place = bisect_right(runs, position, key=_position)
    return runs[place - 1] if place else None


def observe(runs: list[Run], shape: Shape, seen: Seen, next_seen: NextSeen) -> list[Run]:
    """The runs once one more row was seen. Whatever the order in which rows are observed, the runs are the same in the end.

    Rows of one position must have one shape.
    """
    place = bisect_right(runs, seen.position, key=_position)
    before = runs[place - 1] if place else None
    if before is not None and before.shape == shape:
        return runs
    head, tail = runs[:place], runs[place:]
    rest = next_seen(seen, tail[0].first if tail else None) if before else None
    if before is not None and rest is not None:
        return [*head, Run(shape, seen), Run(before.shape, rest), *tail]
    return [*head, Run(shape, seen), *(tail[1:] if tail and tail[0].shape == shape else tail)]


class Change(NamedTuple):
    """A step from one shape to the next. `nth` counts equal steps of a table: it keeps the identity of one whose first row
    turns out to be an earlier one."""

    before: Shape
    after: Shape
    nth: int
    first: Seen
    what: What
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]


def changes(aspect: Aspect, runs: list[Run]) -> list[Change]:
    """What changed from run to run, in commit order."""
    found: list[Change] = []
    times: Counter[tuple[Shape, Shape]] = Counter()
    for before, after in pairwise(runs):
        times[before.shape, after.shape] += 1
        change = _change(aspect, before.shape, after.shape, times[before.shape, after.shape], after.first)
        if change is not None:
            found.append(change)
    return found


def _change(aspect: Aspect, before: Shape, after: Shape, nth: int, first: Seen) -> Change | None:
    old, new = dict(before), dict(after)
    if aspect == "types":
        retyped = {
            column: (str(old[column]), str(new[column]))
            for column in sorted(old.keys() & new.keys())
            if old[column] != new[column]
        }
        return Change(before, after, nth, first, "types.changed", (), (), retyped) if retyped else None
    added, dropped = tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys()))
    what: What = "columns.replaced" if added and dropped else "columns.added" if added else "columns.dropped"
    return Change(before, after, nth, first, what, added, dropped, {})


def told(added: Sequence[str], dropped: Sequence[str], retyped: Mapping[str, Sequence[str]]) -> str:
    """A change in words."""
    parts = [f"{' and '.join(columns)} {verb}" for columns, verb in ((dropped, "gone"), (added, "new")) if columns]
    parts += [f"{column} is {after} instead of {before}" for column, (before, after) in retyped.items()]
    renamed = " (a rename, or a drop and an add)" if len(added) == len(dropped) == 1 else ""
    return ", ".join(parts) + renamed


def _position(run: Run) -> CommitPosition:
    return run.first.position


_SOURCE_TYPE, _LENGTH, _SCALE = (f"__debezium.source.column.{name}" for name in ("type", "length", "scale"))
_ROWS = ("after", "before")


@lru_cache(256)
def types_of(schema: bytes) -> Shape:
    """The columns' types from the schema of a record, () where it tells none.

    Type and name only: what is optional, and the defaults, the connector takes from today's catalogue, not from the moment
    of the change. Raises msgspec.DecodeError.
    """
    envelope = msgspec.json.decode(schema)
    fields = envelope.get("fields") if isinstance(envelope, dict) else None
    for field in fields or ():
        if field.get("field") in _ROWS and field.get("fields"):
            return tuple(sorted((each["field"], _type(each)) for each in field["fields"]))
    return ()


def _type(field: dict[str, Any]) -> str:
    told = field.get("parameters") or {}
    if _SOURCE_TYPE in told:
        size = ",".join(told[name] for name in (_LENGTH, _SCALE) if name in told)
        return f"{told[_SOURCE_TYPE]}({size})" if size else str(told[_SOURCE_TYPE])
    if field.get("type") == "array":
        return f"array of {_type(field.get('items') or {})}"
    return str(field.get("name") or field.get("type"))
