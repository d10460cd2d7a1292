"""Writes api/examples/*.json and docs/API.md from a running demo: `make api-guide` after `make demo`.

Every answer is the demo's own, with long lists and texts cut short.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from clearsight.settings import load_settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "api" / "examples"
GUIDE = ROOT / "docs" / "API.md"
MOST_ITEMS, LONGEST_TEXT = 2, 140
SHOWN = "http://127.0.0.1:8000"

INTRODUCTION = """# The API

Every question of the page and of `clearsight ask` over HTTP. The examples below are answers of `make demo`, with long lists
and texts cut short; `/docs` on the API itself shows the same and lets you try it.

- **Ids** are the application's own. An id that is not known is a 404 that says what is; one of another kind says so.
- **Parameters** are the same everywhere, and one that a question does not take is a 422 that names it. Times are RFC 3339
  with any offset; `from` is included, `to` is not. Several values of one filter (`type=log&type=run.started`) are
  alternatives; a parameter of a single value that is given twice is refused.
- **Pages**: `limit` items, and `next_cursor` for the page that follows, null on the last. A cursor is signed and belongs to its
  question with all its filters. Pages never overlap and never skip while data arrives.
- **`fields`** chooses fields, with commas: of the items, or of an answer that has none.
- **`format=rows`** gives the items as flat rows with `next_path`, for Power Query and other tools that want tables
  ([how](POWER_BI_FEED.md#rows)).
- **`coverage`** is part of every answer: up to when it is complete, and what is known to be missing
  ([what it says](DEAD_LETTERS.md)).
- **Nulls** are explicit, times are UTC with `Z`. Answers are compressed for clients that say so, and carry an `ETag`: with
  `If-None-Match` an answer that is still the same is a 304. That the clock of coverage moved on does not make it another one.
- **Problems** are RFC 9457 documents: 401 no valid key, 403 not allowed, 404 not known, 422 wrong parameter (`errors` names the
  field), 429 too many heavy questions at once, 503 the database is away or was too slow (`Retry-After`). When the database is
  back, so is the API. A client that goes away takes its query with it.
- **Keys** are made by `clearsight keys create` and sent as `X-API-Key`; on 127.0.0.1 the demo asks for none.
"""

QUESTIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("audit-trail", "/rca/scenario/{scenario}/audit-trail", {"type": "input.changed", "limit": "2"}),
    ("state-changes", "/rca/scenario/{scenario}/state-changes", {}),
    ("journey", "/rca/user/{user}/journey", {"limit": "2"}),
    ("diagnostics", "/rca/run/{run}/diagnostics", {}),
    ("run-comparison", "/rca/scenario/{scenario}/run-comparison", {}),
    ("top-categories", "/rca/errors/top-categories", {"limit": "2"}),
    ("error-summary", "/rca/scenario/{scenario}/error-summary", {}),
    ("why", "/rca/run/{run}/why", {}),
    ("correlation", "/rca/correlation/{correlation}", {}),
    ("inputs", "/rca/scenario/{scenario}/inputs", {"node": "demand", "limit": "2"}),
    ("state", "/rca/scenario/{scenario}/state", {}),
    ("out-of-band", "/rca/changes/out-of-band", {"limit": "2"}),
    ("logs", "/rca/logs", {"run": "{run}", "level": "ERROR"}),
    ("runs", "/rca/runs", {"outcome": "failed", "limit": "2"}),
    ("scenarios", "/rca/scenarios", {"limit": "2"}),
    ("coverage", "/rca/coverage", {}),
)
"""Name of the example, path, parameters; the ids are those of the demo's last failed run."""


def main() -> None:
    with httpx.Client(base_url=load_settings().api.url, timeout=30) as client:
        document = client.get("/openapi.json").raise_for_status().json()
        ids = _ids(client)
        parts = [INTRODUCTION]
        for name, path, parameters in QUESTIONS:
            answer = client.get(
                path.format(**ids), params={key: value.format(**ids) for key, value in parameters.items()}
            ).raise_for_status()
            example = _cut(json.loads(_of_no_machine(answer.text, client)))
            (EXAMPLES / f"{name}.json").write_text(json.dumps(example, indent=1, ensure_ascii=False) + "\n", "utf-8")
            parts.append(
                _section(document, path, answer.url.raw_path.decode(), json.dumps(example, ensure_ascii=False))
            )
        stream = _stream(client)
        (EXAMPLES / "stream.txt").write_text(stream, "utf-8")
        parts.append(_section(document, "/rca/events/stream", "/rca/events/stream", stream, "text"))
    GUIDE.write_text("\n".join(parts), "utf-8")


def _ids(client: httpx.Client) -> dict[str, str]:
    run = client.get("/rca/runs", params={"outcome": "failed", "limit": "1"}).raise_for_status().json()["items"][0]
    return {
        "run": run["run_id"],
        "scenario": run["scenario_id"],
        "user": run["user_id"],
        "correlation": run["correlation_id"],
    }


def _of_no_machine(answer: str, client: httpx.Client) -> str:
    """Without this checkout's path, which stacks show, and with the API's usual address."""
    return answer.replace(f"{ROOT}/", "").replace(str(client.base_url).rstrip("/"), SHOWN)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cut(each) for each in value[:MOST_ITEMS]]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - 1] + "…"
    return value


def _stream(client: httpx.Client) -> str:
    """Up to the end of the first event."""
    with client.stream("GET", "/rca/events/stream") as response:
        text = ""
        for line in response.raise_for_status().iter_lines():
            text += (f"id: {line[4:24]}…" if line.startswith("id: ") else line) + "\n"
            if line.startswith("data: "):
                return text + "\n"
    return text


def _section(document: dict[str, Any], path: str, asked: str, answer: str, language: str = "json") -> str:
    template = "/".join("{id}" if part.startswith("{") else part for part in path.split("/"))
    operation = document["paths"][template]["get"]
    said = operation["description"].strip()
    taken = [f"`{each['name']}`" for each in operation.get("parameters", ()) if each["in"] in ("query", "header")]
    body = json.dumps(json.loads(answer), indent=1, ensure_ascii=False) if language == "json" else answer.rstrip()
    return (
        f"## GET {template}\n\n{said}\n\nTakes {', '.join(taken)}.\n\n"
        f"```sh\ncurl '{SHOWN}{asked}'\n```\n```{language}\n{body}\n```\n"
    )


if __name__ == "__main__":
    sys.exit(main())
