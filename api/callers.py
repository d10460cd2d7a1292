"""Who asks: decided once a request, told to the database once a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from clearsight.keys import SCOPES, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """A viewer sees the scenarios that `user_id` owns; analyst and admin see everything."""

    role: Role
    user_id: str | None = None
    scopes: frozenset[str] = frozenset(SCOPES)
    key_id: str | None = None


OPERATOR = Caller("admin")
"""Whoever runs a command with the connection string in hand; and everybody, in development mode."""
