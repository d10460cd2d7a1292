"""What the doctor says and does not say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from clearsight.doctor import connect, kafka, kafka_kinds, report, settings
from clearsight.doctor.finding import Away, Examination, Finding, exit_code
from clearsight.doctor.finding import report as together
from clearsight.doctor.names import quoted, shortened, size, table_name
from clearsight.topics import topics
from clearsight.version import VERSION

pytestmark = pytest.mark.unit

WANTED = connect.Wanted(
    url="http://connect",
    connector="c",
    plugin="Debezium",
    plugin_version="1",
    config={"database.password": "${env:P}", "poll.interval.ms": "20"},
)


def connect_finding(config: dict[str, str]) -> list[Finding]:
    facts = connect.ConnectFacts(plugins={"Debezium": "1"}, states=("RUNNING", "RUNNING"), reason=None, config=config)
    return [finding for _, finding in connect.judge(facts, WANTED).kinds]


@pytest.mark.parametrize("setting", ["database.password", "producer.override.sasl.jaas.config", "some.Secret.key"])
def test_values_that_may_be_secret_are_not_said(setting: str) -> None:
    found = connect_finding({**(WANTED.config or {}), setting: "secret-word"})
    assert [finding.code for finding in found] == ["connect.setting"]
    assert setting in found[0].what
    assert "secret-word" not in found[0].what + found[0].mend


def test_other_values_are() -> None:
    (finding,) = connect_finding({**(WANTED.config or {}), "poll.interval.ms": "500"})
    assert finding.what == "the connector's poll.interval.ms is 500, should be 20"


def test_what_follows_from_something_is_said_apart() -> None:
    found = Examination("connect", connect.CHECKS)
    found.find(connect.FAILED, connector="c", reason="away", url="http://connect")
    broker = kafka.judge(Away("k:9092", "refused"), kafka_wanted())
    whole = together([found, broker])
    assert [finding.code for finding in whole.findings] == ["kafka.unreachable"]
    assert [(each.follows, each.finding.code) for each in whole.consequences] == [
        ("kafka.unreachable", "connect.failed")
    ]


def kafka_wanted(days: int = 30) -> kafka.Wanted:
    return kafka.Wanted(
        topics=tuple(topics("p", ("a.b", "a.c"), days)),
        replication_factor=1,
        servers="k:9092",
        group="g",
        lag_limit_s=60,
        workers_at_most=3,
    )


def test_topics_that_share_a_difference_share_a_finding() -> None:
    facts = {topic.name: kafka.TopicFacts(topic.partitions, 1, topic.config) for topic in kafka_wanted().topics}
    found = Examination("kafka", kafka_kinds.CHECKS)
    kafka.judge_topics(found, facts, kafka_wanted(days=60))
    ((_, finding),) = found.kinds
    assert finding.code == "kafka.topic-retention"
    assert "p.a.b, p.a.c" in finding.what
    assert "TOPIC" in finding.mend


@pytest.mark.parametrize(
    ("found", "mended"),
    [("1", True), ("-1", False), ("99999999999999", False)],
)
def test_mending_keeps_records_for_as_long_as_they_were(found: str, mended: bool) -> None:
    topic = kafka_wanted().topics[0]
    facts = kafka.TopicFacts(topic.partitions, 1, {**topic.config, "retention.ms": found, "cleanup.policy": "compact"})
    changes = kafka.mendable(topic, facts)
    assert changes["cleanup.policy"] == "delete"
    assert ("retention.ms" in changes) is mended


def test_one_server_that_is_away_is_one_finding() -> None:
    away = Away("db:5432/report", "refused")
    found = report.judge({"owner": away, "writer": away, "api": away})
    ((_, finding),) = found.kinds
    assert finding.code == "report.unreachable"
    assert "owner, writer, api" in finding.what


def finding(code: str, severity: str = "error") -> Finding:
    return Finding(code, code.partition(".")[0], severity, "", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        (["report.gaps"], 1),
        (["source.key", "report.gaps"], 3),
        (["source.key", "kafka.unreachable"], 5),
        (["source.unreachable", "settings.dsn"], 2),
    ],
)
def test_exit_codes(codes: list[str], expected: int) -> None:
    assert exit_code([finding(code) for code in codes], strict=False) == expected


def test_warnings_do_not_count_unless_asked() -> None:
    warnings = [finding("source.role-writes", "warning")]
    assert (exit_code(warnings, strict=False), exit_code(warnings, strict=True)) == (0, 3)


@pytest.mark.parametrize(
    ("password", "named"),
    [("change-me-3", True), ("postgres", True), ("Clearsight_API", True), ("", False), ("e629c2a985a7", False)],
)
def test_passwords_that_everybody_tries(password: str, named: bool) -> None:
    found = settings.judge({}, {"report.api_dsn": ("clearsight_api", password)}, (), None)
    assert [finding.code for _, finding in found.kinds] == (["settings.default-password"] if named else [])
    assert not named or "CLEARSIGHT_REPORT__API_DSN" in found.kinds[0][1].what


def test_names_and_amounts() -> None:
    assert quoted('a"b', "план") == '"a""b"."план"'
    assert table_name('app."my.table"') == '"app"."my.table"'
    assert shortened(["a", "b", "c"], 2) == "a, b and 1 more"
    assert [size(number) for number in (12, 1536, 4 << 30)] == ["12 B", "1.5 kB", "4.0 GB"]


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
