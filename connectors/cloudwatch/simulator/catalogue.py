"""Log groups and streams: create, describe, delete, and for how long events are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from zlib import crc32

from connectors.cloudwatch.simulator import tokens
from connectors.cloudwatch.simulator.constraints import Params
from connectors.cloudwatch.simulator.faults import invalid
from connectors.cloudwatch.simulator.ledger import Ledger, Named
from connectors.cloudwatch.simulator.store import Account, Group, Stream

DESCRIBE_LIMIT = 50

Item = TypeVar("Item")


def create_log_group(account: Account, ledger: Ledger, params: Params, now: int) -> Params:
    name = params["logGroupName"]
    account.add_group(name, now)
    ledger.name(Named(name, now))
    return {}


def create_log_stream(account: Account, ledger: Ledger, params: Params, now: int) -> Params:
    group = account.group(params["logGroupName"])
    stream = params["logStreamName"]
    group.add_stream(stream, now)
    ledger.name(Named(group.name, now, stream))
    return {}


def delete_log_group(account: Account, ledger: Ledger, params: Params, now: int) -> Params:
    name = params["logGroupName"]
    account.remove_group(name)
    ledger.name(Named(name, now, removed=True))
    return {}


def put_retention_policy(account: Account, ledger: Ledger, params: Params, now: int) -> Params:
    group = account.group(params["logGroupName"])
    group.retention_days = params["retentionInDays"]
    ledger.name(Named(group.name, now, retention_days=group.retention_days))
    return {}


def delete_retention_policy(account: Account, ledger: Ledger, params: Params, now: int) -> Params:
    group = account.group(params["logGroupName"])
    group.retention_days = None
    ledger.name(Named(group.name, now, retention_days=0))
    return {}


def recover(account: Account, named: Named) -> None:
    """Take up what an earlier process noted."""
    if named.stream is not None:
        account.group(named.group).add_stream(named.stream, named.created)
    elif named.removed:
        account.remove_group(named.group)
    elif named.retention_days is not None:
        account.group(named.group).retention_days = named.retention_days or None
    else:
        account.add_group(named.group, named.created)


def describe_log_groups(account: Account, params: Params, now: int) -> Params:
    prefix, part = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
    if prefix is not None and part is not None:
        raise invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive.")
    groups = [
        group
        for name, group in sorted(account.groups.items())
        if name.startswith(prefix or "") and (part or "") in name
    ]
    page, token = _page(groups, lambda group: group.name, params, now)
    return {"logGroups": [_group(account, group) for group in page], **token}


def describe_log_streams(account: Account, params: Params, now: int) -> Params:
    group = account.group(params.get("logGroupName"), params.get("logGroupIdentifier"))
    prefix, by_time = params.get("logStreamNamePrefix"), params.get("orderBy") == "LastEventTime"
    if prefix is not None and by_time:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = sorted(
        (stream for name, stream in group.streams.items() if name.startswith(prefix or "")),
        key=lambda stream: (stream.last_timestamp or 0, stream.name) if by_time else (0, stream.name),
        reverse=bool(params.get("descending")),
    )
    page, token = _page(streams, lambda stream: stream.name, params, now)
    return {"logStreams": [_stream(account, group, stream) for stream in page], **token}


def _page(items: Sequence[Item], name: Callable[[Item], str], params: Params, now: int) -> tuple[list[Item], Params]:
    """The page that follows nextToken, and the token of the one after it."""
    question = crc32(repr(sorted((k, v) for k, v in params.items() if k not in ("nextToken", "limit"))).encode())
    first = 0
    if "nextToken" in params:
        last = tokens.read(params["nextToken"], question, now).position
        first = next((place + 1 for place, item in enumerate(items) if name(item) == last), len(items))
    end = first + params.get("limit", DESCRIBE_LIMIT)
    page = list(items[first:end])
    if end >= len(items):
        return page, {}
    return page, {"nextToken": tokens.write(tokens.Token(name(page[-1]), question, now))}


def _group(account: Account, group: Group) -> dict[str, Any]:
    arn = account.arn(group.name)
    kept = {} if group.retention_days is None else {"retentionInDays": group.retention_days}
    return {
        **kept,
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    }


def _stream(account: Account, group: Group, stream: Stream) -> dict[str, Any]:
    described = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first_timestamp,
        "lastEventTimestamp": stream.last_timestamp,
        "lastIngestionTime": stream.last_ingestion,
        "arn": f"{account.arn(group.name)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    return {key: value for key, value in described.items() if value is not None}
