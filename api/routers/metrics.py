"""What Prometheus asks."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.parameters import NO_PARAMETERS
from api.problems import documented
from api.service import TheService

router = APIRouter(tags=["health"], dependencies=[NO_PARAMETERS])


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format; docs/METRICS.md"},
        **documented(401, 403, 422),
    },
)
async def metrics(service: TheService) -> Response:
    """Requests by endpoint and how far the pipeline is; a key needs the scope metrics."""
    return Response(await service.metrics.scrape(service.engine), media_type=CONTENT_TYPE_LATEST)
