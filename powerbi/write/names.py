"""Names that the files need beside those that people see: the same from the same description, always."""

from __future__ import annotations

from uuid import UUID, uuid5

_OURS = UUID("6f0d8f0e-6d1b-5b53-9d0a-3d0f6c1f7a24")


def lasting_id(*path: str) -> str:
    """A GUID of what stands at this path of names."""
    return str(uuid5(_OURS, "/".join(path)))


def short_id(*path: str) -> str:
    """20 hexadecimal digits: what Power BI itself gives to pages and visuals."""
    return uuid5(_OURS, "/".join(path)).hex[:20]
