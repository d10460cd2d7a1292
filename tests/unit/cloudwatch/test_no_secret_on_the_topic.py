"""The forwarder's whole way, from CloudWatch to the broker: no planted secret is in any record of any topic."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from kit.memory_forwarder import NOW, TOPICS, Bench
from kit.secrets_in_lines import planted

pytestmark = pytest.mark.unit

LINES = 300


def test_no_planted_secret_is_on_a_topic(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    lines = [planted(chance) for _ in range(LINES)]
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.service.put(*((NOW - LINES + place, line) for place, (_, line) in enumerate(lines)))
    with caplog.at_level("DEBUG"):
        bench.polls()
    assert len(bench.lines()) == LINES
    records = [item.record for topic in (TOPICS.logs, TOPICS.forwarder_state) for item in bench.broker.stored(topic)]
    everything = caplog.text + "\n".join(f"{record.key!r} {record.value!r}" for record in records)
    assert everything.count("[email]") > 10
    assert [line for secret, line in lines if secret in everything] == []
