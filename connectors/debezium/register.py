"""Creates or updates the connector and waits until its task runs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import httpx
from psycopg.conninfo import conninfo_to_dict

from clearsight.addresses import without_login
from clearsight.errors import SourceError, Unavailable
from clearsight.java_trace import cause_of
from clearsight.mapping import Mapping
from clearsight.settings import ConnectSettings, Settings, required
from clearsight.tables import TableName
from connectors.debezium.heartbeat import action_query
from connectors.debezium.rebalancing import settled

_POLL_S = 0.1
_REQUEST_TIMEOUT_S = 30.0
_RESTART_LIMIT_S = 15.0


def connector_config(settings: Settings, mapping: Mapping) -> dict[str, str]:
    """The connector's configuration: the template connector.json, filled from the settings and the mapping."""
    source = conninfo_to_dict(required(settings.source.dsn, "source.dsn"))
    values = {
        "host": settings.source.connector_host or source.get("host", "127.0.0.1"),
        "port": settings.source.connector_port or source.get("port", 5432),
        "user": source.get("user", settings.source.role),
        "password": settings.connect.password_reference or source.get("password", ""),
        "database": source.get("dbname", "postgres"),
        "topic_prefix": settings.kafka.topic_prefix,
        "slot": settings.source.slot,
        "publication": settings.source.publication,
        "tables": ",".join(_pattern(TableName.parse(table)) for table in mapping.tables()),
        "heartbeat_interval_ms": settings.connect.heartbeat_interval_ms,
        "poll_interval_ms": settings.connect.poll_interval_ms,
        "context_prefix": re.escape(mapping.context.prefix),
        "heartbeat_query": action_query(settings.source.slot, settings.source.publication),
    }
    template: dict[str, str] = json.loads(Path(__file__).with_name("connector.json").read_text(encoding="utf-8"))
    return {key: Template(value).substitute(values) for key, value in template.items()}


def _pattern(table: TableName) -> str:
    """Of `table.include.list`: a comma would end it, and Debezium would take Plan for plan."""
    return "(?-i:" + re.escape(f"{table.schema}.{table.name}").replace(",", r"\,") + ")"


def register(connect: ConnectSettings, config: dict[str, str]) -> None:
    """Create or update the connector, restart what of it has failed; return when its task runs.

    Raises SourceError with the connector's own reason where its task fails, Unavailable where Connect does not answer in
    `start_timeout_s`.
    """
    url = f"{connect.url}/connectors/{connect.connector_name}"
    try:
        with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
            _put(client, f"{url}/config", config, connect.start_timeout_s)
            _restart_failed(client, url)
            _wait_until_running(client, f"{url}/status", connect.start_timeout_s)
    except httpx.HTTPError as error:
        raise _away(connect, error) from None


class Registered(NamedTuple):
    """A connector as Kafka Connect knows it."""

    config: dict[str, str]
    has_position: bool
    """It has read something, and goes on from there."""


def begin_anew(connect: ConnectSettings, config: dict[str, str], drop_slot: Callable[[], None]) -> None:
    """As `register`, but the connector forgets where it was: it takes a snapshot, and goes on from there with a slot that it
    makes. `drop_slot` is called while it stands still.
    """
    url = f"{connect.url}/connectors/{connect.connector_name}"
    try:
        with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
            _stop(client, url, connect, config)
            _put(client, f"{url}/config", config, connect.start_timeout_s)
            drop_slot()
            _until(lambda: client.delete(f"{url}/offsets"), connect.start_timeout_s)
            client.put(f"{url}/resume")
            _wait_until_running(client, f"{url}/status", connect.start_timeout_s)
    except httpx.HTTPError as error:
        raise _away(connect, error) from None


def registered(connect: ConnectSettings) -> Registered | None:
    """What Kafka Connect knows of the connector; None where there is no such connector. Raises Unavailable."""
    url = f"{connect.url}/connectors/{connect.connector_name}"
    try:
        with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
            config = settled(lambda: client.get(f"{url}/config"), connect.start_timeout_s)
            if config.status_code == httpx.codes.NOT_FOUND:
                return None
            offsets = settled(lambda: client.get(f"{url}/offsets"), connect.start_timeout_s)
            return Registered(config.raise_for_status().json(), _has_position(offsets))
    except httpx.HTTPError as error:
        raise _away(connect, error) from None


