"""What the forwarder does about each failure: the table of docs/FORWARDER.md, row by row (the rest runs as processes)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from kit.memory_forwarder import NOW, SETTINGS, TOPICS, Bench, Handed
from kit.waiting import until
from pydantic import ValidationError

from clearsight.errors import ClearSightError
from clearsight.settings import ForwarderSettings
from connectors.cloudwatch import lease, serving
from connectors.cloudwatch.backoff import FIRST_S, LONGEST_S, Backoff
from connectors.cloudwatch.client import CloudWatch, CloudWatchFailure
from connectors.cloudwatch.clock import ScaledClock
from connectors.cloudwatch.forwarder import PARKED_S
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import PushBatch, Refused, UnknownGroup
from connectors.cloudwatch.memory import MemoryTopicReader
from connectors.cloudwatch.metrics import Ages, ForwarderMetrics, Unmetered
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.quota import Quota
from connectors.cloudwatch.state import all_states
from connectors.cloudwatch.tiers import limits

pytestmark = pytest.mark.unit

COLD_MS = 900_000
STEP_MS = 600_000


def numbered(count: int, at: int = NOW) -> list[tuple[int, str]]:
    return [(at + n, f"line {n:04}") for n in range(count)]


# --- throttled: slow down, keep the watermark -------------------------------------------------------------------------


def test_throttled_keeps_the_watermark_and_loses_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.service.put(*numbered(200))
    bench.clock.now += 1_000
    through = bench.pull.progress.through
    bench.service.failures = [CloudWatchFailure("throttled", "Rate exceeded")] * 3
    bench.forwarder.cycle()
    assert bench.pull.progress.through == through
    assert not bench.is_ready
    while bench.service.failures or len(bench.lines()) < 200:
        bench.cycles(1)
    assert bench.messages() == [message for _, message in numbered(200)]


class Client:
    """boto3's client as far as CloudWatch uses it: answers or raises what the test says, in turn."""

    def __init__(self, *outcomes: Any) -> None:
        self._outcomes = list(outcomes)
        self.handlers: dict[str, Any] = {}
        self.meta = self
        self.events = self
        self.closed = False

    def register(self, name: str, handler: Any) -> None:
        self.handlers[name] = handler

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    def close(self) -> None:
        self.closed = True


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret words"}}, "FilterLogEvents")


def cloudwatch(*clients: Client, quota: Quota | None = None, clock: ScaledClock | None = None) -> CloudWatch:
    made = iter(clients)
    return CloudWatch(lambda: next(made), quota or Quota(1e6, 0.0), clock or ScaledClock(), Unmetered(), Event())


def test_each_throttled_call_slows_all_of_the_account_down() -> None:
    quota = Quota(8.0, 0.0)
    client = Client({"events": []})
    api = cloudwatch(client, quota=quota)
    api.open()
    refused = (None, {"Error": {"Code": "ThrottlingException"}})
    client.handlers["needs-retry.cloudwatch-logs"](response=refused)
    assert quota.per_s == 4.0
    client.handlers["needs-retry.cloudwatch-logs"](response=(None, {"events": []}))
    client.handlers["needs-retry.cloudwatch-logs"](response=None)
    assert quota.per_s == 4.0
    api.filter_log_events()
    assert 4.0 < quota.per_s < 8.0


@pytest.mark.parametrize("back_s", [0.0, 600.0])
def test_a_clock_that_is_set_back_holds_up_no_call(back_s: float) -> None:
    quota, now_s = Quota(5.0, 1_000.0), 1_000.0
    while not quota.take(now_s):
        pass
    now_s -= back_s
    quota.take(now_s)
    assert quota.take(now_s + 0.3) == 0.0


# --- a group that is not there, or may not be read: parked; the others go on ------------------------------------------


@pytest.mark.parametrize("kind", ["missing", "denied"])
def test_one_group_that_cannot_be_read_holds_up_no_other(tmp_path: Path, kind: str) -> None:
    bad = "/not/there" if kind == "missing" else "/secret"
    denied = ("/secret",) if kind == "denied" else ()
    bench = Bench(tmp_path / "ledger.jsonl", others=(bad,), denied=denied)
    bench.service.put(*numbered(100))
    bench.cycles(10)
    assert len(bench.lines()) == 100
    assert bench.is_ready
    well, report = bench.health.report()
    assert well is (kind == "missing")
    assert (bad in report["problems"]) is (kind == "denied")


