"""The first check: log records through forwarder and worker, until each is a fact exactly once."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ground import Ground
from load import log_line

from clearsight.demo.cloudwatch_writer import CloudWatchWriter, logs_client
from clearsight.demo.landed import Reporting
from clearsight.demo.truth import Truth
from clearsight.errors import LandingError, Unavailable
from clearsight.settings import required

LINES_A_REQUEST = 5
POLL_S = 0.02
LIMIT_S = 300.0


@dataclass(frozen=True)
class LogRecords:
    count: int
    written_s: float
    """How long CloudWatch took to accept them."""
    landed_s: float
    """From the first written to the last that can be seen."""
    lost: int
    duplicated: int

    def figures(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "seconds": round(self.landed_s, 2),
            "per_s": round(self.count / self.landed_s),
            "lost": self.lost,
            "duplicated": self.duplicated,
        }


def log_records(ground: Ground, count: int, say: Callable[[str], None]) -> LogRecords:
    """Write and follow `count` lines. Raises Unavailable where CloudWatch refuses some, LandingError where they stay away."""
    settings = ground.settings
    truth = Truth(settings, ground.stack.home)
    since, stream = truth.mark(), f"bench-{uuid.uuid4()}"
    writer = CloudWatchWriter(logs_client(settings.cloudwatch))
    began_s = time.monotonic()
    for number in range(count):
        if number % LINES_A_REQUEST == 0:
            correlation_id = str(uuid.uuid4())
        line = log_line(correlation_id, number)
        writer.put(settings.cloudwatch.groups[0], stream, int(time.time() * 1000), line)
    writer.close()
    written_s = time.monotonic() - began_s
    if writer.accepted != count:
        raise Unavailable(f"CloudWatch accepted {writer.accepted:,} of {count:,} lines", "run the benchmark again")
    _await_facts(ground, stream, count, say)
    landed_s = time.monotonic() - began_s
    reporting = Reporting(required(settings.report.api_dsn, "report.api_dsn"))
    found = reporting.look(Counter(), truth.log_lines(since), since).lines
    return LogRecords(count, written_s, landed_s, found.lost.total(), found.surplus.total())


def _await_facts(ground: Ground, stream: str, count: int, say: Callable[[str], None]) -> None:
    until_s = time.monotonic() + LIMIT_S
    with ground.reporting() as connection:
        while True:
            ((landed,),) = connection.execute(
                "SELECT count(*) FROM rpt.fact_cloudwatch_log WHERE log_stream = %s", [stream]
            ).fetchall()
            if landed >= count:
                return
            if time.monotonic() > until_s:
                raise LandingError(
                    f"{landed:,} of {count:,} log records landed in {LIMIT_S:.0f} s", "look at the forwarder"
                )
            say(f"{landed:,} of {count:,} landed")
            time.sleep(POLL_S)
