"""Events → rows of the facts, in the order of the columns named here. Pure.

What an event tells by itself is made into text while it is decoded; landing only adds what was joined.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from clearsight.actions import Action, action_of
from clearsight.events import LogEvent, RowChange, SnapshotRow
from clearsight.identity import action_id, id_time_ms
from clearsight.instants import clamp_us, from_us
from clearsight.lifecycle import Transition
from clearsight.links import Link
from stream_processors.copy_text import NULL, field, instant, number, texts

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Joined(NamedTuple):
    """What the join knows of a change."""

    scenario: int | None
    run: int | None
    user: int | None
    """Who did it."""
    changed_user: int | None
    """Whose row it is."""
    correlation_id: str | None
    correlation: int | None
    """The key of the correlation id."""
    link: Link


class Located(NamedTuple):
    """What the join knows of a log line."""

    scenario: int | None
    run: int | None
    user: int | None
    correlation: int | None
    """The key of its correlation id."""
    link: Link


_JOINED = "scenario_key, run_key, user_key, correlation_id, correlation_key, link"
ROW_CHANGE = (
    "event_id, occurred_at, op, part, table_schema, table_name, row_key, before, after, changed, action, node, tx_id, "
    f"epoch, commit_lsn, lsn, total_order, flags, topic, kafka_partition, kafka_offset, {_JOINED}"
)
USER_ACTION = (
    "event_id, occurred_at, action, change_event_id, node, details, tx_id, epoch, commit_lsn, lsn, total_order, "
    f"{_JOINED}"
)
STATE_CHANGE = (
    "event_id, occurred_at, scenario_key, to_state, from_state, how_known, change_event_id, user_key, tx_id, "
    "committed_at, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order"
)
CLOUDWATCH_LOG = (
    "event_id, occurred_at, cloudwatch_id, ingested_at, log_group, log_stream, level, category, message, "
    "error_type, error_message, stack, fingerprint, service, node, names_run, correlation_id, correlation_source, "
    "request_id, trace_id, attributes, redactions, flags, topic, kafka_partition, kafka_offset, "
    "scenario_key, run_key, user_key, correlation_key, link"
)

Row = tuple[Any, ...]


class ChangeRow(NamedTuple):
    """What a change tells by itself: COPY text of its fact, and of the user's action behind it, without the joined columns."""

    change: RowChange
    action: str | None
    text: str
    action_text: str | None


class LogRow(NamedTuple):
    """What a log line tells by itself: COPY text of its fact, without the joined columns."""

    event: LogEvent
    text: str


def change_row(change: RowChange) -> ChangeRow:
    """The columns of ROW_CHANGE and USER_ACTION up to those that are joined."""
    action = action_of(change)
    name = action.name if action else None
    event_id, occurred_at = str(change.event_id), instant(change.occurred_us)
    tx_id = NULL if change.transaction is None else str(change.transaction.tx_id)
    order = f"{change.epoch}\t{change.commit_lsn}\t{change.lsn}\t{change.total_order}"
    at = change.at
    text = (
        f"{event_id}\t{occurred_at}\t{change.op}\t{change.part}\t{field(change.table_schema)}\t"
        f"{field(change.table_name)}\t{field(change.row_key)}\t{field(change.before_json)}\t{field(change.after_json)}\t"
        f"{texts(change.changed)}\t{field(name)}\t{field(change.node)}\t{tx_id}\t{order}\t{_flags(change.flags)}\t"
        f"{at.topic}\t{at.partition}\t{at.offset}\t"
    )
    return ChangeRow(change, name, text, _action_text(action, change, event_id, occurred_at, tx_id, order))


def _action_text(
    action: Action | None, change: RowChange, change_id: str, occurred_at: str, tx_id: str, order: str
) -> str | None:
    if action is None:
        return None
    own_id = action_id(id_time_ms(change.occurred_us), change_id)
    details = field(_encode(action.details).decode())
    return f"{own_id}\t{occurred_at}\t{field(action.name)}\t{change_id}\t{field(change.node)}\t{details}\t{tx_id}\t{order}\t"


@lru_cache(8192)
def joined_text(joined: Joined) -> str:
    """The end of a change's and an action's row."""
    return (
        f"{number(joined.scenario)}\t{number(joined.run)}\t{number(joined.user)}\t{field(joined.correlation_id)}\t"
        f"{number(joined.correlation)}\t{joined.link}\n"
    )


