"""One message a transaction, from inside the transaction, whatever its statements were."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from clearsight.context import attach, audit_context, send_context
from clearsight.settings import Settings

pytestmark = pytest.mark.integration

Messages = Callable[[], list[dict[str, Any]]]
INSERT = text("INSERT INTO forecast.users VALUES (:id, 'a', 'a@example.com')")


@pytest.fixture
def engine(source: Settings) -> Iterator[Engine]:
    assert source.demo.dsn
    engine = create_engine(make_url(source.demo.dsn.get_secret_value()).set(drivername="postgresql+psycopg"))
    attach(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def messages(admin: psycopg.Connection) -> Iterator[Messages]:
    """What logical decoding says was sent, since the test began."""
    slot = f"peek_{uuid.uuid4().hex[:8]}"
    admin.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (slot,))

    def peek() -> list[dict[str, Any]]:
        rows = admin.execute("SELECT data FROM pg_logical_slot_peek_changes(%s, NULL, NULL)", (slot,)).fetchall()
        sent = [str(data) for (data,) in rows if str(data).startswith("message: transactional: 1 prefix: clearsight")]
        return [json.loads(data.split("content:", 1)[1]) for data in sent]

    yield peek
    admin.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


def insert() -> dict[str, uuid.UUID]:
    return {"id": uuid.uuid4()}


def test_many_writes_one_message(engine: Engine, messages: Messages) -> None:
    with audit_context("corr-1", user="u-1", use_case="test"), engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        for _ in range(3):
            connection.execute(INSERT, insert())
        connection.execute(text("DELETE FROM forecast.users WHERE user_id = :id"), insert())
    assert messages() == [{"correlation_id": "corr-1", "user": "u-1", "use_case": "test"}]


def test_each_transaction_on_the_same_connection_sends_its_own(engine: Engine, messages: Messages) -> None:
    with engine.connect() as connection:
        for name in ("first", "second"):
            with audit_context(name), connection.begin():
                connection.execute(INSERT, insert())
    assert [message["correlation_id"] for message in messages()] == ["first", "second"]


def test_reads_send_nothing(engine: Engine, messages: Messages) -> None:
    with audit_context("reader"), engine.begin() as connection:
        connection.execute(text("SELECT count(*) FROM forecast.users"))
    assert messages() == []


def test_no_context_no_message(engine: Engine, messages: Messages) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT, insert())
    assert messages() == []


def test_rolled_back_transactions_send_nothing(engine: Engine, messages: Messages) -> None:
    with audit_context("gone"), engine.connect() as connection:
        connection.execute(INSERT, insert())
        connection.rollback()
    assert messages() == []


def test_a_message_lost_with_its_savepoint_is_sent_again(engine: Engine, messages: Messages) -> None:
    with audit_context("kept"), engine.begin() as connection:
        savepoint = connection.begin_nested()
        connection.execute(INSERT, insert())
        savepoint.rollback()
        connection.execute(INSERT, insert())
    assert [message["correlation_id"] for message in messages()] == ["kept"]


def test_a_message_outlives_an_inner_savepoint(engine: Engine, messages: Messages) -> None:
    with audit_context("kept"), engine.begin() as connection:
        with connection.begin_nested():
            connection.execute(INSERT, insert())
        inner = connection.begin_nested()
        connection.execute(INSERT, insert())
        inner.rollback()
        connection.execute(INSERT, insert())
    assert [message["correlation_id"] for message in messages()] == ["kept"]


def test_psycopg_with_awkward_values(source: Settings, messages: Messages) -> None:
    assert source.demo.dsn
    with (
        psycopg.connect(source.demo.dsn.get_secret_value()) as connection,
        audit_context('it\'s "quoted" %s \\ 冬', user="Zoë", use_case="'; DROP TABLE x; --"),
    ):
        send_context(connection)
    assert messages() == [
        {"correlation_id": 'it\'s "quoted" %s \\ 冬', "user": "Zoë", "use_case": "'; DROP TABLE x; --"},
    ]


def test_outside_of_a_context_send_context_sends_nothing(engine: Engine, messages: Messages) -> None:
    with engine.begin() as connection:
        send_context(connection)
        connection.execute(INSERT, insert())
    assert messages() == []
