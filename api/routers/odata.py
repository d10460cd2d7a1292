"""The OData v4 feed for Power BI, Excel and others: `/odata/v1/`. Its own document is `$metadata`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from api.addresses import base_of
from api.odata.errors import JSON
from api.odata.faults import Fault, Unknown
from api.odata.filters import where
from api.odata.keys import by_key
from api.odata.keyset import Tokens, order_of
from api.odata.metadata import metadata_document, service_document
from api.odata.options import Options, preferred_page_size, read_options
from api.odata.pages import Page, count, page
from api.odata.sets import EntitySet, entity_sets
from api.service import Question, Service, TheService

ROOT = "/odata/v1"
PAGE = 5_000
LONGEST_QUERY = 16_000

_ENTITY = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
_TIMES = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z

router = APIRouter(prefix=ROOT, include_in_schema=False)


@router.get("")
@router.get("/")
async def service(request: Request, service: TheService) -> Response:
    """What there is."""
    return _json(service_document(_base(request, service)))


@router.get("/$metadata")
async def metadata() -> Response:
    """Always XML, whatever is accepted: Power Query says that it takes JSON, and does not."""
    return Response(metadata_document(), media_type="application/xml")


@router.get("/{name}/$count")
async def counted(name: str, request: Request, connection: Question) -> Response:
    """How many entities pass the filter, as text."""
    found = _entity_set(name)
    options = _options(request, found)
    return Response(str(await count(connection, found, _condition(options, found))), media_type="text/plain")


@router.get("/{resource:path}")
async def resource(resource: str, request: Request, connection: Question, service: TheService) -> Response:
    """An entity set, or one entity of it."""
    base = _base(request, service)
    if entity := _ENTITY.fullmatch(resource):
        return await _entity(request, connection, base, _entity_set(entity[1]), entity[2])
    found = _entity_set(resource)
    return await _entities(request, connection, service, base, found)


async def _entity(request: Request, connection: AsyncConnection, base: str, found: EntitySet, key: str) -> Response:
    options = _options(request, found)
    one = await page(connection, found, options.select, by_key(key, found), order_of(found, ()), None, 1)
    if not one.rows:
        raise Unknown(f"no entity of {found.name} has this key")
    return _json({"@odata.context": f"{_context(base, found, options)}/$entity", **one.entities()[0]})


async def _entities(
    request: Request, connection: AsyncConnection, service: Service, base: str, found: EntitySet
) -> Response:
    options = _options(request, found)
    condition, order = _condition(options, found), order_of(found, options.orderby)
    tokens = Tokens(service.cursors, f"{found.name}\n{options.filter}\n{request.query_params.get('$orderby')}")
    key = None if options.skiptoken is None else tokens.read(options.skiptoken, order)
    most = preferred_page_size(request.headers.get("prefer", ""), PAGE)
    preferred = {"Preference-Applied": f"odata.maxpagesize={most}"} if most != PAGE else {}
    size = most if options.top is None else min(options.top, most)
    told: dict[str, Any] = {"@odata.context": _context(base, found, options)}
    if options.count:
        told["@odata.count"] = await count(connection, found, condition)
    rows = Page((), (), None)
    if size:
        skip = 0 if key else options.skip
        rows = await page(connection, found, options.select, condition, order, key, size, skip)
    told["value"] = rows.entities()
    left = None if options.top is None else options.top - size
    if rows.key is not None and left != 0:
        told["@odata.nextLink"] = _next(request, f"{base}{found.name}", tokens.sign(rows.key), left)
    return _json(told, preferred)


def _options(request: Request, found: EntitySet) -> Options:
    if len(request.scope.get("query_string", b"")) > LONGEST_QUERY:
        raise Fault(414, "UriTooLong", f"the query is longer than {LONGEST_QUERY} characters")
    return read_options(request.query_params, found)


def _condition(options: Options, found: EntitySet) -> ColumnElement[bool] | None:
    return None if options.filter is None else where(options.filter, found.properties)


def _entity_set(name: str) -> EntitySet:
    found = entity_sets().get(name)
    if found is None:
        raise Unknown(f"there is no {name[:128]}; there are {', '.join(entity_sets())}")
    return found


def _next(request: Request, address: str, token: str, left: int | None) -> str:
    """The same question behind the last row. What was counted or skipped once is not again."""
    kept = {
        name: value
        for name, value in request.query_params.items()
        if name not in ("$skiptoken", "$skip", "$top", "$count")
    }
    if left is not None:
        kept["$top"] = str(left)
    return f"{address}?{urlencode({**kept, '$skiptoken': token}, safe='$', quote_via=quote)}"


def _context(base: str, found: EntitySet, options: Options) -> str:
    chosen = f"({','.join(options.select)})" if options.selected else ""
    return f"{base}$metadata#{found.name}{chosen}"


def _base(request: Request, service: Service) -> str:
    return f"{base_of(request, service.settings)}{ROOT}/"


def _json(told: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(told, option=_TIMES), media_type=JSON, headers=headers)
