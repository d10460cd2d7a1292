"""What the API tells Prometheus: requests by endpoint, and the pipeline's own record, read at each scrape."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Scope

from api.callers import OPERATOR
from api.database import question
from api.queries.ledger import Ledger, ledger
from clearsight.errors import ClearSightError
from sql.models import watermark

SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.0, 2.5, 5.0, 10.0)
_THROUGH = select(func.extract("epoch", func.now() - func.max(watermark.c.through_at))).where(
    watermark.c.kind == "changes"
)


class ApiMetrics:
    """One registry a process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "clearsight_api_request_seconds",
            "Time until an answer was whole",
            ["route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "clearsight_api_refused", "Requests that the gate turned away", ["status"], registry=registry
        )
        self._running = Gauge("clearsight_api_requests_running", "Requests that are being answered", registry=registry)
        self._database_up = Gauge("clearsight_database_up", "1 where the reporting database answers", registry=registry)
        self._freshness = Gauge(
            "clearsight_freshness_seconds", "Age of the newest change up to which all has landed", registry=registry
        )
        self._pending = Gauge(
            "clearsight_pending_events", "Events that wait for their context", ["what", "age"], registry=registry
        )
        self._letters = Gauge(
            "clearsight_dead_letters_open", "Dead letters that nobody closed", ["topic"], registry=registry
        )
        self._gaps = Gauge("clearsight_gaps_unexplained", "Gaps that nobody acknowledged", registry=registry)

    def begun(self) -> None:
        self._running.inc()

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """By the route's template: an id is no label."""
        self._running.dec()
        route = getattr(scope.get("route"), "path", None) or "none"
        self._seconds.labels(route, str(status)).observe(seconds)

    def refused(self, status: int) -> None:
        self._refused.labels(str(status)).inc()

    async def scrape(self, engine: AsyncEngine) -> bytes:
        """In Prometheus' text format; with the database away, what is known without it."""
        try:
            async with question(engine, OPERATOR) as connection:
                found = await ledger(connection)
                lag_s = await connection.scalar(_THROUGH)
        except ClearSightError:
            self._database_up.set(0)
        else:
            self._database_up.set(1)
            self._keep(found, lag_s)
        return generate_latest(self.registry)

    def _keep(self, found: Ledger, lag_s: float | None) -> None:
        self._freshness.set(float("nan") if lag_s is None else max(float(lag_s), 0.0))
        self._gaps.set(found.unexplained_gaps)
        self._letters.clear()
        for letters in found.dead_letters:
            self._letters.labels(letters.topic).set(letters.count)
        for waiting in found.waiting:
            for age, count in (("minute", waiting.minute), ("quarter", waiting.quarter), ("longer", waiting.longer)):
                self._pending.labels(waiting.what, age).set(count)
