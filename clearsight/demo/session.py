"""The application, connected to a running stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError

from clearsight.demo.application import Committed, ForecastApplication, connect
from clearsight.demo.cloudwatch_writer import CloudWatchWriter, logs_client
from clearsight.demo.log_lines import application_logs
from clearsight.errors import Unavailable
from clearsight.settings import Settings, required


@dataclass(frozen=True)
class Session:
    application: ForecastApplication
    writer: CloudWatchWriter
    dsn: str


@contextmanager
def open_session(
    settings: Settings, connections: int, on_commit: Callable[[Committed], None] = lambda committed: None
) -> Iterator[Session]:
    """Leaving it sends the last log lines. Raises Unavailable when the database or CloudWatch is away."""
    dsn = required(settings.demo.dsn, "demo.dsn")
    writer = CloudWatchWriter(logs_client(settings.cloudwatch))
    engine = connect(dsn, connections)
    try:
        logs = application_logs(writer, settings.cloudwatch.groups)
        yield Session(ForecastApplication(engine, logs, on_commit), writer, dsn)
    except (DBAPIError, psycopg.OperationalError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"the application's database: {reason}", "start the stack: clearsight up") from error
    finally:
        engine.dispose()
        writer.close()
