"""Landing into a real Postgres: mostly without a broker (records are made, the rest is the worker's own code), else from one
Kafka that the files here share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit.debezium import NAMES
from kit.reporting import Reporting
from kit.stacks import servers_of, stack_of

from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.stack.supervisor import Stack

MAPPING = load_mapping(DEFAULT_MAPPING)


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return MAPPING


@pytest.fixture(scope="module")
def shared_reporting(new_report_database: Callable[[], Any], mapping: Mapping) -> Iterator[Reporting]:
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, mapping, NAMES)
    yield reporting
    reporting.close()


@pytest.fixture
def reporting(shared_reporting: Reporting) -> Reporting:
    shared_reporting.empty()
    return shared_reporting


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("kafka"), "kafka") as stack:
        yield stack


@pytest.fixture(scope="package")
def servers(stack: Stack) -> str:
    return servers_of(stack)
