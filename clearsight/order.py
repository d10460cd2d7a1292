"""Where a change stands in commit order.

Commit times can run against commit order by a millisecond, and offsets of different partitions say nothing about it, so
changes are ordered by (source epoch, commit LSN, LSN, order within the transaction). `commit_lsn` is `sequence[0]` of
Debezium's source block: the LSN of the last commit before this transaction; null (after a snapshot or lost offsets) counts
as 0, which is first.
"""

from __future__ import annotations

from typing import NamedTuple

FIRST_EPOCH = 1


class CommitPosition(NamedTuple):
    """Compares in commit order."""

    epoch: int
    commit_lsn: int
    lsn: int
    total_order: int
