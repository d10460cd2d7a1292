"""What is right and wrong with the application's database."""

from __future__ import annotations

import msgspec

from clearsight.doctor import source_kinds as kinds
from clearsight.doctor.finding import Away, Examination
from clearsight.doctor.names import quoted, shortened, size, table_name, table_names
from clearsight.mapping import AnyTable, Mapping
from clearsight.proposal.misfits import named_columns
from clearsight.tables import TableName

OLDEST, NEWEST = 14, 18
OPERATIONS = ("insert", "update", "delete", "truncate")
BEHIND_SHARE = 0.5
"""Of max_slot_wal_keep_size, from which on a slot is called behind."""
SHORT_IDLE_S = 86_400

_IDENTITIES = {"d": "DEFAULT", "n": "NOTHING", "i": "USING INDEX"}
_EXCESS = {"SUPERUSER": "NOSUPERUSER", "CREATEDB": "NOCREATEDB", "CREATEROLE": "NOCREATEROLE"}


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A mapped table as the source's catalogue shows it."""

    columns: tuple[str, ...]
    stored: tuple[str, ...]
    """Columns that are not generated."""
    unique_keys: tuple[tuple[str, ...], ...]
    """The columns of each unique index, the primary key's first."""
    identities: dict[str, str]
    """Table → pg_class.relreplident: the table itself, or its partitions where it has some."""
    unreadable: tuple[str, ...]
    """Columns that the role may not read."""
    writable: tuple[str, ...]
    """Of INSERT, UPDATE, DELETE and TRUNCATE, what the role may."""
    rows_hidden: bool
    """Row-level security applies to the role."""
    partitioned: bool


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    operations: frozenset[str]
    by_name: bool
    """Tables are named; false for FOR ALL TABLES and FOR TABLES IN SCHEMA."""
    tables: dict[str, tuple[str, ...]]
    """Table → the columns that are published; () where all are."""
    filters: dict[str, str]
    """Table → its row filter."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    plugin: str | None
    database: str | None
    active: bool
    wal_status: str | None
    reason: str | None
    retained_bytes: int


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    wal_level: str
    database: str
    role: str
    replication: bool
    attributes: tuple[str, ...]
    may_emit: bool
    emit_function: str
    slot_limit: int
    slots: int
    sender_limit: int
    senders: int
    keep_bytes: int | None
    """max_slot_wal_keep_size; None where it is unlimited."""
    idle_timeout_s: int
    relations: dict[str, Relation]
    """Of the mapped tables, those that exist."""
    publication: Publication | None
    slot: Slot | None


class Wanted(msgspec.Struct, frozen=True):
    """What the settings and the mapping file say about the source."""

    mapping: Mapping
    publication: str
    slot: str
    connector: str
    """The connector's URL at Kafka Connect."""


def judge(facts: SourceFacts | Away, wanted: Wanted) -> Examination:
    found = Examination("source", kinds.CHECKS)
    if isinstance(facts, Away):
        found.find(kinds.LOGIN if facts.refused else kinds.UNREACHABLE, where=facts.where, reason=facts.reason)
        found.leave("the source database lets nobody in" if facts.refused else "the source database does not answer")
        return found
    _server(found, facts)
    _tables(found, facts, wanted.mapping)
    _role(found, facts)
    _publication(found, facts, wanted)
    for relation in facts.relations.values():
        for table, identity in relation.identities.items():
            if identity != "f":
                kind = kinds.REPLICA_IDENTITY
                found.find(kind, table=table, found=_IDENTITIES[identity], table_sql=table_name(table))
    _slot(found, facts, wanted)
    return found


def _server(found: Examination, facts: SourceFacts) -> None:
    values = {"found": facts.version, "oldest": OLDEST, "newest": NEWEST}
    if facts.version < OLDEST:
        found.find(kinds.VERSION, **values)
    elif facts.version > NEWEST:
        found.find(kinds.VERSION_UNTRIED, **values)
    if facts.wal_level != "logical":
        found.find(kinds.WAL_LEVEL, found=facts.wal_level)
    if facts.slot is None and facts.slots >= facts.slot_limit:
        found.find(kinds.SLOTS_FREE, limit=facts.slot_limit, more=facts.slot_limit + 5)
    if not (facts.slot and facts.slot.active) and facts.senders >= facts.sender_limit:
        found.find(kinds.SENDERS_FREE, limit=facts.sender_limit, more=facts.sender_limit + 5)


def _tables(found: Examination, facts: SourceFacts, mapping: Mapping) -> None:
    for part, table in mapping.parts():
        relation = facts.relations.get(table.table)
        if relation is None:
            found.find(kinds.TABLE_MISSING, table=table.table, part=part)
            continue
        named = dict.fromkeys(column for _, column in named_columns(table))
        missing = [column for column in named if column not in relation.columns]
        for column in missing:
            found.find(kinds.COLUMN_MISSING, table=table.table, column=column, part=part)
        if not missing:
            _key(found, part, table, relation)


def _key(found: Examination, part: str, table: AnyTable, relation: Relation) -> None:
    if any(set(unique) <= set(table.key) for unique in relation.unique_keys):
        return
    better = f"[{', '.join(relation.unique_keys[0])}]" if relation.unique_keys else "a key, once the table has one"
    found.find(kinds.KEY, table=table.table, key=", ".join(table.key), part=part, better=better)


