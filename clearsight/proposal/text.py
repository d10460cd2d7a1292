"""A proposal as the text of a mapping file that says of each line how sure it is."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from clearsight.mapping import ErrorRule
from clearsight.proposal.evidence import SURE, Candidate, word_for
from clearsight.proposal.keys import HOLD_BACK, Key
from clearsight.proposal.propose import Chosen, Proposal

_WIDTH = 118
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLURAL = {"scenario": "scenarios", "input": "inputs", "run": "runs", "user": "users"}


def mapping_text(proposal: Proposal, rules: Iterable[ErrorRule]) -> str:
    """The whole file. What is not certain stands in comments beside it; a column too unsure to use is a comment."""
    lines = [
        f"# Proposed by `clearsight init` for the database {one_line(proposal.database)}. Read what is marked unsure,",
        "# correct it, and compare it again: clearsight init --check FILE --source DSN",
        "",
        "[source]",
        f"name = {quoted(proposal.source)}  # names this source in every id: never change it on a running system",
    ]
    for chosen in proposal.chosen:
        lines += ["", *_part(chosen)]
    lines += ["", *_absent(proposal)]
    lines += [line for rule in rules for line in ("", *_rule(rule))]
    return "\n".join(lines) + "\n"


def unsure(proposal: Proposal) -> list[str]:
    """One sentence for each guess that a person should look at."""
    found = []
    for chosen in proposal.chosen:
        found += [f"{chosen.part}: {doubt}" for doubt in _table_doubts(chosen)]
        found += [f"{chosen.part}.{key.name}: {doubt}" for key in chosen.keys for doubt in _key_doubts(chosen, key)]
    return found


def quoted(text: str) -> str:
    """A TOML string; a literal one where that saves escapes."""
    if ('"' in text or "\\" in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def one_line(text: str) -> str:
    """A name in a comment: no line break of it may end the comment."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _part(chosen: Chosen) -> Iterator[str]:
    yield "[[source.other]]" if chosen.part == "other" else f"[source.{chosen.part}]"
    yield from _doubts(_table_doubts(chosen))
    yield _with_reason(f"table = {quoted(str(chosen.table))}", chosen.confidence, "; ".join(chosen.reasons[:2]))
    for key in chosen.keys:
        doubts = _key_doubts(chosen, key)
        yield from _doubts(doubts)
        if key.value is None:
            continue
        line = f"{key.name} = {_value(key.value)}"
        if key.held_back:
            yield f"# {one_line(line)}"
        else:
            yield _with_reason(line, key.choice.confidence, "" if doubts else key.choice.reason)


def _with_reason(line: str, sure: float, reason: str) -> str:
    comment = f"# {word_for(sure)} ({sure:.2f})" + (f": {one_line(reason)}" if reason else "")
    room = _WIDTH - len(line) - 2
    if len(comment) > room and room > 40:
        comment = comment[: room - 1] + "…"
    return f"{line}  {comment}"


def _doubts(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(one_line(f"unsure: {sentence}"), _WIDTH - 2, initial_indent="# ",
                                 subsequent_indent="#         ", break_long_words=False)  # fmt: skip


def _table_doubts(chosen: Chosen) -> list[str]:
    if chosen.part == "other":
        return []
    rivals = chosen.rivals
    if rivals:
        count = {1: "two", 2: "three"}.get(len(rivals), str(len(rivals) + 1))
        listed = ", ".join(f"{each.table} ({each.confidence:.2f})" for each in rivals[:3])
        why = "; ".join(chosen.reasons[:2])
        return [
            f"{count} tables could be {_PLURAL[chosen.part]}: {chosen.table} ({chosen.confidence:.2f}), {listed}; "
            f"{chosen.table} is chosen because {why}; change [source.{chosen.part}] table, "
            f"or answer -a {chosen.part}={rivals[0].table}"
        ]
    if chosen.confidence < SURE - 0.15:
        return [f"little says that {chosen.table} holds the {_PLURAL[chosen.part]}: {'; '.join(chosen.reasons[:3])}"]
    return []


def _key_doubts(chosen: Chosen, key: Key) -> list[str]:
    optional = key.name in ("node", "name", "owner", "email", "correlation", "user", "value")
    if key.value is None:
        return [] if optional or chosen.part == "other" else [f"no {key.name}: {key.choice.reason}"]
    if key.rivals:
        listed = ", ".join(choice.column for choice in key.rivals)
        return [f"{key.name} could also be {listed}"]
    if key.held_back:
        return [f"{key.choice.column} could be the {key.name}, or not ({key.choice.reason})"]
    if key.name in ("succeeded", "failed") and key.choice.confidence < HOLD_BACK:
        return [f"{key.name}: {key.choice.reason}"]
    if key.name != "key" and key.choice.confidence < 0.6:
        return [f"{key.choice.column} is a guess: {key.choice.reason}"]
    return []


def _value(value: str | tuple[str, ...] | dict[str, str]) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(quoted(each) for each in value) + "]"
    pairs = (f"{name if _BARE.fullmatch(name) else quoted(name)} = {quoted(column)}" for name, column in value.items())
    return "{ " + ", ".join(pairs) + " }"


def _absent(proposal: Proposal) -> Iterator[str]:
    """What was not proposed, and why."""
    present = {chosen.part for chosen in proposal.chosen}
    for part in ("input", "run", "user"):
        if part not in present:
            yield from _doubts([_no_table(part, proposal.candidates.get(part, ()))])
    for table, reason in list(proposal.left_out.items())[:20]:
        yield f"# left out: {one_line(table)} {reason}"
    if len(proposal.left_out) > 20:
        yield f"# left out: {len(proposal.left_out) - 20} more tables and views"


def _no_table(part: str, candidates: tuple[Candidate, ...]) -> str:
    best = [f"{each.table} ({each.confidence:.2f})" for each in candidates[:3] if each.confidence > 0.1]
    found = f"the best were {', '.join(best)}" if best else "nothing comes near"
    return f"no table looks like {_PLURAL[part]}; {found}; name one with -a {part}=schema.table"


def _rule(rule: ErrorRule) -> Iterator[str]:
    yield "[[errors]]"
    yield f"name = {quoted(rule.name)}"
    if rule.types:
        yield f"types = {_value(rule.types)}"
    if rule.match:
        yield f"match = {_value(rule.match)}"
    if rule.patterns:
        yield f"patterns = {_value(rule.patterns)}"
