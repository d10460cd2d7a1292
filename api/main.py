"""The HTTP application: `uvicorn api.main:app`, or `clearsight api`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware

from api import problems
from api.documents import DocumentedApi
from api.gate import Gate
from api.gone import WhileClientWaits
from api.limits import HeavyQuestions
from api.odata.errors import ODataErrors, told_fault
from api.odata.faults import Fault
from api.once import given_once
from api.routers import correlation, health, metrics, nothing, odata, period, power_bi, run, scenario, stream, user
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

    api = DocumentedApi(
        title="ClearSight RCA",
        summary="Why did the run fail? Row changes and log lines, joined by correlation id.",
        version=VERSION,
        lifespan=lifespan,
        dependencies=[Depends(given_once)],
    )
    api.state.service = service
    for part in (scenario, run, user, correlation, period, stream, odata, power_bi, health, metrics):
        api.include_router(part.router)
    problems.install(api)
    api.add_exception_handler(Fault, told_fault)
    api.add_middleware(WhileClientWaits, below=("/rca/", "/odata/"))
    api.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=1)
    _guard(api, service)
    return api


def _guard(api: FastAPI, service: Service) -> None:
    """CORS outermost: a browser asks whether it may ask without the key, and must be able to read a refusal."""
    settings = service.settings.api
    api.add_middleware(
        Gate,
        keyring=service.keyring,
        heavy=HeavyQuestions(settings.heavy_questions),
        metrics=service.metrics,
        hosts=() if settings.allow_unauthenticated else settings.own_names,
        https=settings.link_base.startswith("https://"),
    )
    api.add_middleware(ODataErrors)
    if settings.cors_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET"],
            allow_headers=["X-API-Key", "Authorization", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Retry-After"],
        )


def create_app(settings: Settings) -> FastAPI:
    """The API and the pages in one process."""
    from api.pages import mount

    application = create_api(settings)
    nothing.install(application)
    mount(application)
    return application


def __getattr__(name: str) -> FastAPI:
    """`app`, made when a server first asks for it: importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = create_app(load_settings())
    return made
