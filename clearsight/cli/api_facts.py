"""Looks at the API over HTTP, for the doctor."""

from __future__ import annotations

import httpx

from clearsight.doctor.api import ApiFacts
from clearsight.doctor.finding import Away

TIMEOUT_S = 4.0


def observe_api(url: str) -> ApiFacts | Away:
    """Away where nothing answers; refused where something else does."""
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
            ready = client.get("/health/ready").json()
            if not isinstance(ready["ready"], bool):
                raise TypeError
            return ApiFacts(
                ready=ready["ready"], reason=_reason(ready), mend=ready.get("mend") or "", version=_version(client)
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Away(url, str(error) or type(error).__name__)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Away(url, "GET /health/ready gives something else", refused=True)


def _reason(ready: dict[str, object]) -> str:
    database, migrations = ready.get("database"), ready.get("migrations")
    if database not in (None, "ok"):
        return str(database)
    if isinstance(migrations, dict):
        return f"the database is at revision {migrations.get('at')}, the API needs {migrations.get('newest')}"
    return "it does not say why"


def _version(client: httpx.Client) -> str | None:
    answer = client.get("/openapi.json")
    return str(answer.json()["info"]["version"]) if answer.is_success else None
