"""What the connector writes for an unchanged value that lies outside its row (TOAST) and that the WAL does not hold.

It stands for a value that nobody knows here, so it is neither a change nor a value. It only comes without REPLICA IDENTITY
FULL, and it looks different for each kind of column. Bytes are null instead (Debezium 3.7, `time.precision.mode=isostring`):
nothing tells that from a true null.
"""

from __future__ import annotations

import base64
from typing import Any

UNAVAILABLE = "__debezium_unavailable_value"

_CODES = list(UNAVAILABLE.encode())
_ENCODED = base64.b64encode(UNAVAILABLE.encode()).decode()
_TEXTS = frozenset((UNAVAILABLE, _ENCODED))
"""Of texts and JSON, of bytes."""
_LISTS = ([UNAVAILABLE], _CODES)
"""Of arrays of texts, of numbers."""


def is_unavailable(value: object) -> bool:
    if isinstance(value, str):
        return value in _TEXTS
    return isinstance(value, list) and value in _LISTS


def known(image: dict[str, Any]) -> dict[str, Any]:
    """The columns whose value is known."""
    return {column: value for column, value in image.items() if not is_unavailable(value)}
