"""A user's id, replaced by a pseudonym wherever it stands in a line."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import msgspec

from clearsight.logline import LogLine
from connectors.cloudwatch.redact.keys import plain

_SHORTEST_NAME = 4
"""An id that is shorter is found everywhere: only where a user is spoken of, it is one."""
_USER = r"""(?i:\buser(?:[\s_-]?id)?|\buid)["'\\]*\s*[=:]?\s*["'\\]*"""
_USER_KEYS = frozenset({"user", "userid", "uid"})


class Pseudonym:
    """HMAC-SHA256 of `user_id` by `key`: the same id has the same pseudonym."""

    def __init__(self, user_id: str, key: bytes) -> None:
        self.text = hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:32]
        self._user_id = user_id
        self._is_name = len(user_id) >= _SHORTEST_NAME
        before = r"(?<!\w)()" if self._is_name else f"({_USER})"
        self._named = re.compile(rf"{before}{re.escape(user_id)}(?!\w)")

    def line(self, line: LogLine) -> LogLine:
        """The line with it, in the user's id, message, service, node, error and attributes."""
        error = line.error and msgspec.structs.replace(
            line.error, message=self._in(line.error.message), stack=self._in(line.error.stack)
        )
        return msgspec.structs.replace(
            line,
            user_id=self.text,
            message=self._in(line.message),
            service=self._in(line.service),
            node=self._in(line.node),
            error=error,
            attributes=self._value(line.attributes),
        )

    def _in(self, text: str | None) -> str | None:
        return self._named.sub(rf"\g<1>{self.text}", text) if text else text

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {self._in(name): self._value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if isinstance(value, bool | float) or value is None:
            return value
        if str(value) == self._user_id and (self._is_name or plain(key) in _USER_KEYS):
            return self.text
        return self._in(value) if isinstance(value, str) else value