def _role(found: Examination, facts: SourceFacts) -> None:
    role = {"role": facts.role, "role_sql": quoted(facts.role)}
    superuser = "SUPERUSER" in facts.attributes
    if not (facts.replication or superuser):
        found.find(kinds.ROLE_REPLICATION, **role)
    excess = [attribute for attribute in facts.attributes if attribute in _EXCESS]
    if excess:
        without = " ".join(_EXCESS[attribute] for attribute in excess)
        found.find(kinds.ROLE_ATTRIBUTES, attributes=", ".join(excess), without=without, **role)
    if not facts.may_emit:
        found.find(kinds.MAY_NOT_EMIT, function=facts.emit_function, **role)
    for table, relation in facts.relations.items():
        place = {"table": table, "table_sql": table_name(table), "schema_sql": quoted(TableName.parse(table).schema)}
        if relation.unreadable:
            none = len(relation.unreadable) == len(relation.columns)
            columns = "none of its columns" if none else f"not {shortened(relation.unreadable)}"
            found.find(kinds.ROLE_SELECT, columns=columns, **place, **role)
        elif relation.rows_hidden:
            found.find(kinds.ROW_SECURITY, **place, **role)
        if relation.writable and not superuser:
            found.find(kinds.ROLE_WRITES, rights=", ".join(relation.writable), **place, **role)


def _publication(found: Examination, facts: SourceFacts, wanted: Wanted) -> None:
    names = {"publication": wanted.publication, "publication_sql": quoted(wanted.publication)}
    every = {**names, "tables_sql": table_names(facts.relations)}
    publication = facts.publication
    if publication is None:
        found.find(kinds.PUBLICATION, **every)
        return
    missing = [operation for operation in OPERATIONS if operation not in publication.operations]
    if missing:
        found.find(kinds.PUBLICATION_OPERATIONS, missing=", ".join(missing), **names)
    left_out = []
    for table, relation in facts.relations.items():
        if table in publication.tables:
            for part in _left_out_parts(table, relation, publication):
                found.find(kinds.PUBLICATION_FILTER, table=table, part=part, **every)
        elif relation.partitioned and set(relation.identities) <= set(publication.tables):
            found.find(kinds.PUBLICATION_ROOT, table=table, **names)
        else:
            left_out.append(table)
    if left_out:
        tables = {"tables": shortened(left_out), "tables_sql": table_names(left_out)}
        found.find(kinds.PUBLICATION_MISSING, **tables, **names)
    _extra(found, facts, wanted, publication)


def _left_out_parts(table: str, relation: Relation, publication: Publication) -> list[str]:
    published = publication.tables[table]
    absent = [column for column in relation.stored if published and column not in published]
    parts = [f"not the columns {shortened(absent)}"] if absent else []
    if table in publication.filters:
        parts.append(f"only rows {publication.filters[table]}")
    return parts


def _extra(found: Examination, facts: SourceFacts, wanted: Wanted, publication: Publication) -> None:
    partitions = {name for relation in facts.relations.values() for name in relation.identities}
    extra = sorted(set(publication.tables) - set(wanted.mapping.tables()) - partitions)
    names = {"publication": wanted.publication, "publication_sql": quoted(wanted.publication)}
    if extra and publication.by_name:
        found.find(kinds.PUBLICATION_EXTRA, tables=shortened(extra), tables_sql=table_names(extra), **names)
    elif extra:
        found.find(kinds.PUBLICATION_ALL, count=len(extra), tables_sql=table_names(facts.relations), **names)


def _slot(found: Examination, facts: SourceFacts, wanted: Wanted) -> None:
    name = wanted.slot
    if facts.keep_bytes is None:
        found.find(kinds.SLOT_UNLIMITED)
    if 0 < facts.idle_timeout_s < SHORT_IDLE_S:
        found.find(kinds.SLOT_IDLE_TIMEOUT, found_s=facts.idle_timeout_s)
    slot = facts.slot
    if slot is None:
        found.find(kinds.SLOT_MISSING, slot=name, connector=wanted.connector)
        return
    if (slot.kind, slot.plugin, slot.database) != ("logical", "pgoutput", facts.database):
        described = f"{slot.kind}, of {slot.plugin or 'no plugin'} and of the database {slot.database or '(none)'}"
        found.find(kinds.SLOT_KIND, slot=name, found=described, database=facts.database)
        return
    _slot_state(found, facts, slot, wanted)


def _slot_state(found: Examination, facts: SourceFacts, slot: Slot, wanted: Wanted) -> None:
    name, keep, retained = wanted.slot, facts.keep_bytes, size(slot.retained_bytes)
    if slot.reason or slot.wal_status == "lost":
        literal = "'{}'".format(name.replace("'", "''"))
        values = {"reason": slot.reason or "its WAL was removed", "connector": wanted.connector}
        found.find(kinds.SLOT_LOST, slot=name, slot_literal=literal, **values)
    elif slot.wal_status == "unreserved" and keep:
        found.find(kinds.SLOT_UNRESERVED, slot=name, keep=size(keep), double=f"{max(1, keep * 2 // 1024**2)}MB")
    elif not slot.active:
        found.find(kinds.SLOT_INACTIVE, slot=name, retained=retained)
    elif keep and slot.retained_bytes > keep * BEHIND_SHARE:
        found.find(kinds.SLOT_BEHIND, slot=name, retained=retained, keep=size(keep))
