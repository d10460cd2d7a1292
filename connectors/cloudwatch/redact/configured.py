"""The redactor that the settings ask for."""

from __future__ import annotations

from clearsight.settings import RedactionSettings
from connectors.cloudwatch.redact.redactor import Redactor


def redactor_of(settings: RedactionSettings) -> Redactor:
    key = settings.user_key
    return Redactor(keys=settings.keys, user_key=None if key is None else key.get_secret_value().encode())
