"""Connection URLs and engines."""

from __future__ import annotations

from sqlalchemy import URL, make_url


def sqlalchemy_url(dsn: str) -> URL:
    """The SQLAlchemy form of a `postgresql://` URL: driver psycopg 3, sync and async alike."""
    return make_url(dsn).set(drivername="postgresql+psycopg")
