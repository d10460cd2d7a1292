"""How the simulated service behaves: named values, so that a worse one can stand beside the calm one."""

from __future__ import annotations

from dataclasses import dataclass

from clearsight.errors import ConfigurationError


@dataclass(frozen=True)
class Late:
    """That share of the events can be read only after a time between these two."""

    share: float
    least_ms: int
    most_ms: int


@dataclass(frozen=True)
class Profile:
    name: str
    visibility_lag_ms: tuple[int, int]
    """An accepted event can be read after a time between these two."""
    empty_page_share: float
    """Share of FilterLogEvents pages that are empty although more follows."""
    reads_per_s: float
    """FilterLogEvents, GetLogEvents and Describe calls an account may make before it is throttled."""
    writes_per_s: float
    """The same for PutLogEvents and Create calls."""
    burst_s: float
    """How many seconds of unused calls an account may save up."""
    late: tuple[Late, ...] = ()
    """Events that are later than that."""
    repeated_token_share: float = 0.0
    """Share of pages behind a token that are empty and give the same token again."""
    lost_token_share: float = 0.0
    """Share of page tokens that are refused as if they had expired."""
    throttled_share: float = 0.0
    """Share of reads that are throttled whatever the rate is."""
    unavailable_share: float = 0.0
    """Share of reads that are answered with 503."""
    reset_share: float = 0.0
    """Share of reads whose answer breaks off in the middle."""
    slow_share: float = 0.0
    slow_ms: int = 0
    """Share of reads that take so long."""
    redelivered_share: float = 0.0
    """Share of subscription payloads that are delivered twice."""


CALM = Profile(
    name="calm",
    visibility_lag_ms=(0, 500),
    empty_page_share=0.05,
    reads_per_s=200.0,
    writes_per_s=2000.0,
    burst_s=2.0,
)

AWS = Profile(
    name="aws",
    visibility_lag_ms=(300, 11_000),
    late=(
        Late(0.09, 3_000, 25_000),
        Late(0.02, 20_000, 90_000),
        Late(0.009, 20_000, 120_000),
        Late(0.001, 120_000, 900_000),
    ),
    empty_page_share=0.05,
    reads_per_s=25.0,
    writes_per_s=1500.0,
    burst_s=1.0,
)
"""The lags that users report, median 6 s, 95 % within 21 s, at the quota of a large region."""

WORSE = Profile(
    name="worse",
    visibility_lag_ms=(200, 8_000),
    late=(Late(0.12, 3_000, 28_000), Late(0.04, 20_000, 120_000), Late(0.004, 120_000, 900_000)),
    empty_page_share=0.25,
    repeated_token_share=0.05,
    lost_token_share=0.01,
    throttled_share=0.05,
    unavailable_share=0.02,
    reset_share=0.01,
    slow_share=0.01,
    slow_ms=2_000,
    redelivered_share=0.1,
    reads_per_s=25.0,
    writes_per_s=1500.0,
    burst_s=1.0,
)
"""Everything that AWS does, more often than AWS does it."""

PROFILES = {profile.name: profile for profile in (CALM, AWS, WORSE)}


def profile_named(name: str) -> Profile:
    """Raises ConfigurationError that lists the known names."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ConfigurationError(f"no simulator profile {name!r}", f"use one of: {known}") from None
