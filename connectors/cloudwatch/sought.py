"""Which log groups work on the past is about: those that are named, and those that a prefix finds. A prefix that cannot
be looked for keeps no other from being found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clearsight.errors import ConfigurationError
from clearsight.log_groups import is_prefix
from connectors.cloudwatch.client import CloudWatch, CloudWatchFailure
from connectors.cloudwatch.groups import GroupFinder, Target

_NAME_GROUPS = "name log groups in CLEARSIGHT_CLOUDWATCH__GROUPS"


class Sought(NamedTuple):
    """One pattern of the settings in one account and region."""

    pattern: str
    account: str
    region: str
    api: CloudWatch
    finder: GroupFinder
    """Of this pattern alone."""

    @property
    def called(self) -> str:
        return f"{self.pattern} of account {self.account} in {self.region}"

    def may_be(self, group: str) -> bool:
        """Whether it could find a group of this name, with or without account and region in front."""
        name = group.rpartition(":")[2]
        return is_prefix(self.pattern) and name.startswith(self.pattern.removesuffix("*"))


class Targets(NamedTuple):
    found: list[tuple[Target, CloudWatch]]
    read: int
    """How many groups are read in all, wanted or not."""
    unfound: dict[str, CloudWatchFailure]
    """Prefixes that could not be looked for, and why."""


def find(sought: Iterable[Sought], groups: Sequence[str]) -> Targets:
    """The targets that are wanted: `groups`, by either of their names, or all where it is empty.

    Raises ConfigurationError where a group is none of those that are read, CloudWatchFailure where nothing can be found.
    """
    every: dict[str, tuple[Target, CloudWatch]] = {}
    unfound: list[tuple[Sought, CloudWatchFailure]] = []
    for each in sought:
        every.update({target.name: (target, each.api) for target in each.finder.fixed()})
        try:
            every.update({target.name: (target, each.api) for target in each.finder.discover()})
        except CloudWatchFailure as failure:
            unfound.append((each, failure))
    found = [pair for pair in every.values() if not groups or _names(pair[0]) & set(groups)]
    unknown = set(groups).difference(*(_names(target) for target, _ in found))
    if groups:
        unfound = [(each, failure) for each, failure in unfound if any(map(each.may_be, unknown))]
    _check(unknown, [each for each, _ in unfound])
    if not found and unfound:
        raise unfound[0][1]
    if not found:
        raise ConfigurationError("there is no log group to read", _NAME_GROUPS)
    return Targets(found, len(every), {each.called: failure for each, failure in unfound})


def _names(target: Target) -> set[str]:
    return {target.name, target.origin.group}


def _check(unknown: set[str], unfound: Sequence[Sought]) -> None:
    for group in sorted(unknown):
        if not any(each.may_be(group) for each in unfound):
            raise ConfigurationError(
                f"{group} is not among the log groups that are read", "name it in CLEARSIGHT_CLOUDWATCH__GROUPS"
            )
