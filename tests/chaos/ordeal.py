"""Random faults under load, and what they did to the facts."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from bench.figures import FOLDER
from bench.ground import Ground, ground
from chaos import recovery
from chaos.crew import Crew
from chaos.evidence import Evidence
from chaos.faults import FAULTS, Blow, drawn, strike
from chaos.load import Load
from chaos.scene import SESSION_TIMEOUT_S, Fault, Scene
from chaos.verdict import Loss, Verdict, judge

from clearsight.demo.landed import Landed, Reporting, wait_until_landed
from clearsight.demo.pace import Pace
from clearsight.demo.seeds import Seeds
from clearsight.demo.session import open_session
from clearsight.errors import LandingError
from clearsight.settings import required

DEADLINE_S = 20.0
"""What waits for its context that long is closed: within the ordeal, and joined again where its context comes after it."""
LIMITS = {
    "CLEARSIGHT_WORKER__SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_S * 1000)),
    "CLEARSIGHT_WORKER__DEADLINE_S": str(DEADLINE_S),
}
LOGS = FOLDER / "chaos-logs"
LANDING_LIMIT_S = 60.0
LOST_LIMIT_S = 20.0
"""What is lost never lands: how long nothing else may come until that is seen."""
SETTLING_LIMIT_S = DEADLINE_S + 100.0
BETWEEN_S = (0.5, 3.0)
"""How long it goes well between two volleys."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    faults: int
    seed: int
    rate_per_s: float
    limit_s: float
    """Of all faults together: a hang is a failure."""
    home: Path
    kinds: Sequence[Fault] = FAULTS
    only: str = ""
    """What was asked for to get these kinds."""

    @property
    def repeat(self) -> str:
        """The command that draws the same faults."""
        only = f" ARGS='--only \"{self.only}\"'" if self.only else ""
        return f"make chaos FAULTS={self.faults} SEED={self.seed}{only}"


@dataclass(frozen=True)
class Hit:
    fault: str
    recovery_s: float
    """From the fault until everything was back and what was committed then had landed."""


@dataclass(frozen=True)
class Volley:
    """Faults that struck together; `ended` when all was back."""

    faults: list[str]
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class Outcome:
    hits: list[Hit]
    volleys: list[Volley]
    verdict: Verdict
    seconds: float


def undergo(plan: Plan, say: Say) -> Outcome:
    """Raises LandingError where something does not come back."""
    began_s = time.monotonic()
    with _short_limits(), ground(plan.home) as stack, _logs_kept(stack), _crew(stack) as crew:
        evidence = Evidence(stack)
        seeds = Seeds(plan.seed, evidence.truth.claim_round(plan.seed))
        with open_session(stack.settings, connections=4) as session:
            load = Load(session.application, seeds, Pace(plan.rate_per_s, time.monotonic()))
            load.start()
            try:
                hits, volleys, losses = _volleys(Scene(stack, crew), evidence, plan, say)
            finally:
                load.stop()
        _await_landing(stack, evidence, LOST_LIMIT_S if losses else LANDING_LIMIT_S, say)
        say("comparing with the ledger")
        verdict = judge(evidence.ledger(load.intents.of), evidence.facts(), losses)
        if not verdict.exact:
            _keep_logs(stack)
    return Outcome(hits, volleys, verdict, time.monotonic() - began_s)


@contextmanager
def _short_limits() -> Iterator[None]:
    """For every worker that is started meanwhile."""
    before = {name: os.environ.get(name) for name in LIMITS}
    os.environ.update(LIMITS)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


@contextmanager
def _logs_kept(stack: Ground) -> Iterator[None]:
    """What the parts wrote outlives a failure."""
    try:
        yield
    except BaseException:
        _keep_logs(stack)
        raise


def _keep_logs(stack: Ground) -> None:
    shutil.rmtree(LOGS, ignore_errors=True)
    shutil.copytree(stack.stack.home / "logs", LOGS)


@contextmanager
def _crew(stack: Ground) -> Iterator[Crew]:
    crew = Crew(stack.stack.home)
    try:
        yield crew
    finally:
        crew.disband()


def _volleys(scene: Scene, evidence: Evidence, plan: Plan, say: Say) -> tuple[list[Hit], list[Volley], list[Loss]]:
    random = Random(plan.seed)
    give_up_s = time.monotonic() + plan.limit_s
    hits: list[Hit] = []
    volleys: list[Volley] = []
    losses: list[Loss] = []
    recovery.recover(scene.ground, evidence, say, recovery.LIMIT_S)
    for volley in drawn(plan.faults, random, plan.kinds):
        time.sleep(random.uniform(*BETWEEN_S))
        words = f"{len(hits)} of {plan.faults} faults; {', '.join(blow.fault.name for blow in volley)}"
        left_s = give_up_s - time.monotonic()
        if left_s <= 0:
            raise LandingError(f"only {words} within {plan.limit_s / 60:.0f} minutes", "give it more --minutes")
        say(words)
        began = datetime.now(UTC)
        try:
            hits += _volley(scene, evidence, volley, left_s, partial(_say_also, say, words))
        except LandingError as error:
            raise LandingError(f"after {words}: {error.message}", f"see {LOGS}") from error
        ended = datetime.now(UTC)
        volleys.append(Volley([blow.fault.name for blow in volley], began, ended))
        losses += [Loss(topic, began, ended) for topic in scene.losing]
        scene.losing.clear()
    return hits, volleys, losses


def _say_also(say: Say, words: str, more: str) -> None:
    say(f"{words}; {more}")


def _volley(scene: Scene, evidence: Evidence, volley: list[Blow], left_s: float, say: Say) -> list[Hit]:
    began_s = time.monotonic()
    with ThreadPoolExecutor(len(volley)) as pool:
        list(pool.map(lambda blow: strike(scene, blow), volley))
    recovery.recover(scene.ground, evidence, say, min(recovery.LIMIT_S, left_s))
    ended_s = time.monotonic()
    return [Hit(blow.fault.name, ended_s - began_s - blow.after_s) for blow in volley]


def _await_landing(stack: Ground, evidence: Evidence, limit_s: float, say: Say) -> None:
    """Until everything has landed or nothing more comes: what is missing then, the verdict tells."""
    reporting = Reporting(required(stack.settings.report.api_dsn, "report.api_dsn"))

    def progress(landed: Landed) -> None:
        say(f"{landed.lost:,} events have not landed")

    wait_until_landed(evidence.truth, reporting, evidence.since, limit_s, progress)
    give_up_s = time.monotonic() + SETTLING_LIMIT_S
    while (words := evidence.unsettled()) and time.monotonic() < give_up_s:
        say(words)
        time.sleep(0.2)
