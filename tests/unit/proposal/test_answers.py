"""What a user may decide of a proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clearsight.errors import ConfigurationError, MappingError, SourceError
from clearsight.mapping_file import load_mapping
from clearsight.proposal.answers import Answers
from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.proposal.propose import propose
from clearsight.tables import TableName

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


def plan(kind: Any) -> Catalogue:
    columns = (
        Column(name="id", type="bigint", family="number"),
        Column(name="name", type="text", family="text"),
        Column(name="status", type="text", family="text"),
    )
    made = Table(name=TableName("public", "plan"), columns=columns, primary=("id",), kind=kind)
    return Catalogue(database="db", server_version=180_000, tables=(made,))


@pytest.mark.parametrize("answer", ["run=public.plan", "user=public.plan", "other=public.plan"])
def test_a_table_that_was_given_another_part_is_not_guessed_as_scenario(answer: str) -> None:
    with pytest.raises(SourceError, match="looks like scenarios"):
        propose(plan("table"), Answers.parse([answer]))


def test_views_alone_are_said_to_be_views() -> None:
    with pytest.raises(SourceError, match="only views"):
        propose(plan("view"))
