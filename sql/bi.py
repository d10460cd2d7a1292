"""The views of schema `bi`, as the migrations make them: names and types that neither change nor go. A test compares both.

`bi.json` says it for everybody: the semantic model of the report, the OData feed and plain rows are made of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SCHEMA = "bi"


@dataclass(frozen=True, slots=True)
class ViewColumn:
    name: str
    type: str
    """PostgreSQL's name of it, as information_schema has it. A timestamp is UTC."""
    nullable: bool


@dataclass(frozen=True, slots=True)
class View:
    name: str
    about: str
    key: tuple[str, ...]
    """What tells its rows apart; never null."""
    order: tuple[str, ...]
    """The order in which an index gives them; ends with what tells them apart."""
    columns: tuple[ViewColumn, ...]


@cache
def views() -> dict[str, View]:
    """By name."""
    told = json.loads(files("sql").joinpath("bi.json").read_text(encoding="utf-8"))
    return {name: _view(name, view) for name, view in told["views"].items()}


def _view(name: str, told: dict[str, Any]) -> View:
    columns = tuple(
        ViewColumn(column, kind.removesuffix("!"), not kind.endswith("!")) for column, kind in told["columns"].items()
    )
    return View(name, told["about"], tuple(told["key"]), tuple(told["order"]), columns)
