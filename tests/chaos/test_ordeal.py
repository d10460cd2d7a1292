"""A few faults under load, in two volleys: `make chaos` in short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chaos.ordeal import Plan, undergo

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

PLAN = Plan(faults=5, seed=37, rate_per_s=8.0, limit_s=240.0, home=Path())


def test_nothing_is_lost_doubled_or_misordered(tmp_path: Path) -> None:
    outcome = undergo(replace(PLAN, home=tmp_path / "home"), print)
    assert len(outcome.hits) == PLAN.faults
    assert outcome.verdict.complaints() == []
    assert outcome.verdict.exact
    assert outcome.verdict.figures()["events"] > 100
