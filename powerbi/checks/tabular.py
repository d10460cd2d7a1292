"""Microsoft's own reader of semantic models, where somebody has it: preview software that may be used to develop and test, not
shipped. `npm install @microsoft/powerbi-modeling-mcp`; the program lies in its `-linux-x64` package.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}}


def findings(project: Path, program: Path) -> Iterator[str]:
    """What it refuses: indentation, keywords, enumerations, duplicates, broken relations and roles. It reads no DAX."""
    with subprocess.Popen(
        [str(program), "--start", "--readonly", "--skipconfirmation"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as reader:
        try:
            _ask(reader, 1, "initialize", _CLIENT)
            _say(reader, {"method": "notifications/initialized", "params": {}})
            for number, model in enumerate(sorted(project.glob("*.SemanticModel")), start=2):
                told = _connect(reader, number, model)
                if not told.startswith("Successfully loaded"):
                    yield f"{model.name}: {told}"
        finally:
            reader.terminate()


def _connect(reader: subprocess.Popen[str], number: int, model: Path) -> str:
    request = {"operation": "ConnectFolder", "folderPath": str(model.resolve())}
    called = {"name": "connection_operations", "arguments": {"request": request}}
    content = _ask(reader, number, "tools/call", called).get("result", {}).get("content", [])
    text = "\n".join(each.get("text", "") for each in content)
    try:
        return str(json.loads(text).get("message", text))
    except ValueError:
        return text


def _ask(reader: subprocess.Popen[str], number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    _say(reader, {"id": number, "method": method, "params": params})
    assert reader.stdout is not None
    for line in reader.stdout:
        answer: dict[str, Any] = json.loads(line)
        if answer.get("id") == number:
            return answer
    raise RuntimeError("Microsoft's reader of semantic models ended before it answered")


def _say(reader: subprocess.Popen[str], message: dict[str, Any]) -> None:
    assert reader.stdin is not None
    reader.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    reader.stdin.flush()