def log_row(event: LogEvent) -> LogRow:
    """The columns of CLOUDWATCH_LOG up to those that are joined."""
    line, error, at = event.line, event.line.error, event.at
    ingested_at = NULL if line.ingestion_time is None else instant(clamp_us(line.ingestion_time * 1000))
    told = (
        "\t".join((field(error.type), field(error.message), field(error.stack), field(error.fingerprint)))
        if error
        else _NO_ERROR
    )
    return LogRow(
        event,
        f"{event.event_id}\t{instant(event.occurred_us)}\t{field(line.event_id)}\t{ingested_at}\t"
        f"{field(line.log_group)}\t{field(line.log_stream)}\t{field(line.level)}\t{field(event.category)}\t"
        f"{field(line.message)}\t{told}\t{field(line.service)}\t{field(line.node)}\t"
        f"{'f' if line.run_id is None else 't'}\t{field(line.correlation_id)}\t{field(line.correlation_source)}\t"
        f"{field(line.request_id)}\t{field(line.trace_id)}\t{_json(line.attributes)}\t{_json(line.redactions)}\t"
        f"{_flags(event.flags)}\t{at.topic}\t{at.partition}\t{at.offset}\t",
    )


_NO_ERROR = "\t".join([NULL] * 4)


@lru_cache(8192)
def located_text(located: Located) -> str:
    """The end of a log line's row."""
    return (
        f"{number(located.scenario)}\t{number(located.run)}\t{number(located.user)}\t{number(located.correlation)}\t"
        f"{located.link}\n"
    )


def transition_row(transition: Transition, row: RowChange | SnapshotRow, scenario: int, joined: Joined | None) -> Row:
    """A row of fact_scenario_state_change; `joined` is None for a snapshot's, which belongs to no transaction."""
    occurred_at = _partition_time(transition.occurred_us)
    if isinstance(row, SnapshotRow) or joined is None:
        nothing: tuple[None, ...] = (None,) * 6
        head = (
            transition.event_id,
            occurred_at,
            scenario,
            transition.to_state,
            transition.from_state,
            transition.how_known,
        )
        return (*head, *nothing, "direct", row.epoch, 0, 0, 0)
    return (
        transition.event_id,
        occurred_at,
        scenario,
        transition.to_state,
        transition.from_state,
        transition.how_known,
        row.event_id,
        joined.user,
        row.transaction.tx_id if row.transaction else None,
        from_us(row.transaction.committed_us) if row.transaction else None,
        joined.correlation_id,
        joined.correlation,
        joined.link,
        row.epoch,
        row.commit_lsn,
        row.lsn,
        row.total_order,
    )


def change_told(change: RowChange, action: str | None, joined: Joined) -> Row:
    """The columns of ROW_CHANGE, keys of dimensions left out, as they are published."""
    return (
        change.event_id,
        from_us(change.occurred_us),
        change.op,
        change.part,
        change.table_schema,
        change.table_name,
        change.row_key,
        _raw(change.before_json),
        _raw(change.after_json),
        change.changed,
        action,
        change.node,
        change.transaction.tx_id if change.transaction else None,
        change.epoch,
        change.commit_lsn,
        change.lsn,
        change.total_order,
        change.flags or None,
        change.at.topic,
        change.at.partition,
        change.at.offset,
        joined.correlation_id,
        joined.link,
    )


def log_told(event: LogEvent, located: Located) -> Row:
    """The columns of CLOUDWATCH_LOG, keys of dimensions left out, as they are published."""
    line, error = event.line, event.line.error
    return (
        event.event_id,
        from_us(event.occurred_us),
        line.event_id,
        None if line.ingestion_time is None else _partition_time(line.ingestion_time * 1000),
        line.log_group,
        line.log_stream,
        line.level,
        event.category,
        line.message,
        *((error.type, error.message, error.stack, error.fingerprint) if error else (None,) * 4),
        line.service,
        line.node,
        line.run_id is not None,
        line.correlation_id,
        line.correlation_source,
        line.request_id,
        line.trace_id,
        line.attributes or None,
        line.redactions or None,
        event.flags or None,
        event.at.topic,
        event.at.partition,
        event.at.offset,
        located.link,
    )


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text)


def month_of(time_us: int) -> datetime:
    """The month's partition that an event belongs to, by its first instant."""
    return _partition_time(time_us).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _json(value: dict[str, Any]) -> str:
    return field(_encode(value).decode()) if value else NULL


def _flags(flags: tuple[str, ...]) -> str:
    return texts(flags) if flags else NULL


def _partition_time(time_us: int) -> datetime:
    """A time that came in a value, as the partitions can hold it."""
    return from_us(clamp_us(time_us))
