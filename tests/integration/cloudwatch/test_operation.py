"""The forwarder as it is operated: health, metrics, a second instance, an end in order, and what one test each needs."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit.forwarding import Programs, logs_client
from kit.killing import kill
from kit.ports import free_port
from kit.waiting import until

from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from clearsight.topics import TopicNames

pytestmark = pytest.mark.integration

GROUP = "/op/a"
LIMIT_S = 60


@pytest.fixture
def programs(tmp_path: Path, bootstrap_servers: str, topic_names: TopicNames) -> Iterator[Programs]:
    programs = Programs(tmp_path, bootstrap_servers, topic_names, (GROUP,))
    yield programs
    programs.close()


class Writer:
    def __init__(self, programs: Programs) -> None:
        self._logs = logs_client(programs.port)
        self._logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
        self.count = 0

    def write(self, count: int = 50) -> None:
        now = time.time_ns() // 1_000_000
        events = [{"timestamp": now, "message": f"line {self.count + n}"} for n in range(count)]
        self._logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
        self.count += count


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def role(port: int) -> str | None:
    """None while nobody answers."""
    try:
        return str(json.loads(ask(port, "/health")[1])["role"])
    except OSError:
        return None


def problems(port: int) -> dict[str, str]:
    found: dict[str, str] = json.loads(ask(port, "/health")[1])["problems"]
    return found


def metric(port: int, series: str) -> float:
    name = f"clearsight_forwarder_{series} "
    return next(
        (float(line.removeprefix(name)) for line in ask(port, "/metrics")[1].splitlines() if line.startswith(name)), 0.0
    )


def test_health_and_metrics_tell_what_is_done(programs: Programs) -> None:
    programs.simulator()
    writer = Writer(programs)
    programs.forwarder()
    programs.wait_until_ready()
    writer.write()
    until(lambda: programs.count() == 50, "all is there")
    until(lambda: metric(programs.http_port, 'lines_total{via="pull"}') == 50, "they are counted")
    until(lambda: role(programs.http_port) == "writing", "it leads")
    status, body = ask(programs.http_port, "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert json.loads(body)["through"].keys() == {GROUP}
    _, metrics = ask(programs.http_port, "/metrics")
    for name in ("calls_total", "seen_ids", "watermark_age_seconds", "visible_lag_seconds_bucket", "leading 1.0"):
        assert f"clearsight_forwarder_{name}" in metrics


def test_a_denied_group_makes_it_unhealthy_and_stops_no_other(programs: Programs) -> None:
    programs.groups = (GROUP, "/op/secret")
    programs.simulator("--deny", "/op/secret")
    writer = Writer(programs)
    forwarder = programs.forwarder()
    programs.wait_until_ready()
    writer.write()
    until(lambda: programs.count() == 50, "the other group is read")
    status, body = ask(programs.http_port, "/health")
    assert (status, list(json.loads(body)["problems"])) == (503, ["/op/secret"])
    assert forwarder.poll() is None


def test_a_second_instance_stands_by_and_takes_over(programs: Programs) -> None:
    programs.simulator()
    writer = Writer(programs)
    first = programs.forwarder()
    programs.wait_until_ready()
    second_port = free_port()
    second = programs.start("forward", CLEARSIGHT_FORWARDER__HTTP_PORT=str(second_port))
    until(lambda: role(second_port) == "standing by", "the second one stands by")
    assert ask(second_port, "/health")[0] == 200
    for _ in range(20):
        writer.write()
    until(lambda: role(programs.http_port) == "writing", "the first one writes on")
    first.kill()
    first.wait()
    for _ in range(20):
        writer.write()
    until(lambda: programs.count() >= writer.count, "the second one has taken over")
    third = programs.forwarder()
    writer.write()
    until(lambda: programs.count() >= writer.count, "it writes on beside a third")
    stop(second)
    writer.write()
    until(lambda: programs.count() >= writer.count, "the third has taken over")
    assert third.poll() is None
    assert programs.published() == programs.ledger()


def test_a_frozen_writer_that_wakes_up_sees_that_it_lost_the_lease(programs: Programs) -> None:
    programs.simulator()
    writer = Writer(programs)
    first = programs.forwarder()
    programs.wait_until_ready()
    writer.write()
    until(lambda: programs.count() >= writer.count, "it writes")
    first.send_signal(signal.SIGSTOP)
    second = programs.start("forward", CLEARSIGHT_FORWARDER__HTTP_PORT=str(free_port()))
    for _ in range(10):
        writer.write()
    until(lambda: programs.count() >= writer.count, "the second one has taken over")
    first.send_signal(signal.SIGCONT)
    until(lambda: role(programs.http_port) == "standing by", "the first stands by")
    for _ in range(10):
        writer.write()
    until(lambda: programs.count() >= writer.count, "the second one writes on")
    assert second.poll() is None
    assert programs.published() == programs.ledger()


@contextmanager
def hanging(port: int) -> Iterator[list[Any]]:
    """Accepts calls, which it gives, and never answers."""
    kept: list[Any] = []

    def accept() -> None:
        while True:
            try:
                kept.append(listener.accept())
            except OSError:
                return

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield kept


def stop(program: subprocess.Popen[bytes]) -> None:
    program.send_signal(signal.SIGTERM)
    assert program.wait(LIMIT_S) == 0


def test_while_kafka_is_away_who_writes_and_who_stands_by_say_so_until_it_is_back(
    programs: Programs, kafka: Stack
) -> None:
    cold_interval_s = 4.0
    programs.environment["CLEARSIGHT_FORWARDER__COLD_INTERVAL_S"] = str(cold_interval_s)
    programs.simulator()
    writer = Writer(programs)
    programs.forwarder()
    programs.wait_until_ready()
    second_port = free_port()
    programs.start("forward", CLEARSIGHT_FORWARDER__HTTP_PORT=str(second_port))
    until(lambda: role(second_port) == "standing by", "the second one stands by")
    writer.write()
    until(lambda: programs.count() == writer.count, "all is there")
    ports = (programs.http_port, second_port)
    assert [ask(port, "/health")[0] for port in ports] == [200, 200]
    kill(state.load(kafka.home).processes["kafka"].pid)
    try:
        writer.write()
        for port in ports:
            until(lambda port=port: "Kafka" in problems(port), f"{port} says that Kafka is away")
            assert ask(port, "/health")[0] == 503
            assert role(port) == "waiting for Kafka"
        until(lambda: "Kafka does not answer" in programs.log, "the log says so")
        assert programs.log.rindex("Kafka does not answer") > programs.log.rindex("another forwarder writes")
        age = f'watermark_age_seconds{{group="{GROUP}"}}'
        until(lambda: metric(programs.http_port, age) > 3 * cold_interval_s, "what is settled grows old")
    finally:
        kafka.up(["kafka"])
    for port in ports:
        until(lambda port=port: ask(port, "/health")[0] == 200, f"{port} is well again")
    until(lambda: sorted(map(str, map(role, ports))) == ["standing by", "writing"], "one of them writes")
    writer.write()
    until(lambda: programs.count() >= writer.count, "what came meanwhile is there")
    assert programs.published() == programs.ledger()


def test_sigterm_ends_it_in_order_while_lines_come(programs: Programs) -> None:
    programs.simulator()
    writer = Writer(programs)
    forwarder = programs.forwarder()
    programs.wait_until_ready()
    for _ in range(10):
        writer.write(500)
    stop(forwarder)
    published = programs.published()
    assert len(published) == len(set(published))
    state = programs.states()[GROUP]
    assert sum(state.offsets.values()) == len(published)
    programs.forwarder()
    until(lambda: programs.count() == writer.count, "the next one reads the rest")
    assert programs.published() == programs.ledger()


def test_sigterm_does_not_wait_for_a_cloudwatch_that_hangs(programs: Programs) -> None:
    with hanging(programs.port) as calls:
        forwarder = programs.forwarder()
        until(lambda: calls, "it has called")
        stop(forwarder)
    assert "stopped in the middle of a window" in programs.log
    assert "Traceback" not in programs.log


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("TOPIC_PREFIX", "absent", "Kafka has no topic absent"),
        ("BOOTSTRAP_SERVERS", "127.0.0.1:1", "Kafka at 127.0.0.1:1 does not answer"),
    ],
)
def test_sigterm_while_it_waits_for_kafka_at_the_start(programs: Programs, setting: str, value: str, why: str) -> None:
    forwarder = programs.forwarder(**{f"CLEARSIGHT_KAFKA__{setting}": value})
    until(lambda: why in programs.log, "it waits")
    stop(forwarder)
    assert "Traceback" not in programs.log


def test_sigterm_while_standing_by(programs: Programs) -> None:
    programs.simulator()
    programs.forwarder()
    programs.wait_until_ready()
    second_port = free_port()
    second = programs.start("forward", CLEARSIGHT_FORWARDER__HTTP_PORT=str(second_port))
    until(lambda: role(second_port) == "standing by", "the second one stands by")
    stop(second)


def test_groups_by_prefix_and_of_another_account_and_region(programs: Programs) -> None:
    programs.simulator()
    Writer(programs).write(20)
    other = Programs(programs.home / "other", programs.servers, programs.names, ("/far/one",))
    other.home.mkdir()
    other.simulator()
    far = logs_client(other.port)
    far.create_log_stream(logGroupName="/far/one", logStreamName="s")
    at = time.time_ns() // 1_000_000
    far.put_log_events(logGroupName="/far/one", logStreamName="s", logEvents=[{"timestamp": at, "message": "far"}])
    accounts = [
        {
            "id": "999999999999",
            "regions": ["us-east-1"],
            "groups": ["/far/*"],
            "endpoint_url": f"http://127.0.0.1:{other.port}",
        }
    ]
    programs.forwarder(CLEARSIGHT_CLOUDWATCH__GROUPS='["/op/*"]', CLEARSIGHT_CLOUDWATCH__ACCOUNTS=json.dumps(accounts))
    try:
        until(lambda: programs.count() == 21, "both accounts are read")
        [line] = [record for record in programs.records() if record["message"] == "far"]
        assert (line["account"], line["region"], line["log_group"]) == ("999999999999", "us-east-1", "/far/one")
        programs.wait_until_ready()
        _, body = ask(programs.http_port, "/health")
        assert json.loads(body)["through"].keys() == {GROUP, "999999999999:us-east-1:/far/one"}
    finally:
        other.close()


def test_subscriptions_are_taken_over_http(programs: Programs) -> None:
    key = "0123456789abcdef"
    push = {
        "CLEARSIGHT_FORWARDER__PUSH__HTTP": "true",
        "CLEARSIGHT_FORWARDER__PUSH__ACCESS_KEY": key,
        "CLEARSIGHT_FORWARDER__PUSH__COLD_ONLY": "true",
    }
    programs.environment |= push
    programs.simulator("--push-url", f"http://127.0.0.1:{programs.http_port}/push", "--profile", "worse")
    writer = Writer(programs)
    programs.forwarder()
    until(lambda: "/op/a: begins" in programs.log, "it has begun")
    until(lambda: programs.ready_file.exists(), "it is ready")
    arn = "arn:aws:firehose:eu-west-1:000000000000:deliverystream/logs"
    logs_client(programs.port).put_subscription_filter(
        logGroupName=GROUP, filterName="f", filterPattern="", destinationArn=arn
    )
    for _ in range(40):
        writer.write()
    until(lambda: programs.count() >= writer.count, "all was pushed")
    assert programs.published() == programs.ledger()
    assert {record["origin"] for record in programs.records()} == {"push"}


def test_the_doctor_names_what_is_wrong_and_says_when_nothing_is(programs: Programs) -> None:
    programs.groups = (GROUP, "/op/secret")
    programs.simulator("--deny", "/op/secret")
    Writer(programs)
    found = programs.run("forward", "doctor", "--json", exit_code=1)
    assert {finding["code"] for finding in found["findings"]} == {"forwarder.group", "forwarder.nobody"}
    programs.groups = (GROUP,)
    programs.forwarder()
    programs.wait_until_ready()
    found = programs.run("forward", "doctor", "--json", "--strict")
    assert found["findings"] == []
    programs.groups = ("/elsewhere/*",)
    found = programs.run("forward", "doctor", "--json", "--strict", exit_code=1)
    assert [finding["code"] for finding in found["findings"]] == ["forwarder.prefix"]
