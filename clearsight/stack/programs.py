"""The product's own programs as parts: what production runs is what `up` starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clearsight.stack import connect, kafka, postgres
from clearsight.stack.connect import answers_ok
from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.state import settings_tree

READY_VARIABLE = "CLEARSIGHT_READY_FILE"
"""Where a program without a port says that it does its work, by creating the file."""


def all_parts() -> list[Part]:
    """The whole stack."""
    return [
        postgres.part(),
        kafka.part(),
        Part(
            "cloudwatch",
            _program("cloudwatch", lambda site: ("simulator", "--port", str(site.ports["cloudwatch"]))),
            ready=lambda site: answers_ok(site.ports["cloudwatch"], "/_health"),
            endpoint=lambda site: site.url("cloudwatch"),
            ports=("cloudwatch",),
        ),
        connect.part(),
        Part("application", _program("application", lambda site: ("demo", "prepare")), after=("postgres",)),
        Part("migrate", _program("migrate", lambda site: ("migrate",)), after=("postgres",)),
        Part(
            "register",
            _program("register", lambda site: ("register", "--prepare")),
            after=("connect", "application"),
            ready_limit_s=120.0,
        ),
        Part(
            "worker",
            _program("worker", lambda site: ("worker",)),
            after=("register", "migrate"),
            ready=lambda site: site.ready_file("worker").exists(),
        ),
        Part(
            "forwarder",
            _program("forwarder", lambda site: ("forward", "run")),
            after=("register", "cloudwatch"),
            ready=lambda site: site.ready_file("forwarder").exists(),
        ),
        Part(
            "api",
            _program("api", lambda site: ("api",)),
            after=("migrate",),
            ready=lambda site: answers_ok(site.ports["api"], "/health/ready"),
            endpoint=lambda site: site.url("api"),
            ports=("api",),
        ),
    ]


def _program(name: str, arguments: Callable[[Site], tuple[str, ...]]) -> Callable[[Site], Launch]:
    def launch(site: Site) -> Launch:
        ready_file = site.ready_file(name)
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.unlink(missing_ok=True)
        environment = {
            **_without_connections(os.environ, site),
            "PYTHONUNBUFFERED": "1",
            READY_VARIABLE: str(ready_file),
        }
        return Launch((sys.executable, "-m", "clearsight", *arguments(site)), environment)

    return launch


def _without_connections(environment: Mapping[str, str], site: Site) -> dict[str, str]:
    """Nothing that the stack decides may come from outside: a developer's shell may point at production."""
    decided = set(_variables(settings_tree(site.ports, site.passwords)))
    return {name: value for name, value in environment.items() if name.upper() not in decided}


def _variables(tree: Mapping[str, Any], prefix: str = "CLEARSIGHT_") -> Iterator[str]:
    for name, value in tree.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, Mapping):
            yield from _variables(value, f"{variable}__")
        else:
            yield variable
