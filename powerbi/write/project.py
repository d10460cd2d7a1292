"""The whole project: a pointer, the report, the semantic model."""

from __future__ import annotations

import json
from pathlib import Path

from powerbi.model import Model
from powerbi.report import Report
from powerbi.write import pbir, tmdl
from powerbi.write.names import lasting_id
from powerbi.write.queries import Json
from powerbi.write.schemas import SCHEMA

PROJECT = Path(__file__).parents[1] / "project"
"""Where the written project is committed."""


def project_files(model: Model, report: Report) -> dict[str, str]:
    """Path and text of each file. The same description gives the same bytes."""
    folder, models = f"{report.name}.Report", f"{report.name}.SemanticModel"
    found: dict[str, Json] = {
        f"{report.name}.pbip": _pointer(folder),
        f"{folder}/.platform": _platform("Report", report.name),
        f"{folder}/definition.pbir": {
            "$schema": SCHEMA["pbir"],
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{models}"}},
        },
        f"{models}/.platform": _platform("SemanticModel", report.name),
        f"{models}/definition.pbism": {"$schema": SCHEMA["pbism"], "version": "4.2", "settings": {}},
    }
    found |= {f"{folder}/{path}": content for path, content in pbir.files(report)}
    texts = {
        path: json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for path, content in found.items()
    }
    return texts | {f"{models}/definition/{path}": text for path, text in tmdl.files(model)}


def write(files: dict[str, str], root: Path) -> list[Path]:
    """Writes what differs and removes what does not belong there, but for what Power BI Desktop keeps for itself in `.pbi`.

    Returns the paths that it touched.
    """
    touched = [root / path for path, text in files.items() if _differs(root / path, text)]
    for path in touched:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path.relative_to(root).as_posix()], encoding="utf-8", newline="\n")
    strangers = [path for path in root.rglob("*") if path.is_file() and _strange(path.relative_to(root), files)]
    for path in strangers:
        path.unlink()
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return touched + strangers


def _strange(path: Path, files: dict[str, str]) -> bool:
    return ".pbi" not in path.parts and path.as_posix() not in files


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_bytes() != text.encode()


def _pointer(folder: str) -> Json:
    return {
        "$schema": SCHEMA["pbip"],
        "version": "1.0",
        "artifacts": [{"report": {"path": folder}}],
        "settings": {"enableAutoRecovery": True},
    }


def _platform(kind: str, name: str) -> Json:
    return {
        "$schema": SCHEMA["platform"],
        "metadata": {"type": kind, "displayName": name},
        "config": {"version": "2.0", "logicalId": lasting_id(kind, name)},
    }
