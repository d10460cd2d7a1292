"""Who watches for commits: a plain Kafka consumer, which is the floor that Debezium sets, and a client of the API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import httpx
import msgspec
from confluent_kafka import Consumer, TopicPartition
from freshness_commits import Schedule, number_of

from clearsight.errors import Unavailable

POLL_S = 0.02
"""How long the API's client waits between two questions."""
CONSUME_LIMIT_S = 0.1
REQUEST_LIMIT_S = 10.0
GIVE_UP_S = 60.0
"""A commit that the API has not shown after this long is counted as unseen and no longer asked for."""
PAGE = 1000


class Watch:
    """Runs `look` again and again in a thread of its own; `seen_s` holds when each commit was first seen, monotonic."""

    def __init__(self, look: Callable[[dict[int, float]], None]) -> None:
        self.seen_s: dict[int, float] = {}
        self._look = look
        self._error: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def await_all(self, numbers: set[int], limit_s: float) -> None:
        """Until these commits were seen, or the time is up. Raises what watching raised."""
        until_s = time.monotonic() + limit_s
        while time.monotonic() < until_s and not numbers <= self.seen_s.keys():
            self.check()
            time.sleep(POLL_S)
        self.check()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._look(self.seen_s)
        except Exception as error:  # told by `check`, in the thread that waits
            self._error = error


class _After(msgspec.Struct):
    value_text: str | None = None


class _Record(msgspec.Struct):
    after: _After | None = None


class RawClient:
    """Sees each record as soon as a plain consumer has it: `poll` returns with the first that comes."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "clearsight-bench-floor",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._decode = msgspec.json.Decoder(_Record).decode
        places = [
            TopicPartition(topic, number)
            for number in self._consumer.list_topics(topic, timeout=REQUEST_LIMIT_S).topics[topic].partitions
        ]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=REQUEST_LIMIT_S)[1]
        self._consumer.assign(places)

    def look(self, seen_s: dict[int, float]) -> None:
        message = self._consumer.poll(CONSUME_LIMIT_S)
        now_s = time.monotonic()
        if message is None or message.error() or message.value() is None:
            return
        after = self._decode(message.value()).after
        number = number_of(after.value_text) if after else None
        if number is not None:
            seen_s.setdefault(number, now_s)

    def close(self) -> None:
        self._consumer.close()


class _Details(msgspec.Struct):
    new: Any = None


class _Item(msgspec.Struct):
    details: _Details


class _Trail(msgspec.Struct):
    items: list[_Item]


class TrailClient:
    """Asks for the probe scenario's audit trail from the oldest probe on that it has not seen, with one connection.

    A figure includes the API's answer, and up to POLL_S of waiting between two questions.
    """

    def __init__(self, url: str, scenario: str, schedule: Schedule) -> None:
        self.answer_ms: list[float] = []
        self._client = httpx.Client(base_url=url, timeout=REQUEST_LIMIT_S, trust_env=False)
        self._path = f"/rca/scenario/{scenario}/audit-trail"
        self._schedule = schedule
        self._waited_for = list(schedule.probes())
        self._decode = msgspec.json.Decoder(_Trail).decode

    def look(self, seen_s: dict[int, float]) -> None:
        time.sleep(POLL_S)
        asked_s = time.monotonic()
        while self._waited_for and (self._waited_for[0] in seen_s or self._given_up(self._waited_for[0], asked_s)):
            self._waited_for.pop(0)
        if not self._waited_for or self._schedule.due_s(self._waited_for[0]) > asked_s:
            return
        since = datetime.fromtimestamp(self._schedule.due_wall_s(self._waited_for[0]), UTC)
        answer = self._client.get(
            self._path, params={"from": since.isoformat().replace("+00:00", "Z"), "type": "action", "limit": PAGE}
        )
        now_s = time.monotonic()
        if answer.status_code == httpx.codes.NOT_FOUND:  # the scenario itself has not landed yet
            return
        if answer.is_error:
            raise Unavailable(f"the API answered {answer.status_code} to {answer.url}", "look at the API's log")
        self.answer_ms.append((now_s - asked_s) * 1000)
        for item in self._decode(answer.content).items:
            number = number_of(item.details.new if isinstance(item.details.new, str) else None)
            if number is not None:
                seen_s.setdefault(number, now_s)

    def close(self) -> None:
        self._client.close()

    def _given_up(self, number: int, now_s: float) -> bool:
        return now_s - self._schedule.due_s(number) > GIVE_UP_S
