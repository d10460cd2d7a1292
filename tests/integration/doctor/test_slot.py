"""A slot that somebody dropped: one finding, whose mend brings the stream back."""

from __future__ import annotations

import re

import psycopg
import pytest
from kit.waiting import until

from clearsight.doctor.finding import Report
from tests.integration.doctor.world import World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

COMMAND = re.compile(r"`(clearsight [^`]+)`")


def drop_slot(world: World) -> None:
    """The connector connects again at once, so both statements go together until one try wins."""
    assert world.settings.source.admin_dsn
    with psycopg.connect(world.settings.source.admin_dsn.get_secret_value(), autocommit=True) as connection:

        def dropped() -> bool:
            connection.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
            try:
                connection.execute("SELECT pg_drop_replication_slot('clearsight')")
            except psycopg.errors.ObjectInUse:
                return False
            return True

        until(dropped, "the slot is dropped")


def follow(world: World, mend: str) -> None:
    """The command that it names for a connector that ran before."""
    _, *arguments = COMMAND.findall(mend)[-1].split()
    world.product.run(*arguments)


def codes(report: Report) -> tuple[list[str], list[str]]:
    return [each.code for each in report.findings], [each.finding.code for each in report.consequences]


def mend_of_the_slot(world: World) -> str | None:
    """Once the task failed for it: a task fails first for the connection that it lost, and runs for a moment after each
    restart."""
    report = world.examine("source", "connect")
    found = codes(report) == (["source.slot-missing"], ["connect.failed"])
    return report.findings[0].mend if found else None


def test_a_dropped_slot_is_mended_as_it_says(world: World) -> None:
    drop_slot(world)
    follow(world, until(lambda: mend_of_the_slot(world), "the slot is missing, and the task failed for it", 60))
    until(lambda: codes(world.examine("source", "connect")) == ([], []), "the stream is back", 60)
    world.forget_gaps()
