"""The system query options of a request, read once. What is not known is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from api.odata.faults import BadRequest, NotSupported
from api.odata.sets import EntitySet, Property

LATER = ("$expand", "$search", "$apply", "$compute", "$levels", "$deltatoken", "$id", "$index", "$schemaversion")
"""Of the specification, and not of this feed."""
MOST_ORDERED = 20
BIGGEST = 2**62

_ORDERED = re.compile(r"([A-Za-z_]\w{0,127})(?:\s+(asc|desc))?")
_MAXPAGESIZE = re.compile(r"(?:odata\.)?maxpagesize\s*=\s*\"?(\d{1,9})\"?")


@dataclass(frozen=True, slots=True)
class Ordered:
    found: Property
    descending: bool


@dataclass(frozen=True, slots=True)
class Options:
    select: tuple[str, ...]
    """Names in the order of the view; all of them where none were asked for."""
    selected: bool
    filter: str | None
    orderby: tuple[Ordered, ...]
    top: int | None
    skip: int
    count: bool
    skiptoken: str | None


def read_options(asked: Mapping[str, str], entity_set: EntitySet) -> Options:
    """Raises BadRequest, NotSupported."""
    given = {name: value for name, value in asked.items() if name.startswith("$")}
    for name in given:
        if name in LATER:
            raise NotSupported(f"the option {name}")
        if name not in _KNOWN:
            raise BadRequest(f"no such option: {name[:60]}")
    _check_format(given.get("$format"))
    select = _select(given.get("$select"), entity_set)
    return Options(
        select=select or tuple(entity_set.properties),
        selected=select is not None,
        filter=given.get("$filter"),
        orderby=_orderby(given.get("$orderby"), entity_set),
        top=None if "$top" not in given else _number("$top", given["$top"]),
        skip=_number("$skip", given.get("$skip", "0")),
        count=_boolean("$count", given.get("$count", "false")),
        skiptoken=given.get("$skiptoken"),
    )


_KNOWN = ("$select", "$filter", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format")


def preferred_page_size(prefer: str, most: int) -> int:
    """Of the header Prefer; never more than `most`."""
    found = _MAXPAGESIZE.search(prefer)
    return most if found is None else min(max(int(found[1]), 1), most)


def _check_format(wanted: str | None) -> None:
    if wanted is not None and wanted.partition(";")[0].strip().lower() not in ("json", "application/json"):
        raise BadRequest("$format: only json is given")


def _select(text: str | None, entity_set: EntitySet) -> tuple[str, ...] | None:
    if text is None or text.strip() == "*":
        return None
    wanted = {name.strip() for name in text.split(",")}
    for name in wanted - entity_set.properties.keys():
        raise BadRequest(f"$select: no property {name[:128]}")
    return tuple(name for name in entity_set.properties if name in wanted)


def _orderby(text: str | None, entity_set: EntitySet) -> tuple[Ordered, ...]:
    if text is None:
        return ()
    parts = text.split(",")
    if len(parts) > MOST_ORDERED:
        raise BadRequest(f"$orderby: more than {MOST_ORDERED} properties")
    ordered = [_ordered(part.strip(), entity_set) for part in parts]
    first = {each.found.name: each for each in reversed(ordered)}
    return tuple(each for each in ordered if first[each.found.name] is each)


def _ordered(text: str, entity_set: EntitySet) -> Ordered:
    found = _ORDERED.fullmatch(text)
    if found is None:
        if "(" in text or " " in text.strip():
            raise NotSupported("$orderby by anything but properties")
        raise BadRequest(f"$orderby: not understood: {text[:60]!r}")
    if found[1] not in entity_set.properties:
        raise BadRequest(f"$orderby: no property {found[1]}")
    return Ordered(entity_set.properties[found[1]], found[2] == "desc")


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\s*\+?\d{1,19}\s*", text, re.ASCII) or int(text) > BIGGEST:
        raise BadRequest(f"{name}: must be a whole number from 0 on")
    return int(text)


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise BadRequest(f"{name}: must be true or false")
    return text == "true"
