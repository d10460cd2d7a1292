"""Which column of a table is meant by a key of the mapping file."""

from __future__ import annotations

from collections.abc import Iterable

from clearsight.proposal import vocabulary as vocab
from clearsight.proposal.catalogue import Column, Table, TypeFamily
from clearsight.proposal.evidence import Choice, ranked
from clearsight.proposal.vocabulary import Words, fit, has_any, words

_PLAIN: tuple[TypeFamily, ...] = ("text", "number", "boolean")
STATUS_VALUES_MAX = 20


def status(table: Table) -> list[Choice]:
    found = []
    for column in table.columns:
        if column.family not in _PLAIN or column.name in table.key or _is_reference(table, column.name):
            continue
        match = fit(column.name, vocab.STATUS, vocab.STATUS_WEAK)
        match *= 0.4 if vocab.starts(column.name, ("previous", "prev", "old", "last", "next", "vorheriger")) else 1
        listed = 1 < len(column.values) <= STATUS_VALUES_MAX
        outcome = any(vocab.FAILED_VALUES.has(_value_word(value)) for value in column.values)
        if match or (listed and outcome):
            score = 0.7 * match + (0.25 if listed else 0) + (0.1 if outcome else 0)
            reason = "its values are " + shown(column.values) if listed else "named like a status"
            found.append(Choice(column.name, min(0.98, round(score + 0.05, 2)), reason))
    return ranked(found)


def instants(table: Table, vocabulary: Words) -> list[Choice]:
    """Columns that hold when something of this name happened."""
    found = []
    for column in table.columns:
        if column.family not in ("time", "date") or column.name in table.key:
            continue
        stem = [word for word in words(column.name) if not vocab.TIME_WORDS.has(word)]
        if stem and any(vocabulary.has(word) for word in stem):
            exact = len(stem) == 1 and not has_any(column.name, vocab.NOT_LIFECYCLE)
            found.append(Choice(column.name, 0.95 if exact else 0.5, f"{column.type}, named like it"))
    return ranked(found)


def lifecycle(table: Table, values: tuple[str, ...]) -> dict[str, Choice]:
    """State → the column that holds when it was entered; a state is spelled as the status column spells it."""
    spelled = {"_".join(words(value)): value for value in values}
    found: dict[str, Choice] = {}
    for column in table.columns:
        if column.family not in ("time", "date") or has_any(column.name, vocab.NOT_LIFECYCLE):
            continue
        stem = [word for word in words(column.name) if not vocab.TIME_WORDS.has(word)]
        sure = _state_confidence(stem, column, "_".join(stem) in spelled)
        if stem and sure:
            state = spelled.get("_".join(stem), "_".join(stem))
            found.setdefault(state, Choice(column.name, sure, f"{column.type}: when it was {' '.join(stem)}"))
    return found


def _state_confidence(stem: list[str], column: Column, is_value: bool) -> float:
    if is_value:
        return 0.95
    if any(vocab.LIFECYCLE.has(word) for word in stem):
        return 0.9
    head = stem[-1] if stem else ""
    participle = head.endswith(("ed", "iert")) or (head.startswith("ge") and head.endswith(("t", "en")))
    if participle and column.family == "time":
        return 0.7
    return 0.55 if column.family == "time" and has_any(column.name, vocab.TIME_WORDS) else 0.0


def named(table: Table, strong: Words, weak: Words, families: tuple[TypeFamily, ...] = ("text",)) -> list[Choice]:
    """Columns of these types that are named like it, those of the key and those that point elsewhere left out."""
    found = []
    for column in table.columns:
        match = fit(column.name, strong, weak)
        if match >= 0.5 and column.family in families and not _is_reference(table, column.name):
            exact = strong.has("_".join(words(column.name))) or strong.has(words(column.name)[0])
            score = 0.9 if match == 1 and exact else 0.8 if match == 1 else 0.5
            found.append(Choice(column.name, score, f"{column.type}, named like it"))
    return ranked(found)


