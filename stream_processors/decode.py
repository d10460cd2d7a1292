"""Bytes of a raw topic → an event, or a reason why not. Pure: nothing is looked up, nothing is remembered.

What each kind of record becomes is listed in docs/OUTCOMES.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

from clearsight.actions import changed_columns
from clearsight.categories import verdict_on
from clearsight.events import (
    Attempt,
    Context,
    Event,
    ForwarderProgress,
    LogEvent,
    Passed,
    Rejected,
    RowChange,
    SnapshotRow,
    SourceSign,
    StreamPosition,
    TransactionKey,
)
from clearsight.identity import id_time_ms, log_line_id, row_change_id
from clearsight.instants import clamp_us, is_odd
from clearsight.logline import ForwarderState, LogLine
from clearsight.mapping import Mapping
from clearsight.origin import Identity, position
from clearsight.shapes import types_of
from clearsight.tables import TableName
from clearsight.topics import TopicNames
from clearsight.unavailable import UNAVAILABLE, known
from stream_processors.commit import commit_lsn_of, commit_position, commit_us, epoch_of, origin_of
from stream_processors.envelope import Envelope, Source, Told, TransactionMarker
from stream_processors.records import RawRecord
from stream_processors.table_reading import (
    MAX_CORRELATION_CHARS,
    Malformed,
    TableReading,
    as_text,
    checked_correlation_id,
    checked_id,
    key_of,
    known_of_old,
    row_key_of,
    run_of,
    scenario_of,
    table_reading,
    text_of,
)

HEARTBEAT_PREFIX = "clearsight.heartbeat"
_ESCAPED_NUL = b"\\u0000"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL in JSON; after an escaped backslash it is only text."""
_QUOTED = re.compile(r""" ['"].*?(?=(?: - at `\$[\w.\[\]]*`)?\Z)""", re.DOTALL)
"""All but the place in the record: Python cuts long values, and their closing quote with them."""
_ODD_TIME = ("odd_time",)
_REGISTRY_MAGIC = b"\x00"
_NOT_JSON = (
    "not JSON: it begins as records of a schema registry do; the connector's value.converter must be "
    "org.apache.kafka.connect.json.JsonConverter"
)
_DECIMALS = "decimals came as bytes: the connector's decimal.handling.mode must be string"
_DECIMAL_SCHEMA = re.compile(
    rb'"name"\s*:\s*"(?:org\.apache\.kafka\.connect\.data\.Decimal|io\.debezium\.data\.VariableScaleDecimal)"'
)
_DECIMAL_FIELD = '"scale"'
_DECIMAL_STRUCT = re.compile(r':\s*\{\s*"scale"\s*:\s*-?\d+\s*,\s*"value"\s*:\s*"')
"""A numeric without a scale of its own. One that has a scale comes as plain text then: only the doctor sees that."""
MAX_NAME_CHARS = 63
"""Of PostgreSQL's names."""


