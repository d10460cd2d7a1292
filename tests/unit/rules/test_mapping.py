"""A wrong mapping file names the key and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearsight.errors import MappingError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping

pytestmark = pytest.mark.unit

GOOD = '[source.scenario]\ntable = "app.plan"\nkey = "id"\n'
RUN = GOOD + '[source.run]\ntable = "app.run"\nkey = "id"\nscenario = "plan"\nstatus = "status"\n'


def test_the_packaged_mapping_names_the_demo_tables() -> None:
    mapping = load_mapping(DEFAULT_MAPPING)
    assert mapping.tables() == (
        "forecast.scenarios",
        "forecast.inputs",
        "forecast.runs",
        "forecast.users",
        "forecast.run_nodes",
    )
    assert [rule.name for rule in mapping.errors] == [
        "timeout",
        "resource",
        "security",
        "database",
        "validation",
        "calculation",
        "dependency",
    ]


def test_a_file_without_rules_has_the_packaged_ones_and_an_empty_list_has_none() -> None:
    assert parse_mapping(GOOD).errors == load_mapping(DEFAULT_MAPPING).errors
    assert parse_mapping("errors = []\n" + GOOD).errors == ()


def test_names_of_ids_in_log_lines() -> None:
    assert parse_mapping(GOOD + '[logs]\nscenario = ["forecast_id"]\n').logs.scenario == ("forecast_id",)


def test_one_column_may_be_written_without_brackets() -> None:
    assert parse_mapping(GOOD).scenario.key == ("id",)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (GOOD + "nmae = 'x'\n", "source.scenario.nmae", 4),
        (GOOD + "name = 3\n", "source.scenario.name", 4),
        ('[source.scenario]\n\nkey = "id"\n', "source.scenario.table", 1),
        ('[source.scenario]\ntable = "plan"\nkey = "id"\n', "source.scenario.table", 2),
        (GOOD + '[source.run]\ntable = "app.run"\nkey = "id"\nscenario = "s"\n', "source.run.status", 4),
        (
            GOOD + '[[source.other]]\ntable = "a.b"\nkey = "i"\n[[source.other]]\ntable = "a.c"\nkey = 3\n',
            "source.other.key",
            9,
        ),
        (GOOD + '[source.user]\ntable = "app.plan"\nkey = "id"\n', "source.user.table", 5),
        (GOOD + "[sauce]\n", "sauce", 4),
        ("[source]\nname = 'x'\n", "source.scenario", None),
        (GOOD + '[errors]\nname = "x"\n', "errors", 4),
        (
            GOOD + '[[errors]]\nname = "x"\npatterns = ["a"]\n[[errors]]\npatterns = ["("]\nname = "y"\n',
            "errors.patterns",
            8,
        ),
        (GOOD + '[logs]\nscenarios = ["x"]\n', "logs.scenarios", 5),
        ("[source.scenario\n", "syntax", 1),
        (GOOD + '[source.other]\ntable = "a.b"\nkey = "i"\n', "source.other", 4),
        (GOOD + '[[source.run]]\ntable = "a.b"\n', "source.run", 4),
        (GOOD + "[sources.run]\n", "sources", 4),
        (GOOD + "[ source . user ]\nnmae = 1\n", "source.user.nmae", 5),
        (GOOD + 'status = ""\n', "source.scenario.status", 4),
        (GOOD + 'status = "status\n', "syntax", 4),
        (GOOD + "status = “status”\n", "syntax", 4),
        (GOOD + 'status: "status"\n', "syntax", 4),
        (GOOD + 'key = "x"\n', "syntax", 4),
        (GOOD + '[source.scenario]\nname = "x"\n', "syntax", 4),
        (GOOD + "<<<<<<< HEAD\n", "syntax", 4),
        (GOOD + 'lifecycle = ["created_at"]\n', "source.scenario.lifecycle", 4),
        (GOOD + 'lifecycle = { created = "" }\n', "source.scenario.lifecycle", 4),
        (GOOD.replace('"id"', '["id", "id"]'), "source.scenario.key", 3),
        (GOOD.replace('"id"', '[""]'), "source.scenario.key", 3),
        (GOOD.replace("app.plan", "db.app.plan"), "source.scenario.table", 2),
        (RUN + 'failed = ["succeeded"]\n', "source.run.failed", 9),
        ('[source]\nname = ""\n' + GOOD, "source.name", 2),
        ("", "source.scenario", None),
    ],
)
def test_names_key_and_line(text: str, key: str, line: int | None) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, "my.toml")
    assert caught.value.key == key
    assert caught.value.line == line
    assert "my.toml" in caught.value.message
    assert caught.value.mend


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no such file"):
        load_mapping(tmp_path / "none.toml")


def test_a_file_of_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(GOOD.replace("app.plan", "app.Prüfung").encode("latin-1"))
    with pytest.raises(MappingError, match=r"latin\.toml:2: encoding: is not UTF-8"):
        load_mapping(file)


def test_the_mark_that_some_editors_put_in_front_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "marked.toml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert load_mapping(file).scenario.table == "app.plan"


def test_one_value_may_be_written_without_brackets() -> None:
    run = parse_mapping(RUN + 'failed = "broken"\n').run
    assert run is not None
    assert run.failed == ("broken",)
