"""Times as columns carry them; categories by ordered rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.categories import categorise
from clearsight.instants import DAY_US, EARLIEST_US, clamp_us, from_us, parse_us, to_us
from clearsight.mapping import DEFAULT_MAPPING, load_mapping

pytestmark = pytest.mark.unit

RULES = load_mapping(DEFAULT_MAPPING).errors


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_iso_text_and_microseconds_are_the_same_time(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    time_us = to_us(instant)
    assert from_us(time_us) == instant
    assert parse_us(instant.isoformat().replace("+00:00", "Z")) == time_us
    assert parse_us(naive.isoformat()) == time_us


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (20_000, 20_000 * DAY_US),
        (1_795_389_509_448, 1_795_389_509_448_000),
        (1_795_389_509_448_271, 1_795_389_509_448_271),
        ("2026-11-22T23:18:29+02:00", 1_795_382_309_000_000),
        (None, None),
        (True, None),
        ("infinity", None),
        ("", None),
        ({}, None),
    ],
)
def test_numbers_are_told_apart_by_size(value: object, expected: int | None) -> None:
    assert parse_us(value) == expected


@given(st.integers(-(10**18), 10**18))
def test_clamped_into_what_partitions_hold(time_us: int) -> None:
    now = 1_795_389_509_000_000
    clamped, changed = clamp_us(time_us, now)
    assert EARLIEST_US <= clamped <= now + DAY_US
    assert changed == (clamped != time_us)


@pytest.mark.parametrize(
    ("error_type", "text", "category"),
    [
        ("TimeBudgetExceeded", None, "timeout"),
        ("psycopg.errors.DeadlockDetected", "deadlock detected", "database"),
        ("ValidationError", "base must not be negative", "validation"),
        ("ZeroDivisionError", "float division by zero", "calculation"),
        (None, "Task timed out after 3.00 seconds", "timeout"),
        (None, "DEADLOCK DETECTED", "database"),
        ("SomethingElse", "no idea", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_first_rule_wins(error_type: str | None, text: str | None, category: str) -> None:
    assert categorise(RULES, error_type, text) == category
