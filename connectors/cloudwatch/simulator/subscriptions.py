"""PutSubscriptionFilter, DescribeSubscriptionFilters, DeleteSubscriptionFilter, and the payloads that they cause."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from connectors.cloudwatch.simulator import patterns
from connectors.cloudwatch.simulator.constraints import Params
from connectors.cloudwatch.simulator.faults import ServiceFault, not_found
from connectors.cloudwatch.simulator.profile import Profile
from connectors.cloudwatch.simulator.store import Account, Event, Subscription

MAX_FILTERS = 2
PAYLOAD_EVENTS = 500
_CONTROL = "CWL CONTROL MESSAGE: Checking health of destination."

Deliver = Callable[[str, bytes], None]
"""Destination's ARN, gzipped payload. Returns at once; what is behind it tries until it is taken."""


def nowhere(destination: str, payload: bytes) -> None:
    raise ServiceFault("InvalidParameterException", f"The simulator cannot deliver to {destination}.")


class Subscriptions:
    """Filters live as long as the process: they are set up again, as a deployment does."""

    def __init__(self, account: Account, profile: Profile, deliver: Deliver, chance: random.Random) -> None:
        self._account = account
        self._redelivered_share = profile.redelivered_share
        self._deliver = deliver
        self._chance = chance

    def put(self, params: Params, now: int) -> Params:
        group = self._account.group(params["logGroupName"])
        name, destination = params["filterName"], params["destinationArn"]
        if name not in group.subscriptions and len(group.subscriptions) >= MAX_FILTERS:
            raise ServiceFault("LimitExceededException", "Resource limit exceeded.")
        patterns.matcher(params.get("filterPattern"))
        control = [{"id": "", "timestamp": now, "message": _CONTROL}]
        self._deliver(destination, self._payload("CONTROL_MESSAGE", "", "", [], control))
        group.subscriptions[name] = Subscription(name, params.get("filterPattern", ""), destination, now)
        return {}

    def describe(self, params: Params, now: int) -> Params:
        group = self._account.group(params["logGroupName"])
        return {
            "subscriptionFilters": [
                {
                    "filterName": filter_.name,
                    "logGroupName": group.name,
                    "filterPattern": filter_.pattern,
                    "destinationArn": filter_.destination,
                    "distribution": "ByLogStream",
                    "creationTime": filter_.created,
                }
                for filter_ in group.subscriptions.values()
                if filter_.name.startswith(params.get("filterNamePrefix") or "")
            ]
        }

    def delete(self, params: Params, now: int) -> Params:
        group = self._account.group(params["logGroupName"])
        if group.subscriptions.pop(params["filterName"], None) is None:
            raise not_found("subscription filter")
        return {}

    def accepted(self, group_name: str, stream: str, events: Sequence[Event]) -> None:
        """Deliver what the group's filters match."""
        for filter_ in self._account.group(group_name).subscriptions.values():
            matches = patterns.matcher(filter_.pattern)
            wanted = [_told(event) for event in events if matches is None or matches(event.message)]
            for first in range(0, len(wanted), PAYLOAD_EVENTS):
                part = wanted[first : first + PAYLOAD_EVENTS]
                payload = self._payload("DATA_MESSAGE", group_name, stream, [filter_.name], part)
                self._deliver(filter_.destination, payload)
                if self._chance.random() < self._redelivered_share:
                    self._deliver(filter_.destination, payload)

    def _payload(self, kind: str, group: str, stream: str, filters: list[str], events: list[dict[str, Any]]) -> bytes:
        body = {
            "messageType": kind,
            "owner": "CloudwatchLogs" if kind == "CONTROL_MESSAGE" else self._account.id,
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": filters,
            "logEvents": events,
        }
        return gzip.compress(orjson.dumps(body), compresslevel=1)


def _told(event: Event) -> dict[str, Any]:
    read = orjson.loads(event.encoded)
    return {"id": read["eventId"], "timestamp": event.timestamp, "message": read["message"]}
