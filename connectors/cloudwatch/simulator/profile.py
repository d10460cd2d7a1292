"""How the simulated service behaves: named values, so that a worse one can stand beside the calm one."""

from __future__ import annotations

from dataclasses import dataclass

from clearsight.errors import ConfigurationError


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


CALM = Profile(
    name="calm",
    visibility_lag_ms=(0, 500),
    empty_page_share=0.05,
    reads_per_s=200.0,
    writes_per_s=2000.0,
    burst_s=2.0,
)

PROFILES = {profile.name: profile for profile in (CALM,)}


def profile_named(name: str) -> Profile:
    """Raises ConfigurationError that lists the known names."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ConfigurationError(f"no simulator profile {name!r}", f"use one of: {known}") from None
