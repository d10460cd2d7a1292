"""Addresses of answers and pages, as paths."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from clearsight.settings import Settings


def run_page(run_id: str) -> str:
    return f"/run/{quote(run_id, safe='')}"


def diagnostics(run_id: str) -> str:
    return f"/rca/run/{quote(run_id, safe='')}/diagnostics"


def why(run_id: str) -> str:
    return f"/rca/run/{quote(run_id, safe='')}/why"


def correlation(correlation_id: str) -> str:
    return f"/rca/correlation/{quote(correlation_id, safe='')}"


def audit_trail(scenario_id: str) -> str:
    return f"/rca/scenario/{quote(scenario_id, safe='')}/audit-trail"


def base_of(request: Request, settings: Settings) -> str:
    """By which address the client came, unless another is configured: Power Query keeps its credentials by address."""
    return (settings.api.public_url or str(request.base_url)).rstrip("/")
