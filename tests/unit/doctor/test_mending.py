"""Settings of a topic are mended once the broker shows them: it follows its controller, on a busy machine after seconds."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from clearsight.errors import Unavailable
from connectors.kafka_facts import set_topic_settings

pytestmark = pytest.mark.unit

KEEP = {"clearsight.logs": {"retention.ms": "2592000000"}}


class SlowBroker:
    """Takes settings at once, cannot tell at first, and shows them after a number of looks."""

    def __init__(self, shown_after: int) -> None:
        self.looks = 0
        self._shown_after = shown_after

    def incremental_alter_configs(self, resources: Iterable[ConfigResource], **_: Any) -> dict[Any, Future[None]]:
        return {resource: _done(None) for resource in resources}

    def describe_configs(self, resources: Iterable[ConfigResource], **_: Any) -> dict[Any, Future[dict[str, Any]]]:
        self.looks += 1
        if self.looks == 1:
            busy: Future[dict[str, Any]] = Future()
            busy.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
            return dict.fromkeys(resources, busy)
        value = KEEP["clearsight.logs"]["retention.ms"] if self.looks > self._shown_after else "3600000"
        return {resource: _done({"retention.ms": SimpleNamespace(value=value)}) for resource in resources}


def _done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def test_it_waits_until_the_broker_shows_them() -> None:
    broker = SlowBroker(shown_after=4)
    set_topic_settings(cast(AdminClient, broker), KEEP)
    assert broker.looks == 5


def test_a_broker_that_never_shows_them_is_said() -> None:
    with pytest.raises(Unavailable, match=r"took the settings of clearsight.logs, but does not show them after 0.2 s"):
        set_topic_settings(cast(AdminClient, SlowBroker(shown_after=1_000_000)), KEEP, within_s=0.2)
