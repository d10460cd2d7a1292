"""Page after page over 100,000 rows, as Excel does, while others land: each row that was there comes once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from kit.server import Server

from api.main import create_api
from clearsight.settings import Settings

pytestmark = pytest.mark.integration

ROWS = 100_000
LINES = """
INSERT INTO rpt.fact_cloudwatch_log (event_id, occurred_at, cloudwatch_id, log_group, log_stream, level, message, scenario_key, link,
    correlation_source, topic, kafka_partition, kafka_offset)
SELECT gen_random_uuid(), now() - interval '3 hours' + n / 40 * interval '1 second' + %(later)s * interval '1 second',
       '0', '/paging', 's', 'INFO', 'line ' || n, %(scenario)s, 'direct', 'none', 't', 0, n
FROM generate_series(1, %(rows)s) n
"""


@pytest.fixture
def lines(server: Server, story: Any) -> Iterator[int]:
    """The key of a scenario with ROWS lines, 40 a second; more land until the end, before, among and behind them: so many
    that a reader comes to an end, however much slower it is."""
    done = threading.Event()

    def land() -> None:
        with psycopg.connect(server.dsn("clearsight_owner", "clearsight"), autocommit=True) as connection:
            landed = 0
            while not done.is_set() and landed < ROWS:
                landed += 150
                for later in (-60, 1250, 2600):
                    connection.execute(LINES, {"later": later, "rows": 50, "scenario": story.scenario_key})

    story.connection.execute(LINES, {"later": 0, "rows": ROWS, "scenario": story.scenario_key})
    story.connection.execute("ANALYZE rpt.fact_cloudwatch_log")
    landing = threading.Thread(target=land)
    landing.start()
    try:
        yield story.scenario_key
    finally:
        done.set()
        landing.join()
        story.connection.execute("DELETE FROM rpt.fact_cloudwatch_log WHERE log_group = '/paging'")


async def test_each_row_comes_once_while_others_land(server: Server, settings: Settings, lines: int) -> None:
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight")) as connection:
        asked = "SELECT event_id::text FROM rpt.fact_cloudwatch_log WHERE scenario_key = %s"
        before = {event_id for (event_id,) in connection.execute(asked, [lines])}
    assert len(before) >= ROWS
    api = create_api(settings)
    seen: list[str] = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1", timeout=60
    ) as client:
        following = f"/odata/v1/logs?$select=event_id,message&$filter=scenario_key eq {lines}"
        while following:
            page = (await client.get(following)).json()
            assert 0 < len(page["value"]) <= 5_000
            seen += [row["event_id"] for row in page["value"]]
            following = page.get("@odata.nextLink")
    await api.state.service.engine.dispose()
    assert len(seen) == len(set(seen)), "a row came twice"
    assert before <= set(seen), "a row was left out"
