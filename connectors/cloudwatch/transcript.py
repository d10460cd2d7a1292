"""What becomes of one log group's events: the one way from an event to a record, for polling, push and history alike."""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence

import msgspec

from connectors.cloudwatch import lines
from connectors.cloudwatch.continuations import Continuations, inherit
from connectors.cloudwatch.correlate import Requests
from connectors.cloudwatch.lines import Origin, Via
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.clean import clean_text
from connectors.cloudwatch.parse.fields import KNOWN_NAMES, FieldNames
from connectors.cloudwatch.parse.plain import read_text
from connectors.cloudwatch.parse.recognise import parse
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.redact.redactor import DEFAULT, Redactor
from connectors.cloudwatch.split_lines import SplitLines

UNREAD = "unread"
"""Attribute of a line whose reader failed: the name of the error."""

log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, gc=False):
    key: bytes
    value: bytes


class Transcript:
    """Remembers which request has which correlation id, and which cut line and which stack is not finished, and nothing
    else. No line is refused: what cannot be read is sent as text. `names` are those of ids in JSON."""

    def __init__(self, origin: Origin, redactor: Redactor = DEFAULT, names: FieldNames = KNOWN_NAMES) -> None:
        self._origin = origin
        self._redactor = redactor
        self._names = names
        self._requests = Requests()
        self._split_lines = SplitLines(self._parsed, redactor.text)
        self._continuations = Continuations()

    def read(self, events: Sequence[Event], sent: Container[str] = frozenset()) -> list[Parsed]:
        """What a page of events says, in their order (that of time). A page that was delivered already may be read again:
        it teaches which request has which correlation id. `sent`: the ids of events of which no record will be made."""
        parsed = [self._parsed(event.message) for event in events]
        continued = self._split_lines.join(events, parsed, sent) + self._continuations.join(events, parsed, sent)
        self._requests.correlate(events, parsed)
        inherit(continued)
        return parsed

    def _parsed(self, message: str) -> Parsed:
        """A fault of a reader must not stop the lines behind: such a line is text, and says so."""
        try:
            return parse(message, self._names)
        except Exception as error:
            log.warning(
                "a line of %s is sent as text: its reader failed (%s)", self._origin.group, type(error).__name__
            )
            parsed = read_text(clean_text(message)[0])
            parsed.attributes = {UNREAD: type(error).__name__}
            return parsed

    def record(self, event: Event, parsed: Parsed, now: int, via: Via = "pull") -> Record:
        """The record on `clearsight.logs`, redacted, which is noted in `parsed`; `now` in epoch milliseconds."""
        line = lines.make_line(self._origin, event, parsed, now, via)
        made = lines.encode(line, event.message, self._redactor)
        parsed.redactions = made.redactions
        return Record(lines.key_of(line), made.value)
