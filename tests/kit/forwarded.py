"""Log lines as they lie on the topic after the forwarder: its own parsing, inheriting and encoding, without CloudWatch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from zlib import crc32

from kit.batches import in_batches

from clearsight.topics import PARTITIONS
from connectors.cloudwatch.correlate import Requests
from connectors.cloudwatch.lines import Origin, encode, key_of, make_line
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.recognise import parse
from stream_processors.records import RawRecord

PAGE_EVENTS = 10_000
LATER_MS = 50


def forwarded(events: Iterable[Event], origin: Origin, topic: str) -> Iterator[RawRecord]:
    """A record for each event, in their order, read page by page."""
    requests, offsets = Requests(), defaultdict[int, int](int)
    for page in in_batches(events, PAGE_EVENTS):
        lines = [(event.stream, event.timestamp, parse(event.message)) for event in page]
        requests.correlate(lines)
        for event, (*_, parsed) in zip(page, lines, strict=True):
            line = make_line(origin, event, parsed, event.timestamp + LATER_MS)
            key = key_of(line)
            partition = crc32(key) % PARTITIONS
            offset = offsets[partition]
            offsets[partition] += 1
            yield RawRecord(topic, partition, offset, line.forwarded_time, key, encode(line, event.message))
