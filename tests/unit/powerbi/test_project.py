"""The committed project is what the description says, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerbi.describe import MODEL, REPORT
from powerbi.write.project import PROJECT, project_files, write

pytestmark = pytest.mark.unit


def committed() -> dict[str, bytes]:
    found = {path.relative_to(PROJECT): path for path in PROJECT.rglob("*") if path.is_file()}
    return {name.as_posix(): path.read_bytes() for name, path in found.items() if ".pbi" not in name.parts}


def test_the_committed_project_is_written_from_the_description() -> None:
    assert {name: text.encode() for name, text in project_files(MODEL, REPORT).items()} == committed()


def test_files_have_unix_lines_and_no_byte_order_mark() -> None:
    for name, content in committed().items():
        assert b"\r" not in content, name
        assert not content.startswith(b"\xef\xbb\xbf"), name


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    files = project_files(MODEL, REPORT)
    assert len(write(files, tmp_path)) == len(files)
    assert write(files, tmp_path) == []


def test_what_is_described_no_more_goes_and_what_desktop_keeps_stays(tmp_path: Path) -> None:
    files = project_files(MODEL, REPORT)
    write(files, tmp_path)
    gone = tmp_path / "ClearSight RCA.Report/definition/pages/0123456789abcdef0123/page.json"
    kept = tmp_path / "ClearSight RCA.SemanticModel/.pbi/localSettings.json"
    for path in (gone, kept):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    assert write(files, tmp_path) == [gone]
    assert not gone.parent.exists()
    assert kept.exists()


def test_an_edit_by_hand_is_undone(tmp_path: Path) -> None:
    files = project_files(MODEL, REPORT)
    write(files, tmp_path)
    edited = tmp_path / "ClearSight RCA.SemanticModel/definition/model.tmdl"
    edited.write_text("model Other\n")
    assert write(files, tmp_path) == [edited]
    assert edited.read_text() == files["ClearSight RCA.SemanticModel/definition/model.tmdl"]
