"""Characters that Postgres or UTF-8 refuse: NUL and lone surrogates become U+FFFD, and that is noted."""

from __future__ import annotations

from typing import Any

REPLACEMENT = "\ufffd"


def clean_text(text: str) -> tuple[str, int]:
    """The text without them, and how many there were."""
    if text.isascii():
        return (text.replace("\0", REPLACEMENT), text.count("\0")) if "\0" in text else (text, 0)
    count = sum(character == "\0" or "\ud800" <= character <= "\udfff" for character in text) if _suspect(text) else 0
    if not count:
        return text, 0
    return "".join(
        REPLACEMENT if character == "\0" or "\ud800" <= character <= "\udfff" else character for character in text
    ), count


def clean_value(value: Any) -> Any:
    """The same for a decoded JSON value, in depth. The caller bounds the depth."""
    if isinstance(value, str):
        return clean_text(value)[0]
    if isinstance(value, dict):
        return {clean_text(key)[0]: clean_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    return value


def _suspect(text: str) -> bool:
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
