"""The inputs of a scenario as they were changed, one after the other: node, old, new, who, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.branch import OrderKey, TrailFilter, keys_of, order_key, parameters
from api.queries.known import scenario_key
from api.queries.timeline import CHANGES
from clearsight.actions import input_value
from clearsight.confidence import Confidence, confidence
from clearsight.mapping import InputTable, Mapping
from sql.models import dim_user, fact_row_change

_CHANGE = fact_row_change.c


@dataclass(frozen=True, slots=True)
class InputChange:
    event_id: str
    occurred_at: datetime
    kind: Literal["added", "changed", "removed"]
    node: str | None
    name: str | None
    row_key: str
    old: Any
    new: Any
    user_id: str | None
    user_name: str | None
    tx_id: int | None
    correlation_id: str | None
    link: str
    """unlinked: it was changed out of band."""
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class InputFilter:
    nodes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputChanges:
    items: list[InputChange]
    next_key: OrderKey | None


async def input_changes(
    connection: AsyncConnection,
    scenario_id: str,
    mapping: Mapping,
    filters: TrailFilter,
    wanted: InputFilter,
    limit: int,
    after: OrderKey | None = None,
) -> InputChanges:
    """In commit order, oldest first; a change of the row that left the value alone is none. Raises Unknown."""
    key = await scenario_key(connection, scenario_id)
    if mapping.input is None:
        return InputChanges([], None)
    given = parameters(filters, await keys_of(connection, filters))
    statement = _statement(key, mapping.input, wanted).where(*CHANGES.narrowed(filters))
    if after is not None:
        statement = statement.where(CHANGES.after(after))
    rows = (await connection.execute(statement.order_by(*CHANGES.order).limit(limit + 1), given)).all()
    shown = [_input_change(row, mapping.input) for row in rows[:limit]]
    return InputChanges(
        items=[each for each in shown if each.old != each.new],
        next_key=order_key(rows[limit - 1]) if len(rows) > limit else None,
    )


def _statement(key: int, table: InputTable, wanted: InputFilter) -> Select[Any]:
    statement = (
        select(
            _CHANGE.event_id,
            _CHANGE.occurred_at,
            _CHANGE.op,
            _CHANGE.node,
            _CHANGE.row_key,
            _CHANGE.before,
            _CHANGE.after,
            _CHANGE.tx_id,
            _CHANGE.correlation_id,
            _CHANGE.link,
            dim_user.c.user_id,
            dim_user.c.name.label("user_name"),
            _CHANGE.epoch,
            _CHANGE.commit_lsn,
            _CHANGE.lsn,
            _CHANGE.total_order,
        )
        .join(dim_user, dim_user.c.user_key == _CHANGE.user_key, isouter=True)
        .where(_CHANGE.scenario_key == key, _CHANGE.part == "input")
    )
    if wanted.nodes:
        statement = statement.where(_CHANGE.node.in_(wanted.nodes))
    if wanted.names:
        image = func.coalesce(_CHANGE.after, _CHANGE.before, type_=_CHANGE.after.type)
        name = image[table.name].astext if table.name else _CHANGE.row_key
        statement = statement.where(name.in_(wanted.names))
    return statement


def _input_change(row: Any, table: InputTable) -> InputChange:
    image = row.after or row.before or {}
    name = image.get(table.name) if table.name else None
    return InputChange(
        event_id=str(row.event_id),
        occurred_at=row.occurred_at,
        kind="added" if row.op == "c" else "changed" if row.op == "u" else "removed",
        node=row.node,
        name=None if name is None else str(name),
        row_key=row.row_key,
        old=input_value(row.before, table),
        new=input_value(row.after, table),
        user_id=row.user_id,
        user_name=row.user_name,
        tx_id=row.tx_id,
        correlation_id=row.correlation_id,
        link=row.link,
        confidence=confidence(row.link),
    )