def node(table: Table, failing: bool = False) -> list[Choice]:
    """Where in the model; of a run the node that failed."""
    found = []
    for choice in named(table, vocab.NODE, vocab.NODE_WEAK):
        says_failed = failing and any(vocab.FAILED.has(word) for word in words(choice.column))
        doubt = 0.0 if says_failed or not failing else 0.2
        found.append(Choice(choice.column, round(choice.confidence - doubt, 2), choice.reason))
    return ranked(found)


def error(table: Table) -> list[Choice]:
    return [choice for choice in named(table, vocab.ERROR, vocab.ERROR_WEAK, ("text", "json"))
            if not has_any(choice.column, Words.of("code type class count node step"))]  # fmt: skip


def values(table: Table, but: Iterable[str]) -> list[Choice]:
    """What can hold an input's value, in the order of the table."""
    taken = {*but, *table.key}
    families: tuple[TypeFamily, ...] = ("text", "number", "boolean", "json", "date", "time", "uuid", "other")
    found = []
    for column in table.columns:
        if column.name in taken or _is_reference(table, column.name) or column.family not in families:
            continue
        spelled = words(column.name)
        if spelled and (vocab.VALUE.has(spelled[0]) or vocab.VALUE.has(spelled[-1])):
            found.append(Choice(column.name, 0.9, f"{column.type}, named like a value"))
        elif fit(column.name, vocab.VALUE_WEAK) == 1 and column.family in ("text", "number", "json"):
            found.append(Choice(column.name, 0.5, f"{column.type}, could be a value"))
    best = max((choice.confidence for choice in found), default=0)
    return [choice for choice in found if choice.confidence == best]


def person(table: Table, target: Table, pointers: list[Choice], vocabulary: Words) -> list[Choice]:
    """The column that says who: of those that point to the users, best one named like the part it plays."""
    found = []
    for choice in pointers:
        phrase = "_".join(word for word in words(choice.column) if word not in ("id", "nr", "key"))
        head = phrase.split("_")[0]
        played = vocabulary.has(phrase) or vocabulary.has(head) or (phrase and vocabulary.has(phrase.split("_")[-1]))
        score = choice.confidence if played else 0.6 if choice.confidence > 0.9 else 0.5
        if vocab.EDITOR.has(head) or vocab.EDITOR.has(phrase):
            score = 0.3
        found.append(Choice(choice.column, score, choice.reason))
    return ranked(found) or [
        Choice(column.name, 0.55, f"named like it, the type of {target.name}'s key")
        for column in table.columns
        if len(target.key) == 1
        and column.family == target.by_name[target.key[0]].family
        and vocabulary.has("_".join(word for word in words(column.name) if word != "id"))
    ]


def correlation(table: Table) -> list[Choice]:
    return [
        Choice(column.name, score, f"{column.type}, named like it")
        for vocabulary, score in ((vocab.CORRELATION, 0.95), (vocab.CORRELATION_WEAK, 0.4))
        for column in table.columns
        if column.family in ("text", "uuid") and vocabulary.has("_".join(words(column.name)))
    ]


def outcomes(values: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of a run's status values those that say it went well, and those that say it failed."""
    succeeded = tuple(value for value in values if vocab.SUCCEEDED.has(_value_word(value)))
    failed = tuple(value for value in values if vocab.FAILED_VALUES.has(_value_word(value)))
    return succeeded, failed


def undecided(values: tuple[str, ...]) -> tuple[str, ...]:
    """Those that say a run is over, but not how."""
    return tuple(value for value in values if vocab.ENDED.has(_value_word(value)))


def shown(values: tuple[str, ...], limit: int = 6) -> str:
    return ", ".join(values[:limit]) + (", …" if len(values) > limit else "")


def _value_word(value: str) -> str:
    return "_".join(words(value))


def _is_reference(table: Table, column: str) -> bool:
    return any(column in key.columns for key in table.foreign)
