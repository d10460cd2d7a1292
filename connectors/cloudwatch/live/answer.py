"""Answers a live question: asks CloudWatch, reads what it found as the forwarder would, and keeps what is meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from clearsight.categories import verdict_on
from clearsight.logline import LogLine
from clearsight.mapping import ErrorRule
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.live.insights import Asked, Found, Insights
from connectors.cloudwatch.live.question import MAX_ROWS, LiveQuestion, query_text, related_text
from connectors.cloudwatch.transcript import Transcript

MAX_RELATED = 40
"""Requests and correlation ids whose other lines are looked for."""

_decode = msgspec.json.Decoder(LogLine).decode


@dataclass(frozen=True, slots=True)
class LiveLine:
    occurred_at: datetime
    line: LogLine
    category: str | None


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    items: list[LiveLine]
    """The newest first."""
    more: bool
    """There are more, or CloudWatch found as much as a query can: ask for less."""
    scanned_bytes: int


class Reader:
    """`transcript_of` makes the transcript of a log group: names of ids and redaction are its."""

    def __init__(
        self, transcript_of: Callable[[Origin], Transcript], region: str, rules: tuple[ErrorRule, ...]
    ) -> None:
        self._transcript_of = transcript_of
        self._region = region
        self._rules = rules

    def read(self, found: Iterable[Found]) -> list[LiveLine]:
        """What lines say, group by group and in the order of time."""
        groups: dict[str, list[Found]] = defaultdict(list)
        for each in found:
            groups[each.log].append(each)
        return [line for log, lines in groups.items() for line in self._group(log, lines)]

    def _group(self, log: str, found: list[Found]) -> Iterator[LiveLine]:
        account, _, group = log.partition(":")
        transcript = self._transcript_of(Origin(account, self._region, group))
        events = sorted((each.event for each in found), key=lambda event: (event.timestamp, event.id))
        for event, parsed in zip(events, transcript.read(events), strict=True):
            line = _decode(transcript.record(event, parsed, event.timestamp).value)
            verdict = verdict_on(self._rules, line)
            at = datetime.fromtimestamp(event.timestamp / 1000, UTC)
            yield LiveLine(at, line, verdict.category if verdict else None)


def ask(question: LiveQuestion, places: Sequence[tuple[Insights, Reader]], limit: int) -> LiveAnswer:
    """Raises Unavailable and ConfigurationError."""
    items: list[LiveLine] = []
    scanned_bytes, full = 0, False
    for insights, reader in places:
        asked = Asked({})
        insights.ask(query_text(question), question.since, question.until, MAX_ROWS, asked)
        lines = reader.read(asked.lines.values())
        if question.ids and (related := _related(question, lines)):
            insights.ask(related_text(related), question.since, question.until, MAX_ROWS, asked)
            lines = reader.read(asked.lines.values())
        items += _meant(question, lines)
        scanned_bytes += asked.scanned_bytes
        full |= asked.full
    items.sort(key=lambda each: (each.occurred_at, each.line.event_id), reverse=True)
    return LiveAnswer(items[:limit], full or len(items) > limit, scanned_bytes)


def _related(question: LiveQuestion, lines: Sequence[LiveLine]) -> list[str]:
    """Requests and correlation ids of the lines that name what is asked for: other lines may name only those."""
    named = [each.line for each in lines if _names(question, each.line)]
    ids = dict.fromkeys(one for line in named for one in (line.correlation_id, line.request_id) if one)
    return [one for one in ids if one not in question.ids][:MAX_RELATED]


def _meant(question: LiveQuestion, lines: Sequence[LiveLine]) -> Iterator[LiveLine]:
    correlations = {
        each.line.correlation_id for each in lines if each.line.correlation_id and _names(question, each.line)
    }
    for each in lines:
        line = each.line
        belongs = not question.ids or _names(question, line) or line.correlation_id in correlations
        if belongs and not _contradicts(question, line) and _fits(question, each):
            yield each


def _names(question: LiveQuestion, line: LogLine) -> bool:
    """Whether it names all that is asked for itself."""
    return (
        question.correlation_id in (None, line.correlation_id)
        and question.scenario in (None, line.scenario_id)
        and question.run in (None, line.run_id)
    )


def _contradicts(question: LiveQuestion, line: LogLine) -> bool:
    """Whether it names another one."""
    pairs = (
        (question.correlation_id, line.correlation_id),
        (question.scenario, line.scenario_id),
        (question.run, line.run_id),
    )
    return any(asked is not None and told is not None and asked != told for asked, told in pairs)


def _fits(question: LiveQuestion, each: LiveLine) -> bool:
    line = each.line
    return (
        question.since <= each.occurred_at < question.until
        and (not question.levels or line.level in question.levels)
        and (not question.categories or each.category in question.categories)
        and (not question.nodes or line.node in question.nodes)
        and (question.text is None or question.text.casefold() in _text_of(line))
    )


def _text_of(line: LogLine) -> str:
    parts = [line.message]
    if line.error is not None:
        parts += [line.error.message or "", line.error.stack or ""]
    return "\n".join(parts).casefold()
