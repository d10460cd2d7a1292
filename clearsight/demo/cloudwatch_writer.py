"""Log lines to CloudWatch Logs, in the background, in batches, without losing one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from clearsight.errors import Unavailable
from clearsight.settings import CloudWatchSettings

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

BATCH_MAX_EVENTS = 10_000
BATCH_MAX_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
BATCH_MAX_SPAN_MS = 24 * 3600 * 1000
"""CloudWatch's own limits of one PutLogEvents request."""

RETRY_WAIT_S = 0.2


class Line(NamedTuple):
    group: str
    stream: str
    timestamp_ms: int
    message: str


def batches(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines of one stream as CloudWatch takes them: in order of time, within the limits of one request."""
    batch: list[Line] = []
    size = 0
    for line in sorted(lines, key=lambda line: line.timestamp_ms):
        cost = len(line.message.encode()) + EVENT_OVERHEAD_BYTES
        full = len(batch) == BATCH_MAX_EVENTS or size + cost > BATCH_MAX_BYTES
        if batch and (full or line.timestamp_ms - batch[0].timestamp_ms >= BATCH_MAX_SPAN_MS):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += cost
    if batch:
        yield batch


def logs_client(settings: CloudWatchSettings) -> CloudWatchLogsClient:
    """boto3's own client; the simulator takes any credentials, AWS the environment's."""
    import boto3
    from botocore.config import Config

    simulated = "simulator" if settings.endpoint_url else None
    client: CloudWatchLogsClient = boto3.client(
        "logs",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=simulated,
        aws_secret_access_key=simulated,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=10),
    )
    return client


class CloudWatchWriter:
    """Takes lines at once and sends them from one thread; a failing request is tried again until `close` gives up.

    A request whose answer got lost is sent again, so a line can be stored twice by CloudWatch, under two ids.
    """

    def __init__(self, client: CloudWatchLogsClient, *, flush_interval_ms: int = 100) -> None:
        self._client = client
        self._flush_interval_s = flush_interval_ms / 1000
        self._pending: list[Line] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._give_up_s: float | None = None
        self._streams: set[tuple[str, str]] = set()
        self._taken = self._accepted = self._rejected = 0
        self._last_error = ""
        self._thread = threading.Thread(target=self._run, name="cloudwatch-writer", daemon=True)
        self._thread.start()

    @property
    def accepted(self) -> int:
        """Lines that CloudWatch said it has."""
        return self._accepted

    @property
    def rejected(self) -> int:
        """Lines that CloudWatch refused as too old or too new."""
        return self._rejected

    @property
    def streams(self) -> frozenset[tuple[str, str]]:
        """The (group, stream) pairs written to."""
        return frozenset(self._streams)

    def put(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        with self._lock:
            self._pending.append(Line(group, stream, timestamp_ms, message))
            self._taken += 1

    def close(self, timeout_s: float = 30.0) -> None:
        """Send what is left. Raises Unavailable with how many lines could not be sent."""
        self._give_up_s = time.monotonic() + timeout_s
        self._closing.set()
        self._thread.join(timeout_s + 15)
        left = self._taken - self._accepted - self._rejected
        if left:
            raise Unavailable(
                f"CloudWatch took {left} log lines too few: {self._last_error}", "see `clearsight status`"
            )

    def _run(self) -> None:
        while not self._closing.wait(self._flush_interval_s):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            lines, self._pending = self._pending, []
        by_stream: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in lines:
            by_stream[line.group, line.stream].append(line)
        for (group, stream), own in by_stream.items():
            for batch in batches(own):
                self._deliver(group, stream, batch)

    def _deliver(self, group: str, stream: str, batch: list[Line]) -> None:
        while not self._given_up():
            try:
                self._ensure_stream(group, stream)
                self._send(group, stream, batch)
                return
            except Exception as error:  # whatever boto3 raises: the lines are still ours
                self._last_error = f"{type(error).__name__}: {error}"
                time.sleep(RETRY_WAIT_S)

    def _given_up(self) -> bool:
        return self._give_up_s is not None and time.monotonic() > self._give_up_s

    def _send(self, group: str, stream: str, batch: list[Line]) -> None:
        answer = self._client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": line.timestamp_ms, "message": line.message} for line in batch],
        )
        refused = _refused(answer.get("rejectedLogEventsInfo") or {}, len(batch))
        self._rejected += refused
        self._accepted += len(batch) - refused

    def _ensure_stream(self, group: str, stream: str) -> None:
        if (group, stream) in self._streams:
            return
        exists = self._client.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(exists):
            self._client.create_log_group(logGroupName=group)
        with contextlib.suppress(exists):
            self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._streams.add((group, stream))


def _refused(info: Mapping[str, Any], size: int) -> int:
    """CloudWatch refuses from both ends of a batch: up to an index as too old, from an index on as too new."""
    old: int = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new: int = size - info.get("tooNewLogEventStartIndex", size)
    return min(size, old + new)
