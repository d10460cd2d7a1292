"""What the worker asks of Kafka's client is something that it takes."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer

from clearsight.settings import KafkaSettings, WorkerSettings
from stream_processors.consumer import options

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("session_timeout_ms", [6_000, 10_000, 600_000])
def test_a_session_of_any_length(session_timeout_ms: int) -> None:
    """The client refuses a session that is longer than its time between two polls."""
    worker = WorkerSettings(session_timeout_ms=session_timeout_ms)
    settings = options(KafkaSettings(), worker)
    Consumer(settings).close()
    assert settings["max.poll.interval.ms"] > 1000 * worker.database_retry_s
