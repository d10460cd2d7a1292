"""Checks a request against botocore's service model: types, required members, lengths, ranges, patterns.

The model is AWS's own, so the limits here are AWS's and not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape

from connectors.cloudwatch.simulator.faults import ServiceFault, invalid

Params = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


def check(operation: str, params: Params) -> None:
    """Raises ServiceFault: SerializationException for a wrong type, else InvalidParameterException as AWS words it.

    The members of `logEvents` are left to the writer, which reads each of them once anyway.
    """
    shape = _input_shape(operation)
    for name in shape.required_members:
        if params.get(name) is None:
            raise _violation(None, name, "Member must not be null")
    for name, value in params.items():
        member = shape.members.get(name)
        if member is None or value is None:
            continue
        for problem in _violations(member, value):
            raise _violation(value, name, problem)


@cache
def _input_shape(operation: str) -> Any:
    return _service_model().operation_model(operation).input_shape


@cache
def _service_model() -> Any:
    return botocore.session.get_session().get_service_model("logs")


def _violation(value: Any, name: str, constraint: str) -> ServiceFault:
    shown = "null" if value is None else f"'{str(value)[:200]}'"
    return invalid(f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint: {constraint}")


def _violations(shape: Shape, value: Any) -> Iterator[str]:
    if not _has_type(shape, value):
        raise ServiceFault("SerializationException", f"{shape.name} must be a {shape.type_name}")
    limits = shape.metadata
    if shape.type_name in ("integer", "long"):
        yield from _range(limits, value)
    elif shape.type_name in ("string", "list", "map"):
        yield from _length(limits, len(value))
    if shape.type_name == "string":
        yield from _text(limits, value)


def _has_type(shape: Shape, value: Any) -> bool:
    kinds = _TYPES.get(shape.type_name, (object,))
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _range(limits: dict[str, Any], value: int) -> Iterator[str]:
    if "min" in limits and value < limits["min"]:
        yield f"Member must have value greater than or equal to {limits['min']}"
    if "max" in limits and value > limits["max"]:
        yield f"Member must have value less than or equal to {limits['max']}"


def _length(limits: dict[str, Any], length: int) -> Iterator[str]:
    if "min" in limits and length < limits["min"]:
        yield f"Member must have length greater than or equal to {limits['min']}"
    if "max" in limits and length > limits["max"]:
        yield f"Member must have length less than or equal to {limits['max']}"


def _text(limits: dict[str, Any], value: str) -> Iterator[str]:
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: {list(limits['enum'])}"
