"""Every finding of the doctor, by area; docs/DOCTOR.md is this as a table."""

from __future__ import annotations

import re

from clearsight.doctor import api, cloudwatch, connect, kafka_kinds, report, settings, source_kinds
from clearsight.doctor.finding import Kind

CHECKS: dict[str, tuple[str, ...]] = {
    "settings": settings.CHECKS,
    "source": source_kinds.CHECKS,
    "kafka": kafka_kinds.CHECKS,
    "connect": connect.CHECKS,
    "report": report.CHECKS,
    "cloudwatch": cloudwatch.CHECKS,
    "api": api.CHECKS,
}
"""What is looked at in each area, in the order of what is said."""

AREAS = tuple(CHECKS)

UNEXAMINED = Kind(
    code="doctor.unexamined",
    check="",
    what="{area} could not be examined: {reason}",
    mend="run `clearsight doctor --area {area}` again, and look at the part's log",
)

KINDS: tuple[Kind, ...] = (
    *settings.KINDS,
    *source_kinds.KINDS,
    *kafka_kinds.KINDS,
    *connect.KINDS,
    *report.KINDS,
    *cloudwatch.KINDS,
    *api.KINDS,
    UNEXAMINED,
)


_CHECK_OF = {kind.code: kind.check for kind in KINDS}


def check_of(code: str) -> str:
    """The check that finds it."""
    return _CHECK_OF[code]


def table() -> str:
    """As Markdown: code, severity, what is wrong, its mend."""
    rows = [
        f"| `{kind.code}` | {kind.severity} | {_prose(kind.what)} | {_prose(kind.mend)} |"
        for kind in sorted(KINDS, key=lambda kind: _AREA_ORDER.get(kind.area, len(AREAS)))
    ]
    return "\n".join(["| code | severity | what it means | mend |", "|---|---|---|---|", *rows, ""])


_AREA_ORDER = {area: number for number, area in enumerate(AREAS)}


def _prose(template: str) -> str:
    """The template with ‹places› in words."""
    named = re.sub(r"(?<!\{)\{(\w+)(:[^}]*)?\}(?!\})", lambda found: f"‹{found[1].replace('_', ' ')}›", template)
    return named.replace("{{", "{").replace("}}", "}").replace("|", "\\|")
