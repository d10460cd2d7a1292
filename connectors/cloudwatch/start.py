"""Puts the forwarder together from the settings and runs it."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from threading import Event

import stamina
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from clearsight.errors import ConfigurationError, Unavailable
from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch.client import CloudWatch
from connectors.cloudwatch.deliver import KafkaOutbox
from connectors.cloudwatch.forwarder import Forwarder
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.redact.configured import redactor_of
from connectors.cloudwatch.topic_reader import KafkaTopicReader

READY_VARIABLE = "CLEARSIGHT_READY_FILE"

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Forward until SIGTERM or SIGINT. Raises ConfigurationError and, where Kafka stays away, Unavailable."""
    if not settings.cloudwatch.groups:
        raise ConfigurationError("cloudwatch.groups is empty", "name log groups in CLEARSIGHT_CLOUDWATCH__GROUPS")
    topics = TopicNames(settings.kafka.topic_prefix)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    wait_for_topics(
        settings.kafka.bootstrap_servers, (topics.logs, topics.forwarder_state), settings.forwarder.start_timeout_s
    )
    build(settings, topics, stopping).run()


def build(settings: Settings, topics: TopicNames, stopping: Event) -> Forwarder:
    cloudwatch = CloudWatch(settings.cloudwatch)
    outbox = KafkaOutbox(settings.kafka.bootstrap_servers, settings.forwarder.delivery_timeout_s)
    redactor = redactor_of(settings.redaction)
    pulls = [
        GroupPull(
            Origin(settings.cloudwatch.account_id, settings.cloudwatch.region, group),
            cloudwatch,
            outbox,
            topic=topics.logs,
            page_limit=settings.forwarder.page_limit,
            clock=cloudwatch.clock,
            stopping=stopping.is_set,
            redactor=redactor,
        )
        for group in dict.fromkeys(settings.cloudwatch.groups)
    ]
    return Forwarder(
        pulls,
        outbox,
        KafkaTopicReader(settings.kafka.bootstrap_servers),
        topics=topics,
        settings=settings.forwarder,
        clock=cloudwatch.clock,
        stopping=stopping,
        ready=_say_ready,
    )


def wait_for_topics(bootstrap_servers: str, names: tuple[str, ...], timeout_s: float) -> None:
    """Until Kafka has them. Raises Unavailable after `timeout_s`."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=timeout_s, wait_initial=0.2, wait_max=2.0, wait_jitter=0.1
    ):
        with attempt:
            _check_topics(client, bootstrap_servers, names)


def _check_topics(client: AdminClient, bootstrap_servers: str, names: tuple[str, ...]) -> None:
    try:
        present = client.list_topics(timeout=3).topics
    except KafkaException:
        raise Unavailable(
            f"Kafka at {bootstrap_servers} does not answer",
            "start it with `clearsight up`, or correct CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS",
        ) from None
    for name in names:
        if name not in present:
            raise Unavailable(f"Kafka has no topic {name}", "make the topics with `clearsight register`")


def _say_ready() -> None:
    path = os.environ.get(READY_VARIABLE)
    if path:
        Path(path).touch()
    log.info("ready")
