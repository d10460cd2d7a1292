"""Looks at CloudWatch Logs as the forwarder does, for the doctor: one FilterLogEvents call for each group."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from clearsight.doctor.cloudwatch import CloudWatchFacts, GroupFacts
from clearsight.settings import CloudWatchSettings
from connectors.cloudwatch.pages import naming

TIMEOUT_S = 3
_SERVER_FAILS_FROM = 500
LOOK_BACK_MS = 60_000

_UNUSABLE = frozenset(
    {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException", "InvalidClientTokenId"}
)
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"})
_INVALID = frozenset({"InvalidParameterException", "ValidationException", "ValidationError"})
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "LimitExceededException", "TooManyRequestsException"})


def observe_cloudwatch(settings: CloudWatchSettings) -> CloudWatchFacts:
    """Never raises for what AWS answers."""
    where = settings.endpoint_url or f"logs.{settings.region}.amazonaws.com"
    groups = tuple(dict.fromkeys(settings.groups))
    try:
        client = _client(settings)
    except (BotoCoreError, ValueError) as error:
        outcome = GroupFacts("credentials" if isinstance(error, ProfileNotFound) else "away", str(error))
        return CloudWatchFacts(where=where, groups=dict.fromkeys(groups, outcome), skew_ms=None)
    skews: list[int] = []

    def observe(http_response: Any, **_: Any) -> None:
        if date := http_response.headers.get("Date"):
            skews.append(_now_ms() - int(parsedate_to_datetime(date).timestamp() * 1000) - 500)

    client.meta.events.register("after-call.cloudwatch-logs", observe)
    found: dict[str, GroupFacts] = {}
    for group in groups:
        found[group] = _read(client, group)
        if found[group].outcome in ("away", "stranger", "credentials"):
            break  # the others would say the same, each after its time limit
    client.close()
    return CloudWatchFacts(where=where, groups=found, skew_ms=skews[-1] if skews else None)


def _client(settings: CloudWatchSettings) -> Any:
    simulated = "simulator" if settings.endpoint_url else None
    limits = Config(retries={"mode": "standard", "max_attempts": 1}, connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S)
    return boto3.client(
        "logs",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=simulated,
        aws_secret_access_key=simulated,
        config=limits,
    )


def _read(client: Any, group: str) -> GroupFacts:
    try:
        if group.endswith("*"):
            return _prefix(client, group.removesuffix("*"))
        found = client.filter_log_events(**naming(group), startTime=_now_ms() - LOOK_BACK_MS, limit=1)
    except ClientError as error:
        return _refused(error)
    except (NoCredentialsError, PartialCredentialsError) as error:
        return GroupFacts("credentials", str(error))
    except (ResponseParserError, AttributeError):  # the latter where the answer is JSON, but no object
        return GroupFacts("stranger", "its answer is none of that protocol")
    except BotoCoreError as error:
        return GroupFacts("away", type(error).__name__)
    return (
        GroupFacts("readable") if isinstance(found.get("events"), list) else GroupFacts("stranger", "no events in it")
    )


def _prefix(client: Any, prefix: str) -> GroupFacts:
    asked = {"logGroupNamePrefix": prefix} if prefix else {}
    found = client.describe_log_groups(**asked, limit=1).get("logGroups")
    if not isinstance(found, list):
        return GroupFacts("stranger", "no log groups in it")
    return GroupFacts("readable") if found else GroupFacts("missing", "no log group begins so")


def _refused(error: ClientError) -> GroupFacts:
    """What AWS says is kept to its code: its sentences name accounts and users."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in _THROTTLED:
        return GroupFacts("throttled", code)
    if code == "ResourceNotFoundException":
        return GroupFacts("missing", code)
    if code in _UNUSABLE:
        return GroupFacts("credentials", code)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_FAILS_FROM:
        return GroupFacts("away", code)
    if code in _INVALID:
        return GroupFacts("invalid", code)
    if code in _DENIED:
        return GroupFacts("denied", code)
    return GroupFacts("stranger", f"HTTP {status}" if code.isdecimal() or not code else f"{code} (HTTP {status})")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
