"""The application's loggers: four components that write their lines in three shapes, as real systems do.

api, engine   JSON, Lambda Powertools' keys
gateway       2026-11-22T22:48:02.123Z INFO [correlation_id=…] GET /health 200
notifier      [INFO]<tab>2026-11-22T22:48:02.123Z<tab><request id><tab>… correlation_id=…   (a Lambda function)
"""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from clearsight.context import ContextFilter, PowertoolsFormatter, iso_timestamp


class LineSink(Protocol):
    """Where finished lines go; never blocks for long."""

    def put(self, group: str, stream: str, timestamp_ms: int, message: str) -> None: ...


class PlainFormatter(logging.Formatter):
    """Time, level, the correlation id in brackets where there is one, text; a traceback on the lines after it."""

    def format(self, record: logging.LogRecord) -> str:
        correlation_id = getattr(record, "correlation_id", None)
        bracket = f" [correlation_id={correlation_id}]" if correlation_id else ""
        line = f"{iso_timestamp(record)} {record.levelname}{bracket} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class LambdaFormatter(logging.Formatter):
    """What the Lambda runtime makes of a log call; `extra={"request_id": …}` is the invocation.

    `extra={"platform": True}` marks the runtime's own lines (START, END), which are their text and nothing else.
    """

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "platform", False):
            return record.getMessage() + "\n"
        correlation_id = getattr(record, "correlation_id", None)
        suffix = f" correlation_id={correlation_id}" if correlation_id else ""
        request_id = getattr(record, "request_id", "")
        return f"[{record.levelname}]\t{iso_timestamp(record)}\t{request_id}\t{record.getMessage()}{suffix}\n"


class SinkHandler(logging.Handler):
    """Formats a record and hands the line to the sink under the record's own time."""

    def __init__(self, sink: LineSink, group: str, stream: str, formatter: logging.Formatter) -> None:
        super().__init__()
        self._sink = sink
        self._group = group
        self._stream = stream
        self.setFormatter(formatter)
        self.addFilter(ContextFilter())

    def emit(self, record: logging.LogRecord) -> None:
        self._sink.put(self._group, self._stream, int(record.created * 1000), self.format(record))


@dataclass(frozen=True)
class ApplicationLogs:
    api: logging.Logger
    engine: logging.Logger
    gateway: logging.Logger
    notifier: logging.Logger


def application_logs(sink: LineSink, groups: tuple[str, ...]) -> ApplicationLogs:
    """Loggers of one process. The first group takes the requests, the last one the computing."""
    process = f"{socket.gethostname()}-{os.getpid()}"
    version = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{os.urandom(16).hex()}"
    requests, computing = groups[0], groups[-1]
    return ApplicationLogs(
        api=_logger("forecast-api", SinkHandler(sink, requests, f"api/{process}", PowertoolsFormatter("forecast-api"))),
        engine=_logger(
            "forecast-engine", SinkHandler(sink, computing, f"engine/{process}", PowertoolsFormatter("forecast-engine"))
        ),
        gateway=_logger("gateway", SinkHandler(sink, requests, f"gateway/{process}", PlainFormatter())),
        notifier=_logger("notifier", SinkHandler(sink, computing, version, LambdaFormatter())),
    )


def _logger(name: str, handler: logging.Handler) -> logging.Logger:
    """Not in the process-wide registry: an application under test must not change its host's logging."""
    logger = logging.Logger(name, logging.INFO)
    logger.addHandler(handler)
    return logger
