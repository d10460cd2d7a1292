"""A worker process that dies at a step of its work, or stops by itself, leaves what the next one makes whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kit.debezium import NAMES
from kit.dying_worker import STEPS
from kit.reporting import Facts
from kit.site import LIMIT_S, Site, make_topics
from kit.story import Record, tell
from kit.waiting import until

from clearsight.errors import LandingError
from clearsight.topics import TopicNames
from stream_processors.undecodable import IN_A_ROW

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

AT_ONCE = 3
STORY = tell()
EARLY = [record for record in STORY[: len(STORY) // 2] if record[0] != NAMES.message]
LATE = [record for record in STORY if record not in EARLY]
"""With all contexts: what landed early is amended by them, in the batch that also lands something new."""


@pytest.fixture(scope="module")
def sites(servers: str, new_report_database: Callable[[], Any]) -> dict[str | None, Site]:
    """For each step one whose worker died there, having landed the early half before, and whose next worker went on;
    for None one whose worker never died."""
    steps: tuple[str | None, ...] = (None, *STEPS)
    made = {
        step: Site(TopicNames(f"step{number}"), servers, new_report_database()) for number, step in enumerate(steps)
    }
    make_topics(*made.values())

    def prepare(step: str | None) -> None:
        site = made[step]
        site.write(EARLY)
        site.work()
        site.write(LATE)
        if step:
            site.die(step)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(prepare, steps))
        list(pool.map(Site.work, made.values()))
    return made


@pytest.fixture(scope="module")
def never_died(sites: dict[str | None, Site]) -> Facts:
    site = sites[None]
    assert site.published() == site.revisions()
    assert max(site.revisions().values()) > 1, "nothing was amended"
    return site.facts()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_died_before(step: str, sites: dict[str | None, Site], never_died: Facts) -> None:
    site = sites[step]
    assert site.published() == site.revisions()
    assert site.facts() == never_died


def test_a_worker_whose_topic_cannot_be_decoded(
    servers: str, new_report_database: Callable[[], Any], never_died: Facts
) -> None:
    """It takes some records for dead letters, then it stops, each time anew; what is good beside them is not lost by it."""
    few, many = IN_A_ROW // 2 + 1, 3 * IN_A_ROW
    site = Site(TopicNames("undecodable"), servers, new_report_database())
    make_topics(site)
    letters = "SELECT count(*), count(DISTINCT (topic, kafka_partition, kafka_offset)) FROM rpt.dead_letter"

    site.write([*EARLY, *broken(few)])
    site.work()
    assert site.rows(letters) == [(few, few)]
    for more, why in (
        (broken(few), rf"the last {2 * few} records of undecodable\.logs cannot be decoded"),
        ([*broken(many), *LATE], r"\d+ of \d+ records cannot be decoded"),
    ):
        site.write(more)
        code, told = site.run("clearsight", "worker")
        assert code == LandingError.exit_code, told
        assert re.search(f"error: {why}", told), told
        assert "CLEARSIGHT_WORKER__UNDECODABLE_LIMIT=1" in told
        assert site.rows(letters) == [(few, few)]

    with site.started("clearsight", "worker", CLEARSIGHT_WORKER__UNDECODABLE_LIMIT="1") as worker:
        until(lambda: site.rows(letters) == [(2 * few + many, 2 * few + many)] and site.published() == site.revisions())
        worker.terminate()
        assert worker.wait(LIMIT_S) == 0
    assert site.facts() == never_died


def broken(count: int) -> list[Record]:
    return [(NAMES.logs, b"k", b"{broken")] * count
