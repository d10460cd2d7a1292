"""`forward backfill` and `forward verify` as processes: the past, beside the forwarder that runs, killed in the middle."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kit.forwarding import Programs, logs_client
from kit.waiting import until

from clearsight.logline import ForwarderState
from clearsight.topics import TopicNames
from connectors.cloudwatch.deliver import KafkaOutbox
from connectors.cloudwatch.jobs import read_job
from connectors.cloudwatch.state import encode_state
from connectors.cloudwatch.topic_reader import KafkaTopicReader

pytestmark = pytest.mark.integration

GROUP, OTHER = "/past/a", "/past/b"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def programs(tmp_path: Path, bootstrap_servers: str, topic_names: TopicNames) -> Iterator[Programs]:
    programs = Programs(
        tmp_path,
        bootstrap_servers,
        topic_names,
        (GROUP, OTHER),
        {"CLEARSIGHT_FORWARDER__COLD_BACK_S": "30", "CLEARSIGHT_FORWARDER__COLD_INTERVAL_S": "5"},
    )
    programs.simulator()
    logs = logs_client(programs.port)
    for group in (GROUP, OTHER):
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    yield programs
    programs.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def clock(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def put(programs: Programs, first: int, last: int, count: int, group: str = GROUP) -> None:
    """`count` lines spread over [first, last]."""
    logs = logs_client(programs.port)
    step = max(1, (last - first) // max(1, count - 1))
    events = [{"timestamp": first + n * step, "message": f"correlation_id=c-{n} line {n}"} for n in range(count)]
    for start in range(0, count, 5_000):
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events[start : start + 5_000])


def settled(programs: Programs) -> int:
    """How far GROUP is."""
    return min(programs.states()[GROUP].settled)


def test_a_killed_backfill_goes_on_and_doubles_nothing(programs: Programs) -> None:
    for day in range(1, 4):
        put(programs, now_ms() - day * DAY_MS, now_ms() - (day - 1) * DAY_MS - HOUR_MS, 5_000)
    slow = {"CLEARSIGHT_FORWARDER__QUOTA_TPS": "0.5"}
    command = ("forward", "backfill", "--cloudwatch-days", "4", "--json")
    first = programs.start(*command, **slow)
    until(lambda: programs.count() > 1_000, "some of it is there")
    assert first.poll() is None
    first.kill()
    first.wait()
    done = programs.run(*command)
    assert done["finished"]
    assert programs.count() >= done["delivered"] > 0
    assert programs.published() == programs.ledger()
    assert {record["origin"] for record in programs.records()} == {"backfill"}
    assert programs.run(*command)["delivered"] == 0
    kept = read_job(KafkaTopicReader(programs.servers), programs.names.forwarder_jobs, done["job"])
    assert kept is not None
    assert kept.finished


def test_history_is_left_to_the_forwarder_where_that_reads_it(programs: Programs) -> None:
    put(programs, now_ms() - 48 * HOUR_MS, now_ms() - 37 * HOUR_MS, 1_000)
    put(programs, now_ms() - 35 * HOUR_MS, now_ms() - 24 * HOUR_MS, 1_000)
    forwarder = programs.forwarder(CLEARSIGHT_FORWARDER__START_BACK_S=str(36 * 3600))
    programs.wait_until_ready()
    put(programs, now_ms() - 1_000, now_ms(), 100)
    until(lambda: programs.count() >= 1_100, "the forwarder has read its part")
    done = programs.run("forward", "backfill", "--cloudwatch-days", "5", "--oldest-first", "--json")
    assert done["delivered"] == 1_000
    until(lambda: programs.count() >= 2_100, "all is there")
    forwarder.send_signal(signal.SIGTERM)
    assert forwarder.wait(60) == 0
    assert programs.published() == programs.ledger()


def test_what_came_too_late_is_named_and_sent(programs: Programs) -> None:
    put(programs, now_ms() - 3 * HOUR_MS, now_ms() - 2 * HOUR_MS, 500)
    programs.forwarder(CLEARSIGHT_FORWARDER__START_BACK_S=str(6 * 3600))
    programs.wait_until_ready()
    until(lambda: programs.count() == 500, "the forwarder has read the history")
    until(lambda: min(s.settled[-1] for s in programs.states().values()) > now_ms() - 60_000, "it is settled")
    late = now_ms() - HOUR_MS
    put(programs, late, late + 10, 3)
    span = ("--from", clock(now_ms() - 6 * HOUR_MS), "--group", GROUP, "--json")
    [found] = programs.run("forward", "verify", *span, exit_code=8)
    assert (found["at_cloudwatch"], found["on_topic"], found["doubled"]) == (503, 500, 0)
    accepted = [json.loads(line) for line in (programs.home / "cloudwatch" / "ledger.jsonl").read_text().splitlines()]
    assert {line["event_id"] for line in found["missing"]} == {line["event_id"] for line in accepted[-3:]}
    assert sum(minute["at_cloudwatch"] - minute["on_topic"] for minute in found["minutes"]) == 3
    [healed] = programs.run("forward", "verify", *span, "--heal")
    assert healed["healed"] == 3
    [after] = programs.run("forward", "verify", *span)
    assert (after["missing"], after["minutes"], after["on_topic"]) == ([], [], 503)
    assert programs.published() == programs.ledger()


def checkpoint(programs: Programs, settled: int) -> None:
    """GROUP's, as a forwarder left it that ended then."""
    state = ForwarderState(group=GROUP, through=settled, offsets={}, written=settled, settled=(settled,))
    outbox = KafkaOutbox(programs.servers, 30.0)
    outbox.send(programs.names.forwarder_state, GROUP.encode(), encode_state(state), None, None)
    outbox.settle()


