"""Names of tables as the mapping file writes them: schema.table, with SQL's double quotes where a part needs them."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLAIN = r'[^.\s"][^.\s]*'
_PART = rf'(?:"(?:[^"]|"")+"|{_PLAIN})'
_NAME = re.compile(rf"({_PART})\.({_PART})")


class TableName(NamedTuple):
    """Exactly as the catalogue has it: case counts, nothing is folded."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Of `app.plan`, `Planung.Ausführung`, `app."my.table"`. Raises ValueError for anything else."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not schema.table")
        return cls(*(_unquoted(part) for part in found.groups()))

    def __str__(self) -> str:
        """As `parse` takes it; quoted only where a dot or a space would be misread, so a table has one spelling."""
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _quoted(part: str) -> str:
    if re.fullmatch(_PLAIN, part):
        return part
    return '"' + part.replace('"', '""') + '"'
