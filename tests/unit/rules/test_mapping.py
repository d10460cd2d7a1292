"""A wrong mapping file names the key and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearsight.errors import MappingError
from clearsight.mapping import DEFAULT_MAPPING, load_mapping, parse_mapping

pytestmark = pytest.mark.unit

GOOD = '[source.scenario]\ntable = "app.plan"\nkey = "id"\n'


def test_the_packaged_mapping_names_the_demo_tables() -> None:
    mapping = load_mapping(DEFAULT_MAPPING)
    assert mapping.tables() == (
        "forecast.scenarios",
        "forecast.inputs",
        "forecast.runs",
        "forecast.users",
        "forecast.run_nodes",
    )
    assert [rule.name for rule in mapping.errors] == ["timeout", "database", "validation", "calculation"]


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
        (GOOD + '[source.user]\ntable = "app.plan"\nkey = "id"\n', "source.app.plan", None),
        (GOOD + "[sauce]\n", "sauce", 4),
        ("[source]\nname = 'x'\n", "source.scenario", None),
        (GOOD + '[errors]\nname = "x"\n', "errors", 4),
        ("[source.scenario\n", "syntax", 1),
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
