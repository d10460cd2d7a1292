"""Kafka Connect as tests ask it: slow where the machine is busy, and refusing while it rebalances."""

from __future__ import annotations

from typing import Any

import httpx

from connectors.debezium.rebalancing import settled

LIMIT_S = 60.0


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """Its answer once it has settled, an error too."""
    return settled(lambda: httpx.request(method, url, timeout=LIMIT_S, trust_env=False, **options), LIMIT_S)


def tell(method: str, url: str, **options: Any) -> httpx.Response:
    """The same, where an error fails the test."""
    return ask(method, url, **options).raise_for_status()


def states(connector: str) -> tuple[str, ...]:
    """Of the connector at this URL and then of each of its tasks; () where it has none yet."""
    answer = ask("GET", f"{connector}/status")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return ()
    status: dict[str, Any] = answer.raise_for_status().json()
    return tuple(part["state"] for part in (status["connector"], *status["tasks"]))


def is_known(connector: str) -> bool:
    return ask("GET", connector).status_code != httpx.codes.NOT_FOUND
