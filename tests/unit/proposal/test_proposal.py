"""The rules behind a proposal: words, evidence, columns, and the text that comes of it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from clearsight.errors import SourceError
from clearsight.mapping_file import parse_mapping
from clearsight.proposal import columns
from clearsight.proposal import vocabulary as vocab
from clearsight.proposal.answers import Answers
from clearsight.proposal.catalogue import Catalogue, Column, ForeignKey, Table
from clearsight.proposal.evidence import Evidence, confidence
from clearsight.proposal.misfits import doubts, misfits
from clearsight.proposal.propose import propose
from clearsight.proposal.text import mapping_text, quoted
from clearsight.tables import TableName

pytestmark = pytest.mark.unit

FAMILIES: dict[str, Any] = {
    "text": "text",
    "bigint": "number",
    "uuid": "uuid",
    "timestamptz": "time",
    "numeric": "number",
}


def table(name: str, spelled: str, *foreign: tuple[str, str], schema: str = "app", **more: Any) -> Table:
    """Of "id bigint, status text": the first column is the key; foreign keys are (column, table)."""
    made = tuple(
        Column(name=column, type=kind, family=FAMILIES[kind])
        for column, kind in (part.strip().rsplit(" ", 1) for part in spelled.split(","))
    )
    keys = tuple(ForeignKey((column,), TableName(schema, target), ("id",)) for column, target in foreign)
    given: dict[str, Any] = {"primary": (made[0].name,), **more}
    return Table(name=TableName(schema, name), columns=made, foreign=keys, **given)


def catalogue(*tables: Table, version: int = 180_000) -> Catalogue:
    return Catalogue(database="db", server_version=version, tables=tables)


PLAN = table("plan", "id bigint, name text, status text, created_at timestamptz, locked_at timestamptz")
RUN = table(
    "run",
    "id bigint, plan_id bigint, status text, started_at timestamptz, finished_at timestamptz",
    ("plan_id", "plan"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("run_nodes", ("run", "nodes")),
        ("RunNodes", ("run", "nodes")),
        ("HTTPRequestID", ("http", "request", "id")),
        ("Ausführung", ("ausfuhrung",)),
        ("angelegt am", ("angelegt", "am")),
        ("планы", ("планы",)),
        ("日本", ("日本",)),
        ("123", ()),
    ],
)
def test_words(name: str, found: tuple[str, ...]) -> None:
    assert vocab.words(name) == found


@pytest.mark.parametrize(
    ("name", "scenario", "run", "written"),
    [
        ("plans", 1.0, 0.0, 0.0),
        ("plan_runs", 0.3, 1.0, 0.0),
        ("job_params", 0.0, 0.0, 1.0),
        ("Planungslauf", 0.0, 0.9, 0.0),
        ("ausfuehrungen", 0.0, 1.0, 0.0),
        ("jobs", 0.5, 0.5, 0.0),
        ("countries", 0.0, 0.0, 0.0),
    ],
)
def test_the_head_of_a_name_counts(name: str, scenario: float, run: float, written: float) -> None:
    assert vocab.fit(name, vocab.SCENARIO, vocab.SCENARIO_WEAK, vocab.COMPOUNDS["scenario"]) == scenario
    assert vocab.fit(name, vocab.RUN, vocab.RUN_WEAK, vocab.COMPOUNDS["run"]) == run
    assert vocab.fit(name, vocab.INPUT, vocab.INPUT_WEAK, vocab.COMPOUNDS["input"]) == written


@given(st.lists(st.floats(-1, 1), max_size=6))
def test_confidence_is_a_share(weights: list[float]) -> None:
    assert 0 <= confidence(Evidence(weight, "") for weight in weights) <= 1


def test_more_evidence_makes_surer_and_what_is_against_less() -> None:
    one, two = Evidence(0.5, ""), Evidence(0.4, "")
    assert confidence([one]) < confidence([one, two])
    assert confidence([one, two, Evidence(-0.5, "")]) == confidence([one, two]) / 2


@pytest.mark.parametrize(
    ("column", "state"),
    [
        ("created_at", "created"),
        ("submitted_on", "submitted"),
        ("lockedAt", "locked"),
        ("freigegeben_am", "freigegeben"),
        ("vetted_at", "vetted"),
        ("updated_at", None),
        ("last_seen_at", None),
        ("due_at", None),
        ("period", None),
    ],
)
def test_lifecycle_columns(column: str, state: str | None) -> None:
    found = columns.lifecycle(table("plan", f"id bigint, {column} timestamptz"), ())
    assert list(found) == ([state] if state else [])


def test_a_state_is_spelled_as_the_status_spells_it() -> None:
    found = columns.lifecycle(table("plan", "id bigint, submitted_at timestamptz"), ("DRAFT", "SUBMITTED"))
    assert list(found) == ["SUBMITTED"]


@pytest.mark.parametrize(
    ("values", "succeeded", "failed"),
    [
        (("running", "succeeded", "failed"), ("succeeded",), ("failed",)),
        (("OK", "ERROR", "TIMED_OUT"), ("OK",), ("ERROR", "TIMED_OUT")),
        (("läuft", "erfolgreich", "abgebrochen"), ("erfolgreich",), ("abgebrochen",)),
        (("0", "1"), (), ()),
    ],
)
def test_outcomes(values: tuple[str, ...], succeeded: tuple[str, ...], failed: tuple[str, ...]) -> None:
    assert columns.outcomes(values) == (succeeded, failed)


def test_a_hub_named_like_nothing_is_still_found_by_what_refers_to_it() -> None:
    hub = table("vorlage_x", "id bigint, name text, status text, created_at timestamptz, locked_at timestamptz")
    run = table(
        "yyy",
        "id bigint, x bigint, status text, started_at timestamptz, finished_at timestamptz, error_message text",
        ("x", "vorlage_x"),
    )
    proposal = propose(catalogue(table("country", "id bigint, name text"), hub, run))
    assert [str(chosen.table) for chosen in proposal.chosen] == ["app.vorlage_x", "app.yyy"]
    assert proposal.unrelated == 1


def test_a_table_that_cannot_be_sent_is_left_out_with_the_reason() -> None:
    unlogged = table("input", "id bigint, plan_id bigint, value numeric", ("plan_id", "plan"), logged=False)
    proposal = propose(catalogue(PLAN, RUN, unlogged))
    assert proposal.left_out == {"app.input": "is unlogged: its changes are not in the write-ahead log"}


def test_virtual_generated_columns_and_full_identity_exclude_each_other_since_18() -> None:
    column = Column(name="v", type="text", family="text", generated="virtual")
    virtual = replace(RUN, columns=(*RUN.columns, column))
    assert "app.run" in propose(catalogue(PLAN, virtual)).left_out
    assert "app.run" not in propose(catalogue(PLAN, virtual, version=170_000)).left_out


def test_a_table_whose_topic_cannot_be_is_left_out() -> None:
    beside = [
        table("x_y", "id bigint, plan_id bigint", ("plan_id", "plan")),
        table("y", "id bigint, plan_id bigint", schema="app_x"),
    ]
    proposal = propose(catalogue(PLAN, RUN, *beside), Answers.parse(["other=app_x.y"]))
    assert list(proposal.left_out) == ["app.x_y"]


def test_without_any_table() -> None:
    with pytest.raises(SourceError, match="has no tables"):
        propose(catalogue())


_names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(_names, _names, _names)
def test_whatever_the_names_the_text_is_a_mapping_of_them(schema: str, name: str, column: str) -> None:
    made = Table(
        name=TableName(schema, name), columns=(Column(name=column, type="text", family="text"),), primary=(column,)
    )
    known = catalogue(made)
    proposal = propose(known, Answers({"scenario": made.name}))
    mapping = parse_mapping(mapping_text(proposal, ()))
    assert (TableName.parse(mapping.scenario.table), mapping.scenario.key) == ((schema, name), (column,))
    assert [misfit for misfit in misfits(mapping, known) if misfit.key != "table"] == []


@given(_names)
def test_quoted_texts_are_read_back(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


@pytest.mark.parametrize(
    ("kind", "wrong", "unsure"),
    [
        ("timestamptz", [], []),
        ("text", [], ["time-in-text"]),
        ("bigint", [], ["time-in-number"]),
        ("numeric", ["column-type"], []),
        ("uuid", ["column-type"], []),
    ],
)
def test_a_time_in_a_column_of_another_type_is_unsure_or_wrong(kind: str, wrong: list[str], unsure: list[str]) -> None:
    written = parse_mapping(
        '[source.scenario]\ntable = "app.plan"\nkey = "id"\nname = "title"\nlifecycle = { created = "title" }\n'
    )
    database = catalogue(table("plan", f"id bigint, title {kind}"))
    assert [each.rule for each in misfits(written, database)] == wrong
    found = doubts(written, database)
    assert [each.rule for each in found] == unsure
    assert all("app.plan.title" in each.message and each.key == "lifecycle.created" for each in found)


def composite(name: str, spelled: str, *foreign: ForeignKey, kind: Any = "table") -> Table:
    """Of a schema whose keys have two columns."""
    made = table(name, spelled)
    return replace(made, primary=(made.columns[0].name, made.columns[1].name), foreign=foreign, kind=kind)


TENANTS = (
    composite("plan", "tenant_id bigint, plan_no bigint, title text, status text"),
    composite(
        "plan_run",
        "tenant_id bigint, run_no bigint, plan_no bigint, status text, started_at timestamptz",
        ForeignKey(("tenant_id", "plan_no"), TableName("app", "plan"), ("tenant_id", "plan_no")),
    ),
)
PARTED = (
    composite("plan", "id bigint, created_at timestamptz, title text, status text", kind="partitioned"),
    composite("plan_run", "id bigint, created_at timestamptz, plan_id bigint, status text", kind="partitioned"),
)


@pytest.mark.parametrize(("found", "named"), [(TENANTS, "tenant_id, plan_no"), (PARTED, "id, created_at")])
def test_references_to_keys_of_several_columns_are_said_to_be_unsupported(found: tuple[Table, ...], named: str) -> None:
    with pytest.raises(SourceError) as caught:
        propose(catalogue(*found))
    assert f"app.plan ({named})" in caught.value.message
    assert "not supported yet" in caught.value.message
    assert "--answer scenario=app.plan --answer run=none --answer input=none" in caught.value.mend
    alone = propose(catalogue(*found), Answers.parse(["scenario=app.plan", "run=none", "input=none"]))
    assert [str(each.table) for each in alone.chosen] == ["app.plan"]
    mapping = parse_mapping(mapping_text(alone, ()))
    assert misfits(mapping, catalogue(*found)) == []
