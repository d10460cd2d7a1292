"""Settings that cannot be read: the variable, what is wrong with it and how to write it, and never its value."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ConfigurationError
from clearsight.settings import load_settings

pytestmark = pytest.mark.unit

LIST = """'["/first", "/second"]'"""
BAD = [
    ("CLEARSIGHT_CLOUDWATCH__GROUPS", "/secret-word", LIST),
    ("CLEARSIGHT_CLOUDWATCH__GROUPS", '"/secret-word"', LIST),
    ("CLEARSIGHT_CLOUDWATCH__GROUPS", '{"secret-word": 1}', LIST),
    ("CLEARSIGHT_SOURCE", "{secret-word", "CLEARSIGHT_SOURCE__"),
    ("CLEARSIGHT_SOURCE", '["secret-word"]', "CLEARSIGHT_SOURCE__"),
    ("CLEARSIGHT_WORKER__BATCH_MAX_EVENTS", "secret-word", ""),
    ("CLEARSIGHT_CONNECT__PASSWORD_REFERENCE", "secret-word", ""),
]


@pytest.mark.parametrize(("variable", "value", "written"), BAD)
def test_a_bad_setting_is_named_with_how_to_write_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, written: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    error = caught.value
    assert error.message.startswith(f"{variable}: ")
    assert variable in error.mend
    assert written in error.mend
    assert "secret-word" not in error.message + error.mend


def test_the_doctor_says_it_as_a_finding() -> None:
    done = CliRunner().invoke(build(), ["doctor", "--json"], env={"CLEARSIGHT_CLOUDWATCH__GROUPS": "/a"})
    assert done.exit_code == 2
    assert [finding["code"] for finding in json.loads(done.stdout)["findings"]] == ["settings.invalid"]
