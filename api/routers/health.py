"""Whether the process lives, whether it can answer, and how fresh its answers are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import func, select, text

from api.answers import json_response
from api.callers import Caller
from api.database import question
from api.parameters import NO_PARAMETERS
from api.problems import RETRY_AFTER_S
from api.service import Service, TheService
from clearsight.errors import ClearSightError
from sql.migrate import newest_revision
from sql.models import SCHEMA, watermark

router = APIRouter(prefix="/health", tags=["health"], dependencies=[NO_PARAMETERS])
_REVISION = text(f"SELECT version_num FROM {SCHEMA}.alembic_version")  # noqa: S608 - a constant
_LAG_S = select(func.extract("epoch", func.now() - func.max(watermark.c.through_at))).where(
    watermark.c.kind == "changes"
)
_WATCHER = Caller("viewer")
"""Sees the pipeline's marks and nobody's data."""


@router.get("/live")
async def live(service: TheService) -> dict[str, str]:
    """The process answers. `authentication` is `off` in development mode."""
    return {"status": "ok", "authentication": service.settings.api.auth}


@router.get("/ready", responses={503: {"description": "Not ready; the checks say why"}})
async def ready(service: TheService) -> Response:
    """The reporting database answers, has the newest schema, and is as fresh as `api.fresh_within_s` asks."""
    try:
        found, lag_s = await _look(service)
    except ClearSightError as error:
        return _answer(service, False, {"database": error.message, "mend": error.mend, "migrations": None})
    expected, limit_s = newest_revision(), service.settings.api.fresh_within_s
    current, fresh = found == expected, limit_s is None or (lag_s is not None and lag_s <= limit_s)
    checks = {
        "database": "ok",
        "migrations": {"at": found, "newest": expected},
        "freshness": {"lag_s": lag_s, "within_s": limit_s},
        "mend": _mend(current, fresh),
    }
    return _answer(service, current and fresh, checks)


async def _look(service: Service) -> tuple[str | None, float | None]:
    """The schema's revision, and the age of the newest watermark where there is one."""
    async with question(service.engine) as connection:
        found = await connection.scalar(_REVISION)
    if found != newest_revision():
        return found, None
    async with question(service.engine, _WATCHER) as connection:
        lag_s = await connection.scalar(_LAG_S)
    return found, None if lag_s is None else round(max(float(lag_s), 0.0), 3)


def _mend(current: bool, fresh: bool) -> str | None:
    if not current:
        return "run `clearsight migrate`"
    return None if fresh else "see what holds the pipeline: `clearsight status`, `clearsight doctor`"


def _answer(service: Service, is_ready: bool, checks: dict[str, Any]) -> Response:
    told = {"ready": is_ready, "authentication": service.settings.api.auth, **checks}
    response = json_response(told, 200 if is_ready else 503)
    if not is_ready:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