class Decoder:
    """Decodes the records of this mapping's topics."""

    def __init__(self, mapping: Mapping, names: TopicNames) -> None:
        self._source = mapping.source
        self._errors = mapping.errors
        self._tables: dict[tuple[str, str], TableReading] = {
            TableName.parse(table.table): table_reading(part, table) for part, table in mapping.parts()
        }
        self._envelope = msgspec.json.Decoder(Envelope)
        self._transaction = msgspec.json.Decoder(TransactionMarker)
        self._line = msgspec.json.Decoder(LogLine)
        self._state = msgspec.json.Decoder(ForwarderState)
        self._context = mapping.context
        self._image = msgspec.json.Decoder(dict[str, Any])
        self._told = msgspec.json.Decoder(Told)
        self._by_topic: dict[str, Callable[[RawRecord, bytes], Event]] = {
            names.message: self._message,
            names.transaction: self._end,
            names.logs: self._log_line,
            names.forwarder_state: self._progress,
        }

    def __call__(self, record: RawRecord) -> Event:
        """The event of a record. Never raises: what cannot be decoded is Rejected with its reason."""
        if record.value is None:
            return Passed(at=record.at, why="tombstone")
        if _ESCAPED_NUL in record.value and _NUL.search(record.value):
            return Rejected(at=record.at, reason="contains the character NUL, which PostgreSQL cannot store")
        try:
            return self._by_topic.get(record.topic, self._change)(record, record.value)
        except (msgspec.MsgspecError, Malformed, ValueError, OverflowError, RecursionError) as error:
            foreign = record.value.startswith(_REGISTRY_MAGIC)
            return Rejected(at=record.at, reason=_NOT_JSON if foreign else _reason(error))

    def _open(self, value: bytes) -> Envelope:
        envelope = self._envelope.decode(value)
        if not len(envelope.payload):
            return envelope
        if _DECIMAL_SCHEMA.search(bytes(envelope.schema)):
            raise Malformed(_DECIMALS)
        opened = self._envelope.decode(envelope.payload)
        opened.schema = envelope.schema
        return opened

    def _change(self, record: RawRecord, value: bytes) -> Event:
        envelope = self._open(value)
        source, op = envelope.source, envelope.op
        if source is None or op is None:
            raise Malformed("not a change event: it has no source or no op")
        table = self._mapped(source)
        before, before_json = self._read(envelope.before)
        if not table.old_rows_are_whole:
            before, before_json = known_of_old(before, table)
        after, after_json = self._read(envelope.after)
        if op == "r":
            return self._snapshot(record, source, table, after, after_json)
        if op not in ("c", "u", "d", "t"):
            raise Malformed("unknown op: none of c, u, d, t, r, m")
        if source.lsn is None:
            raise Malformed("a change without LSN")
        changed = changed_columns(before, after) if op == "u" and table.old_rows_are_whole else ()
        image = after if after is not None else before
        if image is not None and after_json is not None and UNAVAILABLE in after_json:
            image = known(image)
        if image is None and op != "t":
            raise Malformed(f"op {op} without before and after")
        key = key_of(image, table)
        row_key = row_key_of(key)
        order = envelope.transaction.total_order if envelope.transaction else 0
        time_us = commit_us(source)
        occurred_us = clamp_us(time_us)
        epoch = epoch_of(record)
        return RowChange(
            at=record.at,
            event_id=row_change_id(id_time_ms(time_us), self._source, table.mapped.table, op, source.lsn, key, order),
            occurred_us=occurred_us,
            op=op,
            part=table.part,
            mapped=table.mapped,
            table_schema=source.schema,
            table_name=source.table,
            row_key=row_key,
            before=before,
            after=after,
            before_json=before_json,
            after_json=after_json,
            changed=changed,
            transaction=None if source.txId is None else TransactionKey(source.txId, occurred_us),
            epoch=epoch,
            commit_lsn=commit_position(source, epoch),
            lsn=source.lsn,
            total_order=order,
            scenario_id=scenario_of(image, table, row_key),
            run_id=run_of(image, table, row_key),
            node=text_of(image, table.node),
            correlation_id=checked_correlation_id(text_of(image, table.correlation)),
            flags=_flags(record, time_us),
            types=types_of(bytes(envelope.schema)) or None if len(envelope.schema) else None,
        )

    def _snapshot(
        self,
        record: RawRecord,
        source: Source,
        table: TableReading,
        image: dict[str, Any] | None,
        text: str | None,
    ) -> Event:
        if image is None or text is None:
            raise Malformed("a snapshot row without after")
        key = row_key_of(key_of(image, table))
        epoch = epoch_of(record)
        begins = source.lsn is not None and source.snapshot != "incremental" and not commit_lsn_of(source)
        digest = hashlib.blake2b(f"{self._source}\x1f{table.mapped.table}\x1f{key}\x1f{text}".encode(), digest_size=16)
        return SnapshotRow(
            at=record.at,
            snapshot_id=digest.hexdigest(),
            part=table.part,
            mapped=table.mapped,
            table_schema=source.schema,
            table_name=source.table,
            row_key=key,
            image=image,
            image_json=text,
            seen_us=clamp_us(source.ts_ms * 1000),
            epoch=epoch,
            scenario_id=scenario_of(image, table, key),
            run_id=run_of(image, table, key),
            began_at=position(epoch, source.lsn) if begins and source.lsn is not None else None,
        )

    def _message(self, record: RawRecord, value: bytes) -> Event:
        envelope = self._open(value)
        source, message = envelope.source, envelope.message
        if source is None or message is None:
            raise Malformed("not a logical message: it has no source or no message")
        time_us = clamp_us(commit_us(source))
        epoch = epoch_of(record)
        if message.prefix == HEARTBEAT_PREFIX:
            return StreamPosition(
                at=record.at,
                occurred_us=time_us,
                position=position(epoch, source.lsn or 0),
                commit_lsn=commit_position(source, epoch),
                sign=self._sign(record, message.content),
            )
        told = self._context
        if message.prefix != told.prefix:
            return Passed(at=record.at, why=f"a message with the prefix {message.prefix!r}")
        try:
            content = self._image.decode(base64.b64decode(message.content, validate=True))
        except binascii.Error as error:
            raise Malformed(f"the message's content is not base64: {error}") from None
        correlation_id = checked_correlation_id((_said(content, told.correlation) or "").strip())
        if correlation_id is None:
            raise Malformed(f"{told.correlation} must have 1 to {MAX_CORRELATION_CHARS} characters")
        user_id = checked_id(_said(content, told.user))
        if source.txId is None:
            scenario_id = checked_id(_said(content, told.scenario)) if told.scenario else None
            return Attempt(
                at=record.at,
                occurred_us=time_us,
                correlation_id=correlation_id,
                user_id=user_id,
                scenario_id=scenario_id,
            )
        return Context(
            at=record.at,
            transaction=TransactionKey(source.txId, time_us),
            commit_lsn=commit_position(source, epoch),
            lsn=source.lsn or 0,
            correlation_id=correlation_id,
            user_id=user_id,
            use_case=_said(content, told.use_case),
        )

    def _sign(self, record: RawRecord, content: str) -> SourceSign | None:
        """None of a heartbeat that another query made: it says nothing but its position."""
        try:
            told = self._told.decode(base64.b64decode(content, validate=True))
        except (msgspec.MsgspecError, binascii.Error):
            return None
        return SourceSign(
            registered=origin_of(record),
            identity=Identity(told.system, told.timeline),
            acknowledged=None if told.acknowledged is None else position(epoch_of(record), told.acknowledged),
            tables={str(TableName(schema, name)): each for schema, name, each in told.tables},
            appended_ms=record.appended_ms,
        )

    def _end(self, record: RawRecord, value: bytes) -> Event:
        marker = self._transaction.decode(value)
        if len(marker.payload):
            marker = self._transaction.decode(marker.payload)
        if marker.status is None:
            raise Malformed("not a transaction's begin or end: it has no status")
        if marker.status != "END":
            return Passed(at=record.at, why=f"transaction {marker.status}")
        lsn = marker.id.partition(":")[2]
        if not lsn.isdigit():
            raise Malformed("the transaction's id is not txId:lsn")
        reached = position(epoch_of(record), int(lsn))
        return StreamPosition(at=record.at, occurred_us=clamp_us(marker.ts_ms * 1000), position=reached, commit_lsn=0)

    def _log_line(self, record: RawRecord, value: bytes) -> Event:
        line = self._line.decode(value)
        checked_correlation_id(line.correlation_id)
        for named in (line.scenario_id, line.run_id, line.user_id):
            checked_id(named)
        time_us = line.event_time * 1000
        found = verdict_on(self._errors, line) if line.error is not None or line.level in ("ERROR", "FATAL") else None
        return LogEvent(
            at=record.at,
            event_id=log_line_id(
                id_time_ms(line.event_time * 1000), line.account, line.region, line.log_group, line.event_id
            ),
            occurred_us=clamp_us(time_us),
            line=line,
            category=found.category if found else None,
            flags=_flags(record, time_us),
        )

    def _progress(self, record: RawRecord, value: bytes) -> Event:
        return ForwarderProgress(at=record.at, state=self._state.decode(value))

    def _mapped(self, source: Source) -> TableReading:
        found = self._tables.get((source.schema, source.table))
        if found is None:
            name = TableName(source.schema[:MAX_NAME_CHARS], source.table[:MAX_NAME_CHARS])
            raise Malformed(f"the mapping file does not name the table {name}")
        return found

    def _read(self, raw: msgspec.Raw) -> tuple[dict[str, Any] | None, str | None]:
        text = str(raw, "utf-8")
        if _DECIMAL_FIELD in text and _DECIMAL_STRUCT.search(text):
            raise Malformed(_DECIMALS)
        return (None, None) if text in ("", "null") else (self._image.decode(raw), text)


def _reason(error: Exception) -> str:
    """Why, in words that quote nothing of the record but names: its values may be secrets."""
    if isinstance(error, Malformed):
        return str(error)
    return f"{type(error).__name__}: {_QUOTED.sub(' …', str(error))}"[:500]


def _flags(record: RawRecord, time_us: int) -> tuple[str, ...]:
    return _ODD_TIME if is_odd(time_us, record.appended_ms * 1000) else ()


def _said(content: dict[str, Any], field: str) -> str | None:
    """A field of a context message; None for an empty one."""
    value = content.get(field)
    if value is not None and not isinstance(value, str | int):
        raise Malformed(f"{field} of the context message is neither text nor a number")
    return as_text(value) or None
