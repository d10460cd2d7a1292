"""What the command prints is what there is, and it prints whatever hangs or is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit


def doctor(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"CLEARSIGHT_HOME": str(home), "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", **variables}
    return subprocess.run(
        [sys.executable, "-m", "clearsight", "doctor", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    name = "/x:smile:[bold]y.toml"
    assert name in doctor(tmp_path, "--area", "kafka", CLEARSIGHT_MAPPING_FILE=name).stdout


def test_mending_a_kafka_that_is_away_still_examines(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--mend", "--json", "--area", "kafka")
    assert [each["code"] for each in json.loads(done.stdout)["findings"]] == ["kafka.unreachable"]
    assert done.returncode == 5
    assert done.stderr.startswith("not mended: ")
    assert "rdkafka" not in done.stderr
    assert "%" not in done.stderr  # as librdkafka's own lines begin


@pytest.mark.timeout(120)
def test_a_mapping_file_that_gives_nothing_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    done = doctor(tmp_path, "--mend", "--json", "--area", "kafka", CLEARSIGHT_MAPPING_FILE=str(pipe))
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["code"] == "settings.mapping"
    assert "could not be read within" in finding["what"]
