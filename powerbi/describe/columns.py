"""Columns by kind, in one word each."""

from __future__ import annotations

from powerbi.model import Column, Kind


def text(name: str, source: str) -> Column:
    return Column(name=name, source=source)


def whole(name: str, source: str) -> Column:
    return Column(name=name, source=source, kind="whole")


def decimal(name: str, source: str) -> Column:
    return Column(name=name, source=source, kind="decimal")


def instant(name: str, source: str) -> Column:
    return Column(name=name, source=source, kind="instant")


def flag(name: str, source: str) -> Column:
    return Column(name=name, source=source, kind="flag")


def key(name: str, source: str) -> Column:
    """The number of a row of a dimension; people see its name."""
    return Column(name=name, source=source, kind="whole", key=True, hidden=True)


def joining(name: str, source: str, kind: Kind = "whole") -> Column:
    """Only there to be joined by."""
    return Column(name=name, source=source, kind=kind, hidden=True)
