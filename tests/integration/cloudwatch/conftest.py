"""A Kafka of our own for these tests, from the embedded stack, in a home that goes with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kit.forwarding import fresh_topics

from clearsight.topics import TopicNames

UP_LIMIT_S = 300


@pytest.fixture(scope="session")
def bootstrap_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("stack")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLEARSIGHT_")}
    environment["CLEARSIGHT_HOME"] = str(home)
    command = [sys.executable, "-m", "clearsight"]
    subprocess.run([*command, "up", "--only", "kafka"], env=environment, check=True, timeout=UP_LIMIT_S)
    try:
        settings = json.loads((home / "stack.json").read_text())["settings"]
        yield settings["kafka"]["bootstrap_servers"]
    finally:
        subprocess.run([*command, "down", "--purge"], env=environment, check=True, timeout=UP_LIMIT_S)


@pytest.fixture
def topic_names(bootstrap_servers: str) -> Iterator[TopicNames]:
    with fresh_topics(bootstrap_servers) as names:
        yield names
