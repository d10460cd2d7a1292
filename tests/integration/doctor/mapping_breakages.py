"""A mapping that does not fit its source, and tables that take more than naming them."""

from __future__ import annotations

from pathlib import Path

from clearsight.doctor.finding import Report
from tests.integration.doctor.world import World, breaks

VIRTUAL = (
    'CREATE TABLE forecast."Пере.счёт" (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) VIRTUAL)',
    'GRANT SELECT ON forecast."Пере.счёт" TO clearsight_cdc',
    'ALTER PUBLICATION clearsight ADD TABLE forecast."Пере.счёт"',
)
PARTED = (
    'CREATE TABLE forecast."My.Parts" (id int PRIMARY KEY) PARTITION BY RANGE (id)',
    'CREATE TABLE forecast."My Part 1" PARTITION OF forecast."My.Parts" FOR VALUES FROM (0) TO (9)',
    'ALTER TABLE forecast."My.Parts" REPLICA IDENTITY FULL',
    'ALTER TABLE forecast."My Part 1" REPLICA IDENTITY FULL',
    'GRANT SELECT ON forecast."My.Parts" TO clearsight_cdc',
    'ALTER PUBLICATION clearsight ADD TABLE forecast."My.Parts"',
)


def also(world: World, *others: str) -> Path:
    """The demo's mapping file with these sections of [[source.other]] more."""
    made = "".join(f"[[source.other]]\n{other}\n\n" for other in others)
    return world.mapping_file("[[source.other]]", f"{made}[[source.other]]")


def named(table: str, *lines: str) -> str:
    return "\n".join((f"table = '{table}'", 'key = ["id"]', *lines))


@breaks("source.table-missing")
def table_missing(world: World) -> Report:
    return world.examine("source", mapping_file=also(world, named("forecast.absent")))


@breaks("source.table-kind")
def a_view(world: World) -> Report:
    with world.source("CREATE VIEW forecast.seen AS SELECT run_id AS id FROM forecast.runs", "DROP VIEW forecast.seen"):
        return world.examine("source", mapping_file=also(world, named("forecast.seen")))


@breaks("source.table-virtual")
def a_virtual_column(world: World) -> Report:
    make = (*VIRTUAL, 'ALTER TABLE forecast."Пере.счёт" REPLICA IDENTITY FULL')
    with world.source(";".join(make), 'DROP TABLE forecast."Пере.счёт"'):
        return world.examine("source", mapping_file=also(world, named('forecast."Пере.счёт"')))


@breaks("source.column-missing")
def column_missing(world: World) -> Report:
    return world.examine(mapping_file=world.mapping_file('node = "failed_node"', 'node = "broken node"'))


@breaks("source.column-generated")
def column_generated(world: World) -> Report:
    other = named('forecast."Пере.счёт"', 'node = "twice"', 'replica_identity = "default"')
    with world.source(";".join(VIRTUAL), 'DROP TABLE forecast."Пере.счёт"'):
        return world.examine("source", mapping_file=also(world, other))


@breaks("source.column-type")
def no_time(world: World) -> Report:
    return world.examine(mapping_file=world.mapping_file('started = "started_at"', 'started = "run_id"'))


@breaks("source.key")
def key_not_unique(world: World) -> Report:
    return world.examine(mapping_file=world.mapping_file('key = ["run_id", "node"]', 'key = ["run_id"]'))


@breaks("source.key-of-old")
def key_that_old_rows_have_not(world: World) -> Report:
    more = 'key = ["run_id", "node", "status"]\nreplica_identity = "default"'
    return world.examine(mapping_file=world.mapping_file('key = ["run_id", "node"]', more))


@breaks("source.reference")
def no_key_of_a_user(world: World) -> Report:
    return world.examine(mapping_file=world.mapping_file('user = "started_by"', 'user = "error_message"'))


@breaks("source.topic-clash")
def one_topic_for_two_tables(world: World) -> Report:
    tables = ("forecast.a_b", 'forecast."a.b"')
    make = [
        statement
        for table in tables
        for statement in (
            f"CREATE TABLE {table} (id int PRIMARY KEY)",
            f"ALTER TABLE {table} REPLICA IDENTITY FULL",
            f"GRANT SELECT ON {table} TO clearsight_cdc",
            f"ALTER PUBLICATION clearsight ADD TABLE {table}",
        )
    ]
    with world.source(";".join(make), f"DROP TABLE {', '.join(tables)}"):
        return world.examine("source", mapping_file=also(world, *map(named, tables)))


@breaks("source.publication-root")
def partitions_published(world: World) -> Report:
    with world.source(";".join(PARTED), 'DROP TABLE forecast."My.Parts"'):
        return world.examine("source", mapping_file=also(world, named('forecast."My.Parts"')))


@breaks("source.partition-identity")
def a_partition_made_later(world: World) -> Report:
    later = (
        'CREATE TABLE forecast."My Part 2" PARTITION OF forecast."My.Parts" FOR VALUES FROM (9) TO (99)',
        "ALTER PUBLICATION clearsight SET (publish_via_partition_root = true)",
    )
    undo = 'DROP TABLE forecast."My.Parts"; ALTER PUBLICATION clearsight SET (publish_via_partition_root = false)'
    with world.source(";".join((*PARTED, *later)), undo):
        return world.examine("source", mapping_file=also(world, named('forecast."My.Parts"')))


@breaks("source.publication-generated")
def generated_column_left_out(world: World) -> Report:
    make = (
        'CREATE TABLE forecast."Счёт" (id int PRIMARY KEY, n int, "Вдвое" int GENERATED ALWAYS AS (n * 2) STORED)',
        'ALTER TABLE forecast."Счёт" REPLICA IDENTITY FULL',
        'GRANT SELECT ON forecast."Счёт" TO clearsight_cdc',
        'ALTER PUBLICATION clearsight ADD TABLE forecast."Счёт"',
    )
    with world.source(";".join(make), 'DROP TABLE forecast."Счёт"'):
        return world.examine("source", mapping_file=also(world, named('forecast."Счёт"')))
