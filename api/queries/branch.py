"""One kind of event of the timeline as a select: what filters leave of it, and where it stands in the order of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from api.queries import keyset
from api.queries.known import correlation_key_of, user_keys

OrderKey = tuple[datetime, int, int, int, int, str]
"""(occurred_at, epoch, commit LSN, LSN, total order, event id)."""
ORDER_KEY = (datetime, int, int, int, int, str)
ORDER = ("occurred_at", "epoch", "commit_lsn", "lsn", "total_order", "event_id")


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Several values of one filter are alternatives. `types` are event types ("input.changed") or kinds ("log")."""

    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    correlation_id: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What a filter names, as the keys that facts are looked up by; None: not asked for."""

    users: list[int] | None
    correlation: int | None


async def keys_of(connection: AsyncConnection, filters: TrailFilter) -> Keys:
    """Of ids that nothing has landed of, keys that no fact has."""
    users = await user_keys(connection, filters.users) if filters.users else None
    asked = filters.correlation_id
    correlation = None if asked is None else await correlation_key_of(connection, asked) or -1
    return Keys(users, correlation)


@dataclass(frozen=True, slots=True)
class Branch:
    """One kind of event. `order` are the fact's own columns: an index on (…, occurred_at) gives their order."""

    kind: str
    fact: Table
    columns: tuple[ColumnElement[Any], ...]
    event_type: ColumnElement[str]
    searched: tuple[ColumnElement[str], ...]
    prefixes: tuple[str, ...]
    """What its event types may begin with."""
    conditions: tuple[ColumnElement[bool], ...] = ()

    @property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        names = ORDER if "lsn" in self.fact.c else ("occurred_at", "event_id")
        return tuple(self.fact.c[name] for name in names)

    def events(self, filters: TrailFilter) -> Select[Any]:
        """Unordered; add what they belong to, and `parameters`."""
        return select(*self.columns).where(*self.conditions, *self.narrowed(filters))

    def may_match(self, filters: TrailFilter) -> bool:
        """False where the filter leaves nothing of this kind."""
        if (filters.levels or filters.categories) and self.kind != "log":
            return False
        return not filters.types or any(
            each == self.kind or each.startswith(self.prefixes or ("",)) for each in filters.types
        )

    def after(self, key: OrderKey) -> ColumnElement[bool]:
        """Later in the order of the timeline than this event."""
        return keyset.after(self._key(), key)

    def later(self) -> ColumnElement[bool]:
        """As `after`, of the key in `parameters`."""
        return keyset.after_named(self._key(), [f"after_{name}" for name in ORDER])

    def earlier(self) -> ColumnElement[bool]:
        """Before the key in `parameters`."""
        return keyset.before_named(self._key(), [f"after_{name}" for name in ORDER])

    def _key(self) -> list[ColumnElement[Any]]:
        return [self.fact.c[name] if name in self.fact.c else literal(0, BigInteger) for name in ORDER]

    def narrowed(self, filters: TrailFilter) -> list[ColumnElement[bool]]:
        """Conditions with the names of `parameters`: the same text for all filters of one shape."""
        fact, found = self.fact.c, []
        if filters.since is not None:
            found.append(fact.occurred_at >= _named("since", fact.occurred_at.type))
        if filters.until is not None:
            found.append(fact.occurred_at < _named("until", fact.occurred_at.type))
        if filters.types:
            found.append(or_(_one_of(literal(self.kind, Text), "types"), _one_of(self.event_type, "types")))
        if filters.levels:
            found.append(_one_of(fact.level, "levels") if self.kind == "log" else false())
        if filters.categories:
            found.append(_one_of(fact.category, "categories") if self.kind == "log" else false())
        if filters.users:
            found.append(_one_of(fact.user_key, "users"))
        if filters.correlation_id is not None:
            found.append(fact.correlation_key == _named("correlation", BigInteger()))
        if filters.q is not None:
            found.append(or_(*(column.ilike(_named("q", Text()), escape="/") for column in self.searched)))
        return found


def parameters(filters: TrailFilter, keys: Keys, after: OrderKey | None = None) -> dict[str, Any]:
    """The values of what `narrowed` and `after` name."""
    found = {
        "since": filters.since,
        "until": filters.until,
        "types": list(filters.types),
        "levels": list(filters.levels),
        "categories": list(filters.categories),
        "users": keys.users,
        "correlation": keys.correlation,
        "q": None if filters.q is None else f"%{_escaped(filters.q)}%",
    }
    return found | (named_key(after) if after else {})


def named_key(key: OrderKey) -> dict[str, Any]:
    """The parameters of `later` and `earlier`."""
    return {f"after_{name}": value for name, value in zip(ORDER, key, strict=True)}


def shape(filters: TrailFilter) -> TrailFilter:
    """Equal for filters that make the same text."""
    return TrailFilter(
        since=filters.since and _ANY_TIME,
        until=filters.until and _ANY_TIME,
        types=filters.types and ("",),
        levels=filters.levels and ("",),
        categories=filters.categories and ("",),
        users=filters.users and ("",),
        correlation_id=filters.correlation_id and "any",
        q=filters.q and "any",
    )


_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def _named(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=kind)


def _one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return column == func.any(_named(name, ARRAY(column.type)))


def _escaped(text: str) -> str:
    """For LIKE … ESCAPE '/'."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def order_key(row: Any) -> OrderKey:
    return (
        row.occurred_at,
        row.epoch,
        row.commit_lsn,
        row.lsn,
        row.total_order,
        str(row.event_id),
    )
