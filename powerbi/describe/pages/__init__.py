"""The five pages, in the order of their tabs."""

from __future__ import annotations

from powerbi.describe.look import CARDS, THEME
from powerbi.describe.pages.comparison import COMPARISON
from powerbi.describe.pages.diagnostics import DIAGNOSTICS
from powerbi.describe.pages.journey import JOURNEY
from powerbi.describe.pages.overview import OVERVIEW
from powerbi.describe.pages.reliability import RELIABILITY
from powerbi.describe.things import measure
from powerbi.report import Box, Report, Visual

_AS_OF = Visual(
    key="as-of",
    kind="cardVisual",
    box=Box(0, 0, 0, 0),
    alt="Data as of: up to when row changes and log lines have landed, UTC",
    roles={
        "Data": (
            measure("Freshness", "Changes Through", "Changes as of (UTC)"),
            measure("Freshness", "Logs Through", "Logs as of (UTC)"),
        )
    },
    style=CARDS | {"value": {"fontSize": 13.0, "showBlankAs": "nothing yet"}},
)

REPORT = Report(
    name="ClearSight RCA",
    pages=(OVERVIEW, JOURNEY, DIAGNOSTICS, COMPARISON, RELIABILITY),
    as_of=_AS_OF,
    theme=THEME,
)
