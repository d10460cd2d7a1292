"""The seven questions of the mission, and what of a seeded history they are asked about."""

from __future__ import annotations

import random
from typing import Any, NamedTuple
from urllib.parse import quote

from psycopg import Connection

from clearsight.errors import NotFound

ENDPOINTS = {
    "audit-trail": "/rca/scenario/{scenario}/audit-trail?limit=100",
    "state-changes": "/rca/scenario/{scenario}/state-changes",
    "journey": "/rca/user/{user}/journey",
    "diagnostics": "/rca/run/{run}/diagnostics",
    "run-comparison": "/rca/scenario/{scenario}/run-comparison",
    "top-categories": "/rca/errors/top-categories",
    "error-summary": "/rca/scenario/{scenario}/error-summary",
}
COMPARED = ENDPOINTS["run-comparison"]
WIDE_INPUTS = 1_000
"""Of a scenario of which every input differs between its two runs."""
LEAST_EVENTS = 1_000
KINDS_OF_EACH = 20
"""Different scenarios, users and runs, so that an answer does not always find what the one before it left in memory."""

_SCENARIOS = """
SELECT s.scenario_id FROM (
    SELECT scenario_key, sum(events) AS events FROM (
        SELECT scenario_key, count(*) AS events FROM rpt.fact_cloudwatch_log WHERE scenario_key IS NOT NULL GROUP BY 1
        UNION ALL SELECT scenario_key, count(*) FROM rpt.fact_user_action GROUP BY 1
    ) parts GROUP BY 1
) sizes JOIN rpt.dim_scenario s USING (scenario_key)
WHERE events > %s AND EXISTS (SELECT FROM rpt.fact_run_diagnostic r
                              WHERE r.scenario_key = sizes.scenario_key AND r.outcome = 'failed' AND r.last_good_run_key IS NOT NULL)
ORDER BY events DESC, 1
"""
_RUNS = """
SELECT run_id FROM rpt.fact_run_diagnostic JOIN rpt.dim_run USING (run_key)
WHERE outcome = 'failed' AND last_good_run_key IS NOT NULL ORDER BY started_at DESC, 1 LIMIT 2000
"""
_USERS = "SELECT DISTINCT user_id FROM rpt.dim_user JOIN rpt.fact_user_action USING (user_key) ORDER BY 1"


class Targets(NamedTuple):
    scenarios: list[str]
    runs: list[str]
    users: list[str]

    def paths(self, template: str) -> list[str]:
        """The endpoint's addresses, one for each thing that it can be asked about."""
        for name, found in (("scenario", self.scenarios), ("run", self.runs), ("user", self.users)):
            if f"{{{name}}}" in template:
                return [template.replace(f"{{{name}}}", quote(each, safe="")) for each in found]
        return [template]


def choose(connection: Connection[Any], seed: int) -> Targets:
    """Of the scenarios with more than LEAST_EVENTS always the largest. Raises NotFound where there is none."""
    rng = random.Random(seed)
    found = [[value for (value,) in connection.execute(query, given)] for query, given in (
        (_SCENARIOS, [LEAST_EVENTS]), (_RUNS, None), (_USERS, None),
    )]  # fmt: skip
    if not all(found):
        raise NotFound("there is no history to ask about", "seed more: EVENTS=1000000")
    scenarios, runs, users = (rng.sample(each[1:], min(KINDS_OF_EACH - 1, len(each) - 1)) for each in found)
    return Targets([found[0][0], *scenarios], [found[1][0], *runs], [found[2][0], *users])
