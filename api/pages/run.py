"""`/run/{id}`: the error, the change that caused it, what was ruled out, what differs, the log lines around it."""

from __future__ import annotations

from fastapi import Request, Response
from nicegui import ui

from api import addresses
from api.database import question
from api.pages.parts import MONO, QUIET, bullets, clock, covered, duration, facts, refusal, section, sheet, table
from api.queries.events import LogEvent
from api.queries.run import Diagnostics, InputDifferences, diagnostics
from api.queries.why import Why, why
from api.service import Service, caller_of
from clearsight.anomaly import shown
from clearsight.causes import Candidate, RuledOut, share_text
from clearsight.errors import ClearSightError

LINES_BEFORE, LINES_AFTER = 25, 10
"""Log lines shown around the first error."""

_LEVEL_CELL = """
<q-td :props="props"><span :class="{ 'text-negative font-bold': ['ERROR', 'FATAL'].includes(props.value),
'text-warning font-bold': props.value === 'WARN' }">{{ props.value }}</span></q-td>
"""


def register(service: Service) -> None:
    async def run(request: Request, run_id: str) -> Response | None:
        try:
            async with question(service.engine, caller_of(request)) as connection:
                answer = await why(connection, run_id, service.mapping, service.groups, service.page_of(run_id))
                found = await diagnostics(connection, run_id, service.mapping)
        except ClearSightError as error:
            return refusal(error)
        with sheet():
            _heading(answer)
            if answer.verdict != "not_failed":
                _error(found)
                _verdict(answer)
                _ruled_out(answer.ruled_out)
                _schema_changes(answer)
            _differences(found.input_differences, answer.last_good_run_id)
            _lines(found)
            covered(answer.coverage)
        return None

    ui.page("/run/{run_id:path}", title="Run · ClearSight RCA")(run)


def _heading(answer: Why) -> None:
    run = answer.run
    with ui.row().classes("w-full items-baseline gap-3"):
        ui.link("ClearSight RCA", "/").classes("text-sm")
        ui.label(f"Run {run.run_id}").classes("text-xl break-all")
        colour = {"failed": "negative", "succeeded": "positive"}.get(run.outcome or "", "grey")
        ui.badge(run.outcome or "unknown", color=colour)
        if run.category:
            ui.badge(run.category, color="grey-7")
    facts(
        ("scenario", run.scenario_name or run.scenario_id, _trail_of(run.scenario_id)),
        ("started by", run.user_name or run.user_id, None),
        ("at", clock(run.started_at), None),
        ("took", duration(run.duration_ms), None),
        ("correlation", run.correlation_id, addresses.correlation(run.correlation_id) if run.correlation_id else None),
        ("JSON", "diagnostics", addresses.diagnostics(run.run_id)),
        ("", "why", addresses.why(run.run_id)),
    )


def _trail_of(scenario_id: str | None) -> str | None:
    return addresses.audit_trail(scenario_id) if scenario_id else None


def _error(found: Diagnostics) -> None:
    run = found.run
    with section("Error", accent="border-l-4 border-l-red-600"):
        ui.label(run.error_message or "The run gave no message.").classes(f"{MONO} text-base")
        facts(("node", run.failing_node, None), ("type", run.error_type, None))
        if found.stack:
            with ui.expansion("Stack").props("dense").classes("w-full"):
                ui.label(found.stack).classes(f"{MONO} text-xs")


def _verdict(answer: Why) -> None:
    if answer.cause is not None:
        with section("Cause", accent="border-l-4 border-l-amber-500"):
            _candidate(answer.candidates[0], large=True)
        rest, title = answer.candidates[1:], "Less likely"
    else:
        with section("Cause: undecided", accent="border-l-4 border-l-amber-500"):
            ui.label(answer.summary)
        rest, title = answer.candidates, "Candidates"
    if rest:
        with section(title):
            for candidate in rest:
                _candidate(candidate, large=False)


