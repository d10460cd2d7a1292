"""What is right and wrong with what the source publishes, and with what it logs of old rows."""

from __future__ import annotations

from typing import NamedTuple

from clearsight.doctor import source_kinds as kinds
from clearsight.doctor.finding import Examination
from clearsight.doctor.names import quoted, shortened, table_names
from clearsight.doctor.source_facts import Publication, SourceFacts, Wanted
from clearsight.mapping import AnyTable
from clearsight.proposal.catalogue import Table
from clearsight.proposal.needs import audited, publication_options, stored_columns, without_full_identity

OPERATIONS = ("insert", "update", "delete", "truncate")


class _Audited(NamedTuple):
    mapped: AnyTable
    table: Table
    stored: tuple[str, ...]
    """The generated columns that must be published."""

    @property
    def name(self) -> str:
        return self.mapped.table

    @property
    def partitions(self) -> set[str]:
        return {str(leaf) for leaf in self.table.partitions}


def judge_publication(found: Examination, facts: SourceFacts, wanted: Wanted) -> None:
    tables, values = _tables(facts, wanted), _values(facts, wanted)
    if not tables:
        found.leave("none of the mapped tables is there", ("publication", "replica identity"))
        return
    publication = facts.publication
    if publication is None:
        found.find(kinds.PUBLICATION, **values)
        return
    missing = [operation for operation in OPERATIONS if operation not in publication.operations]
    if missing:
        found.find(kinds.PUBLICATION_OPERATIONS, missing=", ".join(missing), **values)
    _options(found, tables, publication, values)
    for each in tables:
        for part in _left_out_parts(each, publication):
            found.find(kinds.PUBLICATION_FILTER, table=each.name, part=part, **values)
    absent = [each.name for each in tables if not _is_published(each, publication)]
    if absent:
        named = {"tables": shortened(absent), "tables_sql": table_names(absent)}
        found.find(kinds.PUBLICATION_MISSING, **{**values, **named})
    _extra(found, tables, publication, values)


def judge_identities(found: Examination, facts: SourceFacts, wanted: Wanted) -> None:
    """A mend comes after what must be published first: of a table whose columns are not all published, PostgreSQL would
    refuse the application's updates from then on."""
    values, publication = _values(facts, wanted), facts.publication
    in_part = {
        each.table.name for each in _tables(facts, wanted) if publication and _left_out_columns(each, publication)
    }
    whole = "ALTER PUBLICATION {publication_sql} SET TABLE {tables_sql}; ".format(**values)
    for table, name in without_full_identity(wanted.mapping, facts.catalogue):
        first = values["set_options"] + (whole if table.name in in_part else "")
        names = {"table": table.name, "identified": name, "identified_sql": quoted(*name), "first": first}
        found.find(kinds.REPLICA_IDENTITY if table.name == name else kinds.PARTITION_IDENTITY, **names)


def _tables(facts: SourceFacts, wanted: Wanted) -> list[_Audited]:
    return [
        _Audited(mapped, table, stored_columns(mapped, table, facts.catalogue))
        for mapped, table in audited(wanted.mapping, facts.catalogue)
    ]


def _values(facts: SourceFacts, wanted: Wanted) -> dict[str, str]:
    """What the sentences name. `set_options` goes before what would harm the application without them."""
    tables, publication = _tables(facts, wanted), facts.publication
    partitioned = any(each.table.kind == "partitioned" for each in tables)
    stored = any(each.stored for each in tables)
    name = quoted(wanted.publication)
    options = ", ".join(publication_options(partitioned, stored))
    lacking = publication is not None and ", ".join(
        publication_options(partitioned and not publication.via_root, stored and not publication.stored)
    )
    return {
        "publication": wanted.publication,
        "publication_sql": name,
        "connector": wanted.connector,
        "tables_sql": table_names(each.name for each in tables),
        "with_options": f" WITH ({options})" if options else "",
        "set_options": f"ALTER PUBLICATION {name} SET ({lacking}); " if lacking else "",
    }


def _options(found: Examination, tables: list[_Audited], publication: Publication, values: dict[str, str]) -> None:
    roots = [each.name for each in tables if each.table.kind == "partitioned"]
    if roots and not publication.via_root:
        found.find(kinds.PUBLICATION_ROOT, **values, tables=shortened(roots))
    unpublished = [
        f"{each.name}.{column}"
        for each in tables
        for column in each.stored
        if column not in publication.tables.get(each.name, ())
    ]
    if unpublished and not publication.stored:
        found.find(kinds.PUBLICATION_GENERATED, columns=shortened(unpublished), **values)


def _is_published(each: _Audited, publication: Publication) -> bool:
    """Without publish_via_partition_root, a publication shows the partitions instead of their table."""
    if each.table.kind == "partitioned" and not publication.via_root:
        return each.partitions <= set(publication.tables)
    return each.name in publication.tables


def _left_out_parts(each: _Audited, publication: Publication) -> list[str]:
    absent = _left_out_columns(each, publication)
    parts = [f"not the columns {shortened(absent)}"] if absent else []
    if each.name in publication.filters:
        parts.append(f"only rows {publication.filters[each.name]}")
    return parts


def _left_out_columns(each: _Audited, publication: Publication) -> list[str]:
    """By a list of columns; generated ones are left out by the publication's option too, which is another finding."""
    published = publication.tables.get(each.name, ())
    needed = [column.name for column in each.table.columns if not column.generated]
    needed += each.stored if publication.stored else ()
    return [column for column in needed if published and column not in published]


def _extra(found: Examination, tables: list[_Audited], publication: Publication, values: dict[str, str]) -> None:
    mapped = {name for each in tables for name in (each.name, *each.partitions)}
    extra = sorted(set(publication.tables) - mapped)
    if extra and publication.by_name:
        found.find(kinds.PUBLICATION_EXTRA, **{**values, "tables": shortened(extra), "tables_sql": table_names(extra)})
    elif extra:
        found.find(kinds.PUBLICATION_ALL, count=len(extra), **values)
