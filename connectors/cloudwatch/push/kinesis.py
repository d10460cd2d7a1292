"""Reads a Kinesis data stream that a subscription filter writes to; a shard's position moves when Kafka has its lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotInTime
from threading import Event
from typing import Any, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from clearsight.errors import ClearSightError, Unavailable
from connectors.cloudwatch.backoff import Backoff
from connectors.cloudwatch.client import RESULTS, Kind, kind_of
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import PushBatch, Refused, Routes
from connectors.cloudwatch.metrics import Meter
from connectors.cloudwatch.push.payload import BadPayload, unpack

RECORDS = 500
POLL_S = 0.5
"""AWS lets each shard be read five times a second."""
SHARDS_EVERY_S = 60.0
DELIVERED_WITHIN_S = 60.0

_EXPECTED = (ClientError, BotoCoreError, ClearSightError)
_MEND = "it goes on where it stopped; allow ListShards, GetShardIterator and GetRecords to the credentials in use"

log = logging.getLogger(__name__)


class ShardPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The record on `clearsight.forwarder.jobs`, key = `kinesis/<stream>/<shard>`."""

    stream: str
    shard: str
    sequence: str
    """Up to this record, inclusive, everything was delivered."""


class Positions(Protocol):
    """Raise Unavailable."""

    def read(self) -> dict[str, str]:
        """Shard → sequence number."""

    def keep(self, shard: str, sequence: str) -> None: ...


class KinesisReader:
    """Runs in a thread of its own while `leading`, and tells `health` what keeps it from that. A record that cannot be read
    is passed over with a word: the cold tier finds its lines."""

    def __init__(
        self,
        client: Any,
        stream: str,
        routes: Routes,
        positions: Positions,
        meter: Meter,
        *,
        health: Health,
        leading: Callable[[], bool],
        stopping: Event,
        region: str | None = None,
    ) -> None:
        self._region = region
        self._client = client
        self._stream = stream
        self._routes = routes
        self._positions = positions
        self._meter = meter
        self._health = health
        self._name = f"the Kinesis stream {stream}"
        self._leading = leading
        self._stopping = stopping
        self._iterators: dict[str, str | None] = {}
        self._known: dict[str, str] | None = None
        self._looked = 0.0
        self._unread: set[str] = set()

    def run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                moved = self._turn()
            except Exception as error:  # nobody else would hear of it
                self._failed(error, backoff)
                continue
            if message := backoff.succeeded():
                log.warning("%s", message)
            self._health.succeeded(self._name)
            if not moved:
                self._stopping.wait(POLL_S)

    def _turn(self) -> bool:
        if not self._leading():
            self._forget()  # another one moves the positions
            return False
        return self.step()

    def _failed(self, error: Exception, backoff: Backoff) -> None:
        """Say so, and wait: all is read again from the positions that Kafka has."""
        self._forget()
        kind, failure = _failure(error, self._name)
        if isinstance(error, ClientError | BotoCoreError):
            self._meter.call("kinesis", RESULTS.get(kind, kind))
        if message := backoff.failed(failure, time.monotonic()):
            log.warning("%s", message, exc_info=None if isinstance(error, _EXPECTED) else error)
        self._health.failed(self._name, kind, failure.message)
        while not backoff.due(time.monotonic()) and not self._stopping.wait(0.1):
            pass

    def _forget(self) -> None:
        self._iterators, self._known = {}, None

    def step(self) -> bool:
        """Read each shard once; whether any had records. Raises Unavailable and what botocore raises: the first failure,
        after the other shards were read."""
        self._find_shards()
        moved, failure = False, None
        for shard, iterator in list(self._iterators.items()):
            if iterator is None:
                continue
            if failure is not None and self._is_over():
                break
            try:
                moved |= self._read(shard, iterator)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return moved

    def _is_over(self) -> bool:
        return self._stopping.is_set() or not self._leading()

    def _read(self, shard: str, iterator: str) -> bool:
        """Deliver what comes next in the shard; whether anything did."""
        answer = self._client.get_records(ShardIterator=iterator, Limit=RECORDS)
        self._meter.call("kinesis", "ok")
        if records := answer["Records"]:
            self._deliver(shard, records)
        self._iterators[shard] = answer.get("NextShardIterator")
        return bool(records)

    def _find_shards(self) -> None:
        now = time.monotonic()
        if self._iterators and now - self._looked < SHARDS_EVERY_S:
            return
        self._looked = now
        if self._known is None:
            self._known = self._positions.read()
        for name in self._shards():
            if name not in self._iterators:
                self._iterators[name] = self._iterator(name, self._known.get(name))

    def _shards(self) -> Iterator[str]:
        wanted = {"StreamName": self._stream}
        while wanted:
            answer = self._client.list_shards(**wanted)
            yield from (shard["ShardId"] for shard in answer["Shards"])
            token = answer.get("NextToken")
            wanted = {"NextToken": token} if token else {}

    def _iterator(self, shard: str, sequence: str | None) -> str:
        where = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
            if sequence
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        answer = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    def _deliver(self, shard: str, records: list[dict[str, Any]]) -> None:
        waiting = []
        for record in records:
            batch = self._batch(shard, record)
            if batch is None:
                continue
            try:
                self._routes.put(batch)
            except Refused:
                raise
            except ClearSightError as error:
                self._pass_over(error.message)
            else:
                waiting.append(batch)
        for batch in waiting:
            try:
                batch.done.result(DELIVERED_WITHIN_S)
            except NotInTime:
                batch.done.cancel()
                raise Refused("pushed lines were not delivered in time", "they are read again") from None
        self._positions.keep(shard, records[-1]["SequenceNumber"])

    def _batch(self, shard: str, record: dict[str, Any]) -> PushBatch | None:
        try:
            payload = unpack(record["Data"])
        except BadPayload as error:
            self._meter.pushed("unreadable")
            log.warning("record %s of shard %s: %s", record["SequenceNumber"], shard, error.message)
            return None
        self._meter.pushed("control" if payload.is_control else "data")
        if payload.is_control:
            return None
        return PushBatch(payload.owner, payload.log_group, payload.events(), self._region)

    def _pass_over(self, why: str) -> None:
        if why not in self._unread:
            self._unread.add(why)
            log.warning("pushed lines are passed over: %s", why)


def _failure(error: Exception, name: str) -> tuple[Kind, ClearSightError]:
    if isinstance(error, ClearSightError):
        return "away", error
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "denied", Unavailable("no AWS credentials were found", _MEND)
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    return kind_of(code), Unavailable(f"{name} cannot be read ({code})", _MEND)
