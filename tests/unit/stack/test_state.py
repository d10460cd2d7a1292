"""stack.json: whole or absent, private, and what our programs read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from clearsight.errors import StackError
from clearsight.settings import load_settings, required
from clearsight.stack import state
from clearsight.stack.ports import NAMES
from clearsight.stack.state import ProcessRecord, StackState

pytestmark = pytest.mark.unit

PORTS = {name: 21_000 + index for index, name in enumerate(NAMES)}


def complete_state() -> StackState:
    kept = StackState(ports=dict(PORTS))
    kept.complete()
    return kept


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    kept = complete_state()
    kept.processes["kafka"] = ProcessRecord(17, "boot 4711", log_offset=12, ready=True)
    kept.done.append("migrate")
    state.save(tmp_path, kept)
    assert state.load(tmp_path) == kept


def test_a_home_without_state_is_new(tmp_path: Path) -> None:
    assert state.load(tmp_path) == StackState()


def test_only_its_owner_reads_the_file_and_no_scratch_file_remains(tmp_path: Path) -> None:
    state.save(tmp_path, complete_state())
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


def test_a_torn_file_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"ports": {')
    with pytest.raises(StackError, match="not readable") as caught:
        state.load(tmp_path)
    assert "down --purge" in caught.value.mend


def test_passwords_are_kept_and_differ() -> None:
    kept = complete_state()
    before = dict(kept.passwords)
    kept.complete()
    assert kept.passwords == before
    assert len(set(before.values())) == len(state.ROLES)


def test_our_programs_read_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = complete_state()
    state.save(tmp_path, kept)
    monkeypatch.setenv("CLEARSIGHT_HOME", str(tmp_path))
    settings = load_settings()
    password = kept.passwords["clearsight_writer"]
    expected = f"postgresql://clearsight_writer:{password}@127.0.0.1:{PORTS['postgres']}/report"
    assert required(settings.report.writer_dsn, "report.writer_dsn") == expected
    assert settings.kafka.bootstrap_servers == f"127.0.0.1:{PORTS['kafka']}"
    assert settings.api.url == f"http://127.0.0.1:{PORTS['api']}"


def test_the_stacks_password_reference_is_for_the_stacks_own_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = {"connect": {"url": "http://127.0.0.1:1", "password_reference": "${env:CLEARSIGHT_SOURCE_PASSWORD}"}}
    (tmp_path / "stack.json").write_text(json.dumps({"settings": tree}))
    monkeypatch.setenv("CLEARSIGHT_HOME", str(tmp_path))
    assert load_settings().connect.password_reference
    monkeypatch.setenv("CLEARSIGHT_SOURCE__DSN", "postgresql://me@db/app")
    assert load_settings().connect.password_reference is None
    assert load_settings().connect.url == "http://127.0.0.1:1"
