"""Pages that people can use: nothing overlaps or leaves the page, what acts on another thing finds it, each thing has a text
for screen readers and its place in the order of the Tab key, which begins above.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any


def findings(project: Path) -> Iterator[str]:
    for page in sorted(project.glob("*.Report/definition/pages/*/page.json")):
        told = json.loads(page.read_text(encoding="utf-8"))
        visuals = [
            json.loads(path.read_text(encoding="utf-8")) for path in sorted(page.parent.glob("visuals/*/visual.json"))
        ]
        for wrong in _on_page(told, visuals):
            yield f"{told['displayName']}: {wrong}"


def _on_page(page: dict[str, Any], visuals: list[dict[str, Any]]) -> Iterator[str]:
    for visual in visuals:
        place = visual["position"]
        if place["x"] + place["width"] > page["width"] or place["y"] + place["height"] > page["height"]:
            yield f"{_called(visual)} leaves the page"
        if not _alt(visual):
            yield f"{_called(visual)} has no text for screen readers"
    names = {visual["name"] for visual in visuals}
    for each in page.get("visualInteractions", []):
        if not {each["source"], each["target"]} <= names:
            yield f"an interaction names {each['source']} and {each['target']}, of which one is not there"
    for one, other in combinations(visuals, 2):
        if _overlap(one["position"], other["position"]):
            yield f"{_called(one)} and {_called(other)} overlap"
    orders = [visual["position"]["tabOrder"] for visual in visuals]
    if len(set(orders)) != len(orders):
        yield "two visuals have the same place in the order of the Tab key"
    tops = [visual["position"]["y"] for visual in sorted(visuals, key=lambda each: int(each["position"]["tabOrder"]))]
    if tops[0] != min(tops):
        yield "the Tab key does not begin above"


def _alt(visual: dict[str, Any]) -> str:
    general = visual["visual"].get("visualContainerObjects", {}).get("general", [])
    texts = [each["properties"].get("altText", {}).get("expr", {}).get("Literal", {}).get("Value") for each in general]
    return next((text for text in texts if text and text != "''"), "")


def _called(visual: dict[str, Any]) -> str:
    return f"{visual['visual']['visualType']} {_alt(visual) or visual['name']}"


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )
