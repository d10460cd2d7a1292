"""A Kafka of our own for these tests, from the embedded stack, in a home that goes with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.forwarding import fresh_topics
from kit.stacks import servers_of, stack_of

from clearsight.stack.supervisor import Stack
from clearsight.topics import TopicNames


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("kafka"), "kafka") as stack:
        yield stack


@pytest.fixture(scope="session")
def bootstrap_servers(kafka: Stack) -> str:
    return servers_of(kafka)


@pytest.fixture
def topic_names(bootstrap_servers: str) -> Iterator[TopicNames]:
    with fresh_topics(bootstrap_servers) as names:
        yield names
