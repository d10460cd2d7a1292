"""Half an hour of log lines in half a minute, worse than AWS, with kills: nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.soak import Plan, Soak

from clearsight.topics import TopicNames

pytestmark = pytest.mark.integration

PLAN = Plan(events=8_000, minutes=12, speed=100, kills=2, seed=5, cold_interval_s=240, cold_back_s=1800)


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, bootstrap_servers: str, topic_names: TopicNames) -> None:
    soak = Soak(tmp_path, bootstrap_servers, topic_names, PLAN)
    try:
        outcome = soak.run()
    finally:
        soak.programs.close()
    assert outcome.events == PLAN.events
    assert (outcome.lost, outcome.doubled) == (0, 0)
    assert outcome.kills == PLAN.kills
    assert outcome.writers_killed > 0
    assert outcome.cold_periods >= 3
    assert outcome.late > 0
    assert "Traceback" not in soak.programs.log
