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
PATTERN = "|".join(sorted(_LEVELS, key=len, reverse=True))
"""For regular expressions: the names, longest first."""


def level_of(raw: object) -> Level | None:
    """The level that a name stands for, whatever its case; None for anything else."""
    return _LEVELS.get(raw.upper()) if isinstance(raw, str) else None


def inferred(message: str, has_error: bool) -> Level:
    """The level of a line that names none."""
    return "ERROR" if has_error or "Traceback (most recent call last)" in message else "INFO"
