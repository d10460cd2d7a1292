"""The other two checks: how long the API takes for a long audit trail, and for each of its questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import figures
import httpx
from ground import Ground

from clearsight.demo.application import Input
from clearsight.demo.catalogue import CATALOGUE
from clearsight.demo.incidents import seeded
from clearsight.demo.landed import Reporting, wait_until_landed
from clearsight.demo.seeds import Seeds, person
from clearsight.demo.session import open_session
from clearsight.demo.truth import Truth
from clearsight.errors import LandingError, NotFound, Unavailable
from clearsight.settings import required

CHANGES = 120
"""Of one scenario, each in a request of its own with its log lines: a trail of several hundred events."""
LEAST_EVENTS = 100
LARGEST_PAGE = 1000
WARM_UP_REQUESTS = 20
NEVER_ENDING = "/rca/events/stream"
NEEDED = {"/rca/logs": {"level": "ERROR"}}
"""Parameters of questions that have no answer without."""
LANDING_LIMIT_S = 60.0


@dataclass(frozen=True)
class Story:
    """What the API is asked about, by the word that comes before the id in an endpoint's path."""

    scenario: str
    run: str
    correlation: str
    user: str

    def path(self, template: str) -> str:
        """`/rca/run/{id}/why` with its id. Raises NotFound where nothing of the story fits."""
        words = template.split("/")
        filled = [
            getattr(self, words[place - 1], word) if word.startswith("{") else word for place, word in enumerate(words)
        ]
        if any(word.startswith("{") for word in filled):
            raise NotFound(f"the benchmark has no id for {template}", "teach it to seed_api.py")
        return "/".join(filled)


def tell(ground: Ground, seed: int, say: Callable[[str], None]) -> Story:
    """A scenario with many changes, healthy runs and a failed one, and all of it landed. Raises LandingError."""
    truth, seeds = Truth(ground.settings, ground.stack.home), Seeds(seed)
    since, ids, decisions = truth.mark(), seeds.ids("bench"), seeds.decisions("bench")
    with open_session(ground.settings, connections=3) as session:
        application, someone, correlation = session.application, person(decisions, ids), ids.correlation_id()
        scenario = ids.uuid()
        values = [Input(ids.uuid(), scenario, item.node, item.name, item.healthy(decisions)) for item in CATALOGUE]
        with application.request(someone.user_id, "scenario.create", correlation):
            application.create_user(someone)
            application.create_scenario(scenario, someone.user_id, "bench", values)
        for number in range(CHANGES):
            place = number % len(CATALOGUE)
            with application.request(someone.user_id, "input.change", ids.correlation_id()):
                application.change_inputs([values[place]._replace(value=CATALOGUE[place].healthy(decisions))])
        incident = seeded("validation", application, session.dsn, seeds)
    reporting = Reporting(required(ground.settings.report.api_dsn, "report.api_dsn"))
    landed = wait_until_landed(
        truth, reporting, since, LANDING_LIMIT_S, lambda found: say(f"{found.lost:,} events have not landed yet")
    )
    if landed.lost:
        raise LandingError(landed.missing(), "look at the worker's log")
    return Story(str(scenario), str(incident.run_id), correlation, str(someone.user_id))


def audit_trail(client: httpx.Client, story: Story, requests: int) -> dict[str, Any]:
    """The whole trail of the scenario in one answer. Raises LandingError where it is shorter than it must be."""
    path, parameters = f"/rca/scenario/{story.scenario}/audit-trail", {"limit": LARGEST_PAGE}
    events = len(_answer(client, path, parameters).json()["items"])
    if events < LEAST_EVENTS:
        raise LandingError(f"the audit trail has {events} events, {LEAST_EVENTS} are wanted", "raise CHANGES")
    return {"events": events, "requests": requests, **_timed(client, path, parameters, requests)}


def endpoints(client: httpx.Client, story: Story, requests: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every GET below /rca that the API itself names and that ends, with its defaults. Raises Unavailable where one does
    not answer.
    """
    paths = _answer(client, "/openapi.json", {}).json()["paths"]
    asked = sorted(path for path in paths if path.startswith("/rca/") and path != NEVER_ENDING)
    if not asked:
        raise NotFound("the API names no endpoint below /rca", "look at /openapi.json")
    found = {}
    for template in asked:
        say(template)
        found[template] = _timed(client, story.path(template), NEEDED.get(template, {}), requests)
    return found


def _timed(client: httpx.Client, path: str, parameters: dict[str, Any], requests: int) -> dict[str, float | None]:
    """One request after the other over one connection; the first ones do not count."""
    for _ in range(WARM_UP_REQUESTS):
        _answer(client, path, parameters)
    times_ms = []
    for _ in range(requests):
        began_s = time.perf_counter()
        _answer(client, path, parameters)
        times_ms.append((time.perf_counter() - began_s) * 1000)
    return {"p50_ms": figures.percentile(times_ms, 0.5), "p95_ms": figures.percentile(times_ms, 0.95)}


def _answer(client: httpx.Client, path: str, parameters: dict[str, Any]) -> httpx.Response:
    try:
        answer = client.get(path, params=parameters)
    except httpx.HTTPError as error:
        raise Unavailable(f"GET {path}: {error!r}", "look at the API's log") from None
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"GET {path} answered {answer.status_code}: {answer.text[:200]}", "look at the API's log")
    return answer
