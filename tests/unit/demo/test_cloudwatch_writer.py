"""Lines arrive once each, in CloudWatch's batches, whatever the service answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.waiting import until

from clearsight.demo.cloudwatch_writer import (
    BATCH_MAX_BYTES,
    BATCH_MAX_EVENTS,
    BATCH_MAX_SPAN_MS,
    EVENT_OVERHEAD_BYTES,
    CloudWatchWriter,
    Line,
    batches,
)
from clearsight.errors import Unavailable

pytestmark = pytest.mark.unit


class AlreadyExists(Exception):
    pass


class Service:
    """Answers like CloudWatch, after failing as often as it was told to."""

    class exceptions:
        ResourceAlreadyExistsException = AlreadyExists

    def __init__(self, failures: int = 0, rejected: dict[str, int] | None = None) -> None:
        self.failures = failures
        self.rejected = rejected
        self.stored: list[tuple[str, str, int, str]] = []

    def create_log_group(self, **names: str) -> None:
        raise AlreadyExists

    def create_log_stream(self, **names: str) -> None:
        pass

    def put_log_events(
        self, logGroupName: str, logStreamName: str, logEvents: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("throttled")
        self.stored += [(logGroupName, logStreamName, event["timestamp"], event["message"]) for event in logEvents]
        return {"rejectedLogEventsInfo": self.rejected} if self.rejected else {}


def writer(service: Service) -> CloudWatchWriter:
    return CloudWatchWriter(cast(Any, service), flush_interval_ms=1)


def test_a_clean_end_loses_nothing() -> None:
    service = Service()
    written = writer(service)
    expected = [("/g", f"s{number % 3}", number, f"line {number} ü") for number in range(500)]
    for line in expected:
        written.put(*line)
    written.close()
    assert sorted(service.stored) == sorted(expected)
    assert (written.accepted, written.rejected) == (500, 0)


def test_a_failing_request_is_tried_again() -> None:
    service = Service(failures=2)
    written = writer(service)
    written.put("/g", "s", 1, "once")
    written.close()
    assert [line[3] for line in service.stored] == ["once"]
    assert written.accepted == 1


def test_refused_lines_are_counted() -> None:
    written = writer(Service(rejected={"tooOldLogEventEndIndex": 1}))
    written.put("/g", "s", 1, "old")
    written.close()
    assert (written.accepted, written.rejected) == (0, 1)


def test_what_could_not_be_sent_is_said() -> None:
    service = Service(failures=10**9)
    written = writer(service)
    written.put("/g", "s", 1, "never")
    until(lambda: service.failures < 10**9, "it was tried")
    with pytest.raises(Unavailable, match="1 log lines too few: ConnectionError"):
        written.close(timeout_s=0.1)


lines = st.builds(
    lambda at, size: Line("/g", "s", at, "x" * size), st.integers(0, 3 * BATCH_MAX_SPAN_MS), st.integers(0, 300_000)
)


@given(st.lists(lines, max_size=30))
def test_batches_keep_every_line_within_the_limits(given_lines: list[Line]) -> None:
    made = list(batches(given_lines))
    assert [line for batch in made for line in batch] == sorted(given_lines, key=lambda line: line.timestamp_ms)
    for batch in made:
        assert sum(len(line.message.encode()) + EVENT_OVERHEAD_BYTES for line in batch) <= BATCH_MAX_BYTES
        assert batch[-1].timestamp_ms - batch[0].timestamp_ms < BATCH_MAX_SPAN_MS


def test_a_batch_has_at_most_ten_thousand_lines() -> None:
    made = list(batches([Line("/g", "s", 1, "")] * (BATCH_MAX_EVENTS + 1)))
    assert [len(batch) for batch in made] == [BATCH_MAX_EVENTS, 1]
