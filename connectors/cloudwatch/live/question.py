"""What is asked, and the query for it. Pure.

The query only narrows: what CloudWatch finds is read as the forwarder reads it, and decided by that. So no field of any
format has to be known to CloudWatch, and categories are those of the mapping file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from clearsight.errors import ConfigurationError
from connectors.cloudwatch.parse.levels import names_of

MAX_QUERY_CHARACTERS = 10_000
MAX_ROWS = 10_000
FIELDS = ("@timestamp", "@ingestionTime", "@message", "@logStream", "@log")
_SERIOUS = frozenset({"ERROR", "FATAL"})
_SIGNS_OF_ERRORS = (
    *names_of("ERROR", "FATAL"),
    *(
        "traceback",
        "timed out",
        "timeout",
        "failure",
        "failed",
        "exited",
        '"level":50',
        '"level":60',
        '"level": 50',
        '"level": 60',
    ),
)
"""One of them is in every line that the forwarder takes for an error."""


@dataclass(frozen=True, slots=True)
class LiveQuestion:
    """Lines from `since` on, before `until`; every other condition that is given holds for each of them."""

    since: datetime
    until: datetime
    correlation_id: str | None = None
    scenario: str | None = None
    run: str | None = None
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    text: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each for each in (self.correlation_id, self.scenario, self.run) if each is not None)


def query_text(question: LiveQuestion) -> str:
    """Narrows to lines that may be meant; where ids are asked for, to those that name one, because a line may belong to
    it by what others say. Raises ConfigurationError where that cannot be said shortly enough."""
    return _query([_either(question.ids)] if question.ids else list(_narrowing(question)))


def related_text(names: Iterable[str]) -> str:
    """Lines that name one of these ids. Raises ConfigurationError where they are too many."""
    return _query([_either(names)])


def literal(text: str) -> str:
    """A pattern for exactly this text: every sign of ASCII is written as its code, so that nothing of the text can end
    the pattern or mean anything in it."""
    return "".join(_written(character) for character in text)


def _narrowing(question: LiveQuestion) -> Iterator[str]:
    if question.text is not None:
        yield _either([question.text], ignore_case=True)
    for node in question.nodes[:1] if len(question.nodes) == 1 else ():
        yield _either([node])
    if question.categories or (question.levels and _SERIOUS.issuperset(question.levels)):
        yield f"@message like /(?i)(?:{'|'.join(literal(sign) for sign in _SIGNS_OF_ERRORS)})/"


def _either(texts: Iterable[str], *, ignore_case: bool = False) -> str:
    """Each as it is, and as it stands within JSON."""
    ways = [way for text in texts for way in dict.fromkeys((text, json.dumps(text)[1:-1]))]
    flag = "(?i)" if ignore_case else ""
    return f"@message like /{flag}(?:{'|'.join(literal(way) for way in ways)})/"


def _query(conditions: list[str]) -> str:
    filters = "".join(f" | filter {condition}" for condition in conditions)
    text = f"fields {', '.join(FIELDS)}{filters} | sort @timestamp desc | limit {MAX_ROWS}"
    if len(text) > MAX_QUERY_CHARACTERS:
        raise ConfigurationError("the question is too long for CloudWatch", "ask for a shorter text or fewer ids")
    return text


def _written(character: str) -> str:
    plain = character.isalnum() or character in " _-" or not character.isascii()
    return character if plain else f"\\x{ord(character):02x}"
