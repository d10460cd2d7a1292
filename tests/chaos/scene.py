"""What faults strike: a stack, the workers beside it, and what must be lost by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from bench.ground import Ground
from chaos.crew import Crew

SESSION_TIMEOUT_S = 6.0
"""The shortest that Kafka allows: a frozen worker is replaced after it."""

WORKERS = "application_name = 'clearsight-worker'"
CREW_LIMIT = 2


@dataclass(frozen=True)
class Scene:
    ground: Ground
    crew: Crew
    losing: list[str] = field(default_factory=list)
    """Topics of which the faults of this volley must lose records; EVERY_CHANGE for those of all tables."""


Strike = Callable[[Scene, Random], None]


@dataclass(frozen=True)
class Fault:
    name: str
    target: str
    """Two faults on one target do not overlap."""
    strike: Strike


def terminate(connection: psycopg.Connection[Any], who: str) -> None:
    """End the sessions of this database that `who`, a condition, names."""
    connection.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {who}".encode()
    )
