"""Schema changes from the shapes of rows: the same whatever the order in which they are seen."""

from __future__ import annotations

import json
from itertools import groupby
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.order import CommitPosition
from clearsight.shapes import Run, Seen, Shape, changes, observe, run_at, shape_of, told, types_of

pytestmark = pytest.mark.unit

Row = tuple[int, Shape]


def seen(place: int) -> Seen:
    return Seen(CommitPosition(1, place, place, 1), place, UUID(int=place))


def observed(rows: list[Row]) -> list[Run]:
    """The runs once all these rows were observed, in this order."""
    runs: list[Run] = []
    known: list[Seen] = []

    def next_seen(after: Seen, before: Seen | None) -> Seen | None:
        between = (each for each in known if each > after and (before is None or each < before))
        return min(between, default=None)

    for place, shape in rows:
        runs = observe(runs, shape, seen(place), next_seen)
        known.append(seen(place))
    return runs


def in_order(rows: list[Row]) -> list[Run]:
    """By definition: equal shapes that follow each other."""
    groups = groupby(sorted(rows), key=lambda row: row[1])
    return [Run(shape, seen(next(iter(found))[0])) for shape, found in groups]


A, B, C = shape_of(["id", "a"]), shape_of(["id", "b"]), shape_of(["id", "a", "b"])


@given(st.lists(st.sampled_from([A, B, C]), max_size=12).flatmap(lambda found: st.permutations(list(enumerate(found)))))
def test_the_runs_do_not_depend_on_the_order_of_arrival(rows: list[Row]) -> None:
    assert observed(rows) == in_order(rows)


@given(
    st.lists(st.sampled_from([A, B]), min_size=1, max_size=8).flatmap(
        lambda found: st.tuples(st.permutations(list(enumerate(found))), st.lists(st.integers(0, len(found) - 1)))
    )
)
def test_what_comes_again_changes_nothing(drawn: tuple[list[Row], list[int]]) -> None:
    rows, again = drawn
    assert observed([*rows, *(rows[place] for place in again)]) == in_order(rows)


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=12))
def test_a_position_falls_into_the_run_that_began_last(shapes: list[Shape]) -> None:
    runs = observed(list(enumerate(shapes)))
    assert [getattr(run_at(runs, seen(place).position), "shape", None) for place in range(len(shapes))] == shapes
    assert run_at(runs, CommitPosition(0, 0, 0, 0)) is None


def test_what_is_new_and_what_is_gone() -> None:
    found = changes("columns", observed(list(enumerate([A, C, B, A]))))
    assert [(each.what, each.added, each.dropped) for each in found] == [
        ("columns.added", ("b",), ()),
        ("columns.dropped", (), ("a",)),
        ("columns.replaced", ("a",), ("b",)),
    ]


def test_equal_steps_are_counted_and_a_step_keeps_its_number_when_an_earlier_row_comes() -> None:
    rows = [(10, A), (30, B), (40, A), (60, B)]
    assert [(each.before, each.nth) for each in changes("columns", observed(rows))] == [(A, 1), (B, 1), (A, 2)]
    earlier = changes("columns", observed([*rows, (20, B)]))
    assert [(each.before, each.nth, each.first.occurred_us) for each in earlier] == [(A, 1, 20), (B, 1, 40), (A, 2, 60)]


def test_a_step_that_was_two() -> None:
    assert [(each.before, each.after) for each in changes("columns", observed([(1, A), (3, C)]))] == [(A, C)]
    assert [(each.before, each.after) for each in changes("columns", observed([(1, A), (3, C), (2, B)]))] == [
        (A, B),
        (B, C),
    ]


def schema(**types: object) -> bytes:
    fields = [{"field": name, **(told if isinstance(told, dict) else {"type": told})} for name, told in types.items()]
    row = {"type": "struct", "fields": fields, "optional": True, "field": "after"}
    return json.dumps({"type": "struct", "fields": [{"type": "string", "field": "op"}, row]}).encode()


def test_types_are_told_by_the_schema_alone() -> None:
    found = types_of(
        schema(
            id={"type": "int32", "optional": False, "default": 0},
            at={"type": "string", "name": "io.debezium.time.IsoTimestamp", "version": 1},
            tags={"type": "array", "items": {"type": "string"}},
            name={
                "type": "string",
                "parameters": {"__debezium.source.column.type": "VARCHAR", "__debezium.source.column.length": "20"},
            },
        )
    )
    assert found == (
        ("at", "io.debezium.time.IsoTimestamp"),
        ("id", "int32"),
        ("name", "VARCHAR(20)"),
        ("tags", "array of string"),
    )


@pytest.mark.parametrize("told", [b"null", b"{}", b'{"fields":[]}', b'{"fields":[{"field":"op"}]}'])
def test_a_schema_without_rows_tells_no_types(told: bytes) -> None:
    assert types_of(told) == ()


def test_a_type_that_changes_is_a_change_and_a_new_column_is_none_of_types() -> None:
    first, wider = types_of(schema(id="int32", n="int32")), types_of(schema(id="int32", n="int64", more="string"))
    (change,) = changes("types", observed([(1, first), (2, wider)]))
    assert (change.what, change.retyped, change.added) == ("types.changed", {"n": ("int32", "int64")}, ())
    assert changes("types", observed([(1, first), (2, types_of(schema(id="int32")))])) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ((["a", "b"], [], {}), "a and b new"),
        (([], ["a"], {}), "a gone"),
        ((["b"], ["a"], {}), "a gone, b new (a rename, or a drop and an add)"),
        ((["b", "c"], ["a"], {}), "a gone, b and c new"),
        (([], [], {"n": ("int32", "int64")}), "n is int64 instead of int32"),
    ],
)
def test_a_change_in_words(change: tuple[list[str], list[str], dict[str, tuple[str, str]]], text: str) -> None:
    assert told(*change) == text
