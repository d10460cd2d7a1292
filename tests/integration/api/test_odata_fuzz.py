"""Hundreds of filters, right and broken; `make fuzz-odata` asks tens of thousands."""

from __future__ import annotations

from typing import Any

import pytest
from fuzz.odata import ask, questions

from clearsight.settings import Settings

pytestmark = pytest.mark.integration


async def test_every_filter_is_answered_or_refused_in_odata_s_form(settings: Settings, story: Any) -> None:
    story.input("demand", "growth", "1", by="ana")
    story.start_run(by="ana").compute("demand").fail("demand", "validation", "ValueError", "no")
    counts, failures = await ask(settings, questions(400, seed=7))
    assert failures == []
    assert counts[200] > 100
    assert counts[400] > 30
    assert counts[501] > 5
