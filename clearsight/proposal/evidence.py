"""What speaks for and against a guess, and how sure that makes it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import prod
from typing import Literal, TypeVar

import msgspec

from clearsight.tables import TableName

SURE, LIKELY = 0.85, 0.6
CLOSE = 0.1
"""Two candidates that differ by less are both possible."""


class Evidence(msgspec.Struct, frozen=True):
    weight: float
    """0 to 1 for, below 0 against."""
    reason: str


class Candidate(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A table for a part."""

    table: TableName
    evidence: tuple[Evidence, ...]

    @cached_property
    def confidence(self) -> float:
        return confidence(self.evidence)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks for it, the strongest first."""
        return tuple(e.reason for e in sorted(self.evidence, key=lambda e: -e.weight) if e.weight > 0)

    @property
    def doubts(self) -> tuple[str, ...]:
        return tuple(e.reason for e in self.evidence if e.weight < 0)


class Choice(msgspec.Struct, frozen=True):
    """A column for a key of a part."""

    column: str
    confidence: float
    reason: str


def confidence(evidence: Iterable[Evidence]) -> float:
    """Each piece for it takes away from the doubt, each against it from what is left: 0 to 1."""
    known = tuple(evidence)
    doubt = prod(1 - e.weight for e in known if e.weight > 0)
    return round((1 - doubt) * prod(1 + e.weight for e in known if e.weight < 0), 2)


def word_for(value: float) -> Literal["sure", "likely", "unsure"]:
    if value >= SURE:
        return "sure"
    return "likely" if value >= LIKELY else "unsure"


_Ranked = TypeVar("_Ranked", Candidate, Choice)


def ranked(found: Iterable[_Ranked]) -> list[_Ranked]:
    """The most likely first; stable, so that a table's order of columns decides between equals."""
    return sorted(found, key=lambda each: -each.confidence)


def rivals(ordered: list[_Ranked], given: float = CLOSE) -> list[_Ranked]:
    """Those after the first that are nearly as likely."""
    return [each for each in ordered[1:] if ordered[0].confidence - each.confidence < given]
