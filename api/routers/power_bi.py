"""Files that open Power BI Desktop connected: to the views of the reporting database, or to the OData feed."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from api.addresses import base_of
from api.answers import json_response
from api.routers.odata import ROOT
from api.service import Service, TheService
from clearsight.login import place_of
from clearsight.settings import required

Path = Literal["postgresql", "odata"]

router = APIRouter(prefix="/power-bi", include_in_schema=False)


@router.get("/clearsight-{path}.pbids")
async def connect_file(path: Path, request: Request, service: TheService) -> Response:
    """Without any secret: Power BI asks for credentials when it opens the file."""
    connection = _database(service) if path == "postgresql" else _feed(request, service)
    answer = json_response({"version": "0.1", "connections": [connection]})
    answer.headers["content-disposition"] = f'attachment; filename="clearsight-{path}.pbids"'
    return answer


def _database(service: Service) -> dict[str, Any]:
    report = service.settings.report
    server, _, database = (report.bi_address or place_of(required(report.api_dsn, "report.api_dsn"))).partition("/")
    address = {"server": server, "database": database}
    return {"details": {"protocol": "postgresql", "address": address}, "options": {}, "mode": "DirectQuery"}


def _feed(request: Request, service: Service) -> dict[str, Any]:
    address = {"url": f"{base_of(request, service.settings)}{ROOT}/"}
    return {"details": {"protocol": "odata", "address": address}, "options": {}, "mode": "Import"}
