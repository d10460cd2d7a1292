"""What is wrong with a request to the feed. Each becomes an error in OData's own form."""

from __future__ import annotations

from typing import Any

import orjson


class Fault(Exception):
    """`code` is for programs, the message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class BadRequest(Fault):
    def __init__(self, message: str, code: str = "BadRequest") -> None:
        super().__init__(400, code, message)


class Unknown(Fault):
    def __init__(self, message: str) -> None:
        super().__init__(404, "NotFound", message)


class NotSupported(Fault):
    """`what` is named in the message."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "NotImplemented", f"{what} is not supported")


def error_document(code: str, message: str) -> bytes:
    told: dict[str, Any] = {"error": {"code": code, "message": message}}
    return orjson.dumps(told)
