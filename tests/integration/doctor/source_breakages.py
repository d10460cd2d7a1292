"""The source, broken."""

from __future__ import annotations

import contextlib

import psycopg
from pydantic import SecretStr

from clearsight.doctor.finding import Report
from tests.integration.doctor.world import World, breaks, elsewhere, with_password


@breaks("source.unreachable")
def away(world: World) -> Report:
    assert world.settings.source.dsn
    place = world.settings.source.dsn.get_secret_value().rpartition("@")[2].partition("/")[0]
    host, _, port = place.partition(":")
    dsn = elsewhere(world.settings.source.dsn)
    return world.examine(source={"dsn": dsn, "connector_host": host, "connector_port": int(port)})


@breaks("source.login")
def wrong_password(world: World) -> Report:
    return world.examine(source={"dsn": with_password(world.settings.source.dsn, "secret-word")})


@breaks("source.slots-free")
def no_free_slot(world: World) -> Report:
    fill = "SELECT pg_create_physical_replication_slot('filler_' || n) FROM generate_series(1, 9) n"
    with world.source(fill, "SELECT pg_drop_replication_slot('filler_' || n) FROM generate_series(1, 9) n"):
        return world.examine("source", source={"slot": "absent"})


@breaks("source.senders-free")
def no_free_sender(world: World) -> Report:
    assert world.settings.source.admin_dsn
    dsn = world.settings.source.admin_dsn.get_secret_value()
    with contextlib.ExitStack() as senders:
        for _ in range(9):
            senders.enter_context(psycopg.connect(dsn, replication="true", autocommit=True))
        return world.examine("source", source={"slot": "absent"})


@breaks("source.role-replication")
def no_replication(world: World) -> Report:
    with world.source("ALTER ROLE clearsight_cdc NOREPLICATION", "ALTER ROLE clearsight_cdc REPLICATION"):
        return world.examine()


@breaks("source.role-select")
def no_select(world: World) -> Report:
    on = "SELECT ON forecast.runs"
    with world.source(f"REVOKE {on} FROM clearsight_cdc", f"GRANT {on} TO clearsight_cdc"):
        return world.examine()


@breaks("source.role-attributes")
def may_create_databases(world: World) -> Report:
    with world.source("ALTER ROLE clearsight_cdc CREATEDB", "ALTER ROLE clearsight_cdc NOCREATEDB"):
        return world.examine()


@breaks("source.role-writes")
def may_write(world: World) -> Report:
    on = "DELETE ON forecast.runs"
    with world.source(f"GRANT {on} TO clearsight_cdc", f"REVOKE {on} FROM clearsight_cdc"):
        return world.examine()


@breaks("source.row-security")
def rows_hidden(world: World) -> Report:
    with world.source(*(f"ALTER TABLE forecast.runs {verb} ROW LEVEL SECURITY" for verb in ("ENABLE", "DISABLE"))):
        return world.examine()


@breaks("source.heartbeat")
def no_heartbeat(world: World) -> Report:
    on = "EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean)"
    with world.source(f"REVOKE {on} FROM PUBLIC", f"GRANT {on} TO PUBLIC"):
        return world.examine("source")


@breaks("source.publication")
def no_publication(world: World) -> Report:
    with world.source("ALTER PUBLICATION clearsight RENAME TO hidden", "ALTER PUBLICATION hidden RENAME TO clearsight"):
        return world.examine()


@breaks("source.publication-missing")
def table_left_out(world: World) -> Report:
    with world.source(*(f"ALTER PUBLICATION clearsight {verb} TABLE forecast.runs" for verb in ("DROP", "ADD"))):
        return world.examine()


@breaks("source.publication-extra")
def table_too_many(world: World) -> Report:
    with world.source(*(f"ALTER PUBLICATION clearsight {verb} TABLE truth.change" for verb in ("ADD", "DROP"))):
        return world.examine()


@breaks("source.publication-all")
def everything_published(world: World) -> Report:
    with world.source("CREATE PUBLICATION everything FOR ALL TABLES", "DROP PUBLICATION everything"):
        return world.examine("source", source={"publication": "everything"})


@breaks("source.publication-operations")
def operations_left_out(world: World) -> Report:
    change = "ALTER PUBLICATION clearsight SET (publish = '{}')"
    with world.source(change.format("insert, update"), change.format("insert, update, delete, truncate")):
        return world.examine()


@breaks("source.publication-filter")
def rows_left_out(world: World) -> Report:
    drop = "ALTER PUBLICATION clearsight DROP TABLE forecast.runs"
    add = "ALTER PUBLICATION clearsight ADD TABLE forecast.runs"
    with world.source(f"{drop}; {add} WHERE (status = 'failed')", f"{drop}; {add}"):
        return world.examine()


@breaks("source.replica-identity")
def identity_of_the_key(world: World) -> Report:
    with world.source(*(f"ALTER TABLE forecast.runs REPLICA IDENTITY {what}" for what in ("DEFAULT", "FULL"))):
        return world.examine()


@breaks("source.slot-missing")
def no_slot(world: World) -> Report:
    return world.examine("source", source={"slot": "absent"})


@breaks("source.slot-kind")
def slot_of_another_kind(world: World) -> Report:
    make = "SELECT pg_create_physical_replication_slot('physical')"
    with world.source(make, "SELECT pg_drop_replication_slot('physical')"):
        return world.examine("source", source={"slot": "physical"})


@breaks("source.slot-inactive")
def nobody_reads(world: World) -> Report:
    make = "SELECT pg_create_logical_replication_slot('idle', 'pgoutput')"
    with world.source(make, "SELECT pg_drop_replication_slot('idle')"):
        return world.examine("source", source={"slot": "idle"})


@breaks("settings.mapping")
def mapping_broken(world: World) -> Report:
    return world.examine(mapping_file=world.mapping_file('status = "status"', 'stauts = "status"'))


@breaks("settings.missing")
def dsn_missing(world: World) -> Report:
    return world.examine(source={"dsn": None})


@breaks("settings.dsn")
def dsn_broken(world: World) -> Report:
    return world.examine(source={"dsn": SecretStr("postgresql://clearsight_cdc:secret-word@[::1/source")})


@breaks("settings.default-password")
def example_password(world: World) -> Report:
    return world.examine(demo={"dsn": with_password(world.settings.demo.dsn, "change-me-3")})


@breaks("source.role-schema")
def no_usage(world: World) -> Report:
    """Of four tables, one finding."""
    on = "USAGE ON SCHEMA forecast"
    with world.source(f"REVOKE {on} FROM clearsight_cdc", f"GRANT {on} TO clearsight_cdc"):
        return world.examine("source")
