"""Each check is silent about the committed project, and speaks when something in it is broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from powerbi.checks import layout, node, references, schema
from powerbi.checks.__main__ import main
from powerbi.checks.tmdl import NotTmdl, model_of
from powerbi.write.project import PROJECT

pytestmark = pytest.mark.unit

MODEL = "ClearSight RCA.SemanticModel/definition"
needs_node = pytest.mark.skipif(not node.installed(), reason="`make check` installs Microsoft's validators first")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


def visual(project: Path, kind: str) -> Path:
    found = sorted(project.glob("*.Report/definition/pages/*/visuals/*/visual.json"))
    return next(path for path in found if f'"visualType": "{kind}"' in path.read_text())


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("check", [schema.findings, references.findings, layout.findings])
def test_the_committed_project_is_right(check: Callable[[Path], Iterator[str]]) -> None:
    assert list(check(PROJECT)) == []


def test_a_property_that_the_schema_does_not_have(project: Path) -> None:
    edit(visual(project, "tableEx"), lambda each: each.update(colour="red"))
    assert [each for each in schema.findings(project) if "colour" in each]


def test_a_schema_that_is_not_known(project: Path) -> None:
    edit(visual(project, "tableEx"), lambda each: each.update({"$schema": each["$schema"].replace("2.4.0", "9.9.9")}))
    assert [each for each in schema.findings(project) if "9.9.9" in each]


def test_a_file_that_is_not_json(project: Path) -> None:
    (project / "ClearSight RCA.Report/definition/report.json").write_text("{")
    assert [each for each in schema.findings(project) if "is not JSON" in each]


def test_a_column_that_only_a_visual_knows(project: Path) -> None:
    replace(visual(project, "donutChart"), '"Property": "Category"', '"Property": "Kategorie"')
    assert [each for each in references.findings(project) if "no column Category[Kategorie]" in each]


def test_a_column_of_a_filter_is_found_behind_its_alias(project: Path) -> None:
    """The condition of a filter names its table by a letter."""

    def rename(each: dict[str, Any]) -> None:
        condition = each["filterConfig"]["filters"][0]["filter"]["Where"][0]["Condition"]
        condition["In"]["Expressions"][0]["Column"]["Property"] = "Ausgang"

    scatters = project.glob("*.Report/definition/pages/*/visuals/*/visual.json")
    path = next(each for each in scatters if "scatterChart" in each.read_text() and "filterConfig" in each.read_text())
    edit(path, rename)
    assert [each for each in references.findings(project) if "no column Run[Ausgang]" in each]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("tables/Run.tmdl", "'Run'[Outcome]", "'Run'[Result]", "no column Run[Result]"),
        ("tables/Run.tmdl", "DIVIDE([Successes]", "DIVIDE([Wins]", "no measure [Wins]"),
        (
            "tables/Run.tmdl",
            "sourceColumn: outcome",
            "sourceColumn: result",
            "M asks for ['outcome'] too many, ['result'] too few",
        ),
        ("tables/Date.tmdl", "sortByColumn: 'Month Number'", "sortByColumn: 'Number'", "no column Date[Number]"),
        ("tables/Action.tmdl", "measure Actions ", "measure Runs ", "measure Runs stands in 2 tables"),
        ("tables/Action.tmdl", "measure Actions ", "measure Action ", "Action is a measure and a column"),
        ("relationships.tmdl", "toColumn: Date.Date", "toColumn: Date.Day", "no column Date[Day]"),
        ("roles/Owner.tmdl", "[Owner Email]", "[Owner UPN]", "no column Scenario[Owner UPN]"),
        ("roles/Owner.tmdl", "columnPermission Email", "columnPermission Mail", "no column User[Mail]"),
        ("model.tmdl", "ref table Run\n", "ref table Job\n", "there is no table Job"),
    ],
)
def test_a_name_that_nothing_has(project: Path, file: str, old: str, new: str, said: str) -> None:
    replace(project / MODEL / file, old, new)
    assert [each for each in references.findings(project) if said in each]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("tables/Run.tmdl", "\tmeasure Runs", "\t\t\tmeasure Runs", "is indented too far"),
        ("tables/Run.tmdl", "\tmeasure Runs", "\tmesure Runs", "is nothing that table has"),
        ("tables/Run.tmdl", "\t\tdataType", "\t\tdatatype", "is nothing that column has"),
        ("tables/Run.tmdl", "\tcolumn Error\n", "\tcolumn Outcome\n", "stands twice"),
        ("database.tmdl", "\tcompatibilityLevel", "    compatibilityLevel", "is nothing that a file has"),
    ],
)
def test_what_is_no_tmdl(project: Path, file: str, old: str, new: str, said: str) -> None:
    replace(project / MODEL / file, old, new)
    with pytest.raises(NotTmdl, match=said):
        model_of(project)
    assert main([str(project), "--without-node"]) == 1


def test_a_visual_without_a_name_for_screen_readers(project: Path) -> None:
    edit(visual(project, "donutChart"), lambda each: each["visual"]["visualContainerObjects"].pop("general"))
    assert [each for each in layout.findings(project) if "has no text for screen readers" in each]


def test_visuals_that_overlap_or_leave_the_page(project: Path) -> None:
    edit(visual(project, "donutChart"), lambda each: each["position"].update(x=0, width=5000))
    found = list(layout.findings(project))
    assert [each for each in found if "overlap" in each]
    assert [each for each in found if "leaves the page" in each]


def test_one_place_for_two_in_the_order_of_the_tab_key(project: Path) -> None:
    edit(visual(project, "donutChart"), lambda each: each["position"].update(tabOrder=1000))
    assert [each for each in layout.findings(project) if "same place in the order" in each]


def test_an_interaction_with_a_visual_that_is_gone(project: Path) -> None:
    pages = project.glob("*.Report/definition/pages/*/page.json")
    page = next(path for path in pages if "visualInteractions" in path.read_text())
    edit(page, lambda each: each["visualInteractions"][0].update(target="0123456789abcdef0123"))
    assert [each for each in layout.findings(project) if "0123456789abcdef0123" in each]


@needs_node
def test_microsofts_validator_and_parser_find_nothing() -> None:
    assert list(node.findings(PROJECT)) == []


@needs_node
def test_a_role_that_a_kind_of_visual_does_not_have(project: Path) -> None:
    def rename(each: dict[str, Any]) -> None:
        state = each["visual"]["query"]["queryState"]
        state["Slices"] = state.pop("Category")

    edit(visual(project, "donutChart"), rename)
    assert [each for each in node.findings(project) if "Slices" in each]


@needs_node
def test_m_that_does_not_parse(project: Path) -> None:
    replace(project / MODEL / "tables/Run.tmdl", "Source{[Schema", "Source[{Schema")
    assert [each for each in node.findings(project) if each.startswith("Run: M does not parse")]
