"""What an application adds so that its row changes and its log lines can be joined: one correlation id for both.

Copy this file into the application, or import it. It needs the standard library and SQLAlchemy only.

    engine = create_engine("postgresql+psycopg://…")
    attach(engine)                                        # once, at start; `attach(engine.sync_engine)` for asyncio

    handler = logging.StreamHandler()
    handler.addFilter(ContextFilter())                    # the id on every record …
    handler.setFormatter(PowertoolsFormatter("orders"))   # … and in every line
    logging.getLogger().addHandler(handler)

    with audit_context(request.headers.get("x-correlation-id"), user=user.id, use_case="orders.approve"):
        log.info("approving")
        with engine.begin() as connection:
            connection.execute(update(orders).values(status="approved"))

The transaction above carries one extra record in the write-ahead log, `pg_logical_emit_message(true, 'clearsight',
'{"correlation_id": …, "user": …, "use_case": …}')`, sent before its first write: no table, no column, no trigger. A
transaction that only reads sends nothing. Without SQLAlchemy, call `send_context(connection)` once in each
transaction, which takes a psycopg connection too.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, event, text

PREFIX = "clearsight"
"""Of the logical message; the connector's `message.prefix.include.list` names it."""

CORRELATION_ID_MAX = 128


@dataclass(frozen=True)
class AuditContext:
    """Who does what, under which id. `user` is the user's id, never a name or an address."""

    correlation_id: str
    user: str | None = None
    use_case: str | None = None

    def content(self) -> str:
        """The JSON of the logical message."""
        fields = {"correlation_id": self.correlation_id, "user": self.user, "use_case": self.use_case}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


_current: ContextVar[AuditContext | None] = ContextVar("clearsight_audit_context", default=None)


def current_context() -> AuditContext | None:
    """The context that the calling thread or task is in."""
    return _current.get()


@contextmanager
def audit_context(
    correlation_id: str | None = None, *, user: str | None = None, use_case: str | None = None
) -> Iterator[AuditContext]:
    """Everything inside belongs to this id; a new one is made where none came with the request.

    Nests: the inner context counts inside, the outer one again after it, also after an exception.
    Raises ValueError for an id longer than 128 characters.
    """
    if correlation_id is not None and len(correlation_id) > CORRELATION_ID_MAX:
        raise ValueError(f"correlation id must not be longer than {CORRELATION_ID_MAX} characters")
    context = AuditContext(correlation_id or str(uuid.uuid4()), user, use_case)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


# --- the message of a transaction -------------------------------------------------------------------------------------


class _DriverConnection(Protocol):
    def execute(self, query: Any, params: Any = None, /) -> Any: ...


def send_context(connection: Connection | _DriverConnection, context: AuditContext | None = None) -> None:
    """Send the message in the connection's transaction; the current context unless one is given, nothing if there is
    neither. Call it once a transaction, outside of savepoints: a message is rolled back with its savepoint."""
    context = context or _current.get()
    if context is None:
        return
    if isinstance(connection, Connection):
        statement = text("SELECT pg_logical_emit_message(true, :prefix, CAST(:content AS text))")
        connection.execute(statement, {"prefix": PREFIX, "content": context.content()})
    else:
        driver: Any = connection
        driver.execute("SELECT pg_logical_emit_message(true, %s, %s::text)", (PREFIX, context.content()))


_READS = re.compile(
    r"\s*(select|show|set|reset|values|explain|declare|fetch|close|savepoint|release|rollback|begin|commit)\b", re.I
)
_STATE = "clearsight.message"


@dataclass
class _MessageState:
    """What one open transaction has sent, and at which depth of savepoints."""

    savepoints: list[str] = field(default_factory=list)
    sent_at_depth: int | None = None

    def rolled_back_to(self, name: str) -> None:
        depth = self._depth_of(name)
        if self.sent_at_depth is not None and self.sent_at_depth > depth:
            self.sent_at_depth = None

    def released(self, name: str) -> None:
        depth = self._depth_of(name)
        if self.sent_at_depth is not None:
            self.sent_at_depth = min(self.sent_at_depth, depth)

    def _depth_of(self, name: str) -> int:
        depth = self.savepoints.index(name) if name in self.savepoints else 0
        del self.savepoints[depth:]
        return depth


def attach(engine: Engine) -> None:
    """Send the current context once in each transaction of this engine, before its first write.

    A write is every statement that does not begin like a reading one; where a SELECT calls a function that writes, call
    `send_context(connection)` before it. A connection in autocommit has no transaction to send it in, and sends none.
    """

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.info[_STATE] = _MessageState()

    @event.listens_for(engine, "savepoint")
    def savepoint(connection: Connection, name: str) -> None:
        _state(connection).savepoints.append(name)

    @event.listens_for(engine, "rollback_savepoint")
    def rollback_savepoint(connection: Connection, name: str, context: None) -> None:
        _state(connection).rolled_back_to(name)

    @event.listens_for(engine, "release_savepoint")
    def release_savepoint(connection: Connection, name: str, context: None) -> None:
        _state(connection).released(name)

    @event.listens_for(engine, "before_cursor_execute")
    def before_cursor_execute(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        state = _state(connection)
        if state.sent_at_depth is not None or _current.get() is None or _READS.match(statement):
            return
        if getattr(connection.connection.dbapi_connection, "autocommit", False):
            return
        state.sent_at_depth = len(state.savepoints)
        send_context(connection)


def _state(connection: Connection) -> _MessageState:
    state: _MessageState = connection.info.setdefault(_STATE, _MessageState())
    return state


# --- the same id in every log line ------------------------------------------------------------------------------------


class ContextFilter(logging.Filter):
    """Puts `correlation_id`, `user_id` and `use_case` on each record; None where the code runs in no context."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = _current.get()
        record.correlation_id = context.correlation_id if context else None
        record.user_id = context.user if context else None
        record.use_case = context.use_case if context else None
        return True


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class PowertoolsFormatter(logging.Formatter):
    """One JSON object a line, with the keys of AWS Lambda Powertools; `extra={…}` becomes keys of its own.

    Keys without a value are left out. An exception adds `exception` (the traceback), `exception_name` and `stack_trace`
    (the frames).
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "timestamp": iso_timestamp(record),
            "service": self._service,
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
            **_exception(record.exc_info),
        }
        return json.dumps(
            {key: value for key, value in line.items() if value is not None}, ensure_ascii=False, default=str
        )


def iso_timestamp(record: logging.LogRecord) -> str:
    """When the record was made: UTC, milliseconds, ending in Z."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None


def _exception(exc_info: _ExcInfo) -> Mapping[str, Any]:
    if not exc_info or exc_info[0] is None or exc_info[1] is None:
        return {}
    kind, error, trace = exc_info[0], exc_info[1], exc_info[2]
    return {
        "exception": "".join(traceback.format_exception(kind, error, trace)).rstrip(),
        "exception_name": kind.__name__,
        "stack_trace": {
            "type": kind.__name__,
            "value": str(error),
            "module": kind.__module__,
            "frames": [
                {"file": frame.filename, "line": frame.lineno, "function": frame.name, "statement": frame.line}
                for frame in traceback.extract_tb(trace)
            ],
        },
    }
