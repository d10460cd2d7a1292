"""One fault of each family under load: `make chaos` in short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chaos.faults import named
from chaos.ordeal import Plan, undergo

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]

KINDS = [
    fault
    for name in (
        "worker killed",
        "worker frozen past its session",
        "forwarder killed",
        "reporting database read-only",
        "reporting database restored from an older copy",
        "replication session cut",
        "table unpublished for a while",
        "Connect's offsets lost",
        "Kafka's committed offsets lost",
        "retention passed the workers",
        "topic deleted and made again",
    )
    for fault in named(name)
]
PLAN = Plan(len(KINDS), seed=746, rate_per_s=8.0, limit_s=1200.0, home=Path(), kinds=KINDS)
"""In four volleys of up to three, each kind once."""


def test_nothing_is_lost_doubled_misordered_or_joined_wrongly(tmp_path: Path) -> None:
    outcome = undergo(replace(PLAN, home=tmp_path / "home"), print)
    assert sorted(hit.fault for hit in outcome.hits) == sorted(fault.name for fault in KINDS)
    assert outcome.verdict.complaints() == []
    assert outcome.verdict.exact
    assert outcome.verdict.figures()["events"] > 100
