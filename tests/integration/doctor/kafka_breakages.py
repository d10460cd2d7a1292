"""Kafka, its topics and the workers, broken."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka.admin import NewTopic
from kit.waiting import until

from clearsight.cli.examination import Limits
from clearsight.doctor.finding import Report
from clearsight.stack import kafka
from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.supervisor import Stack
from connectors.kafka_facts import set_topic_settings
from connectors.topics import create_topics, mend_topics
from tests.integration.doctor.world import World, breaks

ABSENT = ("kafka.worker-absent", "kafka.forwarder-silent")
LIMIT_S = 60
LOGS, AUDIT = "clearsight.logs", "clearsight.audit"
"""Nobody reads the audit topic here, so it may go and come back."""


@breaks("kafka.unreachable")
def away(world: World) -> Report:
    return world.examine(kafka={"bootstrap_servers": "127.0.0.1:1"})


@contextmanager
def without_audit(world: World, partitions: int | None = None) -> Iterator[None]:
    _remove_audit(world)
    try:
        if partitions:
            made = world.kafka.create_topics([NewTopic(AUDIT, partitions, 1, config=_settings_of_audit(world))])
            made[AUDIT].result(LIMIT_S)
            until(lambda: _has_audit(world), "the topic is there")
        yield
    finally:
        if partitions:
            _remove_audit(world)
        create_topics(world.settings.kafka, world.settings.mapping.tables())
        until(lambda: _has_audit(world), "the topic is back")


def _has_audit(world: World) -> bool:
    return AUDIT in world.kafka.list_topics(timeout=LIMIT_S).topics


def _remove_audit(world: World) -> None:
    world.kafka.delete_topics([AUDIT])[AUDIT].result(LIMIT_S)
    until(lambda: not _has_audit(world), "the topic is gone")


def _settings_of_audit(world: World) -> dict[str, str]:
    from connectors.topics import wanted_topics

    wanted = wanted_topics(world.settings.kafka, world.settings.mapping.tables())
    return next(topic.config for topic in wanted.topics if topic.name == AUDIT)


@breaks("kafka.topic-missing")
def topic_missing(world: World) -> Report:
    with without_audit(world):
        return world.examine()


@breaks("kafka.partitions-few")
def too_few_partitions(world: World) -> Report:
    with without_audit(world, partitions=1):
        return world.examine()


@breaks("kafka.partitions-many")
def too_many_partitions(world: World) -> Report:
    with without_audit(world, partitions=5):
        return world.examine()


@breaks("kafka.copies")
def too_few_copies(world: World) -> Report:
    return world.examine(kafka={"replication_factor": 2})


def _setting(world: World, name: str, value: str) -> Report:
    """Mended as `clearsight doctor --mend` does."""
    set_topic_settings(world.kafka, {LOGS: {name: value}})
    try:
        return world.examine()
    finally:
        assert list(mend_topics(world.settings.kafka, world.settings.mapping.tables())) == [LOGS]


@breaks("kafka.topic-retention")
def short_retention(world: World) -> Report:
    return _setting(world, "retention.ms", "3600000")


@breaks("kafka.topic-timestamps")
def event_time(world: World) -> Report:
    return _setting(world, "message.timestamp.type", "CreateTime")


@breaks("kafka.topic-cleanup")
def compacted(world: World) -> Report:
    return _setting(world, "cleanup.policy", "compact")


@breaks("kafka.topic-max-bytes")
def small_records(world: World) -> Report:
    return _setting(world, "max.message.bytes", "1000000")


@breaks("kafka.topic-setting")
def compressed_again(world: World) -> Report:
    return _setting(world, "compression.type", "gzip")


@breaks("kafka.auto-create")
def creates_by_itself(world: World) -> Report:
    with broker(world, "auto.create.topics.enable=true") as servers:
        return without_worker(world, servers)


@breaks("kafka.request-bytes")
def small_requests(world: World) -> Report:
    with broker(world, "socket.request.max.bytes=5000000") as servers:
        return without_worker(world, servers)


@contextmanager
def broker(world: World, line: str) -> Iterator[str]:
    """Another broker with the product's topics, and this line in its server.properties."""

    def launch(site: Site) -> Launch:
        started = usual.launch(site)
        with (site.home / "kafka" / "server.properties").open("a") as file:
            file.write(f"{line}\n")
        return started

    usual: Part = kafka.part()
    stack = Stack(world.folder / line.partition("=")[0], [replace(usual, launch=launch)])
    try:
        stack.up()
        servers = stack.site().address("kafka")
        create_topics(world.changed(kafka={"bootstrap_servers": servers}).kafka, world.settings.mapping.tables())
        yield servers
    finally:
        stack.down(purge=True)


def without_worker(world: World, servers: str) -> Report:
    """What is found there beside that no worker and no forwarder is; a new broker cannot tell of all at once."""
    kafka = {"bootstrap_servers": servers}
    report: Report = until(
        lambda: _if_worker_is_missed(world.examine("kafka", kafka=kafka)), "topics and groups are known"
    )
    report.findings[:] = [finding for finding in report.findings if finding.code not in ABSENT]
    return report


def _if_worker_is_missed(report: Report) -> Report | None:
    codes = {finding.code for finding in report.findings}
    return report if "kafka.worker-absent" in codes and "kafka.topic-missing" not in codes else None


@breaks("kafka.worker-absent")
def no_worker(world: World) -> Report:
    return world.examine(worker={"group_id": "nobody"})


@breaks("kafka.worker-behind")
def worker_hangs(world: World) -> Report:
    """The connector's heartbeat gives it something to read each second."""
    pid = world.product.pid("worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        return until(lambda: _with_findings(world.examine("kafka", limits=Limits(lag_s=1))), "the worker is behind")
    finally:
        os.kill(pid, signal.SIGCONT)
        world.settle("kafka")  # one that stood for longer than its session joins its group anew


def _with_findings(report: Report) -> Report | None:
    return report if report.findings else None


@breaks("kafka.forwarder-silent")
def forwarder_killed(world: World) -> Report:
    world.product.kill("forwarder")
    try:
        return until(lambda: _with_findings(world.examine(limits=Limits(silence_s=1))), "the forwarder is missed")
    finally:
        world.product.run("up")
        until(lambda: not world.examine("kafka", limits=Limits(silence_s=1)).findings, "the forwarder is back")


@breaks("kafka.connect-topic")
def connects_offsets_deleted(world: World) -> Report:
    offsets = "clearsight.connect.offset"
    set_topic_settings(world.kafka, {offsets: {"cleanup.policy": "delete"}})
    try:
        return world.examine()
    finally:
        set_topic_settings(world.kafka, {offsets: {"cleanup.policy": "compact"}})
