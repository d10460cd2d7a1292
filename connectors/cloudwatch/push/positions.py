"""Where each shard of a Kinesis stream goes on: on the compacted topic of the forwarder's jobs."""

from __future__ import annotations

import logging

import msgspec

from connectors.cloudwatch.deliver import DeliveryFailed, Outbox
from connectors.cloudwatch.pages import UNREADABLE
from connectors.cloudwatch.push.kinesis import ShardPosition
from connectors.cloudwatch.topic_reader import TopicReader

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(ShardPosition).decode


class TopicPositions:
    def __init__(self, reader: TopicReader, outbox: Outbox, topic: str, stream: str) -> None:
        self._reader = reader
        self._outbox = outbox
        self._topic = topic
        self._stream = stream
        self._prefix = f"kinesis/{stream}/"

    def read(self) -> dict[str, str]:
        first, end = self._reader.first_offsets(self._topic), self._reader.end_offsets(self._topic)
        found = {}
        for record in self._reader.read(self._topic, first, end):
            if record.key and record.value and record.key.decode("utf-8", "replace").startswith(self._prefix):
                try:
                    position = _decode(record.value)
                except UNREADABLE:
                    log.warning("a position of %s at offset %d cannot be decoded", self._stream, record.offset)
                    continue
                found[position.shard] = position.sequence
        return found

    def keep(self, shard: str, sequence: str) -> None:
        value = msgspec.json.encode(ShardPosition(stream=self._stream, shard=shard, sequence=sequence))
        try:
            self._outbox.send(self._topic, f"{self._prefix}{shard}".encode(), value, None, None)
            self._outbox.settle()
        except DeliveryFailed:
            self._outbox.renew()
            raise
