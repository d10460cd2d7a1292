"""Events with their keys → rows of the facts, in the order of the columns named here. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from clearsight.actions import action_of
from clearsight.events import LogEvent, RowChange, SnapshotRow
from clearsight.identity import action_id, id_time_ms
from clearsight.instants import clamp_us, from_us
from clearsight.lifecycle import Transition
from clearsight.links import Link, Placed

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


ROW_CHANGE = (
    "event_id, occurred_at, op, part, table_schema, table_name, row_key, before, after, changed, action, "
    "scenario_key, run_key, user_key, node, tx_id, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order, "
    "flags, topic, kafka_partition, kafka_offset"
)
USER_ACTION = (
    "event_id, occurred_at, action, change_event_id, user_key, scenario_key, run_key, node, details, tx_id, "
    "correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order"
)
STATE_CHANGE = (
    "event_id, occurred_at, scenario_key, to_state, from_state, how_known, change_event_id, user_key, tx_id, "
    "committed_at, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order"
)
CLOUDWATCH_LOG = (
    "event_id, occurred_at, cloudwatch_id, ingested_at, log_group, log_stream, level, category, message, "
    "error_type, error_message, stack, fingerprint, service, node, scenario_key, run_key, names_run, user_key, "
    "correlation_id, correlation_key, link, correlation_source, request_id, trace_id, attributes, redactions, flags, topic, "
    "kafka_partition, kafka_offset"
)

Row = tuple[Any, ...]


def change_rows(change: RowChange, joined: Joined) -> tuple[Row, Row | None]:
    """The row of fact_row_change, and that of fact_user_action where a user did it."""
    occurred_at = from_us(change.occurred_us)
    action = action_of(change)
    tx_id = change.transaction.tx_id if change.transaction else None
    order = (change.epoch, change.commit_lsn, change.lsn, change.total_order)
    row = (
        change.event_id,
        occurred_at,
        change.op,
        change.part,
        change.table_schema,
        change.table_name,
        change.row_key,
        change.before_json,
        change.after_json,
        change.changed,
        action.name if action else None,
        joined.scenario,
        joined.run,
        joined.user,
        change.node,
        tx_id,
        joined.correlation_id,
        joined.correlation,
        joined.link,
        *order,
        change.flags or None,
        change.at.topic,
        change.at.partition,
        change.at.offset,
    )
    if action is None:
        return row, None
    return row, (
        action_id(id_time_ms(change.occurred_us), change.event_id),
        occurred_at,
        action.name,
        change.event_id,
        joined.user,
        joined.scenario,
        joined.run,
        change.node,
        _encode(action.details).decode(),
        tx_id,
        joined.correlation_id,
        joined.correlation,
        joined.link,
        *order,
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


def log_row(event: LogEvent, placed: Placed, user: int | None, correlation: int | None) -> Row:
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
        error.type if error else None,
        error.message if error else None,
        error.stack if error else None,
        error.fingerprint if error else None,
        line.service,
        line.node,
        placed.scenario,
        placed.run,
        line.run_id is not None,
        user,
        line.correlation_id,
        correlation,
        placed.link,
        line.correlation_source,
        line.request_id,
        line.trace_id,
        _json(line.attributes),
        _json(line.redactions),
        event.flags or None,
        event.at.topic,
        event.at.partition,
        event.at.offset,
    )


def month_of(time_us: int) -> datetime:
    """The month's partition that an event belongs to, by its first instant."""
    return _partition_time(time_us).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _json(value: dict[str, Any]) -> str | None:
    return _encode(value).decode() if value else None


def _partition_time(time_us: int) -> datetime:
    """A time that came in a value, as the partitions can hold it."""
    return from_us(clamp_us(time_us))
