"""The tiers that the settings ask for, and how far tuning may move them. Pure."""

from __future__ import annotations

from clearsight.settings import CloudWatchSettings, ForwarderSettings
from connectors.cloudwatch.pace import Limits
from connectors.cloudwatch.window import Tier

HOT_WIDEST_MS = 60_000
HOT_RAREST_MS = 5_000
WARM_WIDEST_MS = 600_000
WARM_RAREST_MS = 60_000
COLD_WIDEST = 4
"""Times the configured reach."""

AWS_TPS = 4.0
SIMULATOR_TPS = 100.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

POLL_QUOTA_SHARE = 0.5
"""Of the quota, for the polls of all groups of an account and region together."""


def quota_tps(settings: ForwarderSettings, cloudwatch: CloudWatchSettings) -> float:
    """Calls a second that an account and region may be asked; AWS lets 5 to 25 pass."""
    return settings.quota_tps or (SIMULATOR_TPS if cloudwatch.endpoint_url else AWS_TPS)


def limits(settings: ForwarderSettings, groups: int, tps: float) -> tuple[Limits, ...]:
    """Hot, warm and cold for one of so many groups; only the cold one where the rest is pushed."""
    pace_ms = int(1000 * groups / (tps * POLL_QUOTA_SHARE))
    hot = Tier(settings.settle_ms, max(settings.poll_interval_ms, pace_ms))
    warm = Tier(int(settings.overlap_s * 1000), max(int(settings.sweep_interval_s * 1000), hot.every_ms))
    cold = Tier(int(settings.cold_back_s * 1000), int(settings.cold_interval_s * 1000))
    tiers = (
        Limits(hot, _most(hot, HOT_WIDEST_MS, HOT_RAREST_MS)),
        Limits(warm, _most(warm, WARM_WIDEST_MS, WARM_RAREST_MS)),
        Limits(cold, Tier(cold.back_ms * COLD_WIDEST, cold.every_ms)),
    )
    return tiers[-1:] if settings.push.cold_only else tiers


def _most(least: Tier, back_ms: int, every_ms: int) -> Tier:
    return Tier(max(least.back_ms, back_ms), max(least.every_ms, every_ms))
