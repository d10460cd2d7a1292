"""Connection URLs and engines."""

from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL


def sqlalchemy_url(dsn: str) -> URL:
    """The SQLAlchemy form of a connection string as libpq reads it: driver psycopg 3, sync and async alike."""
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password, database = (parts.pop(key, None) for key in ("user", "password", "dbname"))
    host, port = None, None
    if "," not in parts.get("host", "") + parts.get("port", ""):  # several stand as options
        host, port = parts.pop("host", None), parts.pop("port", None)
    return URL.create(
        "postgresql+psycopg",
        username=user,
        password=password,
        host=host,
        port=int(port) if port else None,
        database=database,
        query=parts,
    )
