"""How the stack is, for people and for programs."""

from __future__ import annotations

from typing import Literal

import msgspec

from clearsight.stack import processes
from clearsight.stack.part import Part, Site
from clearsight.stack.state import StackState

SHOWN_LINES = 15

PartState = Literal["running", "starting", "done", "dead", "stopped"]


class PartStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    state: PartState
    pid: int | None
    endpoint: str | None
    log: list[str] = []
    """The last lines of a dead part."""


class Description(msgspec.Struct, frozen=True):
    """The stack for programs; holds passwords. The addresses are null before the first `up`."""

    parts: list[PartStatus]
    source_dsn: str | None
    report_dsn: str | None
    bootstrap_servers: str | None
    connect_url: str | None
    api_url: str | None
    cloudwatch_url: str | None


def part_status(part: Part, site: Site, kept: StackState) -> PartStatus:
    """From what was written down and whether that process still runs."""
    endpoint = part.endpoint(site) if site.ports else None
    record = kept.processes.get(part.name)
    if part.name in kept.done:
        return PartStatus(part.name, "done", None, endpoint)
    if record is None:
        return PartStatus(part.name, "stopped", None, endpoint)
    if processes.find(record):
        return PartStatus(part.name, "running" if record.ready else "starting", record.pid, endpoint)
    lines = processes.last_lines(site.log(part.name), SHOWN_LINES, record.log_offset)
    return PartStatus(part.name, "dead", None, endpoint, lines)


def description(parts: list[PartStatus], kept: StackState) -> Description:
    tree = kept.settings
    if not tree:
        return Description(parts, None, None, None, None, None, None)
    return Description(
        parts,
        tree["demo"]["dsn"],
        tree["report"]["owner_dsn"],
        tree["kafka"]["bootstrap_servers"],
        tree["connect"]["url"],
        f"http://{tree['api']['host']}:{tree['api']['port']}",
        tree["cloudwatch"]["endpoint_url"],
    )
