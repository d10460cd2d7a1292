"""The folder of a stack: refused where it cannot serve, removed whole where it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearsight.errors import StackError
from clearsight.stack import home

pytestmark = pytest.mark.unit


def test_a_new_home_is_private(tmp_path: Path) -> None:
    home.prepare(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(StackError, match="holds other things"):
        home.prepare(tmp_path)


def test_reports_may_be_there_already(tmp_path: Path) -> None:
    (tmp_path / "demo.json").touch()
    home.prepare(tmp_path)


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="is not writable"):
        home.prepare(tmp_path / "file" / "home")


def test_less_than_a_gibibyte_is_refused(tmp_path: Path) -> None:
    home.check_room(1024**3, tmp_path)
    with pytest.raises(StackError, match="only 200 MiB are free"):
        home.check_room(200 * 1024**2, tmp_path)


def test_removing_takes_only_what_is_ours_where_no_stack_lived(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "thesis.doc").touch()
    home.remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_removing_takes_all_where_a_stack_lived(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    home.prepare(stack)
    (stack / "stack.json").touch()
    (stack / "cloudwatch.jsonl").touch()
    home.remove(stack)
    assert not stack.exists()
