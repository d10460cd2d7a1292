"""Fields whose value is redacted whatever it looks like, by their name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_REMEMBERED = 10_000

KINDS: dict[str, str] = {
    **dict.fromkeys(("password", "passwd", "passphrase", "pwd", "secret", "credential", "credentials"), "secret"),
    **dict.fromkeys(("passwords", "secrets"), "secret"),
    **dict.fromkeys(("connection_string", "authorization", "cookie", "cookies", "cvv", "cvc"), "secret"),
    **dict.fromkeys(("token", "jwt"), "token"),
    **dict.fromkeys(("api_key", "api_keys", "access_key", "access_key_id", "secret_key", "private_key"), "key"),
    **dict.fromkeys(("email", "e_mail", "email_address", "mail"), "email"),
    **dict.fromkeys(("card_number", "credit_card", "card_no", "pan"), "card"),
    **dict.fromkeys(("ssn", "social_security_number"), "ssn"),
    **dict.fromkeys(("phone", "phone_number", "mobile_number"), "phone"),
    **dict.fromkeys(("iban", "account_number"), "iban"),
    **dict.fromkeys(("date_of_birth", "birth_date", "birthday"), "birthdate"),
    "locals": "locals",  # of a frame: whatever the function held
}
"""Name, with "_" between its words → kind. A field's case does not matter, nor how its words are joined, nor what stands
before them."""

_WHOLE = frozenset({"pan", "mail", "jwt", "pwd", "locals"})
"""Endings of too many other words: only the whole name counts."""


class DeniedKeys:
    """`more` are names that a deployment adds; their kind is "secret"."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._names = tuple({**KINDS, **dict.fromkeys(more, "secret")})
        self._kinds = {plain(name): KINDS.get(name, "secret") for name in self._names}
        self._endings = tuple(name for name in self._kinds if name not in _WHOLE)
        self._known: dict[str, str | None] = {}

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(self._kinds.values())

    def kind_of(self, key: str) -> str | None:
        """The kind that a field of this name is redacted as: `user_password`, `x-api-key`; None for most names."""
        try:
            return self._known[key]
        except KeyError:
            kind = self._find(plain(key))
            if len(self._known) < _REMEMBERED:
                self._known[key] = kind
            return kind

    @property
    def gate(self) -> str:
        """RE2 for the encoded record: matches where a field with such a name may be."""
        names = "|".join(r"[\W_]*".join(_NOT_ALPHANUMERIC.split(name)) for name in self._names)
        return rf'(?i)(?:{names})[\W_]*"\s*:'

    def _find(self, name: str) -> str | None:
        if name in self._kinds:
            return self._kinds[name]
        ending = next((ending for ending in self._endings if name.endswith(ending)), None)
        return None if ending is None else self._kinds[ending]


def plain(name: str) -> str:
    """A field's name in lower case, without punctuation."""
    return _NOT_ALPHANUMERIC.sub("", name).lower()