def test_groups_that_may_not_be_looked_for_make_it_unhealthy(tmp_path: Path) -> None:
    def denied() -> Sequence[GroupPull]:
        raise CloudWatchFailure("denied", "CloudWatch answered AccessDeniedException")

    bench = Bench(tmp_path / "ledger.jsonl", discover=denied)
    bench.cycles(1)
    well, report = bench.health.report()
    assert not well
    assert "AccessDeniedException" in str(report["problems"])


def test_a_group_that_is_found_while_kafka_is_away_is_taken_up_later(tmp_path: Path) -> None:
    found: list[GroupPull] = []
    bench = Bench(tmp_path / "ledger.jsonl", discover=lambda: [found.pop()] if found else [])
    bench.service.simulator.have_groups(["/new"])
    bench.service.call("CreateLogStream", logGroupName="/new", logStreamName="s")
    found.append(bench.made("/new", Pace(limits(SETTINGS, 1, 1e6))))
    bench.service.put((NOW, "line"), group="/new")
    bench.reader.away = True
    bench.cycles(1)
    bench.reader.away = False
    bench.forwarder.look_again()
    bench.cycles(3)
    assert bench.messages() == ["line"]


def test_a_parked_group_is_asked_again_only_after_a_minute() -> None:
    backoff = Backoff()
    backoff.failed(CloudWatchFailure("missing", "gone"), 100.0, PARKED_S)
    assert not backoff.due(100.0 + PARKED_S - 0.1)
    assert backoff.due(100.0 + PARKED_S)


def test_a_group_that_vanishes_and_comes_back_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.service.put(*numbered(10))
    bench.cycles(5)
    bench.service.call("DeleteLogGroup", logGroupName="/g")
    with pytest.raises(CloudWatchFailure):
        bench.polls(1)
    bench.clock.now += 60_000
    bench.service.call("CreateLogGroup", logGroupName="/g")
    bench.service.call("CreateLogStream", logGroupName="/g", logStreamName="s")
    bench.service.put((bench.clock.now, "after"))
    bench.polls(10)
    assert bench.messages() == sorted(["after", *(message for _, message in numbered(10))])


def ended(bench: Bench) -> dict[str, str]:
    states = all_states(MemoryTopicReader(bench.broker), TOPICS.forwarder_state)
    return {state.group: state.ended for state in states if state.ended}


