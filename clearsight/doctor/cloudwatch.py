"""What is right and wrong with CloudWatch Logs: the groups, and whether the forwarder may read them."""

from __future__ import annotations

from typing import Literal

import msgspec

from clearsight.doctor.finding import Examination, Kind

CHECKS = ("groups named", "connection", "credentials", "groups", "clock")
SKEW_LIMIT_MS = 5_000

NO_GROUPS = Kind(
    code="cloudwatch.no-groups",
    check="groups named",
    what="no log group is named: no log line is read",
    mend="name them in CLEARSIGHT_CLOUDWATCH__GROUPS, as a JSON list",
)
UNREACHABLE = Kind(
    code="cloudwatch.unreachable",
    check="connection",
    what="CloudWatch Logs at {where} does not answer: {reason}",
    mend="see that this machine reaches it, or correct CLEARSIGHT_CLOUDWATCH__REGION or CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL",
)
NOT_CLOUDWATCH = Kind(
    code="cloudwatch.not-cloudwatch",
    check="connection",
    what="what answers at {where} is not CloudWatch Logs: {reason}",
    mend="correct CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL, or leave it unset for AWS itself",
)
CREDENTIALS = Kind(
    code="cloudwatch.credentials",
    check="credentials",
    what="the AWS credentials cannot be used: {reason}",
    mend="give this process valid credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, a role of the machine)",
)
GROUP_MISSING = Kind(
    code="cloudwatch.group-missing",
    check="groups",
    what="there is no log group {group} in {region}",
    mend="create it, or correct CLEARSIGHT_CLOUDWATCH__GROUPS or CLEARSIGHT_CLOUDWATCH__REGION",
)
GROUP_NAME = Kind(
    code="cloudwatch.group-name",
    check="groups",
    what="CloudWatch Logs refuses the log group {group} as it is named: {reason}",
    mend="correct it in CLEARSIGHT_CLOUDWATCH__GROUPS: letters, digits and . - _ / #, 512 of them at most",
)
DENIED = Kind(
    code="cloudwatch.denied",
    check="groups",
    what="the log group {group} may not be read: {reason}",
    mend="allow logs:FilterLogEvents on it to the credentials in use",
)
CLOCK = Kind(
    code="cloudwatch.clock",
    check="clock",
    severity="warning",
    what="this machine's clock differs from CloudWatch's by {skew_s:.0f} s; AWS refuses calls from 300 s on",
    mend="let this machine's clock be set by NTP",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


class GroupFacts(msgspec.Struct, frozen=True):
    """What one FilterLogEvents call of the group came to."""

    outcome: Literal["readable", "away", "stranger", "throttled", "missing", "invalid", "denied", "credentials"]
    reason: str = ""


class CloudWatchFacts(msgspec.Struct, frozen=True, kw_only=True):
    where: str
    groups: dict[str, GroupFacts]
    skew_ms: int | None
    """This machine's clock minus CloudWatch's; None where no answer told."""


def judge(facts: CloudWatchFacts, region: str) -> Examination:
    found = Examination("cloudwatch", CHECKS)
    if not facts.groups:
        found.find(NO_GROUPS)
        found.leave("no log group is named")
        return found
    away = next((group for group in facts.groups.values() if group.outcome == "away"), None)
    locked = next((group for group in facts.groups.values() if group.outcome == "credentials"), None)
    if away:
        found.find(UNREACHABLE, where=facts.where, reason=away.reason)
        found.leave("CloudWatch Logs does not answer", ["credentials", "groups", "clock"])
        return found
    stranger = next((group for group in facts.groups.values() if group.outcome == "stranger"), None)
    if stranger:
        found.find(NOT_CLOUDWATCH, where=facts.where, reason=stranger.reason)
        found.leave("something else answers", ["credentials", "groups", "clock"])
        return found
    if locked:
        found.find(CREDENTIALS, reason=locked.reason)
        found.leave("the credentials cannot be used", ["groups"])
    _groups(found, facts, region)
    if facts.skew_ms is None:
        found.leave("no answer told the time", ["clock"])
    elif abs(facts.skew_ms) > SKEW_LIMIT_MS:
        found.find(CLOCK, skew_s=facts.skew_ms / 1000)
    return found


def _groups(found: Examination, facts: CloudWatchFacts, region: str) -> None:
    for name, group in facts.groups.items():
        if group.outcome == "missing":
            found.find(GROUP_MISSING, group=name, region=region)
        elif group.outcome == "invalid":
            found.find(GROUP_NAME, group=name, reason=group.reason)
        elif group.outcome == "denied":
            found.find(DENIED, group=name, reason=group.reason)
        elif group.outcome == "throttled":
            found.leave(f"CloudWatch Logs throttles: {name} was not asked", ["groups"])
