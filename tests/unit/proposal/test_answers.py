"""What a user may decide of a proposal."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearsight.errors import ConfigurationError, MappingError
from clearsight.mapping import load_mapping
from clearsight.proposal.answers import Answers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["scenario=a.b", "scenario=a.c"], "scenario is given twice"),
        (["run.error=x", "run.error=y"], "run.error is given twice"),
        (["scenario=a.b", "run=a.b"], "a.b two parts"),
        (["other=a.b", "other=a.b"], "a.b two parts"),
    ],
)
def test_answers_that_contradict_each_other_are_refused(texts: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Answers.parse(texts)


def test_several_others_are_none() -> None:
    assert len(Answers.parse(["other=a.b", "other=a.c"]).others) == 2


def test_a_file_that_is_not_there_is_mended_where_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError) as caught:
        load_mapping(tmp_path / "nope.toml", "--check")
    assert caught.value.mend == "correct --check"
