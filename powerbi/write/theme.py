"""The report's theme: colours, and how each kind of visual looks unless it says otherwise."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from powerbi.report import Theme


def file_name(theme: Theme) -> str:
    """With a hash of what it says, because Power BI Desktop keeps themes by name."""
    said = json.dumps(_theme(theme), sort_keys=True).encode()
    return f"{theme.name.replace(' ', '')}-{hashlib.sha256(said).hexdigest()[:8]}.json"


def theme_file(theme: Theme) -> dict[str, Any]:
    """The name inside must be the file's."""
    return {"name": file_name(theme), **_theme(theme)}


def _theme(theme: Theme) -> dict[str, Any]:
    return {
        "dataColors": list(theme.series),
        "good": theme.good,
        "neutral": theme.neutral,
        "bad": theme.bad,
        "foreground": theme.ink,
        "foregroundNeutralSecondary": theme.quiet,
        "background": theme.paper,
        "backgroundLight": theme.ground,
        "backgroundNeutral": theme.line,
        "tableAccent": theme.series[0],
        "textClasses": _text_classes(theme),
        "visualStyles": _visual_styles(theme),
    }


def _text_classes(theme: Theme) -> dict[str, Any]:
    def text(size: int, face: str, colour: str) -> dict[str, Any]:
        return {"fontSize": size, "fontFace": face, "color": colour}

    return {
        "callout": text(26, "Segoe UI Semibold", theme.ink),
        "title": text(13, "Segoe UI Semibold", theme.ink),
        "header": text(12, "Segoe UI Semibold", theme.ink),
        "label": text(11, "Segoe UI", theme.ink),
    }


def _visual_styles(theme: Theme) -> dict[str, Any]:
    def fill(colour: str) -> dict[str, Any]:
        return {"solid": {"color": colour}}

    container = {
        "background": [{"show": True, "color": fill(theme.paper), "transparency": 0}],
        "border": [{"show": True, "color": fill(theme.line), "radius": 6}],
        "padding": [{"top": 8, "bottom": 8, "left": 10, "right": 10}],
        "title": [{"fontSize": 13, "fontFamily": "Segoe UI Semibold", "fontColor": fill(theme.ink), "titleWrap": True}],
        "visualHeader": [{"show": True}],
    }
    page = {"background": [{"color": fill(theme.ground), "transparency": 0}]}
    return {"*": {"*": container}, "page": {"*": page}}
