"""What goes wrong with a call before the service sees it, or after it has answered. Pure but for the chance passed in."""

from __future__ import annotations

import random
from typing import Literal

from connectors.cloudwatch.simulator.profile import Profile

Kind = Literal["throttled", "unavailable", "reset", "slow"]

READS = frozenset({"FilterLogEvents", "GetLogEvents", "DescribeLogGroups", "DescribeLogStreams"})


class Disturbance:
    def __init__(self, profile: Profile, chance: random.Random) -> None:
        self._shares: tuple[tuple[Kind, float], ...] = (
            ("throttled", profile.throttled_share),
            ("unavailable", profile.unavailable_share),
            ("reset", profile.reset_share),
            ("slow", profile.slow_share),
        )
        self._chance = chance

    def of(self, operation: str) -> Kind | None:
        """What happens to a call of this operation; nothing to writes, which would be accepted twice."""
        if operation not in READS:
            return None
        at = self._chance.random()
        for kind, share in self._shares:
            if at < share:
                return kind
            at -= share
        return None
