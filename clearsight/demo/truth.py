"""What really happened, read from where nothing under test can reach: the truth schema and CloudWatch's own ledger."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psycopg

from clearsight.errors import StackError, Unavailable
from clearsight.settings import Settings, required

LEDGER = Path("cloudwatch/ledger.jsonl")
"""Below the stack's home."""

XID_MASK = 0xFFFF_FFFF
"""Logical decoding names a transaction by 32 of its 64 bits."""


class Change(NamedTuple):
    txid: int
    table: str
    op: str
    row_key: str


@dataclass(frozen=True)
class Mark:
    """Where the truth was when somebody began to watch."""

    seq: int
    txid: int
    """The first transaction after it."""
    ledger_bytes: int


class Truth:
    """Reads as the source's administrator. Raises Unavailable."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self._dsn = required(settings.source.admin_dsn, "source.admin_dsn")
        self._ledger = home / LEDGER
        self._groups = frozenset(settings.cloudwatch.groups)

    def claim_round(self, seed: int) -> int:
        """How often this seed was used here before; counts this use."""
        with self._connect() as connection:
            connection.execute("LOCK TABLE truth.seed_use IN EXCLUSIVE MODE")
            row = connection.execute(
                "INSERT INTO truth.seed_use (seed, round)"
                " SELECT %(seed)s, coalesce(max(round) + 1, 0) FROM truth.seed_use WHERE seed = %(seed)s"
                " RETURNING round",
                {"seed": seed},
            ).fetchone()
        return int(row[0]) if row else 0

    def mark(self) -> Mark:
        """Where the truth is now. Raises StackError when CloudWatch here is not the simulator, which keeps a ledger."""
        if not self._ledger.exists():
            raise StackError(f"no ledger of accepted log lines at {self._ledger}", "start the stack: clearsight up")
        with self._connect() as connection:
            row = connection.execute(
                "SELECT (SELECT coalesce(max(seq), 0) FROM truth.change),"
                " pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            ).fetchone()
        assert row
        return Mark(int(row[0]), int(row[1]) & XID_MASK, self._ledger.stat().st_size)

    def changes(self, since: Mark) -> Counter[Change]:
        """Every committed row change, with how often (a row may be changed twice in a transaction)."""
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT txid, table_name, op::text, row_key, count(*) FROM truth.change WHERE seq > %s"
                " GROUP BY 1, 2, 3, 4",
                (since.seq,),
            ).fetchall()
        return Counter({Change(txid & XID_MASK, table, op, key): count for txid, table, op, key, count in rows})

    def log_lines(self, since: Mark) -> Counter[str]:
        """The ids (56 digits) of the lines that CloudWatch accepted in the groups that are forwarded."""
        with self._ledger.open("rb") as file:
            file.seek(since.ledger_bytes)
            lines = [json.loads(line) for line in file if line.endswith(b"\n")]
        return Counter(line["event_id"] for line in lines if line["group"] in self._groups)

    def _connect(self) -> psycopg.Connection:
        try:
            return psycopg.connect(self._dsn)
        except psycopg.OperationalError:
            raise Unavailable("the source database does not answer", "start the stack: clearsight up") from None
