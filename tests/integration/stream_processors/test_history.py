"""History that is copied is the history that the worker lands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from history.copied import Copied
from history.episodes import History
from history.told import Stream
from kit.batches import in_batches
from kit.reporting import Reporting

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames

pytestmark = pytest.mark.integration

EVENTS = 4_000
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
MORE = {
    "touches": """
        SELECT c.correlation_id, t.kind, coalesce(s.scenario_id, r.run_id, u.user_id) FROM rpt.correlation_touch t
        JOIN rpt.correlation c USING (correlation_key) LEFT JOIN rpt.dim_scenario s ON t.kind = 'scenario' AND s.scenario_key = t.key
        LEFT JOIN rpt.dim_run r ON t.kind = 'run' AND r.run_key = t.key
        LEFT JOIN rpt.dim_user u ON t.kind = 'user' AND u.user_key = t.key ORDER BY 1, 2, 3""",
    "contexts": "SELECT tx_id, committed_at, commit_lsn, correlation_id, user_id, use_case FROM rpt.transaction_context ORDER BY 1, 2",
    "runs of scenarios": "SELECT r.run_id, s.scenario_id FROM rpt.dim_run r LEFT JOIN rpt.dim_scenario s USING (scenario_key) ORDER BY 1",
    "correlation keys": """
        SELECT f.event_id::text, c.correlation_id FROM rpt.fact_cloudwatch_log f JOIN rpt.correlation c USING (correlation_key)
        UNION ALL SELECT f.event_id::text, c.correlation_id FROM rpt.fact_row_change f JOIN rpt.correlation c USING (correlation_key)
        ORDER BY 1""",
    "starts": "SELECT r.run_id, f.start_commit_lsn, f.start_lsn, f.succeeded_commit_lsn, f.succeeded_lsn, f.user_key IS NULL"
    " FROM rpt.fact_run_diagnostic f JOIN rpt.dim_run r USING (run_key) ORDER BY 1",
}


def test_both_ways_make_the_same_rows(new_report_database: Callable[[], Any]) -> None:
    names, mapping = TopicNames(), load_mapping(DEFAULT_MAPPING)
    landed, copied = (
        Reporting(made.owner_dsn, made.writer_dsn, mapping, names)
        for made in (new_report_database(), new_report_database())
    )
    episodes = list(History(EVENTS, 7, UNTIL, Stream(names)))
    land = landed.worker()
    for batch in in_batches(record for episode in episodes for record in episode.records):
        land(batch)
    landed.settle_all()
    with copied.connect() as connection:
        target = Copied(connection, mapping, names)
        for number, episode in enumerate(episodes):
            target.add(episode.records)
            if number % 100 == 0:
                target.flush()
        target.flush()
    theirs, ours = landed.facts(), copied.facts()
    for name, expected in theirs.items():
        assert ours[name] == expected, name
        assert expected or name == "schema changes", name
    for name, query in MORE.items():
        assert copied.rows(query) == landed.rows(query), name
    links = {link for (link,) in copied.rows("SELECT DISTINCT link FROM rpt.fact_cloudwatch_log")}
    assert links == {"direct", "correlated", "shared", "unlinked"}
    outcomes = {outcome for (outcome,) in copied.rows("SELECT DISTINCT outcome FROM rpt.fact_run_diagnostic")}
    assert outcomes == {"succeeded", "failed"}


def test_sizes_have_a_heavy_tail_and_the_same_seed_tells_the_same() -> None:
    one, other = (list(History(50_000, 3, UNTIL, Stream(TopicNames()))) for _ in range(2))
    assert [episode.records for episode in one] == [episode.records for episode in other]
    assert 50_000 <= sum(episode.events for episode in one) < 50_200


def test_streams_of_one_history_share_nothing(new_report_database: Callable[[], Any]) -> None:
    made, names, mapping = new_report_database(), TopicNames(), load_mapping(DEFAULT_MAPPING)
    for stream in (0, 1):
        with psycopg.connect(made.writer_dsn, autocommit=True) as connection:
            target = Copied(connection, mapping, names)
            for episode in History(2_000, 7, UNTIL, Stream(names, stream, 2), among=2):
                target.add(episode.records)
            target.flush()
    with psycopg.connect(made.owner_dsn) as owner:
        (facts,) = owner.execute("SELECT count(*) FROM rpt.fact_row_change").fetchone() or (0,)
        assert facts > 500
