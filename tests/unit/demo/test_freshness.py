"""A followed commit is fresh once the API shows it."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from clearsight.demo.application import Committed
from clearsight.demo.freshness import Freshness, FreshnessProbe, visible_after_ms

pytestmark = pytest.mark.unit


def test_percentiles_by_nearest_rank() -> None:
    freshness = Freshness(tuple(float(number) for number in range(1, 101)), unseen=0)
    assert (freshness.percentile_ms(0.5), freshness.percentile_ms(0.99)) == (50.0, 99.0)
    assert Freshness((), 0).percentile_ms(0.5) is None


def test_a_commit_is_asked_for_until_its_row_is_there() -> None:
    answers = iter(
        [
            httpx.Response(404),
            httpx.Response(200, json={"items": []}),
            httpx.Response(200, json={"items": [{"row_key": "k-1"}]}),
        ]
    )
    asked: list[str] = []
    shown = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        response = next(answers)
        if "k-1" in response.text:
            shown.set()
        return response

    probe = FreshnessProbe(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api"))
    assert visible_after_ms(probe.client, Committed("c-0", "k-0", 0.0), 0.0, threading.Event()) is None
    probe.start()
    probe.notice(Committed("c-1", "k-1", time.monotonic()))
    assert shown.wait(60)
    freshness = probe.stop()
    assert asked == ["/rca/correlation/c-1"] * 3
    assert len(freshness.samples_ms) == 1
    assert freshness.unseen == 0
