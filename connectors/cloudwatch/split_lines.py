"""Lines that a container's log driver cut into pieces of 16 KB, each an event of its own.

Every event stays a record. The first piece becomes what the whole line says; the others say in `attributes.continues`
whose they are, have its ids, and show their part of the redacted line: a secret may lie across a cut. Where a page ends
within a line, the first of its later pieces becomes the whole, and continues the first one: nothing waits. So it is where
the first pieces were sent before: the whole takes the place of a piece that is not.

A line that says so (FireLens' `partial_message`) ends with its last piece; any other one is a line again where its pieces
together are JSON. What does not become whole stays as each piece was read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec
import orjson

from connectors.cloudwatch.continuations import CONTINUES
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.clean import clean_text
from connectors.cloudwatch.parse.containers import said_in, told_by
from connectors.cloudwatch.parse.cut import FEWEST_CHARACTERS, is_piece
from connectors.cloudwatch.parse.json_line import Document, document_of
from connectors.cloudwatch.parse.record import Parsed

MAX_PIECES = 16
MAX_CHARACTERS = 256 * 1024
SPAN_MS = 5_000
"""Pieces further from the first one do not belong to it."""
MAX_STREAMS = 64
_FLAG = "partial_"

_message = attrgetter("message")
_UNREDACTED = (RecursionError, TypeError, ValueError, OverflowError, msgspec.MsgspecError)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Piece:
    event: Event
    text: str
    wrapper: Document | None

    @property
    def is_flagged(self) -> bool:
        """Whether the wrapper says that more of the line follows."""
        told = self.wrapper or {}
        return _is_true(told.get("partial_message")) and not _is_true(told.get("partial_last"))

    @property
    def told(self) -> Document:
        """What the wrapper adds, without its flags."""
        told = told_by(self.wrapper) if self.wrapper else {}
        return {key: value for key, value in told.items() if not key.startswith(_FLAG)}

    def begins(self, parsed: Parsed) -> bool:
        return self.is_flagged or (self.text.startswith("{") and parsed.format == "text" and is_piece(self.text))


@dataclass(slots=True)
class _Split:
    pieces: list[_Piece]
    places: list[int] = field(default_factory=list)
    """In the page that is read, of the pieces that are in it: the last ones."""
    is_finished: bool = False
    """It became a line. It is remembered for the pieces that come again because their delivery failed."""

    def forget_from(self, event_id: str) -> None:
        """Be as before that piece came, where it is one of them."""
        known = next((n for n, piece in enumerate(self.pieces) if piece.event.id == event_id), None)
        if known is not None:
            del self.places[max(0, len(self.places) - len(self.pieces) + known) :]
            del self.pieces[known:]
            self.is_finished = False

    def takes(self, piece: _Piece, parsed: Parsed) -> bool:
        if self.is_finished or not self.pieces:
            return False
        first = self.pieces[0]
        if not 0 <= piece.event.timestamp - first.event.timestamp <= SPAN_MS or len(self.pieces) >= MAX_PIECES:
            return False
        if sum(len(each.text) for each in self.pieces) + len(piece.text) > MAX_CHARACTERS:
            return False
        if first.is_flagged:
            return (piece.wrapper or {}).get("partial_id") == (first.wrapper or {}).get("partial_id")
        return parsed.format == "text" or not piece.text.startswith("{")

    def is_later_than(self, piece: _Piece) -> bool:
        return bool(self.pieces) and piece.event.timestamp < self.pieces[0].event.timestamp

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def is_whole(self) -> bool:
        if self.pieces[0].is_flagged:
            return not self.pieces[-1].is_flagged
        return self.pieces[-1].text.endswith("}") and document_of(self.text) is not None

    def may_go_on(self) -> bool:
        return self.pieces[-1].is_flagged or is_piece(self.pieces[-1].text)

    def line(self) -> str:
        """As it would have come uncut."""
        wrapper = self.pieces[0].wrapper
        return self.text if wrapper is None else orjson.dumps({**wrapper, "log": self.text}).decode()


class SplitLines:
    """Of one log group. `read` tells what a line says, `redact` takes secrets out of a text."""

    def __init__(self, read: Callable[[str], Parsed], redact: Callable[[str], str]) -> None:
        self._read = read
        self._redact = redact
        self._open: dict[str, _Split] = {}
        """By stream, of the last line that it has shown."""

    def join(
        self, events: Sequence[Event], parsed: list[Parsed], sent: Container[str] = frozenset()
    ) -> list[tuple[Parsed, Parsed]]:
        """Put whole lines into `parsed`, in the place of their pieces that are not in `sent`. Returns (piece, its line),
        for `inherit`."""
        if not self._open and max(map(len, map(_message, events)), default=0) < FEWEST_CHARACTERS:
            return []
        pairs: list[tuple[Parsed, Parsed]] = []
        for place, event in enumerate(events):
            if event.stream not in self._open and len(event.message) < FEWEST_CHARACTERS:
                continue
            split = self._with(_piece_of(event), place, parsed[place])
            if split is None:
                continue
            if split.is_whole():
                split.is_finished = True
                pairs += self._joined(split, parsed, sent)
            elif split.may_go_on():
                self._hide(split, parsed[place])
            if split.is_finished or split.may_go_on():
                self._open[event.stream] = split
        for split in self._open.values():
            split.places.clear()
        while len(self._open) > MAX_STREAMS:
            del self._open[next(iter(self._open))]
        return pairs

    def _with(self, piece: _Piece, place: int, parsed: Parsed) -> _Split | None:
        """The line that the piece is of; None where it is none's."""
        split = self._open.pop(piece.event.stream, None)
        if split is not None:
            split.forget_from(piece.event.id)
            if split.takes(piece, parsed):
                split.pieces.append(piece)
                split.places.append(place)
                return split
        if piece.begins(parsed):
            return _Split([piece], [place])
        if split is not None and split.is_later_than(piece):
            self._open[piece.event.stream] = split
        return None

    def _joined(self, split: _Split, parsed: list[Parsed], sent: Container[str]) -> list[tuple[Parsed, Parsed]]:
        try:
            whole, shown = self._read(split.line()), self._shown(split)
        except _UNREDACTED as error:
            log.warning("the pieces of a line stay as they are: it cannot be redacted (%s)", type(error).__name__)
            return []
        whole.attributes = {key: value for key, value in whole.attributes.items() if not key.startswith(_FLAG)}
        count = len(split.places)
        here = list(zip(split.pieces[-count:], split.places, shown[-count:], strict=True))
        first = next((n for n, (piece, _, _) in enumerate(here) if piece.event.id not in sent), 0)
        continues = {CONTINUES: split.pieces[0].event.id}
        if here[first][0] is not split.pieces[0]:
            whole.attributes |= continues
        parsed[here[first][1]] = whole
        for piece, place, part in here[first + 1 :]:
            attributes = {**piece.told, **continues}
            parsed[place] = Parsed(format=whole.format, message=part, level="INFO", attributes=attributes)
        return [(parsed[place], whole) for _, place, _ in here[first + 1 :]]

    def _hide(self, split: _Split, parsed: Parsed) -> None:
        """A later piece whose line is not whole shows its part of the redacted text so far: a value that must not be seen
        may have begun before. The first one is redacted as any text."""
        if len(split.pieces) == 1 or parsed.format != "text":
            return
        try:
            before, shown = self._redact(split.text[: -len(split.pieces[-1].text)]), self._redact(split.text)
        except _UNREDACTED:
            return
        parsed.message = shown[_in_common(before, shown) :]

    def _shown(self, split: _Split) -> list[str]:
        """Of each piece, as much of the redacted line as it had of the line; the last one has what is left."""
        rest, parts = self._redact(split.text), []
        for piece in split.pieces[:-1]:
            parts.append(rest[: len(piece.text)])
            rest = rest[len(piece.text) :]
        return [*parts, rest]


def _piece_of(event: Event) -> _Piece:
    document = document_of(event.message) if event.message.startswith("{") else None
    said = said_in(document) if document is not None else None
    text = event.message if said is None else said
    return _Piece(event, clean_text(text.rstrip("\r\n"))[0], document if said is not None else None)


def _is_true(value: object) -> bool:
    return value is True or value == "true"


def _in_common(before: str, text: str) -> int:
    """How many characters both begin with."""
    if text.startswith(before):
        return len(before)
    return next((n for n, (one, other) in enumerate(zip(before, text, strict=False)) if one != other), len(text))
