"""Page tokens: where a page ended, which question it belongs to, and when it was issued."""

from __future__ import annotations

import base64
import binascii

import msgspec

from connectors.cloudwatch.simulator.faults import invalid

LIFE_MS = 24 * 3600 * 1000


class Token(msgspec.Struct, frozen=True, array_like=True):
    position: str
    """Event id or name, by operation."""
    question: int
    """Hash of the parameters that must stay the same."""
    issued: int
    page: int = 0


def write(token: Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def read(text: str, question: int, now: int) -> Token:
    """Raises ServiceFault for a token that is broken, too old or of another question."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        token = msgspec.json.decode(raw, type=Token)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise invalid("The specified nextToken is invalid.") from None
    if token.question != question or now - token.issued > LIFE_MS:
        raise invalid("The specified nextToken is invalid.")
    return token
