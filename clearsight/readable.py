"""Bytes and texts of unknown origin, as a person can read them in a terminal. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


def printable(text: str) -> str:
    """Without control characters: they could move the cursor, or hide what stands before them."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def is_json(data: bytes) -> bool:
    """Whether these bytes are one JSON object or array."""
    try:
        return data.lstrip()[:1] in (b"{", b"[") and msgspec.json.decode(data) is not None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def readable(data: bytes | None, limit: int | None = None) -> str:
    """JSON over several lines, other UTF-8 text as it is, else hex; after `limit` characters it says how many are left."""
    if data is None:
        return "null"
    text = _text(data)
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}\n… and {len(text) - limit:,} characters more"


def clock(instant: datetime) -> str:
    """UTC with milliseconds, 2026-11-22T12:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(data: bytes) -> str:
    if is_json(data):
        return printable(msgspec.json.format(data, indent=2).decode())
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex(" ", 4)
    return printable(text)