def test_a_group_that_nobody_named_and_that_is_deleted_is_let_go_until_it_is_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl", find=["/found/*"])

    def appear(message: str) -> None:
        bench.service.call("CreateLogGroup", logGroupName="/found/a")
        bench.service.call("CreateLogStream", logGroupName="/found/a", logStreamName="s")
        bench.service.put((bench.clock.now, message), group="/found/a")
        bench.forwarder.look_again()
        bench.cycles(10)

    appear("before")
    assert bench.messages() == ["before"]
    bench.service.call("DeleteLogGroup", logGroupName="/found/a")
    bench.cycles(5)
    bench.clock.now += 4 * 900_000
    bench.cycles(3)
    well, report = bench.health.report()
    assert (well, report["problems"]) == (True, {})
    assert "/found/a" not in report["through"]
    assert ended(bench) == {"/found/a": "deleted"}
    late = PushBatch(bench.account, "/found/a", [])
    with pytest.raises(UnknownGroup):
        bench.routes.put(late)
    appear("after")
    assert bench.messages() == ["after", "before"]
    assert "/found/a" in bench.health.report()[1]["through"]
    assert ended(bench) == {}


def test_groups_that_were_deleted_or_left_out_while_the_forwarder_was_away_are_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl", others=("/named",), find=["/found/*"])
    bench.service.call("CreateLogGroup", logGroupName="/found/a")
    bench.service.call("CreateLogGroup", logGroupName="/found/b")
    bench.cycles(5)
    assert ended(bench) == {}
    bench.service.call("DeleteLogGroup", logGroupName="/found/a")
    bench.groups = ("/g",)
    bench.restart()
    bench.cycles(5)
    assert ended(bench) == {"/found/a": "deleted", "/named": "unnamed"}
    bench.restart()
    before = len(bench.broker.stored(TOPICS.forwarder_state))
    bench.cycles(1)
    written = [item.record.key for item in bench.broker.stored(TOPICS.forwarder_state)[before:]]
    assert b"/found/a" not in written
    bench.groups = ("/g", "/named")
    bench.restart()
    bench.cycles(5)
    assert ended(bench) == {"/found/a": "deleted"}


def test_what_was_pushed_for_a_group_that_is_gone_meanwhile_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    batch = PushBatch(bench.account, "/gone", [])
    bench.inbox.put(batch)
    bench.cycles(1)
    with pytest.raises(Refused, match="not read"):
        batch.done.result(0)


def test_the_ages_of_a_group_that_cannot_be_read_grow() -> None:
    metrics = ForwarderMetrics()

    def ages() -> list[float | None]:
        tiers = [("tier_age_seconds", {"tier": tier}) for tier in ("hot", "cold")]
        names = [("watermark_age_seconds", {}), ("horizon_age_seconds", {}), *tiers]
        sample = metrics.registry.get_sample_value
        return [sample(f"clearsight_forwarder_{name}", {"group": "/g", **labels}) for name, labels in names]

    began = time.monotonic()
    metrics.group("/g", 10, Ages(through_ms=2_000, horizon_ms=1_900_000, swept_ms={"hot": 200, "cold": 100_000}))
    first = ages()
    took_s = time.monotonic() - began
    told_s = (2.0, 1_900.0, 0.2, 100.0)
    assert all(age and told <= age + 1e-6 <= told + took_s for told, age in zip(told_s, first, strict=True))
    until(lambda: all(now > then for now, then in zip(ages(), first, strict=True) if now and then), "they grow")
    metrics.gone("/g")
    metrics.gone("/never/read")
    assert ages() == [None] * 4


# --- credentials that expired: fresh ones, once; then unhealthy -------------------------------------------------------


def test_expired_credentials_are_renewed_and_the_call_is_made_again() -> None:
    old, new = Client(refusal("ExpiredTokenException")), Client({"events": [], "nextToken": "t"})
    assert cloudwatch(old, new).filter_log_events() == {"events": [], "nextToken": "t"}
    assert old.closed


def test_credentials_that_cannot_be_renewed_are_a_failure_and_unhealthy() -> None:
    api = cloudwatch(Client(refusal("ExpiredTokenException")), Client(refusal("ExpiredTokenException")))
    with pytest.raises(CloudWatchFailure) as caught:
        api.filter_log_events()
    assert caught.value.kind == "expired"
    health = Health(lambda: NOW, COLD_MS, Handed())
    health.settled("/g", NOW)
    health.failed("/g", caught.value.kind, caught.value.message)
    assert health.report()[0] is False


def test_a_role_that_may_not_be_assumed_fails_the_call_and_is_tried_again() -> None:
    outcomes: list[Any] = [refusal("AccessDenied"), Client({"events": []})]

    def connect() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    api = CloudWatch(connect, Quota(1e6, 0.0), ScaledClock(), Unmetered(), Event())
    with pytest.raises(CloudWatchFailure) as caught:
        api.filter_log_events()
    assert caught.value.kind == "denied"
    assert api.filter_log_events() == {"events": []}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("ThrottlingException"), "throttled"),
        (refusal("ResourceNotFoundException"), "missing"),
        (refusal("AccessDeniedException"), "denied"),
        (refusal("UnrecognizedClientException"), "denied"),
        (refusal("ServiceUnavailableException"), "away"),
        (refusal("InvalidParameterException"), "away"),
        (EndpointConnectionError(endpoint_url="http://x"), "away"),
        (NoCredentialsError(), "denied"),
    ],
)
def test_each_refusal_has_its_kind_and_says_no_word_of_awss(error: Exception, kind: str) -> None:
    with pytest.raises(CloudWatchFailure) as caught:
        cloudwatch(Client(error)).filter_log_events()
    assert caught.value.kind == kind
    assert caught.value.mend
    assert "secret words" not in caught.value.message


# --- Kafka away: nothing is read on, the watermark stays, all comes when it is back -----------------------------------


def test_while_kafka_is_away_the_watermark_stays_and_all_comes_afterwards(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.cycles(3)
    through = bench.pull.progress.through
    bench.service.put(*numbered(100, at=bench.clock.now))
    bench.clock.now += 1_000
    bench.broker.refuse = 30
    bench.cycles(1)
    assert bench.pull.progress.through <= through + 1_000
    calls = bench.service.calls
    bench.cycles(40)
    assert bench.service.calls > calls
    assert bench.messages() == [message for _, message in numbered(100)]
    assert bench.pull.progress.through > through


# --- the clock of this machine ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [-600, 150, 600])
def test_a_clock_that_is_minutes_off_is_said_and_cloudwatchs_is_used(
    ahead_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client({"events": []})
    api = cloudwatch(client, clock=ScaledClock(now_ms=lambda: NOW + ahead_s * 1000))
    api.open()

    answer = SimpleNamespace(headers={"Date": formatdate(NOW / 1000, usegmt=True)})
    with caplog.at_level(logging.WARNING):
        client.handlers["after-call.cloudwatch-logs"](http_response=answer)
    assert abs(api.clock() - NOW) <= 2_000
    assert "differs from CloudWatch's" in caplog.text


# --- lines that Lambda dropped ----------------------------------------------------------------------------------------


def logs_dropped(record: dict[str, Any]) -> str:
    return json.dumps({"time": "2026-11-22T12:00:00Z", "type": "platform.logsDropped", "record": record})


def test_lines_that_lambda_dropped_are_counted_and_no_reason_to_be_unhealthy(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    records = [
        {"droppedRecords": 3, "droppedBytes": 90},
        {"reason": "?"},
        {"droppedRecords": "many"},
        {"droppedRecords": -9},
    ]
    bench.service.put(*[(NOW + n, logs_dropped(record)) for n, record in enumerate(records)], (NOW + 9, "a line"))
    bench.cycles(10)
    well, report = bench.health.report()
    assert (well, report["dropped_by_lambda"]) == (True, {"/g": 6})
    metrics = ForwarderMetrics()
    metrics.dropped("/g", 5)
    assert metrics.registry.get_sample_value("clearsight_forwarder_logs_dropped_total", {"group": "/g"}) == 5


# --- SIGTERM ----------------------------------------------------------------------------------------------------------


def test_no_setting_lets_the_end_take_longer_than_twenty_seconds() -> None:
    settings = ForwarderSettings()
    assert settings.stop_within_s + serving.CLOSE_WITHIN_S + lease.CLOSE_WITHIN_S < 20
    with pytest.raises(ValidationError):
        ForwarderSettings(stop_within_s=settings.stop_within_s + 0.1)


# --- lines that nobody can read ---------------------------------------------------------------------------------------


def test_a_poison_line_is_sent_as_it_is_and_holds_up_no_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    poison = ["{" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, "\x00\x01\x02", "\ud7ff" * 10, '{"level": {"x": 1}}']
    bench.service.put(*[(NOW + n, text) for n, text in enumerate([*poison, "good"])])
    bench.cycles(10)
    assert len(bench.lines()) == len(poison) + 1
    assert "good" in bench.messages()
    assert all(stored.record.value for stored in bench.broker.stored(TOPICS.logs))


# --- health -----------------------------------------------------------------------------------------------------------


def test_health_fails_when_a_group_is_settled_through_three_cold_periods_ago() -> None:
    now, given = [NOW], Handed()
    health = Health(lambda: now[0], COLD_MS, given)
    health.settled("/g", NOW)
    assert health.report() == (
        True,
        {"status": "ok", "role": "writing", "through": {"/g": NOW}, "problems": {}, "dropped_by_lambda": {}},
    )
    now[0] += 3 * COLD_MS
    assert health.report()[0] is True
    now[0] += 1
    well, body = health.report()
    assert (well, list(body["problems"])) == (False, ["/g"])
    given.term = 0
    assert health.report()[0] is True


@pytest.mark.parametrize(
    ("silent_s", "speed", "role", "problems"),
    [
        (1.5, 1.0, "standing by", {}),
        (60.0, 1.0, "waiting for Kafka", {}),
        (2_700.0, 1.0, "waiting for Kafka", {}),
        (2_701.0, 1.0, "waiting for Kafka", {"Kafka": "has not been heard from since 2026-11-18T10:21:39.000Z"}),
        (27.5, 100.0, "waiting for Kafka", {"Kafka": "has not been heard from since 2026-11-18T10:20:50.000Z"}),
    ],
)
def test_who_waits_for_the_lease_is_healthy_while_kafka_is_heard_from(
    silent_s: float, speed: float, role: str, problems: dict[str, str]
) -> None:
    given = Handed()
    given.term, given.silent_s = 0, silent_s
    well, body = Health(lambda: NOW, COLD_MS, given, speed).report()
    assert (well, body["role"], body["problems"]) == (not problems, role, problems)


def test_what_fails_for_three_cold_periods_is_a_problem_until_it_works() -> None:
    now = [NOW]
    health = Health(lambda: now[0], COLD_MS, Handed())
    health.failed("the log groups of a", "away", "CloudWatch does not answer")
    now[0] += 3 * COLD_MS
    health.failed("the log groups of a", "away", "CloudWatch does not answer")
    assert health.report()[0] is True
    now[0] += 1
    assert health.report()[1]["problems"] == {"the log groups of a": "CloudWatch does not answer"}
    health.succeeded("the log groups of a")
    assert health.report()[0] is True


DAY_MS = 86_400_000


@pytest.mark.parametrize(("tier", "says"), [("hot", "settled through"), ("cold", "the cold tier")])
def test_a_group_that_catches_up_is_well_until_it_stands_still(tier: str, says: str) -> None:
    now, times = [NOW], dict.fromkeys(("hot", "cold"), NOW - 14 * DAY_MS)
    health = Health(lambda: now[0], COLD_MS, Handed())
    health.settled("/g", times["hot"], dict(times))

    def step(*moving: str) -> bool:
        now[0] += COLD_MS
        for name in moving:
            times[name] += DAY_MS
        health.settled("/g", times["hot"], dict(times))
        return health.report()[0]

    assert all(step("hot", "cold") for _ in range(5))
    assert all(step(*times.keys() - {tier}) for _ in range(3))
    now[0] += 1
    assert says in health.report()[1]["problems"]["/g"]


@pytest.mark.parametrize(
    ("refused_ms", "tier", "read"),
    [(COLD_MS + 60_000, "cold", ("hot", "warm")), (STEP_MS + 10_000, "warm", ("hot",))],
)
def test_a_tier_that_always_fails_makes_it_unhealthy_while_the_hot_one_is_read(
    tmp_path: Path, refused_ms: int, tier: str, read: tuple[str, ...]
) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")

    def is_read() -> bool:
        bench.cycles(1, every_ms=0)
        return {bench.pull.swept()[name] for name in read} == {bench.clock.now}

    def step() -> tuple[bool, dict[str, Any]]:
        bench.clock.now += STEP_MS
        bench.service.refuses_before = bench.clock.now - refused_ms
        until(is_read, "the other tiers are read")
        bench.cycles(1, every_ms=0)
        return bench.health.report()

    bench.cycles(10, every_ms=0)
    reports = [step() for _ in range(3 * COLD_MS // STEP_MS)]
    assert all(well for well, _ in reports)
    until(lambda: not step()[0], "it is unhealthy")
    problem = bench.health.report()[1]["problems"]["/g"]
    assert f"the {tier} tier was last read" in problem
    assert "ServiceUnavailableException" in problem
    bench.service.refuses_before = None
    until(is_read, "the other tiers are read")
    until(lambda: bench.cycles(1, every_ms=1_000) or bench.health.report()[0], "it is healthy again")


def test_what_works_in_part_is_told_once_and_waits_little() -> None:
    backoff = Backoff()
    assert backoff.failed(ClearSightError("away"), 0.0)
    assert backoff.failed(ClearSightError("away"), 1.0) is None
    backoff.succeeded_in_part()
    assert backoff.due(1.0)
    assert backoff.failed(ClearSightError("away"), 2.0) is None
    assert not backoff.due(2.0)
    assert backoff.due(2.0 + FIRST_S)
    assert backoff.succeeded() == "works again, after: away"


def test_waits_grow_and_end() -> None:
    backoff, now, waits = Backoff(), 0.0, []
    for _ in range(6):
        backoff.failed(ClearSightError("away"), now)
        wait_s = 0.0
        while not backoff.due(now + wait_s):
            wait_s += 0.5
        waits.append(wait_s)
    assert waits == [0.5, 1.0, 2.0, 4.0, LONGEST_S, LONGEST_S]
