"""Every command that opens a connection string, with passwords that libpq and httpx would print a piece of."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ClearSightError

pytestmark = pytest.mark.unit

COMMANDS = {
    "CLEARSIGHT_SOURCE__DSN": [["doctor"], ["doctor", "--json"], ["register"], ["init"]],
    "CLEARSIGHT_SOURCE__ADMIN_DSN": [["doctor"], ["register", "--prepare"], ["demo", "prepare"]],
    "CLEARSIGHT_REPORT__OWNER_DSN": [["doctor"], ["migrate"]],
    "CLEARSIGHT_REPORT__WRITER_DSN": [["doctor"], ["worker"], ["dead-letters", "list"]],
    "CLEARSIGHT_REPORT__API_DSN": [["doctor"], ["coverage"], ["why", "1"], ["api"]],
    "CLEARSIGHT_DEMO__DSN": [["doctor"], ["demo", "prepare"]],
}
NASTY = ["hunter@sesame77", "hunter/sesame77", "5432/sesame77", "sesame77%", "a@sesame77/b?c=sesame77", "sesame77@"]
CASES = [(variable, command) for variable, commands in COMMANDS.items() for command in commands]
OPENED = [case for case in CASES if case[1] not in (["api"], ["demo", "prepare"])]
"""Those that need nothing else first."""


def said(home: Path, command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Its exit code and everything that it says, errors of ours included as `main` would print them."""
    away = {"CLEARSIGHT_HOME": str(home), "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = CliRunner().invoke(build(), command, env={**away, **variables})
    if isinstance(done.exception, ClearSightError):
        return done.exception.exit_code, f"{done.output} {done.exception.message} {done.exception.mend}"
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize(("variable", "command"), CASES)
def test_an_unescaped_password_is_refused_and_not_shown(tmp_path: Path, variable: str, command: list[str]) -> None:
    area = ["--area", "source", "--area", "report"] if command[0] == "doctor" else []
    others = dict.fromkeys(COMMANDS, "postgresql://u@127.0.0.1:1/x")
    for password in NASTY:
        dsn = f"postgresql://u:{password}@127.0.0.1:1/x"
        code, output = said(tmp_path, [*command, *area], {**others, variable: dsn})
        assert "sesame77" not in output
        assert variable in output
        assert "%40" in output
        assert code == 2


@pytest.mark.parametrize(("variable", "command"), OPENED)
def test_an_escaped_one_is_tried_and_not_shown(tmp_path: Path, variable: str, command: list[str]) -> None:
    area = ["--area", "source", "--area", "report"] if command[0] == "doctor" else []
    others = dict.fromkeys(COMMANDS, "postgresql://u@127.0.0.1:1/x")
    dsn = f"postgresql://u:{quote('a@sesame77/b', safe='')}@127.0.0.1:1/x"
    code, output = said(tmp_path, [*command, *area], {**others, variable: dsn})
    assert "sesame77" not in output
    assert code == 5


@pytest.mark.parametrize("command", [["doctor", "--area", "connect"], ["doctor", "--area", "connect", "--json"]])
def test_a_services_address_is_shown_without_its_password(tmp_path: Path, command: list[str]) -> None:
    source = {"CLEARSIGHT_SOURCE__DSN": "postgresql://u@127.0.0.1:1/x"}
    code, output = said(tmp_path, command, {**source, "CLEARSIGHT_CONNECT__URL": "http://admin:sesame77@127.0.0.1:1"})
    assert "sesame77" not in output
    assert "http://127.0.0.1:1" in output
    assert code == 5