def test_where_the_forwarder_was_down_for_days_only_what_is_settled_is_compared_and_sent(programs: Programs) -> None:
    ended = now_ms() - 2 * DAY_MS
    put(programs, ended - DAY_MS, ended - HOUR_MS, 50)
    put(programs, ended + HOUR_MS, ended + DAY_MS, 20)
    checkpoint(programs, ended)
    verify = ("forward", "verify", "--group", GROUP, "--json")
    [found] = programs.run(*verify, "--from", clock(ended - 2 * DAY_MS), "--heal", exit_code=5)
    assert (found["at_cloudwatch"], found["healed"], found["whole"]) == (50, 50, False)
    assert f"settled through {clock(ended)[:19]}" in found["problem"]
    [later] = programs.run(*verify, "--from", clock(ended + HOUR_MS), "--heal", exit_code=5)
    assert (later["at_cloudwatch"], later["healed"], later["problem"]) == (0, 0, found["problem"])
    [before] = programs.run(*verify, "--from", clock(ended - 2 * DAY_MS), "--to", clock(ended))
    assert (before["on_topic"], before["missing"], before["whole"], before["problem"]) == (50, [], True, None)
    assert programs.count() == 50


def test_where_no_forwarder_ever_ran_everything_is_compared_and_sent(programs: Programs) -> None:
    put(programs, now_ms() - DAY_MS, now_ms() - 60_000, 30)
    verify = ("forward", "verify", "--from", clock(now_ms() - 2 * DAY_MS), "--json")
    found = {each["group"]: each for each in programs.run(*verify, exit_code=8)}
    assert [(len(found[group]["missing"]), found[group]["problem"]) for group in (GROUP, OTHER)] == [
        (30, None),
        (0, None),
    ]
    assert sum(each["healed"] for each in programs.run(*verify, "--heal")) == 30
    assert programs.published() == programs.ledger()


def test_an_account_that_cannot_be_reached_keeps_no_other_from_being_read(programs: Programs) -> None:
    put(programs, now_ms() - 3 * HOUR_MS, now_ms() - 2 * HOUR_MS, 30)
    far = {"id": "222222222222", "endpoint_url": "http://127.0.0.1:1", "groups": ["/far/*"]}
    settings = {"CLEARSIGHT_CLOUDWATCH__ACCOUNTS": json.dumps([far])}
    span = ("--from", clock(now_ms() - 4 * HOUR_MS), "--json")
    assert programs.start("forward", "backfill", *span, **settings).wait(60) == 5
    assert "/far/* of account 222222222222 in eu-west-1: CloudWatch does not answer" in " ".join(programs.log.split())
    assert programs.published() == programs.ledger()
    *home, last = programs.run("forward", "verify", *span, exit_code=5, **settings)
    assert sum(each["at_cloudwatch"] for each in home) == 30
    assert (last["group"], last["whole"]) == ("/far/* of account 222222222222 in eu-west-1", False)


@pytest.fixture
def denied(tmp_path: Path, bootstrap_servers: str, topic_names: TopicNames) -> Iterator[Programs]:
    """OTHER may not be read."""
    programs = Programs(
        tmp_path, bootstrap_servers, topic_names, (GROUP, OTHER), {"CLEARSIGHT_FORWARDER__LEASE_S": "6"}
    )
    programs.simulator("--deny", OTHER)
    logs_client(programs.port).create_log_stream(logGroupName=GROUP, logStreamName="s")
    yield programs
    programs.close()


def test_a_group_that_may_not_be_read_keeps_no_other_from_being_read(denied: Programs) -> None:
    put(denied, now_ms() - 3 * HOUR_MS, now_ms() - 2 * HOUR_MS, 50)
    denied.forwarder(CLEARSIGHT_FORWARDER__START_BACK_S=str(6 * 3600))
    until(lambda: denied.count() == 50, "the forwarder has read the history")
    end = now_ms() - HOUR_MS
    until(lambda: GROUP in denied.states() and settled(denied) > end, "it has said so")
    span = ("--from", clock(end - 3 * HOUR_MS), "--to", clock(end), "--json")
    found = {each["group"]: each for each in denied.run("forward", "verify", *span, exit_code=5)}
    assert (found[GROUP]["at_cloudwatch"], found[GROUP]["on_topic"], found[GROUP]["problem"]) == (50, 50, None)
    assert "has not begun" in found[OTHER]["problem"]
    backfill = denied.start("forward", "backfill", *span)
    assert backfill.wait(60) == 5
    assert f"the forwarder that runs has not begun with it yet: {OTHER}" in " ".join(denied.log.split())


def test_only_one_works_on_the_past(programs: Programs) -> None:
    put(programs, now_ms() - 23 * HOUR_MS, now_ms() - HOUR_MS, 5_000)
    first = programs.start("forward", "backfill", "--cloudwatch-days", "300", CLEARSIGHT_FORWARDER__QUOTA_TPS="0.5")
    until(lambda: programs.count() > 0, "the first has begun")
    second = programs.start("forward", "verify", "--cloudwatch-days", "3")
    assert second.wait(60) == 5
    assert "another backfill or verify is at work" in programs.log
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--group", "/nobody", "--cloudwatch-days", "1"), "/nobody is not among the log groups"),
        ((), "give either --from or --cloudwatch-days"),
        (("--from", "2026-11-22T00:00:00Z", "--to", "2026-11-21T00:00:00Z"), "--from must be before --to"),
    ],
)
def test_a_wrong_question_is_one_line(programs: Programs, arguments: tuple[str, ...], said: str) -> None:
    program = programs.start("forward", "backfill", *arguments)
    assert program.wait(60) == 2
    assert said in " ".join(programs.log.split())
    assert "Traceback" not in programs.log
