"""The report in PBIR: a folder a page, a file a visual."""

from __future__ import annotations

from collections.abc import Iterator

from powerbi.layout import HEIGHT, WIDTH, placed
from powerbi.report import Page, Report
from powerbi.write import theme
from powerbi.write.names import short_id
from powerbi.write.queries import Json, drilled, expression, literal
from powerbi.write.schemas import DEFINITION, VERSIONS
from powerbi.write.visuals import visual_file, visual_id


def files(report: Report) -> Iterator[tuple[str, Json]]:
    """Path below the report's folder, and what the file holds."""
    yield "definition/version.json", {"$schema": DEFINITION["versionMetadata"], "version": "2.0.0"}
    yield "definition/report.json", _report(report)
    yield f"StaticResources/RegisteredResources/{theme.file_name(report.theme)}", theme.theme_file(report.theme)
    yield "definition/pages/pages.json", _pages(report)
    for page in report.pages:
        folder = f"definition/pages/{page_id(page)}"
        yield f"{folder}/page.json", _page(page)
        for order, visual in enumerate(placed(report, page), start=1):
            made = visual_file(DEFINITION["visualContainer"], page, visual, order)
            yield f"{folder}/visuals/{made['name']}/visual.json", made


def page_id(page: Page) -> str:
    return short_id("page", page.key)


def _report(report: Report) -> Json:
    name = theme.file_name(report.theme)
    versions = {"visual": VERSIONS["visualContainer"], "report": VERSIONS["report"], "page": VERSIONS["page"]}
    custom = {"name": name, "reportVersionAtImport": versions, "type": "RegisteredResources"}
    return {
        "$schema": DEFINITION["report"],
        "themeCollection": {"customTheme": custom},
        "resourcePackages": [
            {
                "name": "RegisteredResources",
                "type": "RegisteredResources",
                "items": [{"name": name, "path": name, "type": "CustomTheme"}],
            }
        ],
        "settings": {
            "useStylableVisualContainerHeader": True,
            "exportDataMode": "AllowSummarized",
            "useEnhancedTooltips": True,
        },
    }


def _pages(report: Report) -> Json:
    order = [page_id(page) for page in report.pages]
    return {"$schema": DEFINITION["pagesMetadata"], "pageOrder": order, "activePageName": order[0]}


def _page(page: Page) -> Json:
    found: Json = {
        "$schema": DEFINITION["page"],
        "name": page_id(page),
        "displayName": page.name,
        "displayOption": "FitToPage",
        "height": HEIGHT,
        "width": WIDTH,
    }
    if page.refresh_s is not None:
        every = {"show": literal(True), "duration": literal(f"PT{page.refresh_s}S")}
        found["objects"] = {"pageRefresh": [{"properties": every}]}
    if page.chooser is not None:
        found["visualInteractions"] = _interactions(page, page.chooser)
    return found | (_drillthrough(page) if page.drill_by else {})


def _interactions(page: Page, chooser: str) -> list[Json]:
    others = [each.key for each in page.visuals if each.key != chooser]
    source = visual_id(page, chooser)
    return [{"source": source, "target": visual_id(page, other), "type": "DataFilter"} for other in others]


def _drillthrough(page: Page) -> Json:
    filters = [drilled(field, page.key) for field in page.drill_by]
    parameters = [
        {"name": f"Param_{each['name']}", "boundFilter": each["name"], "fieldExpr": expression(field)}
        for each, field in zip(filters, page.drill_by, strict=True)
    ]
    return {
        "type": "Drillthrough",
        "visibility": "HiddenInViewMode",
        "filterConfig": {"filters": filters},
        "pageBinding": {"name": short_id("drill", page.key), "type": "Drillthrough", "parameters": parameters},
    }
