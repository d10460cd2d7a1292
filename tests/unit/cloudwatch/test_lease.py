"""Who leads, as one loop sees it, and what it does when the lease is another's."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag

import pytest
from kit.memory_forwarder import NOW, TOPICS, Bench, Handed
from kit.waiting import until

from connectors.cloudwatch import coordinator
from connectors.cloudwatch.lease import Granted, Leadership
from connectors.cloudwatch.pull import Stopped

pytestmark = pytest.mark.unit


def test_a_loop_leads_until_the_lease_is_another_one() -> None:
    lease = Handed()
    leadership = Leadership(lease, Flag())
    assert leadership.begin()
    assert not leadership.over()
    lease.term = 0
    assert leadership.over()
    lease.term = 2
    assert leadership.over()
    assert leadership.begin()
    assert not leadership.over()


def test_to_be_stopped_ends_the_wait_and_the_lead() -> None:
    stopping = Flag()
    lease = Handed()
    lease.term = 0
    threading.Timer(0.05, stopping.set).start()
    assert not Leadership(lease, stopping).begin()
    leadership = Leadership(Granted(), stopping)
    assert not leadership.begin()
    assert leadership.over()


def test_who_waits_says_whether_another_writes_or_kafka_is_away(caplog: pytest.LogCaptureFixture) -> None:
    lease, stopping, stood_by = Handed(), Flag(), list[bool]()
    lease.term, lease.silent_s = 0, 60.0
    leadership = Leadership(lease, stopping, patience_s=0.0)
    with caplog.at_level(logging.INFO):
        waiting = threading.Thread(target=leadership.begin, args=(lambda: stood_by.append(True),))
        waiting.start()
        until(lambda: "Kafka does not answer" in caplog.text)
        assert (stood_by, "another forwarder" in caplog.text) == ([], False)
        lease.silent_s = 1.0
        until(lambda: stood_by == [True])
        assert "another forwarder writes" in caplog.text
        stopping.set()
        waiting.join()
    assert stood_by == [True]


@pytest.mark.parametrize(
    ("statistics", "idle_s"),
    [
        ('{"brokers": {"GroupCoordinator": {"rxidle": 1500000, "state": "UP"}, "kafka:9092/1": {"rxidle": 7}}}', 1.5),
        ('{"brokers": {"GroupCoordinator": {"rxidle": -1}}}', None),
        ('{"brokers": {"kafka:9092/1": {"rxidle": 7}}}', None),
        ("{}", None),
        ("no statistics", None),
    ],
)
def test_the_coordinator_was_heard_when_it_last_answered(statistics: str, idle_s: float | None) -> None:
    assert coordinator.idle_s(statistics) == idle_s


def test_who_lost_the_lease_in_the_middle_of_a_window_sends_no_more(tmp_path: Path) -> None:
    lease = Handed()
    bench = Bench(tmp_path / "ledger.jsonl", lease=lease)
    bench.service.put(*[(NOW + n, f"line {n}") for n in range(500)])
    bench.clock.now += 1_000
    through = bench.pull.progress.through
    lease.term = 0
    with pytest.raises(Stopped):
        bench.pull.poll()
    assert bench.lines() == []
    assert bench.pull.progress.through == through


def test_who_gets_the_lease_while_kafka_has_just_come_back_tries_until_it_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.reader.away = True
    loop = threading.Thread(target=bench.forwarder.run)
    loop.start()
    until(lambda: "Kafka does not answer" in caplog.text, "it has tried in vain")
    bench.reader.away = False
    loop.join(30)
    assert bench.is_ready


def test_who_is_stopped_before_kafka_could_be_read_ends_in_order_and_checkpoints_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.restart(recovering=False)
    bench.reader.away = True
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(bench.forwarder.run)
        until(lambda: "Kafka does not answer" in caplog.text, "it has tried in vain")
        bench.stopping.set()
        ended.result(30)
    assert bench.broker.stored(TOPICS.forwarder_state) == []


def test_what_kafka_failed_with_is_over_once_another_lease_can_read_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lease = Handed()
    bench = Bench(tmp_path / "ledger.jsonl", lease=lease)
    bench.reader.away = True
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(bench.forwarder.run)
        until(lambda: "Kafka does not answer" in caplog.text, "it has tried in vain")
        lease.term = 0
        until(lambda: "the lease is lost" in caplog.text, "the lease is lost")
        bench.reader.away = False
        lease.term = 2
        ended.result(30)
    bench.clock.now += 4 * 900_000
    assert "Kafka" not in bench.health.report()[1]["problems"]


def test_who_gets_the_lease_back_reads_first_what_the_other_wrote(tmp_path: Path) -> None:
    lease = Handed()
    bench = Bench(tmp_path / "ledger.jsonl", lease=lease)
    bench.service.put(*[(NOW + n, f"line {n}") for n in range(100)])
    bench.clock.now += 1_000
    mine = bench.pull
    bench.restart()
    bench.polls(1)
    assert len(bench.lines()) == 100
    assert len(mine.writer.seen) == 0
    bench.pulls[:] = [mine]
    lease.term = 2
    bench.forwarder.run()
    assert len(bench.lines()) == 100
