"""A Kafka Connect that answers what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kit.answering import answering

Answers = dict[str, list[tuple[int, Any]]]
"""Of "METHOD /path": status and JSON of each answer in turn; the last one stays."""

REBALANCING = (500, {"error_code": 500, "message": "Request cannot be completed because a rebalance is expected"})
CONFLICT = (409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"})


@contextmanager
def scripted_connect(answers: Answers) -> Iterator[str]:
    """Its URL. What is asked beside the script is not found."""

    def answer(method: str, path: str) -> tuple[int, bytes]:
        script = answers.get(f"{method} {path.partition('?')[0]}", [(404, {"message": "not found"})])
        status, told = script.pop(0) if len(script) > 1 else script[0]
        return status, json.dumps(told).encode()

    with answering(answer) as url:
        yield url
