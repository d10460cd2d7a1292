"""Which log groups are read: by name, by prefix, by ARN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from clearsight.errors import ConfigurationError
from clearsight.log_groups import is_prefix, log_group
from clearsight.logline import Ended
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.lines import Origin

_MEND = "correct CLEARSIGHT_CLOUDWATCH__GROUPS"


class Target(NamedTuple):
    name: str
    """In checkpoints, metrics and answers."""
    identifier: str
    """In calls: the group's name, or its ARN."""
    origin: Origin


class _Group(msgspec.Struct, rename="camel"):
    log_group_name: str


class _Page(msgspec.Struct, rename="camel"):
    """Of DescribeLogGroups' answer; what has no groups at all is none."""

    log_groups: list[_Group]
    next_token: str | None = None


class CatalogueApi(Protocol):
    """Raises CloudWatchFailure."""

    def describe_log_groups(self, **parameters: Any) -> dict[str, Any]: ...


class GroupFinder:
    """`patterns` of one account and region: names, prefixes that end in "*", and ARNs, which another account shares.

    Groups of the account at home keep their bare name; others have account and region in front.
    """

    def __init__(self, api: CatalogueApi, patterns: Sequence[str], account: str, region: str, home: Origin) -> None:
        """Raises ConfigurationError for an ARN that is none, or of another region."""
        self._api = api
        self._account = account
        self._region = region
        self._home = home
        self._fixed = [self._target(pattern) for pattern in patterns if not is_prefix(pattern)]
        self._prefixes = [pattern.removesuffix("*") for pattern in patterns if is_prefix(pattern)]
        self._known: set[str] = set()

    def fixed(self) -> list[Target]:
        """Those that need no look."""
        return self._new(self._fixed)

    def discover(self) -> list[Target]:
        """Those that a prefix finds and that were not given before. Raises CloudWatchFailure."""
        found = [self._target(name) for prefix in self._prefixes for name in self._names(prefix)]
        return self._new(found)

    def why_not(self, name: str) -> Ended:
        """Why a group that had been read is not there to be read."""
        begins = tuple(self._target(prefix).name for prefix in self._prefixes)
        return "deleted" if name.startswith(begins) else "unnamed"

    def forget(self, name: str) -> None:
        """It is gone: should it come back, `discover` gives it again."""
        self._known.discard(name)

    def _new(self, targets: Sequence[Target]) -> list[Target]:
        fresh = list({target.name: target for target in targets if target.name not in self._known}.values())
        self._known.update(target.name for target in fresh)
        return fresh

    def _names(self, prefix: str) -> Iterator[str]:
        parameters = {"logGroupNamePrefix": prefix} if prefix else {}
        known = set[str]()
        while True:
            page = _page(self._api.describe_log_groups(**parameters))
            yield from (group.log_group_name for group in page.log_groups)
            token = page.next_token
            if not token:
                return
            if token in known:
                raise CloudWatchFailure("away", "CloudWatch repeats its page tokens for the log groups")
            known.add(token)
            parameters["nextToken"] = token

    def _target(self, pattern: str) -> Target:
        found = log_group(pattern, self._account, self._region)
        if found.region != self._region:
            raise ConfigurationError(f"{pattern} is not of the region {self._region}", _MEND)
        name = found.called(self._home.account, self._home.region)
        return Target(name, pattern.removesuffix(":*"), Origin(found.account, found.region, found.name))


def _page(answer: dict[str, Any]) -> _Page:
    try:
        return msgspec.convert(answer, _Page)
    except msgspec.ValidationError:
        raise CloudWatchFailure("away", "CloudWatch's answer is no list of log groups") from None
