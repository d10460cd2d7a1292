"""What a Java stack trace says, in one line. Pure."""

from __future__ import annotations

import re

_REASON_LENGTH = 500
_SHORT = 40
"""A bracket of that length may hold a name worth reading."""
_CLASS = re.compile(r"^(?:\w+\.)+[\w$]+: ?")


def cause_of(trace: str) -> str:
    """What the innermost cause of a Java stack trace says, in one line and without the insides of objects."""
    innermost = re.split(r"^Caused by: ", trace, flags=re.MULTILINE)[-1]
    message = " ".join(re.split(r"^\t", innermost, maxsplit=1, flags=re.MULTILINE)[0].split())
    said = _CLASS.sub("", message) or message
    return _without_insides(said)[:_REASON_LENGTH] or "no reason given"


def _without_insides(message: str) -> str:
    """Java prints an object as Name [field=…, …], nested and long, before the sentence goes on."""
    kept, depth, inside = [], 0, ""
    for part in re.split(r"([\[\]])", message):
        depth += part == "["
        if not depth:
            kept.append(part)
            continue
        inside += part
        depth -= part == "]"
        if not depth:
            kept.append(inside if len(inside) <= _SHORT else "[…]")
            inside = ""
    return "".join([*kept, inside])
