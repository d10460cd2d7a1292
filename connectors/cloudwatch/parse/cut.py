"""The beginning of a JSON line that a container's log driver has cut."""

from __future__ import annotations

import re

from connectors.cloudwatch.parse.json_line import Document, document_of

PIECE_BYTES = range(16_000, 33_000)
"""Docker and Fluent Bit cut at 16,384 bytes; a character that lay across the cut may have become another."""
FEWEST_CHARACTERS = PIECE_BYTES.start // 4
"""Of as many bytes."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\],]', re.DOTALL)


def is_piece(text: str) -> bool:
    """Whether a text is as long as the pieces that lines are cut into."""
    return len(text) >= FEWEST_CHARACTERS and len(text.encode()) in PIECE_BYTES


def fields_before_cut(text: str) -> Document | None:
    """The fields of a cut JSON object that are whole; None where there are none, or the text is no such thing."""
    if not (text.startswith("{") and is_piece(text)):
        return None
    depth = end = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in ("{", "["):
            depth += 1
        elif sign in ("}", "]"):
            depth -= 1
        elif sign == "," and depth == 1:
            end = token.start()
    return document_of(text[:end] + "}") if end else None
