"""`clearsight keys`: made once, shown once, listed without what opens anything, revoked."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from kit.server import Server
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ConfigurationError, NotFound
from clearsight.keys import RefusedKey, StoredKey, check, id_of, new_key

pytestmark = pytest.mark.integration


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CLEARSIGHT_REPORT__OWNER_DSN", server.dsn("clearsight_owner", "clearsight"))
    runner = CliRunner()
    return lambda *arguments: runner.invoke(build(), ["keys", *arguments])


def _listed(run: Any, key_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)["keys"]
    return next(key for key in found if key["key_id"] == key_id)


def test_a_key_is_shown_once_and_kept_as_a_hash(run: Any, server: Server) -> None:
    made = run("create", "--role", "viewer", "--user", "u-none", "--note", "for a test", "--expires", "8h")
    assert made.exit_code == 0
    text = made.stdout.strip()
    key_id = id_of(text)
    assert key_id
    assert "u-none owns no scenario" in made.stderr
    secret = text.rpartition(f"{key_id}_")[2]
    assert secret not in run("list").stdout + run("list", "--json").stdout + made.stderr
    kept = _listed(run, key_id)
    assert (kept["role"], kept["user_id"], kept["state"], kept["note"]) == ("viewer", "u-none", "valid", "for a test")
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight")) as connection:
        rows = connection.execute("SELECT k::text FROM rpt.api_key k").fetchall()
    assert secret not in str(rows)


def test_a_revoked_key_says_so_and_an_unknown_one_is_told(run: Any) -> None:
    made = json.loads(run("create", "--role", "analyst", "--expires", "never", "--json").stdout)
    assert made["expires_at"] is None
    assert run("revoke", made["key"]).exit_code == 0  # the whole key, pasted, will do
    assert _listed(run, made["key_id"])["state"] == "revoked"
    assert isinstance(run("revoke", "000000000000").exception, NotFound)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "root"),
        ("--role", "viewer"),
        ("--role", "admin", "--scope", "everything"),
        ("--role", "admin", "--expires", "soon"),
        ("--role", "admin", "--expires", "0d"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Any, arguments: tuple[str, ...]) -> None:
    assert run("create", *arguments).exit_code == 2


def test_another_login_than_the_owners_may_not(run: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARSIGHT_REPORT__OWNER_DSN", server.dsn("clearsight_writer", "clearsight"))
    refused = run("list").exception
    assert isinstance(refused, ConfigurationError)
    assert "may not keep keys" in refused.message


@pytest.mark.parametrize("text", ["", "cs_", "nothing", "cs_zz_secret", "cs_000000000000_short"])
def test_what_is_no_key_has_no_id_and_opens_nothing(text: str) -> None:
    from datetime import UTC, datetime

    assert id_of(text) is None
    key = new_key()
    stored = StoredKey(key.secret_hash, "admin", None, frozenset(), None, None)
    with pytest.raises(RefusedKey):
        check(text, stored, datetime.now(UTC))
    assert check(key.text, stored, datetime.now(UTC)) is stored