def _has_position(offsets: httpx.Response) -> bool:
    """Not known of a Kafka Connect that has no such question yet."""
    if offsets.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        return False
    return bool(offsets.raise_for_status().json().get("offsets"))


def _stop(client: httpx.Client, url: str, connect: ConnectSettings, config: dict[str, str]) -> None:
    known = settled(lambda: client.get(f"{url}/config"), connect.start_timeout_s)
    if known.status_code == httpx.codes.NOT_FOUND:
        new = {"name": connect.connector_name, "config": config, "initial_state": "STOPPED"}
        _until(lambda: client.post(f"{connect.url}/connectors", json=new), connect.start_timeout_s)
    else:
        settled(lambda: client.put(f"{url}/stop"), connect.start_timeout_s).raise_for_status()
    deadline = time.monotonic() + connect.start_timeout_s
    while True:
        answer = client.get(f"{url}/status")
        if answer.is_success and answer.json()["connector"]["state"] == "STOPPED" and not answer.json()["tasks"]:
            return
        if time.monotonic() > deadline:
            raise Unavailable("the connector did not stop", "look at Kafka Connect's log")
        time.sleep(_POLL_S)


def _until(ask: Callable[[], httpx.Response], timeout_s: float) -> None:
    """Connect refuses while tasks are still stopping and while it rebalances: ask again."""
    deadline = time.monotonic() + timeout_s
    while (answer := ask()).is_error:
        if time.monotonic() > deadline:
            raise SourceError(f"Kafka Connect refuses: {_message(answer)}", "look at Kafka Connect's log")
        time.sleep(_POLL_S)


def _away(connect: ConnectSettings, error: httpx.HTTPError) -> Unavailable:
    return Unavailable(
        f"Kafka Connect at {without_login(connect.url)} did not answer: {type(error).__name__}",
        "start it, or correct CLEARSIGHT_CONNECT__URL",
    )


def _put(client: httpx.Client, url: str, config: dict[str, str], timeout_s: float) -> None:
    answer = settled(lambda: client.put(url, json=config), timeout_s)
    if answer.is_error:
        reason = _message(answer)
        raise SourceError(f"Kafka Connect refuses the connector: {reason}", _mend(reason, config))


def _mend(reason: str, config: dict[str, str]) -> str:
    """What Connect cannot resolve it takes literally, so a missing provider looks like a wrong password."""
    password = config["database.password"]
    if "password authentication failed" in reason and password.startswith("${"):
        return (
            f"let Kafka Connect resolve {password} (its config.providers, and the variable in its environment),"
            " or unset CLEARSIGHT_CONNECT__PASSWORD_REFERENCE"
        )
    return "correct what it names and register again"


def _wait_until_running(client: httpx.Client, url: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    state = "unknown"
    while time.monotonic() < deadline:
        answer = client.get(url)
        if answer.is_success:
            status: dict[str, Any] = answer.json()
            parts = [status["connector"], *status["tasks"]]
            states = [part["state"] for part in parts]
            if "FAILED" in states:
                trace = next(part.get("trace", "") for part in parts if part["state"] == "FAILED")
                raise SourceError(
                    f"the connector failed: {cause_of(trace)}", "mend it at the source and register again"
                )
            if len(states) > 1 and set(states) == {"RUNNING"}:
                return
            state = ", ".join(states)
        time.sleep(_POLL_S)
    raise Unavailable(
        f"the connector did not run within {timeout_s:.0f} s (it is {state})", "look at Kafka Connect's log"
    )


def _restart_failed(client: httpx.Client, url: str) -> None:
    """Kafka Connect never restarts a task that failed, not even when it gets a configuration again that is the same."""
    if not _failed(client, url):
        return
    only_failed = {"includeTasks": True, "onlyFailed": True}
    settled(lambda: client.post(f"{url}/restart", params=only_failed), _RESTART_LIMIT_S)
    deadline = time.monotonic() + _RESTART_LIMIT_S
    while _failed(client, url) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _failed(client: httpx.Client, url: str) -> bool:
    answer = client.get(f"{url}/status")
    if not answer.is_success:
        return False
    status: dict[str, Any] = answer.json()
    return any(part["state"] == "FAILED" for part in (status["connector"], *status["tasks"]))


def _message(answer: httpx.Response) -> str:
    try:
        return " ".join(str(answer.json()["message"]).split())[:500]
    except (ValueError, KeyError):
        return f"HTTP {answer.status_code}"
