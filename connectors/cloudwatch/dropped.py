"""Lines that Lambda says it has dropped before CloudWatch had them: nobody can read them any more. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from connectors.cloudwatch.pages import UNREADABLE
from connectors.cloudwatch.parse.lambda_json import LOGS_DROPPED, PLATFORM
from connectors.cloudwatch.parse.record import Parsed


class _Record(msgspec.Struct, rename="camel"):
    dropped_records: Annotated[int, msgspec.Meta(ge=0)] = 1


class _Document(msgspec.Struct):
    record: _Record


_decode = msgspec.json.Decoder(_Document).decode


def records_dropped(lines: Iterable[Parsed]) -> int:
    """How many lines were dropped by what these say; 1 where one of them gives no number."""
    return sum(_count(line) for line in lines if _says_so(line))


def _says_so(line: Parsed) -> bool:
    return line.format == PLATFORM.name and line.attributes.get("type") == LOGS_DROPPED


def _count(line: Parsed) -> int:
    try:
        return _decode(line.message).record.dropped_records
    except (*UNREADABLE, UnicodeEncodeError):
        return 1
