"""`/`: the newest failed runs."""

from __future__ import annotations

from fastapi import Request, Response
from nicegui import ui

from api.addresses import run_page
from api.database import question
from api.pages.parts import clock, covered, refusal, section, sheet, table
from api.queries.coverage import coverage
from api.queries.runs import RunView, newest_failed_runs
from api.service import Service, caller_of
from clearsight.errors import ClearSightError

SHOWN = 50


def register(service: Service) -> None:
    async def start(request: Request) -> Response | None:
        try:
            async with question(service.engine, caller_of(request)) as connection:
                runs = await newest_failed_runs(connection, SHOWN)
                covering = await coverage(connection, service.groups)
        except ClearSightError as error:
            return refusal(error)
        with sheet():
            with ui.row().classes("w-full items-baseline justify-between"):
                ui.label("ClearSight RCA").classes("text-2xl")
                ui.link("API", "/docs")
            with section("Recent failed runs"):
                _runs(runs)
            covered(covering)
        return None

    ui.page("/", title="ClearSight RCA")(start)


def _runs(runs: list[RunView]) -> None:
    if not runs:
        ui.label("None has landed.")
        return
    columns = [("at", "finished"), ("scenario", "scenario"), ("node", "node"), ("error", "error"), ("run", "run")]
    rows = [
        {
            "at": clock(run.finished_at or run.started_at) or "",
            "scenario": run.scenario_name or run.scenario_id or "",
            "node": run.failing_node or "",
            "error": run.error_message or run.category or "",
            "run": run.run_id,
            "run_href": run_page(run.run_id),
        }
        for run in runs
    ]
    table(columns, rows, linked=("run",))
