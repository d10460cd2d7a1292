"""Addresses that may hold a password: refused where a piece of it would be taken for something else, shown without it.

libpq and httpx put hosts, ports and database names into their errors. So long as each stands where it should, none of them
is a piece of a password.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from clearsight.errors import ConfigurationError

AS_SIGNS = "in user and password write @ as %40, / as %2F, % as %25"

_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
_NUMBERS = ("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count")


def require_dsn(dsn: str, named: str) -> str:
    """The same connection string. Raises ConfigurationError where it cannot be used; `named` says where it came from."""
    if problem := dsn_problem(dsn):
        raise ConfigurationError(
            f"{named} is no connection string that can be used: {problem}",
            f"write {named} as postgresql://user:password@host:5432/database; {AS_SIGNS},"
            " or leave the password to PGPASSWORD or ~/.pgpass",
        )
    return dsn


def dsn_problem(dsn: str) -> str | None:
    """Why it cannot be used, without a piece of it that may be secret; None where it can."""
    scheme, is_url, rest = dsn.partition("://")
    if is_url and scheme in ("postgresql", "postgres") and not _is_login_safe(rest):
        return "a sign in user or password ends it too early"
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value}
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        return "it cannot be read"
    if "@" in parts.get("host", ""):
        return "a sign in user or password ends it too early"
    if not re.fullmatch(r"\d{0,5}(,\d{0,5})*", parts.get("port", "")):
        return "its port is no number"
    return _option_problem(parts)


def _is_login_safe(rest: str) -> bool:
    """libpq ends user and password at the first @, and has none of both where a / comes before it."""
    login, at, behind = rest.partition("@")
    return not at or ("/" not in login and "@" not in behind)


def _option_problem(parts: dict[str, str]) -> str | None:
    for option, choices in _CHOICES.items():
        if option in parts and parts[option] not in choices:
            return f"its {option} must be one of {', '.join(choices)}"
    for option in _NUMBERS:
        if not re.fullmatch(r"\s*-?\d+\s*", parts.get(option, "0")):
            return f"its {option} must be a number"
    return None


def url_problem(url: str) -> str | None:
    """As `dsn_problem`, of a URL that is asked by HTTP."""
    scheme, is_url, rest = url.partition("://")
    if not is_url or scheme.lower() not in ("http", "https"):
        return "must begin with http:// or https://"
    login, at, behind = rest.partition("@")
    if at and (re.search("[/?#]", login) or "@" in behind):
        return f"is ambiguous: {AS_SIGNS}"
    try:
        parts = urlsplit(url)
        readable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    return None if readable else "names no host and port: write it as http://host:8083"


def without_login(url: str) -> str:
    """To be shown: "http://u:p@host:1/x" is "http://host:1/x"."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
