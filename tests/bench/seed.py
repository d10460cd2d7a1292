"""The three performance checks that every change must keep: `make bench-seed`.

10,000 log records through forwarder and worker until each is a fact exactly once; an audit trail of more than 100 events;
the answer time of every GET below /rca. Writes bench-results/seed.json.
"""

from __future__ import annotations

import argparse

import figures
import httpx
import seed_api
from ground import arguments, ground, phase, run
from seed_log_records import log_records

from clearsight.errors import LandingError

WARM_UP_RECORDS = 1000


def main() -> None:
    given = _arguments()
    with ground(given.home) as stack:
        with phase(f"{WARM_UP_RECORDS:,} log records that do not count: the parts meet") as say:
            log_records(stack, WARM_UP_RECORDS, say)
        with phase(f"{given.log_records:,} log records") as say:
            records = log_records(stack, given.log_records, say)
        with phase("a scenario with many events, and a failed run") as say:
            story = seed_api.tell(stack, given.seed, say)
        with httpx.Client(base_url=stack.settings.api.url, timeout=30.0, trust_env=False) as client:
            with phase(f"{given.requests:,} questions for a long audit trail"):
                trail = seed_api.audit_trail(client, story, given.requests)
            with phase(f"{given.requests:,} questions to each endpoint") as say:
                answers = seed_api.endpoints(client, story, given.requests, say)
    found = {"log_records": records.figures(), "audit_trail": trail, "api": answers}
    detail = {"requests": given.requests, "log_records_accepted_s": round(records.written_s, 2)}
    figures.hand_over("seed", "Performance checks", found, detail)
    if records.lost or records.duplicated:
        raise LandingError(f"{records.lost} log records lost, {records.duplicated} doubled", "look for the reason")


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--log-records", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=200, help="to each endpoint")
    given = parser.parse_args()
    if given.log_records < 1 or given.requests < 1:
        parser.error("--log-records and --requests are at least 1")
    return given


if __name__ == "__main__":
    run(main)
