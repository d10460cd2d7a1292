"""A Kafka of our own for these tests, from the embedded stack, in a home that goes with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from clearsight.topics import TopicNames, topics

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
    """Fresh topics, as the product makes them, under a prefix of their own."""
    names = TopicNames(f"t{uuid.uuid4().hex[:12]}")
    own = (names.logs, names.forwarder_state, names.forwarder_jobs)
    wanted = [topic for topic in topics(names.prefix, (), 30) if topic.name in own]
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    made = admin.create_topics([NewTopic(topic.name, topic.partitions, 1, config=topic.config) for topic in wanted])
    for future in made.values():
        future.result(30)
    yield names
    for future in admin.delete_topics([topic.name for topic in wanted]).values():
        future.result(30)
