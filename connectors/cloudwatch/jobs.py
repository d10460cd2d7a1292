"""How far a job on the past has come: a compacted topic, so that it goes on after whatever stopped it."""

from __future__ import annotations

import logging

import msgspec

from connectors.cloudwatch.pages import UNREADABLE
from connectors.cloudwatch.topic_reader import TopicReader

log = logging.getLogger(__name__)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The record on `clearsight.forwarder.jobs`, key = `job`."""

    job: str
    since: int
    """Epoch milliseconds of event time; `until` is exclusive."""
    until: int
    newest_first: bool
    positions: dict[str, int]
    """By log group: where it goes on."""
    delivered: int = 0
    finished: bool = False


_decode = msgspec.json.Decoder(Job).decode


def encode_job(job: Job) -> bytes:
    return msgspec.json.encode(job)


def read_job(reader: TopicReader, topic: str, name: str) -> Job | None:
    """The newest state of the job; None where there is none. Raises Unavailable."""
    found: Job | None = None
    for record in reader.read(topic, reader.first_offsets(topic), reader.end_offsets(topic)):
        if record.key != name.encode() or record.value is None:
            continue
        try:
            found = _decode(record.value)
        except UNREADABLE:
            log.warning("a state of the job %s at offset %d cannot be decoded", name, record.offset)
    return found
