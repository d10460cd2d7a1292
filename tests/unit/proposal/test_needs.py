"""What a source must do for a mapping: old rows in full, and the generated columns without which nobody could update."""

from __future__ import annotations

from typing import Any

import pytest

from clearsight.mapping import Mapping, OtherTable, ScenarioTable
from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.proposal.misfits import misfits
from clearsight.proposal.needs import full_identity, publication_options, stored_columns, without_full_identity
from clearsight.tables import TableName

pytestmark = pytest.mark.unit

LEAVES = (TableName("A.b", "Teil 1"), TableName("A.b", "Teil 2"))


def table(**changes: Any) -> Table:
    columns = (
        Column(name="id", type="int", family="number"),
        Column(name="n", type="int", family="number"),
        Column(name="twice", type="int", family="number", generated=changes.pop("generated", "stored")),
    )
    return Table(**{"name": TableName("A.b", "план"), "columns": columns, "primary": ("id",), **changes})


def mapped(**changes: Any) -> OtherTable:
    return OtherTable(**{"table": '"A.b".план', "key": ("id",), **changes})


def of(other: OtherTable) -> Mapping:
    return Mapping(source="s", scenario=ScenarioTable(table="a.plan", key=("id",)), other=(other,))


def catalogue(*tables: Table, version: int = 180_000) -> Catalogue:
    return Catalogue(database="db", server_version=version, tables=tables)


@pytest.mark.parametrize(
    ("declared", "actual", "version", "needed"),
    [
        ({}, {}, 180_000, ("twice",)),
        ({}, {}, 170_000, ()),
        ({"replica_identity": "default"}, {}, 180_000, ()),
        ({"replica_identity": "default", "node": "twice"}, {}, 180_000, ("twice",)),
        ({"replica_identity": "default"}, {"full_identity": True}, 180_000, ("twice",)),
        (
            {"replica_identity": "default"},
            {"partitions": LEAVES, "partial_partitions": LEAVES[1:]},
            180_000,
            ("twice",),
        ),
        ({"replica_identity": "default"}, {"partitions": LEAVES, "partial_partitions": LEAVES}, 180_000, ()),
        ({}, {"generated": "virtual"}, 180_000, ()),
    ],
)
def test_generated_columns_that_must_be_published(
    declared: dict[str, Any], actual: dict[str, Any], version: int, needed: tuple[str, ...]
) -> None:
    there = table(**actual)
    assert stored_columns(mapped(**declared), there, catalogue(there, version=version)) == needed


def test_old_rows_in_full_but_not_where_the_mapping_says_default() -> None:
    there = table(kind="partitioned", partitions=LEAVES, partial_partitions=LEAVES[1:], full_identity=True)
    known = catalogue(there)
    assert full_identity(of(mapped()), known) == (TableName("a", "plan"), there.name, *LEAVES)
    assert full_identity(of(mapped())) == (TableName("a", "plan"), there.name)
    assert full_identity(of(mapped(replica_identity="default")), known) == (TableName("a", "plan"),)
    assert without_full_identity(of(mapped()), known) == [(there, LEAVES[1])]
    assert without_full_identity(of(mapped(replica_identity="default")), known) == []


@pytest.mark.parametrize(
    ("declared", "actual", "version", "rules"),
    [
        ({}, {"generated": "virtual"}, 180_000, ["table-virtual"]),
        ({"replica_identity": "default"}, {"generated": "virtual"}, 180_000, []),
        ({"replica_identity": "default"}, {"generated": "virtual", "full_identity": True}, 180_000, ["table-virtual"]),
        ({"key": ("n",)}, {}, 180_000, ["key"]),
        ({"key": ("id", "n")}, {}, 180_000, []),
        ({"key": ("id", "n"), "replica_identity": "default"}, {}, 180_000, ["key-of-old"]),
        ({"replica_identity": "default"}, {"primary": (), "unique": (("id",),)}, 180_000, ["key-of-old"]),
        ({"node": "twice"}, {}, 170_000, ["column-generated"]),
        ({}, {"kind": "partition"}, 180_000, ["table-kind"]),
        ({}, {"logged": False}, 180_000, ["table-kind"]),
    ],
)
def test_what_does_not_fit(declared: dict[str, Any], actual: dict[str, Any], version: int, rules: list[str]) -> None:
    plan = Table(
        name=TableName("a", "plan"), columns=(Column(name="id", type="int", family="number"),), primary=("id",)
    )
    found = misfits(of(mapped(**declared)), catalogue(plan, table(**actual), version=version))
    assert [each.rule for each in found] == rules
    assert all(each.mend and "{" not in each.message for each in found)


def test_options_of_the_publication() -> None:
    assert publication_options(partitioned=False, stored=False) == ()
    assert publication_options(partitioned=True, stored=True) == (
        "publish_via_partition_root = true",
        "publish_generated_columns = stored",
    )
