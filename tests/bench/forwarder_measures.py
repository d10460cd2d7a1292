"""What is measured of the forwarder: history, a line's own cost, the lag of polling, and the start with many known ids."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import NamedTuple

import psutil
from figures import percentile
from forwarder_lines import message
from kit.forwarding import Programs, logs_client

from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch import event_ids
from connectors.cloudwatch.deliver import KafkaOutbox
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.past import PastWork, Wanted
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.state import rebuild_seen
from connectors.cloudwatch.topic_reader import KafkaTopicReader
from connectors.cloudwatch.transcript import Transcript

GROUP = "/bench"
HOUR_MS = 3_600_000
PUT = 1_500
"""Lines of about 500 bytes that fit into a PutLogEvents of 1 MB."""

AWS_LARGE_TPS = 20
"""What is asked of a region that allows 25 calls a second."""

Say = Callable[[str], None]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def parse_us(count: int) -> float:
    """Microseconds a line for reading, redacting and encoding, in pages of a thousand; the best of three."""
    events = [Event(event_ids.text(event_ids.compose(n, n, 1, n % 65536)), n, n, "s", message(n)) for n in range(count)]
    pages = [events[first : first + 1_000] for first in range(0, count, 1_000)]
    best = float("inf")
    for _ in range(3):
        transcript = Transcript(Origin("000000000000", "eu-west-1", GROUP))
        began = time.process_time()
        for page in pages:
            for event, parsed in zip(page, transcript.read(page), strict=True):
                transcript.record(event, parsed, 0)
        best = min(best, time.process_time() - began)
    return round(best / count * 1e6, 1)


def write_history(programs: Programs, count: int, say: Say) -> None:
    """Lines of the last day but one."""
    logs = logs_client(programs.port)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    begin, step = now_ms() - 36 * HOUR_MS, 12 * HOUR_MS / count
    for first in range(0, count, PUT):
        numbers = range(first, min(count, first + PUT))
        events = [{"timestamp": begin + int(n * step), "message": message(n)} for n in numbers]
        logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
        say(f"{first:,} of {count:,} lines")


def replay_eps(programs: Programs, count: int, say: Say) -> float:
    """Lines a second from the simulator to Kafka's acknowledgement, by one process; without its start."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": programs.servers, "topic_prefix": programs.names.prefix},
            "cloudwatch": {"endpoint_url": f"http://127.0.0.1:{programs.port}", "groups": (GROUP,)},
        }
    )
    with PastWork(settings, Flag()).alone() as work:
        wanted = Wanted(now_ms() - 40 * HOUR_MS, now_ms() - 20 * HOUR_MS, newest_first=False, rate_share=1.0)
        began = time.monotonic()
        job = work.backfill(wanted, lambda group, share: say(f"{share:.0%}"))
        took_s = time.monotonic() - began
    assert job.delivered == count, f"{job.delivered} of {count} lines"
    return round(count / took_s)


class Pulled(NamedTuple):
    p50_s: float | None
    p95_s: float | None
    events: int
    arrived_share: float
    rss_mb: int
    lines_per_s: float


def pull_latency(programs: Programs, per_s: int, seconds: float, drain_s: float, say: Say) -> Pulled:
    """From the lines' own time until they were forwarded, at that rate; lines that never came count as latest."""
    logs = logs_client(programs.port)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    forwarder = programs.forwarder(
        CLEARSIGHT_FORWARDER__START_BACK_S="60", CLEARSIGHT_FORWARDER__QUOTA_TPS=str(AWS_LARGE_TPS)
    )
    programs.wait_until_ready()
    peak = _Peak(forwarder.pid)
    began, written = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * per_s) - written
        if due >= per_s // 10:
            at = now_ms()
            events = [{"timestamp": at, "message": message(written + n)} for n in range(due)]
            for first in range(0, due, PUT):
                logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events[first : first + PUT])
            written += due
        say(f"{written:,} lines, {peak.rss_mb} MB")
        time.sleep(0.02)
    time.sleep(drain_s)
    lags = [(record["forwarded_time"] - record["event_time"]) / 1000 for record in programs.records()]
    lags += [float("inf")] * (written - len(lags))
    rss_mb = peak.end()
    arrived = sum(lag != float("inf") for lag in lags) / written
    return Pulled(
        percentile(lags, 0.5), percentile(lags, 0.95), written, round(arrived, 4), rss_mb, round(written / seconds)
    )


class _Peak:
    """The most memory that a process has taken, in MB."""

    def __init__(self, pid: int) -> None:
        self.rss_mb = 0
        self._ended = Flag()
        self._thread = Thread(target=self._watch, args=(psutil.Process(pid),), daemon=True)
        self._thread.start()

    def _watch(self, process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._ended.wait(0.5):
                self.rss_mb = max(self.rss_mb, process.memory_info().rss >> 20)

    def end(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.rss_mb


class Started(NamedTuple):
    seconds: float
    ids: int
    rss_mb: int
    """Of the whole process, by which the benchmark's own part is counted too."""


def start_with_known_ids(servers: str, names: TopicNames, count: int, say: Say) -> Started:
    """How long it takes to know again what is on the topic."""
    origin, now = Origin("000000000000", "eu-west-1", GROUP), now_ms()
    _fill(servers, names, origin, now, count, say)
    before_mb = psutil.Process().memory_info().rss >> 20
    began = time.monotonic()
    seen: SeenIds = rebuild_seen(KafkaTopicReader(servers), names.logs, {origin: now - 2 * HOUR_MS}, [])[origin]
    took_s = time.monotonic() - began
    rss_mb = (psutil.Process().memory_info().rss >> 20) - before_mb
    assert len(seen) == count, f"{len(seen)} of {count} ids"
    return Started(round(took_s, 1), count, rss_mb)


def _fill(servers: str, names: TopicNames, origin: Origin, now: int, count: int, say: Say) -> None:
    transcript, outbox = Transcript(origin), KafkaOutbox(servers, 60)
    for first in range(0, count, 10_000):
        numbers = range(first, min(count, first + 10_000))
        stamps = [now - int((count - n) * 2_000_000 / count) for n in numbers]
        page = [
            Event(event_ids.text(event_ids.compose(at, at, 1, n % 65536)), at, at, "s", message(n))
            for n, at in zip(numbers, stamps, strict=True)
        ]
        for event, parsed in zip(page, transcript.read(page), strict=True):
            record = transcript.record(event, parsed, now)
            outbox.send(names.logs, record.key, record.value, event.id, None)
        outbox.settle()
        say(f"{first:,} of {count:,} ids")


def folder(base: Path, name: str) -> Path:
    made = base / name
    made.mkdir()
    return made
