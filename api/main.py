"""The HTTP application: `uvicorn api.main:app`, or `clearsight api`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import problems
from api.routers import correlation, health, run, scenario
from api.service import Service
from clearsight.settings import Settings, load_settings
from clearsight.version import VERSION


def create_api(settings: Settings) -> FastAPI:
    """The questions over HTTP, without pages. Raises ConfigurationError where `report.api_dsn` is missing."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.engine.dispose()

    api = FastAPI(
        title="ClearSight RCA",
        summary="Why did the run fail? Row changes and log lines, joined by correlation id.",
        version=VERSION,
        lifespan=lifespan,
    )
    api.state.service = service
    for part in (scenario, run, correlation, health):
        api.include_router(part.router)
    problems.install(api)
    return api


def create_app(settings: Settings) -> FastAPI:
    """The API and the pages in one process."""
    from api.pages import mount

    application = create_api(settings)
    mount(application)
    return application


def __getattr__(name: str) -> FastAPI:
    """`app`, made when a server first asks for it: importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = create_app(load_settings())
    return made
