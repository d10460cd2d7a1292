"""What a source must do for a mapping's changes to come whole: what is logged of old rows, and what is published."""

from __future__ import annotations

from clearsight.mapping import AnyTable, Mapping
from clearsight.proposal.catalogue import Catalogue, Table
from clearsight.proposal.misfits import named_columns
from clearsight.tables import TableName


def audited(mapping: Mapping, catalogue: Catalogue) -> list[tuple[AnyTable, Table]]:
    """The mapped tables that are there and can be published, each beside its table in the catalogue."""
    pairs = ((mapped, catalogue.by_name.get(TableName.parse(mapped.table))) for _, mapped in mapping.parts())
    return [(mapped, table) for mapped, table in pairs if table is not None and table.obstacle() is None]


def full_identity(mapping: Mapping, catalogue: Catalogue | None = None) -> tuple[TableName, ...]:
    """What needs REPLICA IDENTITY FULL: the tables that the mapping does not declare "default", and their leaves, as far
    as a catalogue is there to name them. PostgreSQL logs an old row as its leaf says, and calls it what its table says."""
    tables = tuple(TableName.parse(mapped.table) for _, mapped in mapping.parts() if mapped.replica_identity == "full")
    found = (catalogue.by_name.get(table) for table in tables) if catalogue else ()
    return (*tables, *(leaf for table in found if table for leaf in table.partitions))


def without_full_identity(mapping: Mapping, catalogue: Catalogue) -> list[tuple[Table, TableName]]:
    """Of these, what has it not: each as its mapped table, and itself or the leaf."""
    found = []
    for mapped, table in audited(mapping, catalogue):
        if mapped.replica_identity == "full":
            own = () if table.full_identity else (table.name,)
            found += [(table, name) for name in (*own, *table.partial_partitions)]
    return found


def stored_columns(mapped: AnyTable, table: Table, catalogue: Catalogue) -> tuple[str, ...]:
    """The stored generated columns that must be published, from PostgreSQL 18 on: it lets nobody update or delete rows
    of a published table whose old rows hold a column that is not. Where they do not, those that the mapping names."""
    if catalogue.server_version < 180_000:
        return ()
    whole = table.old_rows_whole(mapped.replica_identity == "full")
    named = {column for _, column in named_columns(mapped)}
    return tuple(each.name for each in table.columns if each.generated == "stored" and (whole or each.name in named))


def publication_options(partitioned: bool, stored: bool) -> tuple[str, ...]:
    """As CREATE PUBLICATION … WITH and ALTER PUBLICATION … SET take them."""
    return (
        *(("publish_via_partition_root = true",) if partitioned else ()),
        *(("publish_generated_columns = stored",) if stored else ()),
    )
