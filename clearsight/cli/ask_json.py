"""Answers of `clearsight ask` as JSON: as the API gives them, but with `more` in place of a cursor."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec

from clearsight.coverage import Coverage


def text(found: Any, covered: Coverage) -> str:
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    if "next_key" in parts:
        parts["more"] = parts.pop("next_key") is not None
    return msgspec.json.encode(parts | {"coverage": covered}).decode()
