"""Which stream a record came by: a number that grows whenever log positions begin anew.

Log positions (LSN) of one PostgreSQL grow for ever. They begin anew, or fork, where the source becomes another database:
restored from a dump (another system id) or from a backup (another timeline). `clearsight register` gives each such stream
the next epoch, and the connector writes it into a header of every record: the same record has the same epoch however often
it is read. Records without the header are of the first one.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = "clearsight.origin"
FIRST_EPOCH = 1
_LSN_BITS = 48
"""256 TiB of log in one epoch."""


class Identity(NamedTuple):
    """Which database the source is, as PostgreSQL says."""

    system: str
    timeline: str

    def __str__(self) -> str:
        return f"system {self.system}, timeline {self.timeline.lstrip('0')}"


class Origin(NamedTuple):
    """A stream as it was registered."""

    epoch: int
    identity: Identity

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Of what `str` gives. Raises ValueError for anything else."""
        epoch, system, timeline = text.split("/")
        return cls(int(epoch), Identity(system, timeline))

    def __str__(self) -> str:
        return f"{self.epoch}/{self.identity.system}/{self.identity.timeline}"


def position(epoch: int, lsn: int) -> int:
    """Grows with every commit, also from one epoch to the next."""
    return (epoch - FIRST_EPOCH << _LSN_BITS) + lsn


def lsn_of(position: int) -> int:
    """What PostgreSQL calls a position."""
    return position & ((1 << _LSN_BITS) - 1)
