"""What is right and wrong with the application's database."""

from __future__ import annotations

from clearsight.doctor import source_kinds as kinds
from clearsight.doctor.finding import Away, Examination
from clearsight.doctor.names import quoted, shortened, size, table_name
from clearsight.doctor.source_facts import Slot, SourceFacts, Wanted
from clearsight.doctor.source_publication import judge_identities, judge_publication
from clearsight.proposal.misfits import misfits
from clearsight.tables import TableName

OLDEST, NEWEST = 14, 18
BEHIND_SHARE = 0.5
"""Of max_slot_wal_keep_size, from which on a slot is called behind."""
SHORT_IDLE_S = 86_400

_EXCESS = {"SUPERUSER": "NOSUPERUSER", "CREATEDB": "NOCREATEDB", "CREATEROLE": "NOCREATEROLE"}


def judge(facts: SourceFacts | Away, wanted: Wanted) -> Examination:
    found = Examination("source", kinds.CHECKS)
    if isinstance(facts, Away):
        found.find(kinds.LOGIN if facts.refused else kinds.UNREACHABLE, where=facts.where, reason=facts.reason)
        found.leave("the source database lets nobody in" if facts.refused else "the source database does not answer")
        return found
    _server(found, facts)
    for misfit in misfits(wanted.mapping, facts.catalogue, wanted.topic_prefix):
        found.say(kinds.MISFITS[misfit.rule], misfit.message, misfit.mend)
    _role(found, facts)
    judge_publication(found, facts, wanted)
    judge_identities(found, facts, wanted)
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
    closed = {TableName.parse(table).schema for table, rights in facts.rights.items() if not rights.enters}
    for schema in sorted(closed):
        found.find(kinds.ROLE_SCHEMA, schema=schema, schema_sql=quoted(schema), **role)
    for table, rights in facts.rights.items():
        place = {"table": table, "table_sql": table_name(table)}
        if rights.unreadable:
            none = len(rights.unreadable) == len(facts.catalogue.by_name[TableName.parse(table)].columns)
            columns = "none of its columns" if none else f"not {shortened(rights.unreadable)}"
            found.find(kinds.ROLE_SELECT, columns=columns, **place, **role)
        elif rights.rows_hidden:
            found.find(kinds.ROW_SECURITY, **place, **role)
        if rights.writable and not superuser:
            found.find(kinds.ROLE_WRITES, rights=", ".join(rights.writable), **place, **role)


def _slot(found: Examination, facts: SourceFacts, wanted: Wanted) -> None:
    name = wanted.slot
    if facts.keep_bytes is None:
        found.find(kinds.SLOT_UNLIMITED)
    if 0 < facts.idle_timeout_s < SHORT_IDLE_S:
        found.find(kinds.SLOT_IDLE_TIMEOUT, found_s=facts.idle_timeout_s)
    slot = facts.slot
    if slot is None:
        found.find(kinds.SLOT_MISSING, slot=name)
        return
    if (slot.kind, slot.plugin, slot.database) != ("logical", "pgoutput", facts.database):
        described = f"{slot.kind}, of {slot.plugin or 'no plugin'} and of the database {slot.database or '(none)'}"
        found.find(kinds.SLOT_KIND, slot=name, found=described, database=facts.database)
        return
    _slot_state(found, facts, slot, wanted)


def _slot_state(found: Examination, facts: SourceFacts, slot: Slot, wanted: Wanted) -> None:
    name, keep, retained = wanted.slot, facts.keep_bytes, size(slot.retained_bytes)
    if slot.reason or slot.wal_status == "lost":
        found.find(kinds.SLOT_LOST, slot=name, reason=slot.reason or "its WAL was removed")
    elif slot.wal_status == "unreserved" and keep:
        found.find(kinds.SLOT_UNRESERVED, slot=name, keep=size(keep), double=f"{max(1, keep * 2 // 1024**2)}MB")
    elif not slot.active:
        found.find(kinds.SLOT_INACTIVE, slot=name, retained=retained)
    elif keep and slot.retained_bytes > keep * BEHIND_SHARE:
        found.find(kinds.SLOT_BEHIND, slot=name, retained=retained, keep=size(keep))
