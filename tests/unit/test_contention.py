from __future__ import annotations

import pytest

from clearsight.contention import Wait, lock_conflict

pytestmark = pytest.mark.unit

DEADLOCK = """psycopg.errors.DeadlockDetected: deadlock detected
DETAIL:  Process 31 waits for ShareLock on transaction 745; blocked by process 32.
Process 32 waits for ShareLock on transaction 744; blocked by process 31.
HINT:  See server log for query details."""


def test_a_deadlock_names_the_transactions_that_were_waited_for():
    found = lock_conflict(["node price failed", DEADLOCK])
    assert found
    assert found.kind == "deadlock"
    assert found.waits == (Wait(31, 745, 32), Wait(32, 744, 31))
    assert found.transactions == (745, 744)


def test_the_same_message_twice_counts_once():
    found = lock_conflict([DEADLOCK, DEADLOCK])
    assert found
    assert found.transactions == (745, 744)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("canceling statement due to lock timeout", "lock timeout"),
        ("could not serialize access due to concurrent update", "serialization failure"),
        ("ERROR 40P01", "deadlock"),
    ],
)
def test_other_conflicts_are_known_by_their_words(text, kind):
    found = lock_conflict([text])
    assert found
    assert found.kind == kind
    assert found.transactions == ()


def test_other_errors_are_no_conflict():
    assert lock_conflict(["relation does not exist", "Process 31 waits for nothing"]) is None
