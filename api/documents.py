"""What OpenAPI says of each question: its answer with an example from the demo, and every problem that may come instead."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from api.problems import documented
from api.rows import Rows

_ALWAYS = (401, 403, 429, 503)
"""Of the gate and the database."""


_KEYS = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key"},
    "parameter": {"type": "apiKey", "in": "query", "name": "api_key", "description": "for Power BI"},
}
"""Each will do; see docs/ACCESS.md."""
_OPEN = "/health/"


class DocumentedApi(FastAPI):
    """With examples as they are: FastAPI leaves out what is null. The gate is no part of FastAPI, so its keys are added."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["securitySchemes"] = _KEYS
        document["security"] = [{name: []} for name in _KEYS]
        for path, methods in document["paths"].items():
            if path.startswith(_OPEN):
                methods["get"]["security"] = []
            content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
            answer = content.get("application/json", {})
            if isinstance(answer.get("example"), str):
                answer["example"] = example(answer["example"])
        return document


def question_documents(name: str, answer: type[Any], *problems: int) -> dict[str, Any]:
    """For the decorator of an endpoint. `name` is that of its example in `api/examples`."""
    responses: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"example": name}}},
        304: {"description": "The answer is the one that If-None-Match names"},
        **documented(*problems, *_ALWAYS),
    }
    tabular = "items" in answer.__dataclass_fields__
    return {"response_model": answer | Rows if tabular else answer, "responses": responses}


def stream_documents() -> dict[str, Any]:
    """Of the stream: its answer is text, a part an event."""
    text = {"schema": {"type": "string"}, "example": files("api").joinpath("examples", "stream.txt").read_text("utf-8")}
    responses: dict[int | str, dict[str, Any]] = {
        200: {"description": "Server-sent events", "content": {"text/event-stream": text}},
        **documented(404, 422, *_ALWAYS),
    }
    return {"response_class": StreamingResponse, "responses": responses}


def example(name: str) -> Any:
    """An answer as the demo gave it, lists cut short."""
    return json.loads(files("api").joinpath("examples", f"{name}.json").read_text(encoding="utf-8"))
