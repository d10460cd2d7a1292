"""Looks at Kafka Connect and the connector, for the doctor."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

import httpx

from clearsight.addresses import without_login
from clearsight.doctor.connect import ConnectFacts
from clearsight.doctor.finding import Away
from clearsight.java_trace import cause_of
from clearsight.settings import ConnectSettings
from connectors.debezium.rebalancing import settled

PLUGIN = "io.debezium.connector.postgresql.PostgresConnector"
TIMEOUT_S = 4.0
_NOT_READY_FROM = 500


def observe_connect(connect: ConnectSettings) -> ConnectFacts | Away:
    """Away where nothing answers, or something that is not Kafka Connect."""
    try:
        with httpx.Client(base_url=connect.url, timeout=TIMEOUT_S, trust_env=False) as client:
            plugins = client.get("/connector-plugins").raise_for_status().json()
            return _facts(client, {plugin["class"]: plugin["version"] for plugin in plugins}, connect.connector_name)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        return Away(without_login(connect.url), f"HTTP {status}", misnamed=status < _NOT_READY_FROM)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Away(without_login(connect.url), str(error) or type(error).__name__, misnamed=_unknown_name(error))
    except (ValueError, KeyError, TypeError):
        return Away(without_login(connect.url), "what answers is not Kafka Connect", misnamed=True)


def _unknown_name(error: BaseException | None) -> bool:
    """httpx has the reason of its reason."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None


def _facts(client: httpx.Client, plugins: dict[str, str], connector: str) -> ConnectFacts:
    place = f"/connectors/{quote(connector, safe='')}"
    answer = settled(lambda: client.get(place), TIMEOUT_S / 2)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return ConnectFacts(plugins=plugins, states=None, reason=None, config={})
    config = answer.raise_for_status().json()["config"]
    parts = _parts(client.get(f"{place}/status"))
    trace = next((part.get("trace", "") for part in parts if part["state"] == "FAILED"), None)
    return ConnectFacts(
        plugins=plugins,
        states=tuple(part["state"] for part in parts),
        reason=None if trace is None else cause_of(trace),
        config=config,
    )


def _parts(answer: httpx.Response) -> list[dict[str, Any]]:
    """The connector and its tasks; one that was made just now has no status yet."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        return [{"state": "UNASSIGNED"}]
    status: dict[str, Any] = answer.raise_for_status().json()
    return [status["connector"], *status["tasks"]]