def _candidate(candidate: Candidate, *, large: bool) -> None:
    ui.label(candidate.title).classes("text-lg font-bold break-words" if large else "font-bold break-words")
    change, party = candidate.change, candidate.transaction
    if change is not None:
        facts(
            ("by", change.user or ("not known" if candidate.kind == "out_of_band" else None), None),
            ("at", clock(change.occurred_at), None),
            *_context(candidate.kind == "out_of_band", change.correlation_id),
        )
    elif party is not None:
        facts(
            ("by", party.user, None),
            ("committed", clock(party.committed_at), None),
            *_context(False, party.correlation_id),
        )
    facts(("share of belief", share_text(candidate.score), None))
    bullets(candidate.evidence)
    if candidate.against:
        ui.label("but").classes(QUIET)
        bullets(candidate.against)


def _context(out_of_band: bool, correlation_id: str | None) -> list[tuple[str, str | None, str | None]]:
    if out_of_band:
        return [("context", "no context: changed out of band", None)]
    if correlation_id is None:
        return [("correlation", "none yet", None)]
    return [("correlation", correlation_id, addresses.correlation(correlation_id))]


def _ruled_out(ruled_out: list[RuledOut]) -> None:
    if not ruled_out:
        return
    with section(f"Ruled out ({len(ruled_out)})"):
        table(
            [("change", "change"), ("by", "by"), ("reason", "why not")],
            [
                {"change": each.title, "by": each.change.user or "", "reason": "; ".join(each.reasons)}
                for each in ruled_out
            ],
        )


def _schema_changes(answer: Why) -> None:
    if not answer.schema_changes:
        return
    since = "since the last good run started" if answer.last_good_run_id else "in the day before"
    with section(f"Schema changed {since}"):
        table(
            [("table", "table"), ("text", "columns"), ("seen", "first seen")],
            [{"table": each.table, "text": each.text, "seen": clock(each.seen_at)} for each in answer.schema_changes],
        )


def _differences(found: InputDifferences, last_good: str | None) -> None:
    with section("Inputs that differ from the last good run"):
        if last_good:
            facts(("last good run", last_good, addresses.run_page(last_good)))
        if not found.available:
            ui.label(f"Not known: {found.reason}.")
        elif not found.items:
            ui.label("None.")
        else:
            _difference_table(found)


def _difference_table(found: InputDifferences) -> None:
    columns = [("input", "input"), ("old", "last good run"), ("new", "this run"), ("by", "changed by"), ("at", "at")]
    rows = [
        {
            "input": ".".join(part for part in (each.node, each.name) if part) or each.row_key,
            "old": shown(each.old),
            "new": shown(each.new),
            "by": each.user or ("out of band" if each.link == "unlinked" else ""),
            "at": clock(each.occurred_at) or "",
            "context": each.correlation_id or ("no context" if each.link == "unlinked" else ""),
            "context_href": addresses.correlation(each.correlation_id) if each.correlation_id else None,
        }
        for each in found.items
    ]
    table([*columns, ("context", "correlation")], rows, linked=("context",))


def _lines(found: Diagnostics) -> None:
    lines = _around_error(found.logs)
    with section(
        f"Log lines around the error ({len(lines)} of {len(found.logs)}{'+' if found.logs_truncated else ''})"
    ):
        if not lines:
            ui.label("None has landed.").classes(QUIET)
            return
        columns = [("at", "time"), ("level", "level"), ("node", "node"), ("message", "message"), ("service", "service")]
        rows = [
            {
                "at": line.occurred_at.strftime("%H:%M:%S.") + f"{line.occurred_at.microsecond // 1000:03d}",
                "level": line.level,
                "node": line.node or "",
                "message": _said(line),
                "service": line.service or line.log_group,
            }
            for line in lines
        ]
        table(columns, rows).add_slot("body-cell-level", _LEVEL_CELL)


def _said(line: LogEvent) -> str:
    if not line.error_message or line.error_message in line.message:
        return line.message
    return f"{line.message}: {line.error_message}"


def _around_error(lines: list[LogEvent]) -> list[LogEvent]:
    first = next((place for place, line in enumerate(lines) if line.level in ("ERROR", "FATAL")), len(lines) - 1)
    return lines[max(0, first - LINES_BEFORE) : first + LINES_AFTER + 1]
