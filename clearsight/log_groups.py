"""How log groups are named in the settings, and how in checkpoints, metrics and coverage. Pure."""

from __future__ import annotations

from typing import NamedTuple

from clearsight.errors import ConfigurationError

_ARN_PARTS = 7


class LogGroup(NamedTuple):
    account: str
    region: str
    name: str

    def called(self, home_account: str, home_region: str) -> str:
        """Its bare name at home; with account and region in front elsewhere."""
        at_home = (self.account, self.region) == (home_account, home_region)
        return self.name if at_home else f"{self.account}:{self.region}:{self.name}"


def is_prefix(pattern: str) -> bool:
    """Whether a pattern stands for all groups that begin so. An ARN may end in ":*" and is none."""
    return pattern.endswith("*") and not pattern.endswith(":*")


def log_group(pattern: str, account: str, region: str) -> LogGroup:
    """The group of a name, in this account and region, or of an ARN, which says them itself. Raises ConfigurationError for
    an ARN that is none of a log group."""
    if not pattern.startswith("arn:"):
        return LogGroup(account, region, pattern)
    parts = pattern.removesuffix(":*").split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[5] != "log-group" or not parts[6]:
        raise ConfigurationError(f"{pattern} is no ARN of a log group", "correct CLEARSIGHT_CLOUDWATCH__GROUPS")
    return LogGroup(parts[4], parts[3], parts[6])
