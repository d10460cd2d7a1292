"""Times as columns carry them; categories by ordered rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.categories import Verdict, categorise, verdict
from clearsight.instants import DAY_US, EARLIEST_US, LATEST_US, clamp_us, from_us, is_odd, parse_us, to_us
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping

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
        (1_795_389_509_448_271_123, 1_795_389_509_448_271),
        (10**30, None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-03-29Z", 1_774_742_400_000_000),
        ("-0043-03-15Z", None),
        ("0044-03-15Z", -60_772_291_200_000_000),
        ("+292278994-08-16T23:00:00Z", None),
        (9_223_372_036_854_775_807, None),
        (-9_223_372_036_832_400_000, None),
        (None, None),
        (True, None),
        ("infinity", None),
        ("", None),
        ({}, None),
    ],
)
def test_numbers_are_told_apart_by_size(value: object, expected: int | None) -> None:
    assert parse_us(value) == expected


@given(st.integers(-(10**20), 10**20))
def test_clamped_into_what_partitions_hold(time_us: int) -> None:
    clamped = clamp_us(time_us)
    assert EARLIEST_US <= clamped <= LATEST_US
    assert clamp_us(clamped) == clamped
    from_us(clamped)


def test_a_time_after_tomorrow_is_odd_and_kept() -> None:
    now = 1_795_389_509_000_000
    assert not is_odd(now + DAY_US, now)
    assert is_odd(now + DAY_US + 1, now)
    assert clamp_us(now + 2 * DAY_US) == now + 2 * DAY_US


@pytest.mark.parametrize(
    ("error_type", "text", "category"),
    [
        ("TimeBudgetExceeded", None, "timeout"),
        ("psycopg.errors.DeadlockDetected", "deadlock detected", "database"),
        ("ValidationError", "base must not be negative", "validation"),
        ("ZeroDivisionError", "float division by zero", "calculation"),
        (None, "Task timed out after 3.00 seconds", "timeout"),
        (None, "DEADLOCK DETECTED", "database"),
        ("OutOfMemoryError", "Java heap space", "resource"),
        (None, "write failed: No space left on device", "resource"),
        ("InsufficientPrivilege", "permission denied for table runs", "security"),
        ("IntegrityError", "duplicate key value violates unique constraint", "database"),
        ("CheckViolation", "new row violates check constraint", "validation"),
        (None, "the result is NaN", "calculation"),
        (None, "governance and finance", "unknown"),
        ("ConnectionRefusedError", None, "dependency"),
        ("HTTPError", "400 Client Error", "dependency"),
        ("SomethingElse", "no idea", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_first_rule_wins(error_type: str | None, text: str | None, category: str) -> None:
    assert categorise(RULES, error_type, text) == category


def test_an_error_that_no_rule_fits_has_the_category_of_the_nearest_cause_that_one_does() -> None:
    causes = [("KeyError", "demand"), ("DeadlockDetected", "deadlock detected"), ("TimeoutError", None)]
    assert verdict(RULES, "NodeFailed", "node demand failed", causes) == Verdict(
        "database", "cause: type DeadlockDetected"
    )
    assert categorise(RULES, "ValidationError", "x", causes) == "validation"


def test_the_reason_names_what_matched() -> None:
    assert verdict(RULES, None, "Read timed out") == Verdict("timeout", "text 'timed out'")
    assert verdict(RULES, None, "is NaN").because == r"pattern '\\bnan\\b'"
