"""Keys of the API, as text and as what is stored of them. Pure.

A key reads `cs_<id>_<secret>`: the id finds the row, the secret is 256 random bits, of which a hash is stored. So much
randomness needs no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

Role = Literal["viewer", "analyst", "admin"]
Scope = Literal["rca", "odata", "pages", "metrics"]

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)
DEFAULT_SCOPES: tuple[Scope, ...] = ("rca", "odata", "pages")

_KEY = re.compile(r"cs_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"no such key").digest()


class NewKey(NamedTuple):
    key_id: str
    text: str
    """Shown once."""
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key by its id."""

    secret_hash: bytes
    role: Role
    user_id: str | None
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None


class RefusedKey(ValueError):
    """The message says why; who does not know the secret learns nothing."""


def new_key() -> NewKey:
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"cs_{key_id}_{secret}", _hash(secret))


def id_of(text: str) -> str | None:
    """None for what is no key."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def check(text: str, stored: StoredKey | None, now: datetime) -> StoredKey:
    """The stored key that `text` is. Takes as long for an unknown key as for a wrong one. Raises RefusedKey."""
    found = _KEY.fullmatch(text)
    given = _hash(found[2] if found else text)
    matches = hmac.compare_digest(given, stored.secret_hash if stored else _NOBODY)
    if stored is None or not matches:
        raise RefusedKey("this key is not known")
    if stored.revoked_at is not None:
        raise RefusedKey("this key has been revoked")
    if stored.expires_at is not None and stored.expires_at <= now:
        raise RefusedKey("this key has expired")
    return stored


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
