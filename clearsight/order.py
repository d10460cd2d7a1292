"""Where a change stands in commit order.

Commit times can run against commit order by a millisecond, and offsets of different partitions say nothing about it, so
changes are ordered by (source epoch, commit LSN, LSN, order within the transaction). `commit_lsn` is `sequence[0]` of
Debezium's source block: the LSN of the last commit before this transaction. It is null of the first transaction after a
snapshot, whose changes count as committed where they stand. It holds the epoch in its upper bits (clearsight/origin.py), so
that it alone grows with every commit.
"""

from __future__ import annotations

from typing import NamedTuple


class CommitPosition(NamedTuple):
    """Compares in commit order."""

    epoch: int
    commit_lsn: int
    lsn: int
    total_order: int
