"""A connector whose task failed is mended by registering it again, once the source is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from clearsight.errors import SourceError
from clearsight.mapping import DEFAULT_MAPPING, load_mapping
from clearsight.settings import Settings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from connectors.debezium.register import connector_config, register

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MAPPING = load_mapping(DEFAULT_MAPPING)
LIMIT_S = 60


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("failed") / "home")
    try:
        stack.up(["register"])
        yield stack
    finally:
        stack.down(purge=True)


def task(url: str) -> dict[str, Any]:
    tasks = httpx.get(f"{url}/status", timeout=30).raise_for_status().json()["tasks"]
    return tasks[0] if tasks else {}


def administrate(stack: Stack, statement: bytes) -> None:
    with psycopg.connect(stack.site().dsn("postgres", "source"), autocommit=True) as connection:
        connection.execute(statement)


def test_registering_again_restarts_what_failed(stack: Stack) -> None:
    settings = Settings(**state.load(stack.home).settings)
    url = f"{settings.connect.url}/connectors/{settings.connect.connector_name}"
    config = connector_config(settings, MAPPING)
    administrate(stack, b"ALTER ROLE clearsight_cdc NOLOGIN")
    httpx.post(f"{url}/restart", params={"includeTasks": True}, timeout=30).raise_for_status()
    give_up_s = time.monotonic() + LIMIT_S
    while task(url).get("state") != "FAILED":
        assert time.monotonic() < give_up_s, task(url)
        time.sleep(0.2)
    with pytest.raises(SourceError, match="not permitted to log in"):
        register(settings.connect, config)
    administrate(stack, b"ALTER ROLE clearsight_cdc LOGIN")
    register(settings.connect, config)
    assert task(url)["state"] == "RUNNING"
