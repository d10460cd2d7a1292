"""Coverage in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from api.queries.ledger import Ledger
from clearsight.coverage import COUNT_LIMIT, EVERY_CHANGE, Coverage, Gap
from clearsight.readable import clock, printable


def text(covered: Coverage, ledger: Ledger) -> str:
    return "\n".join(
        [
            _verdict(covered, ledger),
            "",
            _changes(covered),
            *_logs(covered),
            *_gaps(covered),
            _letters(ledger),
            *_waiting(ledger),
            _out_of_band(covered),
        ]
    )


def _verdict(covered: Coverage, ledger: Ledger) -> str:
    throughs = [covered.changes.through, *(group.through for group in covered.logs)]
    known = [through for through in throughs if through is not None]
    if covered.complete:
        return f"complete: nothing is known to be missing through {clock(min(known))}"
    found = [
        *(["it is not known how far the row changes have landed"] if covered.changes.through is None else []),
        *(f"{printable(group.group)} has never been read" for group in covered.logs if group.through is None),
        *([_many(len(covered.gaps), "gap")] if covered.gaps else []),
        *([_many(ledger.open_dead_letters, "open dead letter")] if ledger.open_dead_letters else []),
        *([f"{_bounded(covered.pending)} events wait for their context"] if covered.pending else []),
    ]
    return f"not complete: {'; '.join(found)}"


def _changes(covered: Coverage) -> str:
    changes = covered.changes
    if changes.through is None:
        return "row changes  not known: no end of a transaction and no heartbeat has landed"
    return (
        f"row changes  all through {clock(changes.through)}, log position {changes.position}, "
        f"{changes.lag_s:.1f} s behind the database's clock"
    )


def _logs(covered: Coverage) -> Iterator[str]:
    for group in covered.logs:
        through = f"all through {clock(group.through)}" if group.through else "never read"
        yield f"log lines    {printable(group.group)}: {through}"


def _gaps(covered: Coverage) -> Iterator[str]:
    if not covered.gaps:
        yield "gaps         none"
    for gap in covered.gaps:
        yield f"gap {gap.id:<8} {_place(gap)}: {printable(gap.reason or 'not told')}"
        yield f"             found {clock(gap.detected_at)}; {_hidden(gap)}"
        if gap.acknowledged is not None:
            told = f"acknowledged {clock(gap.acknowledged.at)} by {gap.acknowledged.by}: {gap.acknowledged.because}"
            yield f"             {printable(told)}"


def _place(gap: Gap) -> str:
    if gap.from_offset is None:
        return "changes of every table" if gap.topic == EVERY_CHANGE else printable(gap.topic)
    to_offset = "?" if gap.to_offset is None else f"{gap.to_offset:,}"
    return f"{printable(gap.topic)}/{gap.partition}, offsets {gap.from_offset:,} to {to_offset}"


def _hidden(gap: Gap) -> str:
    after = f"after {clock(gap.events_after)}" if gap.events_after else ""
    before = f"before {clock(gap.events_before)}" if gap.events_before else ""
    when = " and ".join(filter(None, (after, before)))
    return f"it may hide events {when}" if when else "it may hide events of any time"


def _letters(ledger: Ledger) -> str:
    if not ledger.dead_letters:
        return "dead letters none open"
    topics = ", ".join(f"{found.count:,} of {printable(found.topic)}" for found in ledger.dead_letters)
    return f"dead letters {ledger.open_dead_letters:,} open: {topics} (`clearsight dead-letters list`)"


def _waiting(ledger: Ledger) -> Iterator[str]:
    for found in ledger.waiting:
        if found.minute or found.quarter or found.longer:
            ages = f"{found.minute:,} for less than a minute, {found.quarter:,} for up to 15, {found.longer:,} longer"
            yield f"waiting      {found.what} without context yet: {ages}"


def _out_of_band(covered: Coverage) -> str:
    return f"out of band  {_bounded(covered.unlinked)} row changes without context"


def _bounded(count: int) -> str:
    return f"{count:,}{' or more' if count >= COUNT_LIMIT else ''}"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
