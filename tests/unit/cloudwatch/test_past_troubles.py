"""Work on the past where something goes wrong meanwhile: other groups go on, and nothing half is told as whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from kit.memory_forwarder import NOW, TOPICS, Bench, Service
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ConfigurationError, Unavailable
from clearsight.logline import ForwarderState
from clearsight.settings import ForwarderSettings
from connectors.cloudwatch.audit import Comparison, Heal, compare
from connectors.cloudwatch.backfill import Backfill, Past
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.history import History
from connectors.cloudwatch.jobs import Job
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.live.insights import Asked, Insights
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.past import ended_short, send_missing
from connectors.cloudwatch.published import MINUTE_MS, Published
from connectors.cloudwatch.settled import running, why_short
from connectors.cloudwatch.sought import Sought, find
from connectors.cloudwatch.transcript import Transcript
from connectors.cloudwatch.writer import GroupWriter

pytestmark = pytest.mark.unit

SINCE = NOW - 40 * MINUTE_MS


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "ledger.jsonl", others=("/secret", "/last"), denied=("/secret",))
    for minute in range(40):
        bench.service.put((SINCE + minute * MINUTE_MS, f"line {minute}"))
    bench.service.put((SINCE, "another"), group="/last")
    bench.clock.now += MINUTE_MS
    return bench


def past(bench: Bench, group: str) -> Past:
    origin = Origin(bench.account, "eu-west-1", group)
    writer = GroupWriter(
        origin, Transcript(origin), bench.outbox, topic=TOPICS.logs, clock=bench.clock, meter=Unmetered()
    )
    return Past(group, group, bench.service, writer, History(SINCE, NOW, newest_first=True))


def put(bench: Bench, *lines: tuple[int, str]) -> None:
    """And wait until they can be read."""
    bench.service.put(*lines)
    bench.clock.now += MINUTE_MS


def compared(
    service: Service, stopping: Flag, there: Published, stop_after: int = 99, heal: Heal | None = None
) -> Comparison:
    def told(share: float) -> None:
        nonlocal stop_after
        stop_after -= 1
        if not stop_after:
            stopping.set()

    return compare("/g", "/g", service, History(SINCE, NOW, newest_first=False), there, 50, told, stopping, heal)


def test_a_group_that_may_not_be_read_holds_up_no_other_and_is_named(bench: Bench) -> None:
    job = Job(job="j", since=SINCE, until=NOW, newest_first=True, positions={})
    pasts = [past(bench, group) for group in ("/secret", "/g", "/last")]
    work = Backfill(job, pasts, bench.outbox, jobs_topic=TOPICS.forwarder_jobs, page_limit=50, stopping=Flag())
    with pytest.raises(CloudWatchFailure, match="/secret: AccessDeniedException"):
        work.run(lambda step: None)
    assert len(bench.lines()) == 41
    assert not work.job.finished


def test_a_comparison_goes_on_after_a_failure(bench: Bench) -> None:
    bench.service.failures = [CloudWatchFailure("throttled", "slow down")]
    found = compared(bench.service, Flag(), Published())
    assert (found.at_cloudwatch, len(found.missing), found.is_whole) == (40, 40, True)


def test_a_comparison_that_is_stopped_tells_of_what_it_saw_alone(bench: Bench) -> None:
    there = Published()
    for minute in range(40):
        there.add(f"id {minute}", SINCE + minute * MINUTE_MS)
    found = compared(bench.service, Flag(), there, stop_after=1)
    assert not found.is_whole
    assert SINCE < found.until < NOW
    assert 0 < found.at_cloudwatch == found.on_topic < 40
    assert found.minutes == {}


@pytest.mark.parametrize(
    ("is_whole", "why", "problem"), [(True, "behind", "behind"), (False, "behind", None), (True, None, None)]
)
def test_a_comparison_that_is_stopped_has_no_problem_whatever_would_have_ended_it(
    is_whole: bool, why: str | None, problem: str | None
) -> None:
    found = ended_short(Comparison("/g", NOW, is_whole=is_whole), why)
    assert (found.is_whole, found.problem) == (is_whole and why is None, problem)


DAY_MS = 86_400_000
COLD_MS = 30 * MINUTE_MS


@pytest.mark.parametrize(
    ("until", "settled", "written", "told"),
    [
        (NOW, NOW - COLD_MS, NOW - 1_000, False),
        (NOW + DAY_MS, NOW - COLD_MS, NOW - 1_000, False),
        (NOW, NOW - DAY_MS, NOW - 1_000, True),
        (NOW, NOW - COLD_MS - DAY_MS, NOW - DAY_MS, True),
        (NOW, NOW - 2 * COLD_MS, NOW - COLD_MS, True),
        (NOW - DAY_MS, NOW - DAY_MS, NOW - DAY_MS, False),
        (NOW - DAY_MS, NOW - 2 * DAY_MS, NOW - 2 * DAY_MS, True),
    ],
)
def test_what_a_forwarder_would_have_settled_and_has_not_is_told(
    until: int, settled: int, written: int, told: bool
) -> None:
    state = ForwarderState(group="/g", through=NOW, offsets={}, written=written, settled=(NOW, settled))
    expected = running(ForwarderSettings(), 2, 4.0)
    assert ("settled through" in (why_short(state, until, NOW, expected) or "")) is told


def test_a_forwarder_of_many_groups_may_be_silent_longer() -> None:
    few, many = (running(ForwarderSettings(), groups, 4.0).silent_ms for groups in (2, 400))
    assert many > 200_000 > few


class Catalogue:
    """DescribeLogGroups of an account that lets itself be asked for some prefixes only."""

    def __init__(self, **names: list[str]) -> None:
        self._names = names

    def describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, list[dict[str, str]]]:
        if logGroupNamePrefix not in self._names:
            raise CloudWatchFailure("denied", "CloudWatch answered AccessDenied")
        return {"logGroups": [{"logGroupName": name} for name in self._names[logGroupNamePrefix]]}


def sought(*patterns: str) -> list[Sought]:
    api: Any = Catalogue(a=["a1", "a2"])
    home = Origin("1", "eu-west-1", "")
    return [Sought(each, "1", "eu-west-1", api, GroupFinder(api, (each,), "1", "eu-west-1", home)) for each in patterns]


def test_a_prefix_that_may_not_be_looked_for_keeps_no_other_group_from_being_found() -> None:
    targets = find(sought("b*", "a*", "c", "a1"), ())
    assert [target.name for target, _ in targets.found] == ["a1", "a2", "c"]
    assert list(targets.unfound) == ["b* of account 1 in eu-west-1"]


@pytest.mark.parametrize(
    ("groups", "found", "unfound"),
    [(["a2"], ["a2"], 0), (["c", "b7"], ["c"], 1), (["1:eu-west-1:b7", "c"], ["c"], 1)],
)
def test_a_prefix_matters_only_where_what_is_wanted_may_be_of_it(
    groups: list[str], found: list[str], unfound: int
) -> None:
    targets = find(sought("b*", "a*", "c"), groups)
    assert ([target.name for target, _ in targets.found], len(targets.unfound)) == (found, unfound)


@pytest.mark.parametrize(
    ("patterns", "groups", "error"),
    [
        (["b*"], [], CloudWatchFailure),
        (["b*", "c"], ["b7"], CloudWatchFailure),
        (["b*", "c"], ["d"], ConfigurationError),
    ],
)
def test_where_nothing_that_is_wanted_can_be_found_it_says_why(
    patterns: list[str], groups: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        find(sought(*patterns), groups)


REQUEST = "7b1c5c1e-0000-4000-8000-000000000001"


def test_what_is_healed_has_the_correlation_id_that_lines_on_the_topic_tell(bench: Bench) -> None:
    told = {"message": "begins", "function_request_id": REQUEST, "correlation_id": "corr-4711"}
    put(bench, (SINCE + 1, json.dumps(told)), (SINCE + 2, f"[INFO]\t2026-11-23T00:00:00.000Z\t{REQUEST}\tlate"))
    everything = compared(bench.service, Flag(), Published())
    there = Published()
    for line in everything.missing:
        if "late" not in line.message:
            there.add(line.id, line.timestamp)
    writer = past(bench, "/g").writer
    writer.begin(there.seen)
    found = compared(bench.service, Flag(), there, heal=partial(send_missing, writer))
    assert ([line.message[-4:] for line in found.missing], found.healed) == (["late"], 1)
    [sent] = bench.lines()
    assert (sent.correlation_id, sent.correlation_source) == ("corr-4711", "inherited")


def test_a_slice_that_is_read_again_teaches_its_correlation_ids_again(bench: Bench) -> None:
    told = {"message": "begins", "function_request_id": REQUEST, "correlation_id": "corr-4711"}
    put(bench, (SINCE + 1, json.dumps(told)))
    job = Job(job="j", since=SINCE, until=NOW, newest_first=True, positions={})
    Backfill(
        job, [past(bench, "/g")], bench.outbox, jobs_topic=TOPICS.forwarder_jobs, page_limit=50, stopping=Flag()
    ).run(lambda step: None)
    put(bench, (SINCE + 2, f"[INFO]\t2026-11-23T00:00:00.000Z\t{REQUEST}\tlate"))
    again = past(bench, "/g")
    known = Published()
    for line in bench.lines():
        known.add(line.event_id, line.event_time)
    again.writer.begin(known.seen)
    Backfill(job, [again], bench.outbox, jobs_topic=TOPICS.forwarder_jobs, page_limit=50, stopping=Flag()).run(
        lambda step: None
    )
    [late] = [line for line in bench.lines() if line.message == "late"]
    assert late.correlation_id == "corr-4711"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "give either --from or"),
        (["--cloudwatch-days", "4000"], "--cloudwatch-days"),
        (["--from", "2026-11-22T00:00:00Z", "--cloudwatch-days", "1"], "give either --from or"),
        (["--from", "2026-11-22T00:00:00Z", "--to", "2026-11-21T00:00:00Z"], "before --to"),
        (["--from", "0001-01-01T00:00:00Z", "--to", "1970-01-01T00:00:00Z"], "2014"),
    ],
)
@pytest.mark.parametrize("command", ["backfill", "verify"])
def test_a_time_that_is_none_is_refused_before_kafka_is_asked(
    monkeypatch: pytest.MonkeyPatch, command: str, words: list[str], problem: str
) -> None:
    monkeypatch.setenv("CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    done = CliRunner().invoke(build(), ["forward", command, *words])
    assert done.exit_code == 2
    assert problem in " ".join(done.output.replace("\u2502", " ").split())


def test_a_live_question_without_credentials_names_them() -> None:
    class Client:
        def start_query(self, **_: object) -> dict[str, str]:
            raise NoCredentialsError

    now = datetime.now(UTC)
    with pytest.raises(Unavailable) as caught:
        Insights(Client(), ["/g"], 1.0).ask("fields @message", now, now, 10, Asked({}))
    assert "credentials" in caught.value.message
    assert "credentials" in (caught.value.mend or "")


def test_while_kafka_is_away_one_line_says_so() -> None:
    away = {"CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "CLEARSIGHT_FORWARDER__START_TIMEOUT_S": "4"}
    command = [sys.executable, "-m", "clearsight", "forward", "verify", "--cloudwatch-days", "1", "--json"]
    done = subprocess.run(command, env=os.environ | away, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines()[0].startswith("error: Kafka")
