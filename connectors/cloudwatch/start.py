"""Puts the forwarder together from the settings and runs it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from clearsight.errors import ConfigurationError, Unavailable
from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch.assembly import Assembly
from connectors.cloudwatch.backoff import Backoff
from connectors.cloudwatch.forwarder import Forwarder
from connectors.cloudwatch.lease import KafkaLease, Lease
from connectors.cloudwatch.metrics import ForwarderMetrics
from connectors.cloudwatch.places import places
from connectors.cloudwatch.push.http import PushEndpoint
from connectors.cloudwatch.serving import HttpServer, application
from connectors.cloudwatch.tiers import LOOPBACK

READY_VARIABLE = "CLEARSIGHT_READY_FILE"

_ANSWER_WITHIN_S = 3.0
_LOOK_S = 0.1

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Forward until SIGTERM or SIGINT. Raises ConfigurationError and, where Kafka stays away, Unavailable."""
    if not list(places(settings.cloudwatch)):
        raise ConfigurationError("cloudwatch.groups is empty", "name log groups in CLEARSIGHT_CLOUDWATCH__GROUPS")
    _check_push(settings)
    topics = TopicNames(settings.kafka.topic_prefix)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    servers = settings.kafka.bootstrap_servers
    wait_for_topics(servers, (topics.logs, topics.forwarder_state), settings.forwarder.start_timeout_s, stopping)
    if stopping.is_set():
        return
    lease = KafkaLease(servers, topics.forwarder_state, f"{topics.prefix}-forwarder", settings.forwarder.lease_s)
    lease.start()
    try:
        _run(settings, topics, lease, stopping)
    finally:
        lease.close()


def _run(settings: Settings, topics: TopicNames, lease: Lease, stopping: Event) -> None:
    metrics = ForwarderMetrics()
    metrics.leading.set_function(lambda: float(bool(lease.term)))
    metrics.kafka_silent.set_function(lambda: lease.silent_s)
    assembly = Assembly(settings, topics, lease, metrics, stopping)
    forwarders = assembly.forwarders(_ReadyWhenAll(sum(1 for _ in places(settings.cloudwatch))))
    push = settings.forwarder.push
    server = None
    if settings.forwarder.http_port is not None:
        key = push.access_key.get_secret_value() if push.access_key else None
        pushed = [PushEndpoint(assembly.routes, metrics, key).route()] if push.http else []
        app = application(assembly.health, metrics.registry, pushed)
        server = HttpServer(app, settings.forwarder.http_host, settings.forwarder.http_port)
    if push.http and (server is None or server.port is None):
        raise ConfigurationError(
            f"port {settings.forwarder.http_port} is taken, and push over HTTP needs it",
            "set CLEARSIGHT_FORWARDER__HTTP_PORT to a free one",
        )
    if push.kinesis_stream:
        threading.Thread(target=assembly.kinesis(push.kinesis_stream).run, name="kinesis", daemon=True).start()
    try:
        _run_all(forwarders, stopping, settings.forwarder.stop_within_s)
    finally:
        if server:
            server.close()


def _check_push(settings: Settings) -> None:
    """Raises ConfigurationError where anybody could push, or nobody."""
    forwarder = settings.forwarder
    if not forwarder.push.http:
        return
    if forwarder.http_port is None:
        raise ConfigurationError("push over HTTP has no port", "set CLEARSIGHT_FORWARDER__HTTP_PORT")
    if forwarder.push.access_key is None and forwarder.http_host not in LOOPBACK:
        raise ConfigurationError(
            "push over HTTP is open to everybody", "set CLEARSIGHT_FORWARDER__PUSH__ACCESS_KEY to a secret of your own"
        )


def _run_all(forwarders: Sequence[Forwarder], stopping: Event, stop_within_s: float) -> None:
    """Each in a thread of its own. A read that does not end in time after SIGTERM is left: it did not count."""
    failures: list[BaseException] = []

    def run_one(forwarder: Forwarder) -> None:
        try:
            forwarder.run()
        except BaseException as error:
            failures.append(error)
            stopping.set()

    threads = [threading.Thread(target=run_one, args=(forwarder,), daemon=True) for forwarder in forwarders]
    for thread in threads:
        thread.start()
    while not stopping.wait(0.5):
        pass
    give_up = time.monotonic() + stop_within_s
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))
    if failures:
        raise failures[0]
    if any(thread.is_alive() for thread in threads):
        log.warning("stopped in the middle of a window: it is read again at the next start")


class _ReadyWhenAll:
    """Says that the forwarder is at work once all its parts are."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        path = os.environ.get(READY_VARIABLE)
        if path:
            Path(path).touch()
        log.info("ready")


def wait_for_topics(
    bootstrap_servers: str, names: tuple[str, ...], timeout_s: float, stopping: Event | None = None
) -> None:
    """Until Kafka has them, or a stop is asked for. Raises Unavailable after `timeout_s`."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    stopping, backoff, give_up = stopping or Event(), Backoff(), time.monotonic() + timeout_s
    while not stopping.is_set():
        try:
            _check_topics(client, bootstrap_servers, names)
            return
        except Unavailable as error:
            if time.monotonic() >= give_up:
                raise
            if message := backoff.failed(error, time.monotonic()):
                log.warning("%s", message)
        while not backoff.due(time.monotonic()) and not stopping.wait(_LOOK_S):
            pass


def _check_topics(client: AdminClient, bootstrap_servers: str, names: tuple[str, ...]) -> None:
    try:
        present = client.list_topics(timeout=_ANSWER_WITHIN_S).topics
    except KafkaException:
        raise Unavailable(
            f"Kafka at {bootstrap_servers} does not answer",
            "start it with `clearsight up`, or correct CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS",
        ) from None
    for name in names:
        if name not in present:
            raise Unavailable(f"Kafka has no topic {name}", "make the topics with `clearsight register`")
