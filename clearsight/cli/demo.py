"""`clearsight demo`: the demonstration, and its pieces."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearsight.demo.demonstration import Demonstration

STANDARD_OUTPUT = Path("-")
SEED_HELP = "Names, values, order and causes follow from it; the same seed repeats them."


def register(app: typer.Typer) -> None:
    demo = typer.Typer(help="A forecasting application that makes traffic and breaks in known ways.")

    @demo.callback(invoke_without_command=True)
    def run(
        context: typer.Context,
        seed: Annotated[int, typer.Option(help=SEED_HELP)] = 1,
        seconds: Annotated[float, typer.Option(min=5, help="How long traffic runs.")] = 30,
        rate: Annotated[float, typer.Option(min=1, help="Commits a second.")] = 220,
        json_path: Annotated[
            Path | None,
            typer.Option("--json", allow_dash=True, help="Write the figures to this file too; -: print only them."),
        ] = None,
        start: Annotated[
            bool, typer.Option(help="Start the local stack; else use the running system that the settings describe.")
        ] = True,
    ) -> None:
        """Start the stack, make traffic with five incidents in it, count what landed and explain the failed runs.

        Example: clearsight demo --seed 7 --json .clearsight/demo.json
        """
        if context.invoked_subcommand is None:
            _demonstrate(seed, seconds, rate, json_path, start)

    @demo.command()
    def prepare() -> None:
        """Create the application's tables in the source database; what is there stays.

        Example: clearsight demo prepare
        """
        from clearsight.demo.schema import prepare as prepare_schema
        from clearsight.settings import load_settings

        prepare_schema(load_settings())
        typer.echo("The demo application's tables are ready.", err=True)

    @demo.command("break")
    def break_run(
        name: Annotated[str, typer.Argument(help="timeout, validation, calculation, database or out-of-band")],
        seed: Annotated[int | None, typer.Option(help=f"{SEED_HELP} One is chosen and shown without it.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the incident as JSON.")] = False,
    ) -> None:
        """Make a run fail on the running stack, in one of five ways.

        Example: clearsight demo break timeout
        """
        _break(name, seed, as_json)

    app.add_typer(demo, name="demo")


def _demonstrate(seed: int, seconds: float, rate: float, json_path: Path | None, start: bool) -> None:
    from rich.console import Console

    from clearsight.demo.demonstration import demonstrate
    from clearsight.errors import LandingError
    from clearsight.settings import home, load_settings

    began_s = time.monotonic()
    if start:
        _start_stack()
    settings = load_settings()
    progress = Console(stderr=True, highlight=False, emoji=False)
    with progress.status("preparing") as status:
        demonstration = demonstrate(
            settings, home(), seed=seed, seconds=seconds, rate_per_s=rate, began_s=began_s, say=status.update
        )
    _deliver(demonstration, settings.api.link_base, json_path, start)
    if demonstration.lost:
        raise LandingError(
            demonstration.landed.missing(), "look at the worker and the forwarder: clearsight tail worker"
        )


def _start_stack() -> None:
    from clearsight.settings import home
    from clearsight.stack.progress import shown
    from clearsight.stack.supervisor import Stack

    with shown("starting") as report:
        Stack(home()).up(report=report)


def _deliver(demonstration: Demonstration, link_base: str, json_path: Path | None, local: bool) -> None:
    import json

    from rich.console import Console

    from clearsight.demo.summary import show

    figures = json.dumps(demonstration.figures(), indent=2) + "\n"
    if json_path == STANDARD_OUTPUT:
        typer.echo(figures, nl=False)
        return
    show(demonstration, link_base, Console(highlight=False, emoji=False), local)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(figures, encoding="utf-8")


def _break(name: str, seed: int | None, as_json: bool) -> None:
    import json
    import secrets

    from clearsight.demo.incident_plans import NAMES
    from clearsight.demo.incidents import seeded
    from clearsight.demo.seeds import Seeds
    from clearsight.demo.session import open_session
    from clearsight.demo.truth import Truth
    from clearsight.errors import ConfigurationError
    from clearsight.settings import home, load_settings

    known = next((known for known in NAMES if known == name), None)
    if known is None:
        raise ConfigurationError(f"there is no incident {name!r}", f"choose one of {', '.join(NAMES)}")
    settings = load_settings()
    chosen = secrets.randbelow(100_000) if seed is None else seed
    seeds = Seeds(chosen, Truth(settings, home()).claim_round(chosen))
    with open_session(settings, connections=3) as session:
        incident = seeded(known, session.application, session.dsn, seeds)
    if as_json:
        facts = {"name": name, "seed": chosen, "run_id": str(incident.run_id), "scenario_id": str(incident.scenario_id)}
        typer.echo(json.dumps({**facts, "seeded_cause": incident.seeded_cause._asdict()}))
        return
    typer.echo(f"Run {incident.run_id} failed: {incident.failure.message}")
    typer.echo(f"Ask why:   clearsight why {incident.run_id}")
    typer.echo(f"Or look:   {settings.api.link_base}/run/{incident.run_id}")
    typer.echo(f"Again:     clearsight demo break {name} --seed {chosen}")
