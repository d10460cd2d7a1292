"""Real data beside this checkout, landed once a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit import loan
from kit.batches import in_batches
from kit.reporting import Reporting

from clearsight.topics import PARTITIONS
from stream_processors.records import RawRecord


@pytest.fixture(scope="session")
def capture(shared_data: Path) -> loan.Capture:
    folder = shared_data / "debezium-pg-loan"
    if not folder.is_dir():
        pytest.skip(f"the capture is not at {folder}")
    return loan.Capture(folder)


@pytest.fixture(scope="session")
def stream(capture: loan.Capture) -> list[loan.Record]:
    return capture.stream()


@pytest.fixture(scope="session")
def loan_records(capture: loan.Capture, stream: list[loan.Record]) -> list[RawRecord]:
    """What a worker reads of the capture, then the log."""
    return [*loan.consumed(stream), *loan.log_records(capture.log())]


@pytest.fixture(scope="session")
def loan_reporting(new_report_database: Callable[[], Any]) -> Iterator[Reporting]:
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, loan.mapping(), loan.NAMES)
    yield reporting
    reporting.close()


@pytest.fixture(scope="session")
def landed(loan_reporting: Reporting, loan_records: list[RawRecord]) -> Reporting:
    """The capture and its log, read once in order."""
    land = loan_reporting.worker(partitions=range(PARTITIONS))
    for batch in in_batches(loan_records):
        land(batch)
    loan_reporting.settle_all()
    return loan_reporting
