"""The service: one call in, one answer out. No sockets here; clock and randomness are passed in."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

import orjson

from connectors.cloudwatch.simulator import catalogue, constraints
from connectors.cloudwatch.simulator.disturbance import Disturbance
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.insights import Insights
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM, Profile
from connectors.cloudwatch.simulator.reading import Reader
from connectors.cloudwatch.simulator.store import Account
from connectors.cloudwatch.simulator.subscriptions import Deliver, Subscriptions, nowhere
from connectors.cloudwatch.simulator.throttle import TokenBucket
from connectors.cloudwatch.simulator.writing import Writer

TARGET_PREFIX = "Logs_20140328."

Clock = Callable[[], int]
"""Epoch milliseconds."""
Operation = Callable[[dict[str, Any], int], "dict[str, Any] | bytes"]

_WRITES = frozenset({"CreateLogGroup", "CreateLogStream", "PutLogEvents"})


class Simulator:
    """CloudWatch Logs of one account and region, recovered from its ledger. Calls about `denied` groups are refused."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        profile: Profile = CALM,
        seed: int = 1,
        account_id: str = "000000000000",
        region: str = "eu-west-1",
        denied: Collection[str] = (),
        deliver: Deliver = nowhere,
    ) -> None:
        self.profile = profile
        self.account = Account(account_id, region)
        self._ledger = ledger
        self._clock = clock
        self._buckets: dict[tuple[str, bool], TokenBucket] = {}
        self._denied = frozenset(denied)
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        subscriptions = Subscriptions(self.account, profile, deliver, chance)
        writer = Writer(self.account, ledger, profile, seed, subscriptions.accepted)
        writer.recover()
        reader = Reader(self.account, profile, chance)
        self.disturbance = Disturbance(profile, chance)
        insights = Insights(self.account, self._denied)
        self._operations: dict[str, Operation] = {
            "CreateLogGroup": partial(catalogue.create_log_group, self.account, ledger),
            "CreateLogStream": partial(catalogue.create_log_stream, self.account, ledger),
            "DescribeLogGroups": partial(catalogue.describe_log_groups, self.account),
            "DescribeLogStreams": partial(catalogue.describe_log_streams, self.account),
            "DeleteLogGroup": partial(catalogue.delete_log_group, self.account, ledger),
            "PutRetentionPolicy": partial(catalogue.put_retention_policy, self.account, ledger),
            "DeleteRetentionPolicy": partial(catalogue.delete_retention_policy, self.account, ledger),
            "PutSubscriptionFilter": subscriptions.put,
            "DescribeSubscriptionFilters": subscriptions.describe,
            "DeleteSubscriptionFilter": subscriptions.delete,
            "PutLogEvents": writer.put_log_events,
            "FilterLogEvents": reader.filter_log_events,
            "GetLogEvents": reader.get_log_events,
            "StartQuery": insights.start_query,
            "GetQueryResults": insights.get_query_results,
            "StopQuery": insights.stop_query,
            "DescribeQueries": insights.describe_queries,
        }

    def call(self, target: str, body: bytes, caller: str = "") -> bytes:
        """Answer one call: `target` is its X-Amz-Target, `caller` the access key. Raises ServiceFault."""
        name = target.removeprefix(TARGET_PREFIX)
        operation = self._operations.get(name)
        if operation is None or not target.startswith(TARGET_PREFIX):
            raise ServiceFault("UnknownOperationException", f"The simulator does not know {target!r}.")
        now = self._clock()
        if not self._bucket(caller, name in _WRITES, now).take(now):
            raise ServiceFault("ThrottlingException", "Rate exceeded")
        params = _params(body)
        constraints.check(name, params)
        if params.get("logGroupName") in self._denied:
            raise ServiceFault("AccessDeniedException", "User is not authorized to perform: logs:" + name)
        answer = operation(params, now)
        return answer if isinstance(answer, bytes) else orjson.dumps(answer)

    def have_groups(self, names: Iterable[str]) -> None:
        """Make the log groups that are not there, as an application's deployment does."""
        for name in names:
            if name not in self.account.groups:
                catalogue.create_log_group(self.account, self._ledger, {"logGroupName": name}, self._clock())

    def counts(self) -> dict[str, Any]:
        """Accepted lines, in all and by group."""
        return {
            "lines": self._ledger.count,
            "groups": {name: len(group) for name, group in self.account.groups.items()},
        }

    def _bucket(self, caller: str, writes: bool, now: int) -> TokenBucket:
        key = (caller, writes)
        if key not in self._buckets:
            per_s = self.profile.writes_per_s if writes else self.profile.reads_per_s
            self._buckets[key] = TokenBucket(per_s, self.profile.burst_s, now)
        return self._buckets[key]


def _params(body: bytes) -> dict[str, Any]:
    try:
        params = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise ServiceFault("SerializationException", "The body is not JSON.") from None
    if not isinstance(params, dict):
        raise ServiceFault("SerializationException", "The body must be a structure.")
    return {name: value for name, value in params.items() if value is not None}
