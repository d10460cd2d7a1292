"""A subscription filter's payload: gzipped JSON, bare, in base64, or as Lambda gets it. Pure."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Annotated, Literal

import msgspec

from clearsight.errors import ClearSightError
from connectors.cloudwatch import event_ids
from connectors.cloudwatch.pages import UNREADABLE, Event

MAX_BYTES = 64 * 1024 * 1024
"""Unpacked. CloudWatch sends far less; this bounds what a small hostile payload can become."""

_GZIP = b"\x1f\x8b"
_LATE_MS = 15 * 86_400_000


class BadPayload(ClearSightError):
    """What came is no payload of a subscription filter. The message says why and holds nothing of its content."""


_Name = Annotated[str, msgspec.Meta(max_length=512)]
"""As long as CloudWatch lets a stream's be."""


class _Line(msgspec.Struct):
    id: _Name | int
    """CloudWatch's is text; stand-ins of it send numbers."""
    timestamp: Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
    message: str


class Payload(msgspec.Struct, rename="camel"):
    message_type: Literal["DATA_MESSAGE", "CONTROL_MESSAGE"]
    owner: str
    """The account."""
    log_group: _Name
    log_stream: _Name
    log_events: list[_Line]

    @property
    def is_control(self) -> bool:
        """CloudWatch only asks whether the destination is there."""
        return self.message_type == "CONTROL_MESSAGE"

    def events(self) -> list[Event]:
        """The lines, in their order, with the ingestion time that their ids tell."""
        return [
            Event(str(line.id), line.timestamp, _ingestion(str(line.id), line.timestamp), self.log_stream, line.message)
            for line in self.log_events
        ]


class _Wrapped(msgspec.Struct):
    class Data(msgspec.Struct):
        data: str

    awslogs: Data


_decode = msgspec.json.Decoder(Payload).decode
_decode_wrapped = msgspec.json.Decoder(_Wrapped).decode


def unpack(data: bytes) -> Payload:
    """Raises BadPayload."""
    if data.startswith(_GZIP):
        return _read(data)
    if data.lstrip().startswith(b"{"):
        try:
            data = _decode_wrapped(data).awslogs.data.encode()
        except UNREADABLE as error:
            raise BadPayload(f"it is JSON, but not what Lambda gets ({_told(error)})") from None
    try:
        return _read(base64.b64decode(data, validate=True))
    except binascii.Error:
        raise BadPayload("it is neither gzip nor base64") from None


def _read(packed: bytes) -> Payload:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = unpacker.decompress(packed, MAX_BYTES)
    except zlib.error:
        raise BadPayload("its gzip is broken") from None
    if unpacker.unconsumed_tail:
        raise BadPayload(f"it is more than {MAX_BYTES // 1024 // 1024} MB when unpacked")
    if not unpacker.eof:
        raise BadPayload("its gzip ends too early")
    try:
        return _decode(text)
    except UNREADABLE as error:
        raise BadPayload(f"it is no subscription payload ({_told(error)})") from None


def _told(error: Exception) -> str:
    """Of a decoder's words those about the shape; a value is never among them."""
    if isinstance(error, msgspec.DecodeError):
        return str(error).split(" - ")[0].split("'")[0].strip()[:120]
    return "it nests too deep" if isinstance(error, RecursionError) else "invalid UTF-8"


def _ingestion(event_id: str, timestamp: int) -> int | None:
    """From an id of the known layout; None where it is of another one."""
    if len(event_id) != event_ids.DIGITS or not event_id.isascii() or not event_id.isdigit():
        return None
    parts = event_ids.parts(int(event_id))
    fits = parts.timestamp == timestamp and -event_ids.FUTURE_MS <= parts.ingestion - timestamp < _LATE_MS
    return parts.ingestion if fits else None
