"""The filter patterns that the simulator understands: words and quoted phrases, all of which must occur.

Anything else is refused: matching everything instead would make a test pass for the wrong reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connectors.cloudwatch.simulator.faults import invalid

_TERMS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\w+))(?=\s|$)')


def matcher(pattern: str | None) -> Callable[[str], bool] | None:
    """What tells whether a message matches; None when everything does. Raises ServiceFault for other syntax."""
    text = (pattern or "").strip()
    if not text:
        return None
    terms = _terms(text)
    return lambda message: all(term in message for term in terms)


def _terms(text: str) -> list[str]:
    terms, place = [], 0
    while place < len(text):
        found = _TERMS.match(text, place)
        if not found:
            raise invalid(f"Invalid filter pattern: the simulator knows words and quoted phrases only, not {text!r}")
        phrase, word = found.groups()
        terms.append(word if phrase is None else re.sub(r"\\(.)", r"\1", phrase))
        place = found.end()
    return terms
