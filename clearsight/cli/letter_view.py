"""How dead letters are told in the terminal and as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from clearsight.readable import clock, is_json, printable, readable
from stream_processors.letters import ReasonGroup, Stored, Summary
from stream_processors.redrive import Outcome


def line(item: Summary | ReasonGroup) -> str:
    """A letter, or a reason with how many letters have it: two lines."""
    times = f"first seen {clock(item.first_seen_at)}, last {clock(item.last_seen_at)}"
    if isinstance(item, ReasonGroup):
        state = "" if item.state == "open" else f" ({item.state})"
        where = f"{', '.join(item.topics)}; {times}; one of them is {item.example_id}"
        return f"{item.count:,} × {printable(item.reason)}{state}\n    {printable(where)}"
    place = printable(f"{item.topic}/{item.partition}@{item.offset}")
    head = f"{item.id}  {item.state}  {place}  {printable(item.reason)}"
    return f"{head}\n    {item.bytes:,} bytes, {item.attempts} attempts; {times}"


def letter_text(letter: Stored, limit: int | None) -> str:
    """A letter with its record; of each part at most `limit` characters."""
    found, record = letter.summary, letter.record
    closing = [f"    {_closing(found)}"] if found.closed_at is not None else []
    headers = [f"header {printable(name)}: {readable(value, limit)}" for name, value in record.headers]
    parts = [line(found), *closing, *headers, f"key: {readable(record.key, limit)}"]
    return "\n".join([*parts, "value:", readable(record.value, limit)])


def outcome_text(outcome: Outcome, dry_run: bool) -> str:
    if outcome.tried == 0:
        return "no such letter is open"
    head = f"{outcome.landed:,} of {outcome.tried:,} letters {'would land' if dry_run else 'landed'}"
    return "\n".join([head, *(f"{count:,} × {printable(reason)}" for reason, count in outcome.reasons.items())])


def document(letter: Stored) -> dict[str, Any]:
    """A letter with its record, for JSON."""
    record = letter.record
    return {
        **msgspec.structs.asdict(letter.summary),
        "headers": [{"name": name, "value": _value(value)} for name, value in record.headers],
        "key": _value(record.key),
        "value": _value(record.value),
    }


def _closing(found: Summary) -> str:
    assert found.closed_at is not None
    return printable(f"{found.state} {clock(found.closed_at)} by {found.closed_by}: {found.closed_because}")


def _value(data: bytes | None) -> Any:
    """JSON as itself, text as a string, else {"hex": …}."""
    if data is None:
        return None
    if is_json(data):
        return msgspec.Raw(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}
