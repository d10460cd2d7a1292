"""Looks at accounts, log groups, the lease and the forwarder that runs, as the forwarder itself does: for its doctor."""

from __future__ import annotations

import time
from threading import Event

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from clearsight.doctor.forwarder import ForwarderFacts, GroupSeen, PlaceSeen, Setup
from clearsight.errors import ClearSightError
from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch import tiers
from connectors.cloudwatch.assembly import Assembly
from connectors.cloudwatch.client import CloudWatch, CloudWatchFailure
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.lease import Granted
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.pages import naming
from connectors.cloudwatch.places import Place, connect, places

LOOK_BACK_MS = 60_000
ANSWER_WITHIN_S = 3.0


def observe_forwarder(settings: Settings) -> ForwarderFacts:
    """Calls CloudWatch once a group. Never raises for what others answer."""
    topics = TopicNames(settings.kafka.topic_prefix)
    return ForwarderFacts(
        places=look_at_places(settings),
        writers=_writers(settings.kafka.bootstrap_servers, f"{topics.prefix}-forwarder"),
        problems=_problems(settings.forwarder.http_host, settings.forwarder.http_port),
    )


def look_at_places(settings: Settings) -> tuple[PlaceSeen, ...]:
    """Every account and region, as their answers are now. Never raises for what they answer."""
    topics = TopicNames(settings.kafka.topic_prefix)
    assembly = Assembly(settings, topics, Granted(), Unmetered(), Event())
    return tuple(_look_at(assembly, settings, place) for place in places(settings.cloudwatch))


def asked_for(settings: Settings) -> Setup:
    forwarder = settings.forwarder
    open_at = None
    if forwarder.push.http and forwarder.push.access_key is None and forwarder.http_host not in tiers.LOOPBACK:
        open_at = f"{forwarder.http_host}:{forwarder.http_port}"
    return Setup(
        tps=tiers.quota_tps(forwarder, settings.cloudwatch),
        back_ms=(forwarder.settle_ms, int(forwarder.overlap_s * 1000), int(forwarder.cold_back_s * 1000)),
        push_open_at=open_at,
    )


def _look_at(assembly: Assembly, settings: Settings, place: Place) -> PlaceSeen:
    read = set[str]()
    try:
        api = assembly.cloudwatch(place)
        api.open()
        groups = tuple(_group(assembly, api, place, pattern, read) for pattern in place.groups)
    except CloudWatchFailure as failure:
        return PlaceSeen(place.account, place.region, failure.message, is_away=failure.kind == "away")
    return PlaceSeen(
        place.account,
        place.region,
        None,
        groups=groups,
        read=len(read),
        poll_every_ms=_poll_every_ms(settings, len(read)),
        identity=_identity(place),
    )


def _poll_every_ms(settings: Settings, groups: int) -> int:
    if settings.forwarder.push.cold_only:
        return 0
    tps = tiers.quota_tps(settings.forwarder, settings.cloudwatch)
    return tiers.limits(settings.forwarder, max(1, groups), tps)[0].least.every_ms


def _identity(place: Place) -> str | None:
    if all(pattern.startswith("arn:") for pattern in place.groups):
        return None
    try:
        return str(connect(place, "sts", attempts=1).get_caller_identity()["Account"])
    except (ClientError, BotoCoreError, ResponseParserError, KeyError):
        return None


def _group(assembly: Assembly, api: CloudWatch, place: Place, pattern: str, read: set[str]) -> GroupSeen:
    """What is there of a pattern; its groups are added to `read`. Raises CloudWatchFailure where the others would say the
    same, each after its time limit."""
    where = (place.account, place.region, pattern)
    try:
        finder = GroupFinder(api, (pattern,), place.account, place.region, assembly.home)
        targets = [*finder.fixed(), *finder.discover()]
        if not targets:
            return GroupSeen(*where, "none")
        read.update(target.name for target in targets)
        since = time.time_ns() // 1_000_000 - LOOK_BACK_MS
        api.filter_log_events(**naming(targets[0].identifier), startTime=since, limit=1)
    except CloudWatchFailure as failure:
        if failure.kind in ("away", "expired"):
            raise
        return GroupSeen(*where, "unreadable", failure.message)
    except ClearSightError as error:
        return GroupSeen(*where, "unreadable", error.message)
    return GroupSeen(*where, "readable")


def _writers(servers: str, group: str) -> int | None:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    try:
        described = admin.describe_consumer_groups([group], request_timeout=ANSWER_WITHIN_S)[group]
        return len(described.result(2 * ANSWER_WITHIN_S).members)
    except (KafkaException, TimeoutError):
        return None


def _problems(host: str, port: int | None) -> dict[str, str] | None:
    if not port:
        return None
    try:
        answer = httpx.get(f"http://{host}:{port}/health", timeout=ANSWER_WITHIN_S)
        return {str(group): str(problem) for group, problem in answer.json()["problems"].items()}
    except (httpx.HTTPError, ValueError, KeyError, AttributeError):
        return None
