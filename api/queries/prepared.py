"""Statements whose making costs as much as their answer: made into text once, then only given their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT: Dialect = registry.load("postgresql.psycopg")()


@dataclass(frozen=True, slots=True)
class Prepared:
    text: str
    constants: dict[str, Any]
    """Parameters that the statement itself holds."""

    async def rows(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Rows by place and by name."""
        return (await connection.exec_driver_sql(self.text, {**self.constants, **parameters})).all()


def prepared(statement: Select[Any]) -> Prepared:
    """Of a statement with named parameters, without lists in IN."""
    compiled = statement.compile(dialect=_DIALECT)
    return Prepared(compiled.string, dict(compiled.params))
