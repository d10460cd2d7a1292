"""Random faults under load: `make chaos FAULTS=N SEED=S`.

Kills, freezes and cuts parts of a real stack while an application works, waits until everything is back, and in the end
compares what landed with what the source's triggers, the database's log, the application and CloudWatch wrote down. Writes
bench-results/chaos.json; ends with another code than 0 unless nothing was lost, doubled, misordered, joined wrongly, or left
pending or unpublished.
"""

from __future__ import annotations

import argparse
from statistics import median

from bench import figures
from bench.ground import arguments, console, phase, run
from chaos.faults import named
from chaos.ordeal import Hit, Outcome, Plan, undergo
from rich.table import Table

from clearsight.errors import ClearSightError, LandingError
from clearsight.readable import clock


def main() -> None:
    plan = _plan()
    try:
        with phase(f"{plan.faults} faults of seed {plan.seed}") as say:
            outcome = undergo(plan, say)
    except ClearSightError as error:
        raise LandingError(f"{error.message}\n  repeat: {plan.repeat}", error.mend) from error
    _show(outcome, plan)
    if not outcome.verdict.exact:
        raise LandingError(
            "\n".join(["the facts are not what was committed", *outcome.verdict.complaints()]),
            f"repeat it: {plan.repeat}",
        )


def _show(outcome: Outcome, plan: Plan) -> None:
    table = Table("fault", "times", "median recovery s", "longest", title=f"Faults of seed {plan.seed}")
    kinds = _by_kind(outcome.hits)
    for kind, seconds in sorted(kinds.items()):
        table.add_row(kind, str(len(seconds)), f"{median(seconds):.1f}", f"{max(seconds):.1f}")
    console.print(table)
    detail = {
        "seed": plan.seed,
        "rate_per_s": plan.rate_per_s,
        "seconds": round(outcome.seconds, 1),
        "volleys": [
            {"faults": one.faults, "began": clock(one.began), "ended": clock(one.ended)} for one in outcome.volleys
        ],
        "recovery_s": {kind: [round(one, 1) for one in seconds] for kind, seconds in sorted(kinds.items())},
    }
    figures.hand_over("chaos", "Faults under load", {"faults": plan.faults, **outcome.verdict.figures()}, detail)


def _by_kind(hits: list[Hit]) -> dict[str, list[float]]:
    kinds: dict[str, list[float]] = {}
    for hit in hits:
        kinds.setdefault(hit.fault, []).append(hit.recovery_s)
    return kinds


def _plan() -> Plan:
    parser: argparse.ArgumentParser = arguments(__doc__)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--rate", type=float, default=10.0, help="commits a second")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all faults together; longer is a failure")
    parser.add_argument("--only", default="", help="only faults whose name has this in it")
    given = parser.parse_args()
    if given.faults < 1 or given.rate <= 0 or given.minutes <= 0:
        parser.error("--faults, --rate and --minutes are more than 0")
    kinds = named(given.only)
    if not kinds:
        parser.error(f"--only: no fault's name has {given.only!r} in it")
    return Plan(given.faults, given.seed, given.rate, given.minutes * 60, given.home, kinds, given.only)


if __name__ == "__main__":
    run(main)
