"""Microsoft's own validator of reports and parser of M, which run on Node. Both are MIT; `package-lock.json` pins them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from powerbi.checks.tmdl import model_of, sources

_HERE = Path(__file__).with_name("node")
_VALIDATOR = _HERE / "node_modules/@microsoft/powerbi-report-authoring-cli/dist/cli.js"
_NODE = Path(sys.executable).with_name("node")


def installed() -> bool:
    return _NODE.exists() and _VALIDATOR.exists()


def findings(project: Path) -> Iterator[str]:
    """What is wrong, a line each. Raises NotTmdl."""
    for report in sorted(project.glob("*.Report")):
        yield from _invalid(report)
    yield from _unparsed(dict(sources(model_of(project))))


def _invalid(report: Path) -> Iterator[str]:
    """Roles and formatting that a kind of visual does not have, wrong literals, themes, drill-through without a way back."""
    done = _node(str(_VALIDATOR), "validate", "--no-schema", "--format", "text", str(report))
    if done.returncode:
        yield from (line for line in done.stdout.splitlines() if line.strip())


def _unparsed(texts: dict[str, str]) -> Iterator[str]:
    done = _node(str(_HERE / "parse_m.cjs"), given=json.dumps(texts))
    if done.returncode:
        yield f"the parser of M did not run: {done.stderr.strip()[-500:]}"
        return
    for name, error in json.loads(done.stdout).items():
        yield f"{name}: M does not parse: {error}"


def _node(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_NODE), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        encoding="utf-8",
    )
