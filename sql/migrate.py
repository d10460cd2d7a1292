"""Brings the reporting database to the newest schema. Forward only."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from clearsight.errors import ConfigurationError, Unavailable
from clearsight.login import answers
from sql.engine import sqlalchemy_url
from sql.models import SCHEMA

ROLES = ("clearsight_writer", "clearsight_api", "clearsight_bi")
LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 60_000
_ADVISORY_LOCK = 4_715_306  # any number: two `migrate` at once wait for each other


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str | None:
    return _scripts().get_current_head()


def revisions_after(revision: str | None) -> tuple[str, ...]:
    """What a database at `revision` (None: an empty one) lacks, oldest first. Raises ResolutionError for an unknown one."""
    missing = _scripts().iterate_revisions("head", revision or "base")
    return tuple(script.revision for script in missing)[::-1]


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return ScriptDirectory.from_config(config)


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()


def migrate(owner_dsn: str) -> str | None:
    """Run what is missing and return the revision reached.

    Raises Unavailable where the database does not answer, ConfigurationError where a role is missing.
    """
    engine = create_engine(sqlalchemy_url(owner_dsn))
    try:
        with engine.connect() as connection:
            _require_roles(connection)
            connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
            connection.execute(text(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            connection.commit()
            command.upgrade(configuration(connection), "head")
            connection.commit()
            return current_revision(connection)
    except OperationalError as error:
        raise _away(owner_dsn, error.orig) from None
    finally:
        engine.dispose()


def _away(owner_dsn: str, error: BaseException | None) -> Unavailable:
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    if getattr(error, "sqlstate", None) is None and "FATAL:" in reason and answers(owner_dsn, error):
        return Unavailable(
            f"the reporting database refused the login: {reason}",
            "correct CLEARSIGHT_REPORT__OWNER_DSN, then migrate again",
        )
    return Unavailable(f"the reporting database did not answer: {reason}", "start it, then run `clearsight migrate`")


def _require_roles(connection: Connection) -> None:
    found = set(
        connection.execute(
            text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": list(ROLES)}
        ).scalars()
    )
    missing = [role for role in ROLES if role not in found]
    if missing:
        raise ConfigurationError(
            f"the reporting database has no role {', '.join(missing)}",
            "let an administrator run sql/roles.sql, then migrate again",
        )
