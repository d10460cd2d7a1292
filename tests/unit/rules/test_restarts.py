"""When a connector that failed is restarted, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.restarts import LONGEST_PAUSE, STEADY, Watch, due_at, step

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, tzinfo=UTC)
S = timedelta(seconds=1)


def follow(seen: list[tuple[float, str | None]], limit: int = 10) -> tuple[list[float], Watch]:
    """When it was restarted, in seconds, and what is remembered in the end."""
    watch: Watch | None = None
    restarts = []
    for at_s, failed in seen:
        watch, restart = step(watch, failed, NOW + at_s * S, limit)
        restarts += [at_s] if restart else []
    assert watch is not None
    return restarts, watch


def test_a_connector_that_fails_for_ever_is_restarted_ever_more_slowly_and_then_given_up() -> None:
    restarts, watch = follow([(second, "no login") for second in range(3600)])
    assert restarts == [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215]
    assert (watch.state, watch.restarts, watch.reason) == ("given_up", 10, "no login")
    assert watch.since == NOW + 1515 * S


def test_running_a_moment_after_each_restart_is_no_recovery() -> None:
    watch: Watch | None = None
    restarts: list[int] = []
    for second in range(7200):
        runs = bool(restarts) and second - restarts[-1] <= 3
        watch, restart = step(watch, None if runs else "no slot", NOW + second * S, 10)
        restarts += [second] if restart else []
    assert watch is not None
    assert (len(restarts), watch.state) == (10, "given_up")


def test_it_begins_anew_after_a_steady_time() -> None:
    steady = STEADY.total_seconds()
    first = [(0, "x"), (1, None)]
    assert follow([*first, (steady, "x")])[1].restarts == 2
    assert follow([*first, (steady + 1, None), (steady + 2, "x")])[1].restarts == 1


def test_what_was_given_up_begins_anew_once_it_runs() -> None:
    given_up = Watch("given_up", NOW, 10, NOW, "x")
    assert step(given_up, "y", NOW + 900 * S, 10) == (given_up._replace(reason="y"), False)
    running, _ = step(given_up, None, NOW + 900 * S, 10)
    assert running == Watch("running", NOW + 900 * S)
    assert step(running, "x", NOW + 901 * S, 10).restart


def test_no_restart_at_all_is_given_up_at_once() -> None:
    assert follow([(0, "x")], limit=0) == ([], Watch("given_up", NOW, 0, None, "x"))


def test_a_connector_that_runs_is_remembered_once() -> None:
    watch, _ = step(None, None, NOW, 10)
    assert step(watch, None, NOW + 900 * S, 10).watch is watch


@given(st.lists(st.tuples(st.floats(0.1, 400), st.sampled_from([None, "x"])), max_size=200), st.integers(0, 5))
def test_never_more_restarts_in_a_row_than_the_limit_nor_sooner_than_the_pause(
    seen: list[tuple[float, str | None]], limit: int
) -> None:
    watch: Watch | None = None
    now = NOW
    for passed_s, failed in seen:
        now += passed_s * S
        before = watch
        watch, restart = step(watch, failed, now, limit)
        assert watch.restarts <= limit
        assert due_at(watch) <= now + LONGEST_PAUSE
        if restart and before is not None and watch.restarts > 1:
            assert before.restarted_at is not None
            assert (
                now - before.restarted_at >= 5 * S * 2 ** (watch.restarts - 2)
                or now - before.restarted_at >= LONGEST_PAUSE
            )
