"""A worker that stands still while it owns partitions: another one replaces it in time, and thawed it writes nothing."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from itertools import count
from typing import Any

import psutil
import pytest
from kit.debezium import partitioned
from kit.freezing_worker import STEPS
from kit.reporting import Facts, Reporting
from kit.site import LIMIT_S, SESSION_TIMEOUT_MS, Site, make_topics
from kit.story import tell
from kit.waiting import until
from pydantic import SecretStr

from clearsight.settings import ReportSettings, Settings
from clearsight.topics import TopicNames
from stream_processors.worker import connector

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SESSION_S = SESSION_TIMEOUT_MS / 1000
IN_TRANSACTION_S = 15.0
"""How long a session may stand still inside a transaction."""
GRACE_S = 35.0
"""For a start of a process and a round of the group, on a busy machine; less than a transaction may last at all."""

STORY = tell()
THIRD = len(STORY) // 3
EARLY, WHILE_FROZEN, AFTERWARDS = STORY[:THIRD], STORY[THIRD : 2 * THIRD], STORY[2 * THIRD :]

REAL = ("clearsight", "worker")
ANY_PORT = {"CLEARSIGHT_WORKER__METRICS_PORT": "0"}
OWNERS = "SELECT DISTINCT split_part(owner, ':', -1)::int FROM rpt.consumer_position"
WRITTEN_TO = f"{OWNERS} WHERE kafka_partition = 0"
"""Who owns the partitions that have records: of each topic the first."""
NEXT_OFFSETS = "SELECT sum(next_offset)::int FROM rpt.consumer_position"
BATCHES = "SELECT max(batch_id), count(*), sum(next_offset) FROM rpt.batch"

numbers = count()


@pytest.fixture
def site(servers: str, report_database: Any) -> Site:
    made = Site(TopicNames(f"frozen{next(numbers)}"), servers, report_database)
    make_topics(made)
    return made


@pytest.fixture
def never_frozen(reporting: Reporting) -> Facts:
    reporting.worker()(partitioned(STORY))
    reporting.settle()
    return reporting.facts()


def is_frozen(process: subprocess.Popen[str]) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def have_landed(site: Site, records: int) -> Callable[[], bool]:
    return lambda: site.rows(NEXT_OFFSETS) == [(records,)]


def owned_by(site: Site, *workers: subprocess.Popen[str]) -> Callable[[], bool]:
    """Each of these workers owns some partitions, and nobody else any."""
    return lambda: {pid for (pid,) in site.rows(OWNERS)} == {worker.pid for worker in workers}


@pytest.mark.parametrize(("step", "replaced_within_s"), [*zip(STEPS, (SESSION_S, IN_TRANSACTION_S), strict=True)])
def test_a_worker_that_freezes_with_a_batch(
    site: Site, never_frozen: Facts, step: str, replaced_within_s: float
) -> None:
    """With its commit before it, it holds the locks of the batch: PostgreSQL ends its session."""
    site.write(EARLY)
    with site.started("kit.freezing_worker", step) as frozen:
        until(lambda: is_frozen(frozen), "the worker froze", LIMIT_S)
        with site.started(*REAL, **ANY_PORT) as other:
            site.write([*WHILE_FROZEN, *AFTERWARDS])
            until(have_landed(site, len(STORY)), "the other landed it all", replaced_within_s + GRACE_S)
            assert site.rows(OWNERS) == [(other.pid,)]
            assert is_frozen(frozen)
            written = site.rows(BATCHES)
            frozen.send_signal(signal.SIGCONT)
            told, _ = frozen.communicate(timeout=LIMIT_S)
            assert frozen.returncode, told
            assert "Fenced: another worker owns" in told
            assert (site.rows(BATCHES), site.rows(OWNERS)) == (written, [(other.pid,)])
            until(lambda: site.published() == site.revisions(), "all is published")
    assert site.facts() == never_frozen


def test_a_worker_that_freezes_between_batches(site: Site, never_frozen: Facts) -> None:
    """Thawed, it is one of the group again."""
    with site.started(*REAL, **ANY_PORT) as one, site.started(*REAL, **ANY_PORT) as another:
        until(owned_by(site, one, another), "both are at work", LIMIT_S)
        site.write(EARLY)
        until(have_landed(site, len(EARLY)), "the first part landed", LIMIT_S)
        owner, other = (one, another) if site.rows(WRITTEN_TO) == [(one.pid,)] else (another, one)
        assert site.rows(WRITTEN_TO) == [(owner.pid,)]
        owner.send_signal(signal.SIGSTOP)
        site.write(WHILE_FROZEN)
        until(have_landed(site, len(EARLY + WHILE_FROZEN)), "the other landed it", SESSION_S + GRACE_S)
        assert site.rows(OWNERS) == [(other.pid,)]
        assert is_frozen(owner)
        owner.send_signal(signal.SIGCONT)
        until(owned_by(site, one, another), "the thawed one is back", LIMIT_S)
        site.write(AFTERWARDS)
        until(have_landed(site, len(STORY)), "the rest landed", LIMIT_S)
        until(lambda: site.published() == site.revisions(), "all is published")
        assert (one.poll(), another.poll()) == (None, None)
    assert site.facts() == never_frozen


def test_a_session_of_a_worker(reporting: Reporting) -> None:
    settings = Settings(report=ReportSettings(writer_dsn=SecretStr(reporting.writer_dsn)))
    expected = {"idle_in_transaction_session_timeout": "15s", "transaction_timeout": "1min", "synchronous_commit": "on"}
    with connector(settings)() as connection:
        query = (
            "SELECT current_setting(name) FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place"
        )
        assert connection.execute(query, [[*expected]]).fetchall() == [(value,) for value in expected.values()]
