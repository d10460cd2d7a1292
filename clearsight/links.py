"""The states of the join.

A change is `direct` when the row names its correlation id, `correlated` when its transaction's context message does,
`pending` while that may still come, and `unlinked` when it cannot: then it was made out of band.

A log line is `direct` when it names its scenario or run, `correlated` when its correlation id touched one scenario (or none,
but something else), `shared` when it touched several, `pending` while nothing was touched yet, `unlinked` when it has no
id to be joined by or the deadline passed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Link = Literal["direct", "correlated", "shared", "pending", "unlinked"]


class Touched(NamedTuple):
    """What a correlation id touched, as dimension keys."""

    scenarios: frozenset[int] = frozenset()
    runs: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()
    """Users, and 0 for rows that belong to nothing of these."""


def only_run(touched: Touched) -> int | None:
    """The run that lines of a correlation id belong to, where it touched one alone."""
    return next(iter(touched.runs)) if len(touched.runs) == 1 else None


class Placed(NamedTuple):
    """Where a log line belongs."""

    link: Link
    scenario: int | None
    run: int | None


def link_of_change(row_correlation: str | None, context_correlation: str | None, in_transaction: bool) -> Link:
    """Of a change; one that names no transaction cannot be found by a context that comes later."""
    if row_correlation:
        return "direct"
    if context_correlation:
        return "correlated"
    return "pending" if in_transaction else "unlinked"


def place_log(
    scenario: int | None, run: int | None, run_scenario: int | None, correlation_id: str | None, touched: Touched
) -> Placed:
    """Where a log line belongs, from the ids that it names (as keys) and from what its correlation id touched.

    `run_scenario` is the scenario of the run that it names, where known.
    """
    if run is not None:
        return Placed("direct", scenario if scenario is not None else run_scenario, run)
    if scenario is not None:
        return Placed("direct", scenario, only_run(touched) if touched.scenarios == {scenario} else None)
    if correlation_id is None:
        return Placed("unlinked", None, None)
    if not any(touched):
        return Placed("pending", None, None)
    if len(touched.scenarios) > 1:
        return Placed("shared", None, only_run(touched))
    return Placed("correlated", next(iter(touched.scenarios), None), only_run(touched))
