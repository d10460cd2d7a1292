"""Waits for a condition, never for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def until(
    condition: Callable[[], Found], what: str = "the condition", limit_s: float = 120, every_s: float = 0.05
) -> Found:
    """What the condition gives once it is true. Fails the test where it never is."""
    give_up_s = time.monotonic() + limit_s
    while not (found := condition()):
        if time.monotonic() > give_up_s:
            pytest.fail(f"not within {limit_s:.0f} s: {what}")
        time.sleep(every_s)
    return found
