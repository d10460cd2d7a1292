"""What is right and wrong with the log forwarder's own set-up: accounts, groups, quota, tiers, push, and who writes."""

from __future__ import annotations

from typing import Literal

import msgspec

from clearsight.doctor.finding import Examination, Kind

CHECKS = ("accounts", "groups", "quota", "tiers", "push", "writer")
RARELY_S = 5.0
"""A group that is polled more rarely than this by lack of quota is better pushed."""

ACCOUNT = Kind(
    code="forwarder.account",
    check="accounts",
    what="CloudWatch Logs of account {account} in {region} cannot be read: {reason}",
    mend="give this process credentials, and let them assume the role that CLEARSIGHT_CLOUDWATCH__ACCOUNTS names",
)
UNREACHABLE = Kind(
    code="forwarder.unreachable",
    check="accounts",
    what="CloudWatch Logs of account {account} in {region} does not answer: {reason}",
    mend="see that this machine reaches it, or correct the region or the endpoint in the settings",
)
ACCOUNT_ID = Kind(
    code="forwarder.account-id",
    check="accounts",
    what="the log groups of account {actual} in {region} are read as those of account {account}: "
    "their lines say so, and what CloudWatch pushes is refused",
    mend="set CLEARSIGHT_CLOUDWATCH__ACCOUNT_ID, or the id in CLEARSIGHT_CLOUDWATCH__ACCOUNTS, to {actual}",
)
GROUP = Kind(
    code="forwarder.group",
    check="groups",
    what="the log group {group} of account {account} in {region} cannot be read: {reason}",
    mend="create it, or allow logs:FilterLogEvents on it (connectors/cloudwatch/iam-policy.json)",
)
NO_SUCH_PREFIX = Kind(
    code="forwarder.prefix",
    check="groups",
    severity="warning",
    what="no log group of account {account} in {region} begins with {group}",
    mend="correct the prefix, or wait: groups are looked for every minute",
)
FEW_CALLS = Kind(
    code="forwarder.quota",
    check="quota",
    severity="warning",
    what="{groups} log groups share {tps:g} calls a second: each is polled every {every_s:.0f} s",
    mend="raise CLEARSIGHT_FORWARDER__QUOTA_TPS to what AWS allows there, or let CloudWatch push (docs/FORWARDER.md)",
)
TIERS = Kind(
    code="forwarder.tiers",
    check="tiers",
    what="the tiers do not widen: hot {hot_s:g} s, warm {warm_s:g} s, cold {cold_s:g} s back",
    mend="set CLEARSIGHT_FORWARDER__SETTLE_MS, __OVERLAP_S and __COLD_BACK_S so that each is more than the one before",
)
PUSH_OPEN = Kind(
    code="forwarder.push-open",
    check="push",
    what="anybody who reaches {host} can push log lines",
    mend="set CLEARSIGHT_FORWARDER__PUSH__ACCESS_KEY",
)
NOBODY_WRITES = Kind(
    code="forwarder.nobody",
    check="writer",
    severity="warning",
    what="no forwarder runs: no log line is read",
    mend="start one with `clearsight forward`",
)
UNHEALTHY = Kind(
    code="forwarder.unhealthy",
    check="writer",
    what="the forwarder that runs says of {group}: {problem}",
    mend="mend what it says; it goes on by itself",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


class GroupSeen(msgspec.Struct, frozen=True):
    account: str
    region: str
    group: str
    """As it is named in the settings: name, prefix or ARN."""
    outcome: Literal["readable", "unreadable", "none"]
    """none: a prefix that no group has."""
    reason: str = ""


class PlaceSeen(msgspec.Struct, frozen=True):
    account: str
    region: str
    problem: str | None
    is_away: bool = False
    groups: tuple[GroupSeen, ...] = ()
    read: int = 0
    """How many log groups there are to be read: those that prefixes find, each once."""
    poll_every_ms: int = 0
    """How often each of them is polled at most; 0 where it is not."""
    identity: str | None = None
    """The account of the credentials; None where nobody says, or every group is named with its account."""


class ForwarderFacts(msgspec.Struct, frozen=True, kw_only=True):
    places: tuple[PlaceSeen, ...]
    writers: int | None
    """Forwarders that have or wait for the lease; None where Kafka does not say."""
    problems: dict[str, str] | None
    """By group, from the /health of the one on this machine; None where none answers."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings ask for."""

    tps: float
    back_ms: tuple[int, int, int]
    """Of the tiers, hot to cold."""
    push_open_at: str | None
    """The address at which anybody may push; None where nobody may who should not."""


def judge(facts: ForwarderFacts, setup: Setup) -> Examination:
    found = Examination("forwarder", CHECKS)
    for place in facts.places:
        if place.problem is not None:
            kind = UNREACHABLE if place.is_away else ACCOUNT
            found.find(kind, account=place.account, region=place.region, reason=place.problem)
        if place.identity not in (None, place.account):
            found.find(ACCOUNT_ID, account=place.account, region=place.region, actual=place.identity)
        for group in place.groups:
            _judge_group(found, group)
        if place.poll_every_ms > RARELY_S * 1000:
            found.find(FEW_CALLS, groups=place.read, tps=setup.tps, every_s=place.poll_every_ms / 1000)
    hot, warm, cold = (back_ms / 1000 for back_ms in setup.back_ms)
    if not hot < warm < cold:
        found.find(TIERS, hot_s=hot, warm_s=warm, cold_s=cold)
    if setup.push_open_at is not None:
        found.find(PUSH_OPEN, host=setup.push_open_at)
    _judge_writer(found, facts)
    return found


def _judge_group(found: Examination, seen: GroupSeen) -> None:
    where = {"group": seen.group, "account": seen.account, "region": seen.region}
    if seen.outcome == "unreadable":
        found.find(GROUP, **where, reason=seen.reason)
    elif seen.outcome == "none":
        found.find(NO_SUCH_PREFIX, **where)


def _judge_writer(found: Examination, facts: ForwarderFacts) -> None:
    for group, problem in (facts.problems or {}).items():
        found.find(UNHEALTHY, group=group, problem=problem)
    if facts.writers is None:
        found.leave("Kafka does not say who writes", ["writer"])
    elif facts.writers == 0:
        found.find(NOBODY_WRITES)
