"""How names and amounts stand in a sentence or a statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clearsight.tables import TableName


def quoted(*parts: str) -> str:
    """An SQL identifier: quoted("forecast", "runs") is "forecast"."runs"."""
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in parts)


def table_name(table: str) -> str:
    """The SQL identifier of a table as the mapping file writes it."""
    return quoted(*TableName.parse(table))


def table_names(tables: Iterable[str]) -> str:
    return ", ".join(table_name(table) for table in tables)


def shortened(names: Sequence[str], shown: int = 6) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def size(amount_bytes: int) -> str:
    """A number of bytes for people."""
    value, units = float(amount_bytes), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 10 or units[0] == "B" else f"{value:.1f} {units[0]}"
