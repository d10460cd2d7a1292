"""The demonstration, with the worker and the forwarder killed in the middle: nothing lost, nothing doubled, all explained."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from kit.product import Product
from kit.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AUDIT = "clearsight.audit"
IN_FULL_SWING = 700
"""Row changes that have landed: many enough to be in the middle of traffic, and few enough for a slow machine."""

KEYS = {
    "seconds_total",
    "changes_committed",
    "changes_landed",
    "logs_written",
    "logs_landed",
    "lost",
    "duplicated",
    "correlated_share",
    "freshness_ms",
    "incidents",
}


@pytest.fixture(scope="module")
def figures(product: Product) -> Any:
    """The demonstration's JSON. Worker and forwarder were killed with -9 while traffic ran, and started again."""
    product.run("up")
    path = product.home / "demo.json"
    demo = product.start("demo", "--seed", "9107", "--seconds", "16", "--rate", "150", "--json", str(path))
    await_landing(product, IN_FULL_SWING)
    for part in ("worker", "forwarder"):
        product.kill(part)
    product.run("up")
    await_landing(product, 2 * IN_FULL_SWING)
    product.kill("worker")
    product.run("up")
    output, _ = demo.communicate(timeout=400)
    assert demo.returncode == 0, output
    return json.loads(path.read_text())


def await_landing(product: Product, events: int) -> None:
    """Until that many row changes have landed."""
    with psycopg.connect(product.status()["report_dsn"], autocommit=True) as connection:

        def landed() -> bool:
            return connection.execute("SELECT count(*) FROM rpt.fact_row_change").fetchall()[0][0] >= events

        until(landed, f"{events} changes landed", 180, every_s=0.1)


def test_nothing_is_lost_and_nothing_doubled(figures: Any) -> None:
    assert set(figures) == KEYS
    assert figures["lost"] == 0
    assert figures["duplicated"] == 0
    assert figures["changes_committed"] == figures["changes_landed"] > 2 * IN_FULL_SWING
    assert figures["logs_written"] == figures["logs_landed"] > IN_FULL_SWING
    assert figures["correlated_share"] > 0.95


def test_every_incident_is_explained(figures: Any) -> None:
    assert {found["name"]: found["correct"] for found in figures["incidents"]} == dict.fromkeys(
        ("timeout", "validation", "calculation", "database", "out-of-band"), True
    )
    assert all(found["seeded_cause"] == found["found_cause"] for found in figures["incidents"])


def test_why_in_the_terminal_and_for_programs(product: Product, figures: Any) -> None:
    run_id = next(found["run_id"] for found in figures["incidents"] if found["name"] == "out-of-band")
    assert "changed out of band" in product.run("why", run_id)
    answer = json.loads(product.run("why", run_id, "--json"))
    assert answer["verdict"] == "explained"
    assert answer["cause"]["kind"] == "out_of_band"
    assert "error:" in product.run("why", "no-such-run", code=6)


def test_ask_explains_each_incident(product: Product, figures: Any) -> None:
    """By its cause, and by what differs from the last good run: the seeded change with who, when and why."""
    for incident in figures["incidents"]:
        seeded = incident["seeded_cause"]
        why = json.loads(product.run("ask", "why", incident["run_id"], "--json"))
        assert why["cause"] == seeded
        scenario = why["run"]["scenario_id"]
        compared = json.loads(product.run("ask", "compare", scenario, "--after", incident["run_id"], "--json"))
        assert compared["available"] is True
        assert compared["before"]["outcome"] == "succeeded"
        differences = {each["change_key"]: each for each in compared["input_differences"]["items"]}
        if seeded["kind"] == "input_change":
            found = differences[seeded["change_key"]]
            assert found["user"]
            assert found["occurred_at"]
            assert found["correlation_id"]
        elif seeded["kind"] == "out_of_band":
            assert differences[seeded["change_key"]]["link"] == "unlinked"


def test_the_api_and_the_page_answer(product: Product, figures: Any) -> None:
    run_id = figures["incidents"][0]["run_id"]
    with httpx.Client(base_url=product.status()["api_url"], trust_env=False, timeout=60) as client:
        run = client.get(f"/rca/run/{run_id}/diagnostics").raise_for_status().json()
        trail = client.get(f"/rca/scenario/{run['run']['scenario_id']}/audit-trail?limit=50").raise_for_status().json()
        correlation = client.get(f"/rca/correlation/{run['run']['correlation_id']}").raise_for_status().json()
        page = client.get(f"/run/{run_id}").raise_for_status().text
        unknown = client.get("/rca/run/nobody/diagnostics")
        assert client.get("/health/ready").is_success
        assert client.get("/openapi.json").is_success
    assert trail["items"]
    assert trail["coverage"]["changes"]["through"]
    assert correlation["coverage"]["gaps"] == []
    assert run_id in page
    assert unknown.status_code == 404
    assert unknown.headers["content-type"].startswith("application/problem+json")


def test_the_audit_topic_has_every_event(product: Product, figures: Any) -> None:
    """Published at least once; the highest revision is the fact as it is."""
    status = product.status()

    def is_published() -> bool:
        facts, newest = revisions(status["report_dsn"]), published(status["bootstrap_servers"])
        return all(newest.get(event_id, -1) >= revision for event_id, revision in facts.items())

    until(is_published, "every fact is published as it is", every_s=1)


def revisions(dsn: str) -> dict[str, int]:
    """Event id → the revision of its fact."""
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT event_id::text, revision FROM rpt.fact_row_change"
                " UNION ALL SELECT event_id::text, revision FROM rpt.fact_cloudwatch_log"
            ).fetchall()
        )


def published(servers: str) -> dict[str, int]:
    """Event id → the highest revision in the audit topic."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False})
    newest: dict[str, int] = {}
    partitions = consumer.list_topics(AUDIT).topics[AUDIT].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(AUDIT, number))[1] for number in partitions}
    consumer.assign([TopicPartition(AUDIT, number, 0) for number in partitions])
    left = {number for number, end in ends.items() if end}
    while left:
        for message in consumer.consume(5000, 5.0):
            event = json.loads(message.value() or b"{}")
            newest[event["event_id"]] = max(event["revision"], newest.get(event["event_id"], 0))
            if (message.offset() or 0) + 1 >= ends[message.partition() or 0]:
                left.discard(message.partition() or 0)
    consumer.close()
    return newest


def test_the_doctor_finds_nothing_wrong(product: Product, figures: Any) -> None:
    """After all that was killed, and with every dead letter, gap and warning counted."""
    found = json.loads(product.run("doctor", "--strict", "--json"))
    assert (found["findings"], found["consequences"], found["not_checked"]) == ([], [], [])


def test_down_leaves_nothing(product: Product, figures: Any) -> None:
    endpoints = [found["endpoint"] for found in product.status()["parts"] if found["endpoint"]]
    product.run("down", "--purge")
    assert product.processes() == []
    assert not product.home.exists()
    for endpoint in endpoints:
        host, port = endpoint.removeprefix("http://").split(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0, f"{endpoint} still answers"
