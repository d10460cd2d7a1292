"""Who gave inputs their values: of changes that are pinned with them, and of removals.

Without the rows' images, for a comparison of two runs may ask for thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.events import commit_order
from api.queries.prepared import prepared
from clearsight.case import Order
from clearsight.identity import id_time_us
from clearsight.instants import clamp_us, from_us
from clearsight.mapping import InputTable
from sql.models import dim_user, fact_row_change

_CHANGE = fact_row_change.c
_FIRST, _LAST = (-1, -1, -1, -1), (2**31 - 1, 2**63 - 1, 2**63 - 1, 2**63 - 1)


class Maker(NamedTuple):
    """One change of one input."""

    row_key: str
    user: str | None
    """Name, else id; null: not known."""
    occurred_at: datetime
    correlation_id: str | None
    link: str
    change_key: str


async def given(connection: AsyncConnection, table: InputTable, ids: Sequence[str]) -> Iterable[Maker]:
    """Those of these changes that changed the value. An id begins with its event's time: only the months of those are looked
    at."""
    if not ids:
        return ()
    times = [id_time_us(each) for each in ids]
    wanted = {
        "ids": f"{{{','.join(ids)}}}",
        "values": list(table.value),
        "since": from_us(clamp_us(min(times))),
        "until": from_us(clamp_us(max(times)) + 1000),
    }
    return [Maker(*row) for row in await _GIVEN.rows(connection, wanted)]


async def removed(
    connection: AsyncConnection, scenario_key: int, row_keys: Sequence[str], after: Order | None, until: Order | None
) -> Iterable[Maker]:
    """The last removal of each of these inputs between two commit positions."""
    if not row_keys:
        return ()
    wanted: dict[str, Any] = {"scenario": scenario_key, "row_keys": list(row_keys)}
    for prefix, order in (("after", after or _FIRST), ("until", until or _LAST)):
        wanted |= {f"{prefix}_{place}": value for place, value in enumerate(order)}
    return [Maker(*row) for row in await _REMOVED.rows(connection, wanted)]


def _makers() -> Select[Any]:
    return select(
        _CHANGE.row_key,
        func.coalesce(dim_user.c.name, dim_user.c.user_id),
        _CHANGE.occurred_at,
        _CHANGE.correlation_id,
        _CHANGE.link,
        func.concat(_CHANGE.table_schema, ".", _CHANGE.table_name, "/", _CHANGE.row_key, "/", _CHANGE.tx_id),
    ).join(dim_user, dim_user.c.user_key == _CHANGE.user_key, isouter=True)


def _given() -> Select[Any]:
    ids = cast(bindparam("ids", type_=Text), ARRAY(_CHANGE.event_id.type))
    values = bindparam("values", type_=ARRAY(Text))
    return _makers().where(
        _CHANGE.event_id == func.any(ids),
        _CHANGE.occurred_at >= bindparam("since", type_=_CHANGE.occurred_at.type),
        _CHANGE.occurred_at < bindparam("until", type_=_CHANGE.occurred_at.type),
        or_(_CHANGE.before.is_(None), _CHANGE.changed.op("&&", is_comparison=True)(values)),
    )


def _removed() -> Select[Any]:
    order = tuple_(*commit_order())
    return (
        _makers()
        .ext(distinct_on(_CHANGE.row_key))
        .where(
            _CHANGE.scenario_key == bindparam("scenario", type_=BigInteger),
            _CHANGE.part == "input",
            _CHANGE.op == "d",
            _CHANGE.row_key == func.any(bindparam("row_keys", type_=ARRAY(Text))),
            order > _position("after"),
            order <= _position("until"),
        )
        .order_by(_CHANGE.row_key, *(column.desc() for column in commit_order()))
    )


def _position(prefix: str) -> ColumnElement[Any]:
    kinds = (Integer, BigInteger, BigInteger, BigInteger)
    return tuple_(*(bindparam(f"{prefix}_{place}", type_=kind) for place, kind in enumerate(kinds)))


_GIVEN, _REMOVED = prepared(_given()), prepared(_removed())
