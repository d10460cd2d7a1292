"""What two heartbeats, one after the other, say was not in the stream between them. Pure.

Records that never reached a topic leave no hole in its offsets. The heartbeats, which travel in the same log as the
transactions, say what else they cannot tell: see connectors/debezium/heartbeat.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from clearsight.coverage import EVERY_CHANGE
from clearsight.events import SourceSign

Kind = Literal["stream", "unregistered", "unpublished"]

ANEW = "the connector began anew with a snapshot: what was committed before it and had not been read is known by its result"


class Beat(NamedTuple):
    """A heartbeat: its position in the source's log, the time of its commit, and what it says."""

    position: int
    at_us: int
    sign: SourceSign


class Lapse(NamedTuple):
    """Changes of a topic may be missing since a heartbeat (its position; 0: since ever); `before_us` None: still so."""

    topic: str
    kind: Kind
    since: int
    reason: str
    after_us: int | None
    before_us: int | None

    @property
    def cause(self) -> str:
        return f"{self.kind} {self.since}"


class Return(NamedTuple):
    """What was missing of this kind is in the stream again."""

    topic: str
    kind: Kind
    before_us: int


def is_known(last: Beat, now: Beat) -> bool:
    """Whether `now` came before `last`: the worker read it again, or the connector sent it again."""
    if now.sign.appended_ms < last.sign.appended_ms:
        return True
    was, is_ = last.sign.identity, now.sign.identity
    older_timeline = was.system == is_.system and is_.timeline < was.timeline
    return now.position <= last.position and (was == is_ or older_timeline)


def between(last: Beat | None, now: Beat, topics: Mapping[str, str]) -> Iterator[Lapse | Return]:
    """`topics` are those of the audited tables, by table."""
    broken = False
    if last is not None and (reason := _break(last.sign, now.sign)):
        broken = True
        yield Lapse(EVERY_CHANGE, "stream", last.position, reason, last.at_us, now.at_us)
    yield from _registered(last, now)
    for table, topic in topics.items():
        yield from _published(last, now, table, topic, broken)


def _break(last: SourceSign, now: SourceSign) -> str | None:
    if last.identity != now.identity:
        return f"the source became another database: {now.identity}, it was {last.identity}"
    if last.registered is not None and now.registered is not None and last.registered.epoch != now.registered.epoch:
        return ANEW
    return None


def _registered(last: Beat | None, now: Beat) -> Iterator[Lapse | Return]:
    """The epoch of the order is that of the database that was registered."""
    if not _is_strange(now.sign):
        if last is not None and _is_strange(last.sign):
            yield Return(EVERY_CHANGE, "unregistered", now.at_us)
        return
    yield Lapse(
        EVERY_CHANGE,
        "unregistered",
        last.position if last else 0,
        "the source is another database than the registered one, so its changes have no order: run `clearsight register`",
        last.at_us if last else None,
        None,
    )


def _is_strange(sign: SourceSign) -> bool:
    return sign.registered is not None and sign.registered.identity != sign.identity


def _published(last: Beat | None, now: Beat, table: str, topic: str, broken: bool) -> Iterator[Lapse | Return]:
    before = last.sign.tables.get(table) if last else None
    after = now.sign.tables.get(table)
    since, after_us = (last.position, last.at_us) if last else (0, None)
    if after is None:
        yield Lapse(topic, "unpublished", since, f"the publication leaves out {table}, or a part of it", after_us, None)
    elif last is not None and before is None:
        yield Return(topic, "unpublished", now.at_us)
    elif before is not None and before != after and not broken:
        yield Lapse(topic, "unpublished", since, f"{table} was not published for a while", after_us, now.at_us)
