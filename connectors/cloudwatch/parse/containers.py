"""Lines of containers: Docker's json-file driver and FireLens (Fluent Bit) wrap what the application said."""

from __future__ import annotations

from connectors.cloudwatch.parse.json_line import Document

_DOCKER = frozenset({"log", "stream", "time"})
_SIGNS = frozenset({"container_name", "container_id", "ecs_task_arn", "ecs_cluster", "kubernetes", "partial_message"})
_NOT_TOLD = frozenset({"log", "time", "date", "@timestamp"})


def said_in(document: Document) -> str | None:
    """What the application said, where the document is a container's line; else None."""
    said = document.get("log")
    if isinstance(said, str) and (document.keys() == _DOCKER or not _SIGNS.isdisjoint(document)):
        return said
    return None


def told_by(document: Document) -> Document:
    """What the wrapper adds: which container and task."""
    return {key: value for key, value in document.items() if key not in _NOT_TOLD}
