"""Whether the process lives, and whether it can answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import text

from api.answers import json_response
from api.database import question
from api.parameters import NO_PARAMETERS
from api.problems import RETRY_AFTER_S
from api.service import TheService
from clearsight.errors import ClearSightError
from sql.migrate import newest_revision
from sql.models import SCHEMA

router = APIRouter(prefix="/health", tags=["health"], dependencies=[NO_PARAMETERS])
_REVISION = text(f"SELECT version_num FROM {SCHEMA}.alembic_version")  # noqa: S608 - a constant


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "Not ready; the checks say why"}})
async def ready(service: TheService) -> Response:
    """The reporting database answers and has the newest schema."""
    expected = newest_revision()
    try:
        async with question(service.engine) as connection:
            found = await connection.scalar(_REVISION)
    except ClearSightError as error:
        return _answer(False, {"database": error.message, "mend": error.mend, "migrations": None})
    current = found == expected
    mend = None if current else "run `clearsight migrate`"
    return _answer(current, {"database": "ok", "migrations": {"at": found, "newest": expected}, "mend": mend})


def _answer(is_ready: bool, checks: dict[str, Any]) -> Response:
    response = json_response({"ready": is_ready, **checks}, 200 if is_ready else 503)
    if not is_ready:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
