"""What the user decides of a proposal."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clearsight.errors import ConfigurationError
from clearsight.mapping import Part
from clearsight.tables import TableName

PARTS: tuple[Part, ...] = ("scenario", "input", "run", "user")


class Answers(msgspec.Struct, frozen=True):
    """What the user decides: a part's table (None: there is none), a key's column."""

    tables: dict[str, TableName | None] = {}
    others: tuple[TableName, ...] = ()
    keys: dict[tuple[str, str], str | None] = {}

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Answers:
        """Of `run=app.job`, `user=none`, `other=app.step` and `run.error=message`. Raises ConfigurationError."""
        chosen: dict[str, TableName | None] = {}
        others: list[TableName] = []
        keys: dict[tuple[str, str], str | None] = {}
        said: set[str] = set()
        for text in texts:
            name, found, value = text.partition("=")
            part, dot, key = name.strip().partition(".")
            value = value.strip()
            if not found or not value or part not in (*PARTS, "other") or (dot and (not key or part == "other")):
                raise _not_understood(text)
            if name.strip() != "other" and name.strip() in said:
                raise ConfigurationError(f"--answer {name.strip()} is given twice", "decide for one of both")
            said.add(name.strip())
            try:
                if dot:
                    keys[part, key] = None if value == "none" else value
                elif part == "other":
                    others.append(TableName.parse(value))
                else:
                    chosen[part] = None if value == "none" and part != "scenario" else TableName.parse(value)
            except ValueError as error:
                raise ConfigurationError(f"--answer {text}: {error}", "write it as schema.table") from None
        _require_one_part_each([*filter(None, chosen.values()), *others])
        return cls(chosen, tuple(others), keys)


def _require_one_part_each(tables: list[TableName]) -> None:
    for place, table in enumerate(tables):
        if table in tables[:place]:
            raise ConfigurationError(f"--answer gives {table} two parts", "name each table once")


def _not_understood(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"--answer {text} is not understood",
        "write part=schema.table with scenario, input, run, user or other, or part.key=column; none leaves it out",
    )


NONE = Answers()
