"""Filters that are none are refused by name, before anything goes deep into them."""

from __future__ import annotations

import pytest
from odata_query import ast

from api.odata.faults import BadRequest, NotSupported
from api.odata.filters import where
from api.odata.functions import FUNCTIONS
from api.odata.keys import by_key
from api.odata.keyset import order_of
from api.odata.metadata import csdl
from api.odata.options import preferred_page_size, read_options
from api.odata.parsing import LONGEST, parse
from api.odata.sets import entity_sets

pytestmark = pytest.mark.unit

RUNS = entity_sets()["runs"]


def sql(text: str, name: str = "runs") -> str:
    found = where(text, entity_sets()[name].properties)
    return str(found.compile(compile_kwargs={"literal_binds": True})).replace("\n", "").replace("bi.runs.", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("outcome", "condition"),
        ("outcome eq", "not understood"),
        ("eq eq eq", "no property eq"),
        ("(outcome eq 'failed'", "its end"),
        ("outcome eq 'failed')", "not understood"),
        ("outcome = 'failed'", "not understood"),
        ("outcome eq failed", "no property failed"),
        ("nothing eq 1", "no property nothing"),
        ("runs/outcome eq 'x'", "navigation"),
        ("outcome eq 1", "text cannot be compared with integer"),
        ("run_key eq 'x'", "integer cannot be compared with text"),
        ("started_on eq 2026-02-31", "no such value"),
        ("started_at gt 9999-12-31T23:59:59-14:00", "no such value"),
        ("run_key eq " + "9" * 40, "no such value"),
        ("contains(run_key, 'x')", "contains cannot take integer"),
        ("outcome add 1 eq 2", "arithmetic cannot take text"),
        ("hour(started_on) eq 1", "hour cannot take date"),
        ("minute(2026-01-01) eq 1", "minute cannot take date"),
        ("second(started_on) eq 0", "second cannot take date"),
        ("contains(outcome)", "takes 2 arguments"),
        ("outcome in ()", "not understood"),
        ("outcome in ('a', outcome)", "literals"),
        ("('a', 'b') eq outcome", "a list"),
        ("outcome eq 'a\x00b'", "control"),
        ("'unclosed", "not understood at character 1"),
        ("outcome eq '" + "x" * LONGEST + "'", "longer"),
        ("true gt false", "no order"),
        ("", "not understood"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        sql(text)
    assert said in caught.value.message
    assert caught.value.status == 400
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "substringof('a', outcome)",
        "geo.distance(outcome, outcome) lt 1",
        "matchesPattern(outcome, 'a+')",
        "cast(run_key, 'Edm.String') eq '1'",
        "totaloffsetminutes(started_at) eq 0",
        "hassubset(outcome, outcome)",
        "run_key eq duration'P1D'",
        "run_key eq 10:00:00",
        "my.function(1)",
    ],
)
def test_what_is_not_supported_is_named(text: str) -> None:
    with pytest.raises(NotSupported) as caught:
        sql(text)
    assert caught.value.status == 501
    assert text.partition("(")[0] in caught.value.message or "literal" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60 + "deleted" + ")" * 60,
        "not " * 100 + "deleted",
        "not (" * 60 + "deleted" + ")" * 60,
        "1" + " eq 1" * 200,
        "1" + " add 1" * 200 + " eq 1",
        "outcome eq 'a'" + " or outcome eq 'b'" * 500,
        "concat(" * 60 + "'a','b'" + ",'c')" * 60 + " eq 'x'",
        "(deleted eq " * 60 + "true" + ")" * 60,
    ],
)
def test_depth_and_length_are_bounded(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        sql(text, "scenarios")
    assert "too long or nested too deeply" in caught.value.message or "longer" in caught.value.message


def test_long_chains_are_no_depth() -> None:
    many = " or ".join(f"outcome eq '{n}'" for n in range(200))
    assert sql(many).count(" OR ") == 199
    assert sql(" and ".join(["not (outcome eq 'a')"] * 60)).count("DISTINCT") == 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("outcome eq 'failed'", "outcome = 'failed'"),
        ("outcome ne 'failed'", "outcome IS DISTINCT FROM 'failed'"),
        ("not (outcome eq 'failed')", "outcome IS DISTINCT FROM 'failed'"),
        ("not(outcome ne 'failed')", "outcome = 'failed'"),
        ("outcome eq null", "outcome IS NULL"),
        ("null ne outcome", "outcome IS NOT NULL"),
        ("duration_ms gt 5", "duration_ms > 5"),
        ("not (duration_ms gt 5)", "(duration_ms > 5) IS NOT true"),
        ("duration_ms gt null", "false"),
        ("outcome in ('failed')", "outcome = 'failed'"),
        ("outcome in ('a',null)", "outcome = 'a' OR outcome IS NULL"),
        ("outcome eq 'it''s'", "outcome = 'it''s'"),
        ("started_on ge 2026-11-01T00:00:00Z", "started_on >= '2026-11-01'"),
        ("started_at ge 2026-11-01", "started_at >= '2026-11-01 00:00:00'"),
        ("started_at ge 2026-11-01T01:00:00+01:00", "started_at >= '2026-11-01 00:00:00'"),
        ("started_at ge 2026-11-01T01:00:00 01:00", "started_at >= '2026-11-01 00:00:00'"),
        ("started_at eq 2026-11-01T00:00:00.1234567Z", "started_at = '2026-11-01 00:00:00.123456'"),
        ("contains(outcome,'50%_')", "strpos(outcome, '50%_') > 0"),
    ],
)
def test_the_condition_is_what_was_meant(text: str, expected: str) -> None:
    assert sql(text) == expected


