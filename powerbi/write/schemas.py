"""Versions of Microsoft's schemas, chosen so that a Power BI Desktop of a year ago opens the report."""

from __future__ import annotations

BASE = "https://developer.microsoft.com/json-schemas/fabric"

VERSIONS = {
    "versionMetadata": "1.0.0",
    "report": "3.0.0",
    "pagesMetadata": "1.0.0",
    "page": "2.0.0",
    "visualContainer": "2.4.0",
}

DEFINITION = {name: f"{BASE}/item/report/definition/{name}/{version}/schema.json" for name, version in VERSIONS.items()}
SCHEMA = {
    "pbip": f"{BASE}/pbip/pbipProperties/1.0.0/schema.json",
    "platform": f"{BASE}/gitIntegration/platformProperties/2.0.0/schema.json",
    "pbir": f"{BASE}/item/report/definitionProperties/2.0.0/schema.json",
    "pbism": f"{BASE}/item/semanticModel/definitionProperties/1.0.0/schema.json",
}
