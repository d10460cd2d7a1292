"""The redactor that the settings ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import re2

from clearsight.errors import ConfigurationError
from clearsight.settings import RedactionSettings
from connectors.cloudwatch.redact.patterns import PATTERNS, Pattern
from connectors.cloudwatch.redact.redactor import Redactor

_KIND = re.compile(r"[a-z][a-z0-9]{0,30}")
_BEGINNING = re.compile(r"^(\(\?[a-z]+\))?(?:\\b|\^)+")
"""What asks of the place before, which in JSON may be an escape: a gate goes without."""


def redactor_of(settings: RedactionSettings) -> Redactor:
    """Raises ConfigurationError for a pattern that is none."""
    key = settings.user_key
    return Redactor(
        keys=settings.keys,
        patterns=(*PATTERNS, *_own(settings.patterns)),
        user_key=None if key is None else key.get_secret_value().encode(),
    )


def _own(patterns: Mapping[str, str]) -> Iterator[Pattern]:
    options = re2.Options()
    options.log_errors = False
    for kind, expression in patterns.items():
        name = "CLEARSIGHT_REDACTION__PATTERNS"
        if not _KIND.fullmatch(kind):
            raise ConfigurationError(f"{name}: {kind!r} is no name of a mark", "use small letters and digits")
        try:
            found = re2.compile(expression, options).search("")
        except re2.error:
            raise ConfigurationError(f"{name}: {kind} is no RE2 expression", "correct the expression") from None
        if found:
            raise ConfigurationError(f"{name}: {kind} matches the empty text", "correct the expression")
        yield Pattern(kind, _BEGINNING.sub(r"\1", expression), expression, keeps=False)
