"""Log lines as they lie on the topic after the forwarder: its own reading, redacting and encoding, without CloudWatch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from zlib import crc32

from kit.batches import in_batches

from clearsight.topics import PARTITIONS
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.transcript import Transcript
from stream_processors.records import RawRecord

PAGE_EVENTS = 10_000
LATER_MS = 50


def forwarded(events: Iterable[Event], origin: Origin, topic: str) -> Iterator[RawRecord]:
    """A record for each event, in their order, read page by page."""
    transcript, offsets = Transcript(origin), defaultdict[int, int](int)
    for page in in_batches(events, PAGE_EVENTS):
        for event, parsed in zip(page, transcript.read(page), strict=True):
            at = event.timestamp + LATER_MS
            record = transcript.record(event, parsed, at)
            partition = crc32(record.key) % PARTITIONS
            offset = offsets[partition]
            offsets[partition] += 1
            yield RawRecord(topic, partition, offset, at, record.key, record.value)
