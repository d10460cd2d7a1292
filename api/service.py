"""What every endpoint and page needs, made once for a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.addresses import run_page
from api.callers import Caller
from api.cursors import Cursors, cursors_of
from api.database import pooled_engine, question
from api.gate import CALLER
from api.keyring import Everybody, Keyring, StoredKeys
from api.metrics import ApiMetrics
from clearsight.mapping import Mapping
from clearsight.settings import Settings


class Service:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: AsyncEngine = pooled_engine(settings)
        self.keyring: Keyring = (
            StoredKeys(self.engine, settings.api.key_cache_s) if settings.api.auth == "keys" else Everybody()
        )
        self.metrics = ApiMetrics()
        self.cursors: Cursors = cursors_of(settings)
        self.mapping: Mapping = settings.mapping
        self.groups: tuple[str, ...] = settings.cloudwatch.expected_groups

    def page_of(self, run_id: str) -> str:
        """Where a browser shows the run."""
        return self.settings.api.link_base + run_page(run_id)


async def the_service(request: Request) -> Service:
    """As a dependency: FastAPI runs what is not a coroutine in a thread, which costs more than it does."""
    return service_of(request)


async def the_caller(request: Request) -> Caller | None:
    return caller_of(request)


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller | None:
    """As the gate found out; None: nobody, who sees nothing."""
    caller: Caller | None = request.scope.get(CALLER)
    return caller


async def connection_of(request: Request) -> AsyncIterator[AsyncConnection]:
    async with question(service_of(request).engine, caller_of(request)) as connection:
        yield connection


TheService = Annotated[Service, Depends(the_service)]
TheCaller = Annotated[Caller | None, Depends(the_caller)]
Question = Annotated[AsyncConnection, Depends(connection_of)]
