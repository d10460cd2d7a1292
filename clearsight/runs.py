"""A run, recomputed from its facts. Pure: the worker reads what it needs and writes what comes out."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from clearsight.actions import input_value
from clearsight.categories import categorise
from clearsight.instants import parse_us
from clearsight.mapping import ErrorRule, InputTable, RunTable
from clearsight.unavailable import is_unavailable, known

Outcome = Literal["running", "succeeded", "failed"]


class LogCounts(NamedTuple):
    lines: int = 0
    warnings: int = 0
    errors: int = 0
    error_type: str | None = None
    """Of the run's last error line that names one."""
    node: str | None = None
    """That the run's last error line names."""


class InputImage(NamedTuple):
    """The newest image of an input before a commit position; `image` None where it had been removed."""

    row_key: str
    image: dict[str, Any] | None
    event_id: str | None


class RunState(NamedTuple):
    status: str | None
    outcome: Outcome
    started_us: int | None
    finished_us: int | None
    duration_ms: int | None
    category: str | None
    error_type: str | None
    error_message: str | None
    failing_node: str | None


def run_state(image: dict[str, Any] | None, table: RunTable, logs: LogCounts, rules: tuple[ErrorRule, ...]) -> RunState:
    """The run as its newest row image and its log lines show it; without an image (only lines came yet) it is running."""
    row = image or {}
    status = _text(row, table.status)
    outcome = outcome_of(status, table)
    started, finished = _time(row, table.started), _time(row, table.finished)
    failed = outcome == "failed"
    message = _text(row, table.error) if failed else None
    return RunState(
        status=status,
        outcome=outcome,
        started_us=started,
        finished_us=finished,
        duration_ms=None if started is None or finished is None else (finished - started) // 1000,
        category=categorise(rules, logs.error_type, message) if failed else None,
        error_type=logs.error_type if failed else None,
        error_message=message,
        failing_node=(_text(row, table.node) or logs.node) if failed else None,
    )


def is_partial(image: dict[str, Any] | None, table: RunTable) -> bool:
    """Whether an image does not tell of every column that a run's state is read from."""
    told = (table.status, table.started, table.finished, table.error, table.node)
    row = image or {}
    return any(column is not None and (column not in row or is_unavailable(row[column])) for column in told)


def as_known(images: list[dict[str, Any]]) -> dict[str, Any]:
    """A row as all its images tell it, in commit order: the newest value of each column that one of them knows."""
    row: dict[str, Any] = {}
    for image in images:
        row |= known(image)
    return row


def outcome_of(status: str | None, table: RunTable) -> Outcome:
    if status in table.succeeded:
        return "succeeded"
    return "failed" if status in table.failed else "running"


def inputs_at(images: list[InputImage], table: InputTable) -> dict[str, dict[str, Any]]:
    """The inputs by row key, as they were: {"node", "name", "value", "event_id"}; removed ones left out."""
    return {
        found.row_key: {
            "node": _text(found.image, table.node),
            "name": _text(found.image, table.name),
            "value": input_value(found.image, table),
            "event_id": found.event_id,
        }
        for found in images
        if found.image is not None
    }


def _text(row: dict[str, Any], column: str | None) -> str | None:
    value = row.get(column) if column else None
    return None if value is None or is_unavailable(value) else str(value)


def _time(row: dict[str, Any], column: str | None) -> int | None:
    return parse_us(row.get(column)) if column else None
