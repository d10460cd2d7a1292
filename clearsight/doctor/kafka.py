"""What is right and wrong with Kafka and with the product's topics: replay needs them as clearsight/topics.py says."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clearsight.doctor import kafka_kinds as kinds
from clearsight.doctor.finding import Away, Examination, Kind
from clearsight.doctor.names import shortened
from clearsight.topics import AUDIT_MAX_BYTES, Topic

REQUEST_MARGIN_BYTES = 1024 * 1024
"""A request holds more than its largest record."""


class TopicFacts(msgspec.Struct, frozen=True):
    partitions: int
    copies: int
    """Of its least copied partition."""
    settings: dict[str, str]
    """In effect: its own, else the broker's."""


class Waiting(msgspec.Struct, frozen=True):
    topic: str
    records: int


class WorkerFacts(msgspec.Struct, frozen=True):
    """The workers' consumer group: its members, and the topics where a record has waited longer than `lag_limit_s`."""

    members: int
    waiting: tuple[Waiting, ...]


class ForwarderFacts(msgspec.Struct, frozen=True):
    """Its checkpoints come each second or so, also when all is quiet."""

    age_ms: int | None
    """Of the newest, by the broker's clock; None where there is none."""


class KafkaFacts(msgspec.Struct, frozen=True, kw_only=True):
    topics: dict[str, TopicFacts]
    """Of the product's topics, those that exist."""
    broker: dict[str, str] | Away
    """The broker's own settings, where Kafka tells them."""
    workers: WorkerFacts | Away
    forwarder: ForwarderFacts | Away
    connect_policies: dict[str, str]
    """The cleanup.policy of Kafka Connect's own topics, of those that exist under the product's prefix."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    topics: tuple[Topic, ...]
    replication_factor: int
    servers: str
    group: str
    lag_limit_s: float
    workers_at_most: int
    connect_topics: tuple[str, ...] = ()
    """Kafka Connect's own, as the product's deployments name them."""
    checkpoints: str = "clearsight.forwarder.state"
    silence_limit_s: float = 30


def judge(facts: KafkaFacts | Away, wanted: Wanted) -> Examination:
    found = Examination("kafka", kinds.CHECKS)
    if isinstance(facts, Away):
        found.find(kinds.UNREACHABLE, where=facts.where, reason=facts.reason)
        found.leave("Kafka does not answer")
        return found
    judge_topics(found, facts.topics, wanted)
    _broker(found, facts.broker)
    _workers(found, facts.workers, wanted)
    _forwarder(found, facts.forwarder, wanted)
    _connect_topics(found, facts.connect_policies, wanted)
    return found


def judge_topics(found: Examination, topics: dict[str, TopicFacts], wanted: Wanted) -> None:
    """One finding for each thing that is wrong, whatever the number of topics that share it."""
    missing = [topic.name for topic in wanted.topics if topic.name not in topics]
    if missing:
        found.find(kinds.TOPIC_MISSING, topics=shortened(missing))
    wrong: dict[tuple[Kind, str, str, str], list[str]] = {}
    for topic in wanted.topics:
        if topic.name in topics:
            for difference in _differences(topic, topics[topic.name], wanted.replication_factor):
                wrong.setdefault(difference, []).append(topic.name)
    for (kind, setting, is_, should), names in wrong.items():
        values = {"setting": setting, "found": is_, "wanted": should, "servers": wanted.servers}
        topic_name = names[0] if len(names) == 1 else "TOPIC"
        found.find(kind, topics=shortened(names), topic=topic_name, **values)


def _differences(wanted: Topic, found: TopicFacts, copies: int) -> Iterable[tuple[Kind, str, str, str]]:
    if found.partitions != wanted.partitions:
        kind = kinds.PARTITIONS_FEW if found.partitions < wanted.partitions else kinds.PARTITIONS_MANY
        yield kind, "partitions", str(found.partitions), str(wanted.partitions)
    if found.copies < copies:
        yield kinds.COPIES, "copies", str(found.copies), str(copies)
    for setting, value in wanted.config.items():
        is_ = found.settings.get(setting, "unknown")
        if is_ != value:
            yield kinds.KIND_OF_SETTING.get(setting, kinds.SETTING), setting, is_, value


def mendable(wanted: Topic, found: TopicFacts) -> dict[str, str]:
    """The settings that may be set without harm: all that differ, but a retention only to keep more."""
    return {
        setting: value
        for setting, value in wanted.config.items()
        if found.settings.get(setting) != value and not _shortens(setting, found.settings.get(setting), value)
    }


def _shortens(setting: str, found: str | None, wanted: str) -> bool:
    if setting not in ("retention.ms", "retention.bytes") or found is None or wanted == "-1":
        return False
    return found == "-1" or int(found) > int(wanted)


def _workers(found: Examination, workers: WorkerFacts | Away, wanted: Wanted) -> None:
    if isinstance(workers, Away):
        found.leave(f"Kafka does not tell of the group {wanted.group}: {workers.reason}", ["worker"])
        return
    if workers.members == 0:
        found.find(kinds.WORKER_ABSENT, group=wanted.group)
    if workers.waiting:
        found.find(
            kinds.WORKER_BEHIND,
            records=f"{sum(each.records for each in workers.waiting):,}",
            topics=shortened([each.topic for each in workers.waiting], 3),
            limit_s=f"{wanted.lag_limit_s:.0f}",
            most=wanted.workers_at_most,
        )


def _forwarder(found: Examination, forwarder: ForwarderFacts | Away, wanted: Wanted) -> None:
    if isinstance(forwarder, Away):
        found.leave(f"Kafka does not tell of {wanted.checkpoints}: {forwarder.reason}", ["forwarder"])
    elif forwarder.age_ms is None:
        found.find(kinds.FORWARDER_SILENT, topic=wanted.checkpoints, last="none ever did")
    elif forwarder.age_ms > wanted.silence_limit_s * 1000:
        last = f"the last checkpoint came {forwarder.age_ms / 1000:,.0f} s ago"
        found.find(kinds.FORWARDER_SILENT, topic=wanted.checkpoints, last=last)


def _connect_topics(found: Examination, policies: dict[str, str], wanted: Wanted) -> None:
    wrong: dict[str, list[str]] = {}
    for name, policy in policies.items():
        if policy != "compact":
            wrong.setdefault(policy, []).append(name)
    for policy, names in wrong.items():
        topic = names[0] if len(names) == 1 else "TOPIC"
        found.find(kinds.CONNECT_TOPIC, topics=shortened(names), topic=topic, found=policy, servers=wanted.servers)


def _broker(found: Examination, broker: dict[str, str] | Away) -> None:
    if isinstance(broker, Away):
        found.leave(f"Kafka does not tell its brokers' settings: {broker.reason}", ["broker"])
        return
    if broker.get("auto.create.topics.enable") == "true":
        found.find(kinds.AUTO_CREATE)
    least = AUDIT_MAX_BYTES + REQUEST_MARGIN_BYTES
    limit = int(broker.get("socket.request.max.bytes", least))
    if limit < least:
        found.find(kinds.REQUEST_BYTES, found=limit, wanted=least)
