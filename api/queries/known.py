"""Dimension keys by the application's ids, and what is known where an id is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Column, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from clearsight.errors import NotFound
from sql.models import correlation, dim_run, dim_scenario, dim_user

Kind = Literal["scenario", "run", "user", "correlation"]

_IDS: dict[Kind, Column[str]] = {
    "scenario": dim_scenario.c.scenario_id,
    "run": dim_run.c.run_id,
    "user": dim_user.c.user_id,
    "correlation": correlation.c.correlation_id,
}
_NEWEST: dict[Kind, Column[int]] = {
    "scenario": dim_scenario.c.scenario_key,
    "run": dim_run.c.run_key,
    "user": dim_user.c.user_key,
}


class Unknown(NotFound):
    """No such id has landed. `kind` is what was asked for, `known` the newest ids of that kind; of correlations none."""

    def __init__(self, kind: Kind, asked: str, is_a: Kind | None, known: list[str]) -> None:
        name = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in asked[:80])
        mend = f"the newest that are known: {', '.join(known)}" if known else f"no {kind} has landed yet"
        if kind == "correlation":
            mend = "ask for one that an event, a run or a log line names"
        if is_a:
            mend = f"it is the id of a {is_a}; ask for that"
        super().__init__(f"no {kind} {name} has landed", mend)
        self.kind = kind
        self.known = known
        self.is_a = is_a


@dataclass(frozen=True, slots=True)
class RunKey:
    run_key: int
    scenario_key: int | None
    scenario_id: str | None


async def scenario_key(connection: AsyncConnection, scenario_id: str) -> int:
    """Raises Unknown."""
    found = (
        None
        if impossible(scenario_id)
        else await connection.scalar(
            select(dim_scenario.c.scenario_key).where(dim_scenario.c.scenario_id == scenario_id)
        )
    )
    if found is None:
        raise await unknown(connection, "scenario", scenario_id)
    return int(found)


async def run_key(connection: AsyncConnection, run_id: str) -> RunKey:
    """Raises Unknown."""
    statement = (
        select(dim_run.c.run_key, dim_run.c.scenario_key, dim_scenario.c.scenario_id)
        .join(dim_scenario, dim_scenario.c.scenario_key == dim_run.c.scenario_key, isouter=True)
        .where(dim_run.c.run_id == run_id)
    )
    found = None if impossible(run_id) else (await connection.execute(statement)).one_or_none()
    if found is None:
        raise await unknown(connection, "run", run_id)
    return RunKey(*found)


async def user_key(connection: AsyncConnection, user_id: str) -> int:
    """Raises Unknown."""
    found = await user_keys(connection, [user_id])
    if not found:
        raise await unknown(connection, "user", user_id)
    return found[0]


async def user_keys(connection: AsyncConnection, user_ids: Sequence[str]) -> list[int]:
    """Of those of these users that have landed."""
    possible = [each for each in user_ids if not impossible(each)]
    return list(
        (await connection.execute(select(dim_user.c.user_key).where(dim_user.c.user_id.in_(possible)))).scalars()
    )


async def correlation_key_of(connection: AsyncConnection, correlation_id: str) -> int | None:
    """What facts are looked up by; None where nothing of the id has landed."""
    statement = select(correlation.c.correlation_key).where(correlation.c.correlation_id == correlation_id)
    found: int | None = None if impossible(correlation_id) else await connection.scalar(statement)
    return found


async def unknown(connection: AsyncConnection, kind: Kind, asked: str) -> Unknown:
    """The error for an id that is not there; says so where it is the id of something else."""
    others: list[Kind] = [other for other in _IDS if other != kind]
    statement = union_all(*(select(literal(other)).where(_IDS[other] == asked) for other in others))
    is_a = None if impossible(asked) else (await connection.execute(statement)).scalars().first()
    newest: list[str] = []
    if kind in _NEWEST:
        rows = await connection.execute(select(_IDS[kind]).order_by(_NEWEST[kind].desc()).limit(3))
        newest = list(rows.scalars())
    return Unknown(kind, asked, next((other for other in others if other == is_a), None), newest)


def impossible(identifier: str) -> bool:
    """PostgreSQL's text holds no NUL and no surrogates."""
    return "\0" in identifier or (not identifier.isascii() and any("\ud800" <= each <= "\udfff" for each in identifier))
