"""Throws filters at the feed: grown from the grammar, and broken. Each is answered with rows or with an OData error: 400, 404, 414
or 501. Anything else is an error of the feed, told with the filter that made it.

`python -m fuzz.odata --expressions 20000`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
from kit.debezium import partitioned
from kit.reporting import Reporting
from kit.server import server
from kit.story import tell
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track

from api.main import create_api
from api.odata.functions import FUNCTIONS
from api.odata.sets import EntitySet, Property, entity_sets
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ApiSettings, ReportSettings, Settings
from clearsight.topics import TopicNames
from sql.migrate import migrate

TOLD = (200, 400, 404, 414, 501)
SETS = ("scenarios", "users", "runs", "state_changes", "dates", "data_freshness", "logs")
UNKNOWN = ("substringof", "geo.length", "matchesPattern", "cast", "isof", "nothing", "any", "x.y.z")
PARTS = ("year", "month", "day", "hour", "minute", "second")
ODD = (
    "''", "'%'", "'_'", "'\\'", "'it''s'", "'\U0001f600'", "'\u202e'", "null", "true", "false", "0", "-0", "1.5e300", "1e999",
    "9223372036854775807", "9223372036854775808", "-99999999999999999999999", "1" * 60, "2026-02-30", "9999-12-31",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-11-22T08:00:00.1234567Z", "2026-11-22T08:00:00+25:00",
    "01a2058d-ed90-8a8f-8e9d-83ca7ed97bb4", "duration'P1D'", "duration'P'", "12:30:00", "geography'POINT(1 1)'", "INF", "NaN",
)  # fmt: skip
BREAKERS = (
    "(",
    ")",
    "'",
    ",",
    " ",
    "/",
    ":",
    "=",
    "-",
    "not",
    " and ",
    " eq ",
    "\t",
    "%00",
    "$it",
    "@p",
    "()",
    "(,)",
    "''",
    "\ud7ff",
    "é",
)


class Failure(NamedTuple):
    status: int | str
    path: str
    parameters: dict[str, str]
    told: str


class Grower:
    """Filters over one set. Mostly right, so that they come as far as the database."""

    def __init__(self, found: EntitySet, dice: random.Random) -> None:
        self._properties = list(found.properties.values())
        self._dice = dice

    def condition(self, depth: int) -> str:
        kind = self._dice.choices(
            ("compare", "and", "not", "in", "call", "part", "bare"), (8, 4 * (depth > 0), 2 * (depth > 0), 2, 3, 1, 1)
        )[0]
        match kind:
            case "and":
                word = self._dice.choice(("and", "or"))
                return f"{self._wrapped(depth)} {word} {self._wrapped(depth)}"
            case "not":
                return f"not ({self.condition(depth - 1)})"
            case "in":
                return f"{self._value(depth)} in ({','.join(self._literal() for _ in range(self._dice.randint(1, 4)))})"
            case "call":
                name = self._dice.choice(("contains", "startswith", "endswith"))
                return f"{name}({self._of('text')},{self._literal('text')})"
            case "part":
                time = self._of(self._dice.choice(("date", "instant")))
                return (
                    f"{self._dice.choice(PARTS)}({time}) {self._dice.choice(('eq', 'lt'))} {self._literal('integer')}"
                )
            case "bare":
                return self._value(depth)
        found = self._dice.choice(self._properties)
        operator = self._dice.choice(("eq", "ne", "lt", "le", "gt", "ge"))
        other = self._literal(found.kind) if self._dice.random() < 0.8 else self._value(depth)
        return f"{self._computed(found, depth)} {operator} {other}"

    def _wrapped(self, depth: int) -> str:
        inner = self.condition(depth - 1)
        return f"({inner})" if self._dice.random() < 0.6 else inner

    def _computed(self, found: Property, depth: int) -> str:
        if self._dice.random() < 0.7 or depth <= 0:
            return found.name
        match found.kind:
            case "text":
                return self._dice.choice((f"tolower({found.name})", f"trim({found.name})", f"concat({found.name},'x')"))
            case "integer" | "decimal":
                return (
                    f"{found.name} {self._dice.choice(('add', 'sub', 'mul', 'div', 'mod'))} {self._literal('integer')}"
                )
            case "date" | "instant":
                return f"date({found.name})"
        return found.name

    def _value(self, depth: int) -> str:
        kind = self._dice.random()
        if kind < 0.5 or depth <= 0:
            return self._dice.choice(self._properties).name
        if kind < 0.7:
            return self._literal()
        name = self._dice.choice((*FUNCTIONS, *UNKNOWN))
        return f"{name}({','.join(self._value(depth - 1) for _ in range(self._dice.randint(0, 3)))})"

    def _of(self, kind: str) -> str:
        return self._dice.choice([each.name for each in self._properties if each.kind == kind] or ["nothing"])

    def _literal(self, kind: str | None = None) -> str:
        if kind is None or self._dice.random() < 0.15:
            return self._dice.choice(ODD)
        day = f"20{self._dice.randint(10, 40)}-{self._dice.randint(1, 13):02}-{self._dice.randint(1, 31):02}"
        return {
            "text": self._dice.choice(("'failed'", "'x'", "''", "'50%_'")),
            "integer": str(self._dice.randint(-5, 5)),
            "decimal": f"{self._dice.uniform(-2, 2):.3f}",
            "boolean": self._dice.choice(("true", "false")),
            "date": day,
            "instant": f"{day}T{self._dice.randint(0, 24):02}:00:00{self._dice.choice(('Z', '+05:30', ' 01:00', ''))}",
        }[kind]


def broken(text: str, dice: random.Random) -> str:
    """The text with some of it cut out, doubled, or put in."""
    for _ in range(dice.randint(1, 4)):
        at, to = sorted(dice.randrange(len(text) + 1) for _ in range(2))
        match dice.randrange(4):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:to] + text[at:]
            case 2:
                text = text[:at] + dice.choice(BREAKERS) + text[at:]
            case _:
                text = text[:at] + dice.choice(ODD) + text[at:]
    return text[:12_000]


def questions(count: int, seed: int) -> list[tuple[str, dict[str, str]]]:
    """Paths with parameters, the same for the same seed."""
    dice = random.Random(seed)  # nothing secret
    found = []
    for _ in range(count):
        name = dice.choice(SETS)
        text = Grower(entity_sets()[name], dice).condition(dice.randint(0, 4))
        if dice.random() < 0.35:
            text = broken(text, dice)
        options = {"$filter": text, "$top": dice.choice(("0", "1", "3"))}
        if dice.random() < 0.1:
            properties = list(entity_sets()[name].properties)
            options["$orderby"] = f"{dice.choice(properties)} {dice.choice(('asc', 'desc', '', 'up'))}"
        found.append((f"/odata/v1/{name}", options))
    return found


async def ask(
    settings: Settings, asked: Sequence[tuple[str, dict[str, str]]]
) -> tuple[Counter[int | str], list[Failure]]:
    """How often each status came, and what must not have come."""
    api = create_api(settings)
    counts: Counter[int | str] = Counter()
    failures: list[Failure] = []
    transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        for path, parameters in track(asked, "filters", console=Console(stderr=True)):
            answer = await client.get(path, params=parameters)
            counts[answer.status_code] += 1
            if wrong := _wrong(answer):
                failures.append(Failure(answer.status_code, path, parameters, wrong))
    await api.state.service.engine.dispose()
    return counts, failures


def _wrong(answer: httpx.Response) -> str:
    if answer.status_code not in TOLD:
        return answer.text[:300]
    if answer.headers.get_list("odata-version") != ["4.0"]:
        return "no OData-Version, or several"
    told: Any = answer.json()
    if answer.status_code == 200:
        return "" if "value" in told else "no value"
    return "" if told.keys() == {"error"} and told["error"].get("message") else "not an OData error"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--expressions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began_s = time.monotonic()
    with server() as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "CREATE" in statement:
                    connection.execute(statement.encode())
        owner, writer = (made.dsn(role, "clearsight") for role in ("clearsight_owner", "clearsight_writer"))
        migrate(owner)
        Reporting(owner, writer, load_mapping(DEFAULT_MAPPING), TopicNames()).worker()(partitioned(tell()))
        settings = Settings(
            report=ReportSettings(api_dsn=SecretStr(made.dsn("clearsight_api", "clearsight"))),
            api=ApiSettings(pool_size=1),
        )
        counts, failures = asyncio.run(ask(settings, questions(given.expressions, given.seed)))
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    seconds = round(time.monotonic() - began_s, 1)
    print(
        json.dumps(
            {
                "expressions": given.expressions,
                "seed": given.seed,
                "statuses": counts,
                "failures": len(failures),
                "seconds": seconds,
            }
        )
    )
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
