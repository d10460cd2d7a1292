"""Severity names of all formats, mapped to six."""

from __future__ import annotations

from clearsight.logline import Level

_LEVELS: dict[str, Level] = {
    "TRACE": "TRACE",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "INFORMATION": "INFO",
    "NOTICE": "INFO",
    "LOG": "INFO",
    "WARN": "WARN",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "ERR": "ERROR",
    "EXCEPTION": "ERROR",
    "SEVERE": "ERROR",
    "CRITICAL": "FATAL",
    "FATAL": "FATAL",
    "PANIC": "FATAL",
    "EMERGENCY": "FATAL",
}
_NUMBERS: dict[int, Level] = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
"""Of pino and bunyan, the loggers that write `level` as a number."""
PATTERN = "|".join(sorted(_LEVELS, key=len, reverse=True))
"""For regular expressions: the names, longest first."""


def level_of(raw: object) -> Level | None:
    """The level that a name stands for, whatever its case, or a number; None for anything else."""
    if isinstance(raw, str):
        return _LEVELS.get(raw) or _LEVELS.get(raw.upper())
    return _NUMBERS.get(raw) if type(raw) is int else None


def names_of(*levels: Level) -> list[str]:
    """The names that stand for these levels."""
    return [name for name, level in _LEVELS.items() if level in levels]


def inferred(message: str, has_error: bool) -> Level:
    """The level of a line that names none."""
    return "ERROR" if has_error or "Traceback (most recent call last)" in message else "INFO"
