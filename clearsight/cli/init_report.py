"""What `clearsight init` says about its proposal: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from clearsight.proposal.catalogue import Catalogue
from clearsight.proposal.evidence import Candidate, word_for
from clearsight.proposal.propose import Proposal
from clearsight.proposal.text import one_line, unsure


def summary(proposal: Proposal, catalogue: Catalogue, written: str | None) -> str:
    """For people, on standard error."""
    return "\n".join(_lines(proposal, catalogue, written))


def as_document(proposal: Proposal, catalogue: Catalogue, text: str, sql: str) -> str:
    """One JSON object: the mapping file and the source's SQL as text, every choice and every candidate."""
    document = {
        "database": catalogue.database,
        "server_version": catalogue.server_version,
        "wal_level": catalogue.wal_level,
        "tables": len(catalogue.tables),
        "source": proposal.source,
        "parts": [
            {
                "part": chosen.part,
                "table": str(chosen.table),
                "confidence": chosen.confidence,
                "reasons": chosen.reasons,
                "keys": [
                    {
                        "key": key.name,
                        "value": key.value,
                        "used": not key.held_back,
                        "confidence": key.choice.confidence,
                        "reason": key.choice.reason,
                        "rivals": [choice.column for choice in key.rivals],
                    }
                    for key in chosen.keys
                ],
            }
            for chosen in proposal.chosen
        ],
        "candidates": {part: [_candidate(each) for each in found] for part, found in proposal.candidates.items()},
        "unsure": unsure(proposal),
        "left_out": proposal.left_out,
        "mapping": text,
        "sql": sql,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "table": str(candidate.table),
        "confidence": candidate.confidence,
        "reasons": candidate.reasons,
        "doubts": candidate.doubts,
    }


def _lines(proposal: Proposal, catalogue: Catalogue, written: str | None) -> Iterator[str]:
    schemas = len({table.name.schema for table in catalogue.tables})
    version = catalogue.server_version // 10_000
    yield (
        f"looked at {_count(len(catalogue.tables), 'table or view', 'tables and views')} in {_count(schemas, 'schema')} of "
        f"{one_line(catalogue.database)} (PostgreSQL {version}); nothing was changed"
    )
    for chosen in proposal.chosen:
        reasons = "; ".join(chosen.reasons[:2])
        sure = f"{word_for(chosen.confidence)} {chosen.confidence:.2f}"
        yield one_line(f"  {chosen.part:8}  {chosen.table!s:32}  {sure:11}  {reasons}")
    if doubts := unsure(proposal):
        yield "unsure:"
        yield from (one_line(f"  {doubt}") for doubt in doubts)
    if proposal.left_out:
        yield f"left out: {len(proposal.left_out)} that cannot be audited (the file says why)"
    if proposal.unrelated > 0:
        unrelated = _count(proposal.unrelated, "table")
        yield f"not proposed: {unrelated} without a scenario's or run's key (add one: -a other=schema.table)"
    if catalogue.wal_level != "logical":
        yield (
            f"the source's wal_level is {catalogue.wal_level}; the administrator must run "
            "ALTER SYSTEM SET wal_level = 'logical' and restart it"
        )
    if written:
        yield f"wrote {written}; review it, then: clearsight init --check {written} --sql --source …"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
