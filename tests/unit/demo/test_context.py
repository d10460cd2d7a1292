"""The context and what it puts into log lines."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

import pytest

from clearsight.context import ContextFilter, PowertoolsFormatter, audit_context, current_context

pytestmark = pytest.mark.unit


def line(record: logging.LogRecord) -> dict[str, Any]:
    ContextFilter().filter(record)
    parsed: dict[str, Any] = json.loads(PowertoolsFormatter("orders").format(record))
    return parsed


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("test").makeRecord("test", logging.INFO, __file__, 7, message, (), None, "work", extra)
    made.created = 1_700_000_000.123
    return made


def test_contexts_nest_and_are_always_left() -> None:
    with audit_context("outer", user="u", use_case="c") as outer:
        with contextlib.suppress(RuntimeError), audit_context("inner") as inner:
            assert current_context() is inner
            raise RuntimeError
        assert current_context() is outer
    assert current_context() is None


def test_an_id_is_made_where_none_came() -> None:
    with audit_context() as first, audit_context() as second:
        assert first.correlation_id != second.correlation_id


def test_an_endless_id_is_refused() -> None:
    with pytest.raises(ValueError, match="128"), audit_context("x" * 129):
        pass


def test_a_line_carries_context_and_extras() -> None:
    with audit_context("c-1", user="u-1", use_case="edit"):
        assert line(record('said "ü"', scenario_id="s-1")) == {
            "level": "INFO",
            "location": "work:7",
            "message": 'said "ü"',
            "timestamp": "2023-11-14T22:13:20.123Z",
            "service": "orders",
            "scenario_id": "s-1",
            "correlation_id": "c-1",
            "user_id": "u-1",
            "use_case": "edit",
        }


def test_a_line_without_context_has_no_id() -> None:
    assert "correlation_id" not in line(record("health"))


def test_an_exception_keeps_its_traceback() -> None:
    failed = record("failed")
    try:
        raise ZeroDivisionError("division by zero")
    except ZeroDivisionError as error:
        failed.exc_info = (type(error), error, error.__traceback__)
    parsed = line(failed)
    assert parsed["exception_name"] == "ZeroDivisionError"
    assert parsed["exception"].startswith("Traceback (most recent call last):")
    assert parsed["exception"].endswith("ZeroDivisionError: division by zero")
    assert parsed["stack_trace"]["frames"][-1]["function"] == "test_an_exception_keeps_its_traceback"
