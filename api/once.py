"""A parameter that takes one value is taken once: of several, which of them counts would be a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_origin

from fastapi import Request
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.problems import field_problem


async def given_once(request: Request) -> None:
    """As a dependency of every endpoint. Raises a 422 that names the parameter."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) == len(set(names)):
        return
    several = set(_lists(request.scope["route"].dependant.query_params))
    for name, count in Counter(names).items():
        if count > 1 and name not in several:
            raise field_problem(name, f"it takes one value, and was given {count}")


def _lists(parameters: Iterable[Any]) -> Iterable[str]:
    """Names of parameters that take several values, also of those that a model holds."""
    for each in parameters:
        kind = each.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (field.alias or name for name, field in kind.model_fields.items() if _is_list(field))
        elif _is_list(each.field_info):
            yield each.alias


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is list
