"""What a secret or personal datum looks like in text: one table, tried in order.

`gate` is searched in the encoded record, one pass for all patterns together; it must match wherever `expression` does,
so it asks nothing of what stands before, where JSON has escapes. `expression` is searched in decoded text; what its
groups hold is kept: the first in front of the mark, the second behind it. Both are RE2's syntax: linear time on any line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from connectors.cloudwatch.redact.checks import is_bank_account, is_card, is_social_security_number, looks_random


class Pattern(NamedTuple):
    kind: str
    """What stands in the place: "[card]"."""
    gate: str
    expression: str
    holds: Callable[[str], bool] | None = None
    """Of what was found without the kept groups: whether it is one indeed."""
    keeps: bool = True
    """Whether groups mean what is kept; else they mean nothing."""


_NOT_A_DIGIT = r"(?:^|[^0-9]|\\u[0-9a-fA-F]{4})"
_QUOTED = r""""(?:[^"\\]|\\.)*"?|\\+"(?:[^"\\]|\\[^"])*(?:\\+")?|'[^']*'?"""
"""A text in quotes, in whatever depth of escaping; one that was cut has no second quote."""
_VALUE = rf"""(?:[bru]{{0,2}}(?:{_QUOTED})|(?:(?:bearer|basic|digest|negotiate)\s+)?[^\s"'&;\\]+)"""
_AUTHORIZATION = rf"""(?:{_QUOTED}|(?:[\w-]+\s+)?[^\s"'\\]+(?:,\s*\w+=[^\s"'\\]+)*)"""
_COOKIES = rf"""(?:{_QUOTED}|[^\s;\\]+(?:;\s*[^\s;\\]+)*)"""
_SECRETS = (
    "pass(?:words?|wd|phrase)|pwd|secrets?|api[_-]?keys?|access[_-]?key|private[_-]?key|credentials?|connection[_-]?string"
    "|cvv|cvc|ssn"
)
_ASSIGNED = r"""["'\\]*\s*(?:[=:]|%3[AD])\s*[\[({]*"""

ESCAPES = r"\\\\u00[2-7]"
"""A gate of its own: JSON in a text whose plain characters are written as escapes hides from all other gates."""

PATTERNS: tuple[Pattern, ...] = (
    Pattern("key", "-----BEGIN", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)"),
    Pattern("login", r"://[^\s/@]*:[^\s@]*@", r"(://)[^\s/:@]*:[^\s/@]+(@)"),
    Pattern("token", r"eyJ[\w-]+\.", r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
    Pattern("key", r"A[KS]IA[A-Z0-9]{16}", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    Pattern(
        "token",
        r"gh[opsu]_|github_pat_|xox[abprs]-|sk-|glpat-",
        r"\b(?:gh[opsu]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|glpat-[\w-]{16,})",
    ),
    Pattern("secret", r"(?i)authorization[^\w]", rf"(?i)(authorization{_ASSIGNED}){_AUTHORIZATION}"),
    Pattern("secret", r"(?i)cookie[^\w]", rf"(?i)(cookie{_ASSIGNED}){_COOKIES}"),
    Pattern("secret", rf"(?i)(?:{_SECRETS})[^\w]", rf"(?i)((?:{_SECRETS}){_ASSIGNED}){_VALUE}"),
    Pattern(
        "secret",
        rf"(?i)--[\w-]*(?:{_SECRETS}|token)[^\w]",
        rf"""(?i)(--[\w-]*(?:{_SECRETS}|token)["'\\]*,?\s+["'\\]*)[^\s"'\\]+""",
    ),
    Pattern("token", r"(?i)token[^\w]", rf"""(?i)(token(?:["'\\]+\s*:|["'\\]*\s*=)\s*[\[({{]*){_VALUE}"""),
    Pattern("token", r"(?i)token\s*:", r"(?i)(token\s*:\s*)[\w.~+/=-]{16,}"),
    Pattern("token", r"(?i)bearer\s", r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}", looks_random),
    Pattern(
        "email",
        r"(?:@|%40)[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2}",
        r"""[\pL\pN_!#$&*+/=?^{|}~-]+(?:\.[\pL\pN_!#$&*+/=?^{|}~-]+)*(?:@|%40)[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2,}""",
    ),
    Pattern(
        "card",
        rf"{_NOT_A_DIGIT}[2-6]\d{{3}}(?:[ -]?\d){{9,15}}(?:[^0-9]|$)",
        r"\b[2-6]\d{3}(?:[ -]?\d){9,15}\b",
        is_card,
    ),
    Pattern(
        "iban",
        r"[A-Z]{2}\d{2} ?[A-Z0-9]{4}",
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        is_bank_account,
    ),
    Pattern("ssn", r"\d{3}-\d{2}-\d{4}(?:[^0-9]|$)", r"\b\d{3}-\d{2}-\d{4}\b", is_social_security_number),
    Pattern(
        "phone",
        r"\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}",
        r"(^|\W)\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b",
    ),
)
