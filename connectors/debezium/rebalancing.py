"""Kafka Connect while it rebalances: for a second or so it refuses what it does and tells afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

_POLL_S = 0.1


def settled(ask: Callable[[], httpx.Response], limit_s: float) -> httpx.Response:
    """The first answer that is no such refusal; the last refusal where there is none within the limit.

    Raises what `ask` raises.
    """
    give_up_s = time.monotonic() + limit_s
    while _refuses_for_now(answer := ask()) and time.monotonic() < give_up_s:
        time.sleep(_POLL_S)
    return answer


def _refuses_for_now(answer: httpx.Response) -> bool:
    """What changes something is refused with 409, a question with 500 and a reason."""
    if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        return "rebalance" in answer.text
    return answer.status_code == httpx.codes.CONFLICT