@pytest.mark.parametrize("name", [each for found in entity_sets().values() for each in found.properties])
def test_each_property_can_be_named_in_a_filter(name: str) -> None:
    found = parse(f"{name} eq null")
    assert isinstance(found, ast.Compare)
    assert found.left == ast.Identifier(name)


def test_every_function_is_one_of_the_grammar() -> None:
    from odata_query.grammar import ODATA_FUNCTIONS

    assert FUNCTIONS.keys() <= ODATA_FUNCTIONS.keys()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"$top": "-1"}, "$top"),
        ({"$top": "1.5"}, "$top"),
        ({"$top": "9" * 30}, "$top"),
        ({"$skip": "x"}, "$skip"),
        ({"$count": "yes"}, "$count"),
        ({"$select": "run_id,nothing"}, "no property nothing"),
        ({"$orderby": "nothing"}, "no property nothing"),
        ({"$orderby": ""}, "not understood"),
        ({"$orderby": ",".join(["run_key"] * 30)}, "more than"),
        ({"$format": "atom"}, "json"),
        ({"$nothing": "1"}, "no such option"),
    ],
)
def test_options_are_refused_by_name(options: dict[str, str], said: str) -> None:
    with pytest.raises(BadRequest, match=said.replace("$", r"\$")):
        read_options(options, RUNS)


@pytest.mark.parametrize(
    "options", [{"$expand": "x"}, {"$search": "x"}, {"$apply": "x"}, {"$orderby": "length(run_id)"}]
)
def test_options_of_the_specification_that_are_not_here(options: dict[str, str]) -> None:
    with pytest.raises(NotSupported):
        read_options(options, RUNS)


def test_options_that_are_custom_are_passed_over() -> None:
    assert read_options({"myself": "1", "$top": "3"}, RUNS).top == 3


def test_order_ends_with_what_tells_rows_apart() -> None:
    asked = read_options({"$orderby": "outcome desc, started_at, outcome"}, RUNS).orderby
    assert [(each.found.name, each.descending) for each in order_of(RUNS, asked)] == [
        ("outcome", True),
        ("started_at", False),
        ("run_key", False),
    ]
    assert [each.found.name for each in order_of(entity_sets()["logs"], ())] == ["occurred_at", "event_id"]


@pytest.mark.parametrize(
    ("prefer", "size"), [("", 50), ("odata.maxpagesize=7", 7), ("maxpagesize=0", 1), ("maxpagesize=999", 50)]
)
def test_pages_are_at_most_as_long_as_wished(prefer: str, size: int) -> None:
    assert preferred_page_size(prefer, 50) == size


@pytest.mark.parametrize(
    "key", ["", "1 or true", "1,2", "nothing=1", "run_key=1,run_key=2,x=3", "run_key eq 1", "'x' eq 'x'"]
)
def test_a_key_is_literals_only(key: str) -> None:
    with pytest.raises(Exception, match=r"the key of runs is|cannot be compared|not understood"):
        by_key(key, RUNS)


def test_metadata_tells_each_property_once() -> None:
    text = csdl([RUNS]).decode()
    for name in RUNS.properties:
        assert text.count(f'<Property Name="{name}"') == 1
    assert '<PropertyRef Name="run_key" />' in text
    assert 'Name="run_key" Type="Edm.Int64" Nullable="false"' in text
