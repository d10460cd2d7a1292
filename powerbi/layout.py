"""Where things stand that each page has: its name, the way to the other pages, how fresh it is, the slicers."""

from __future__ import annotations

from dataclasses import replace

from powerbi.report import Box, Page, Report, Slicer, Visual

WIDTH, HEIGHT = 1920, 1080
MARGIN, GAP = 24, 16
_HEAD_HEIGHT, _SLICER_HEIGHT = 72, 76
CONTENT_TOP = MARGIN + _HEAD_HEIGHT + GAP + _SLICER_HEIGHT + GAP
CONTENT_HEIGHT = HEIGHT - MARGIN - CONTENT_TOP
CONTENT_WIDTH = WIDTH - 2 * MARGIN
_BACK_WIDTH, _NAME_WIDTH, _AS_OF_WIDTH = 56, 560, 420


def placed(report: Report, page: Page) -> tuple[Visual, ...]:
    """All that stands on a page, in the order of the Tab key."""
    return (*_head(report, page), *_slicers(page.slicers), *page.visuals)


def across(*shares: int, top: int = 0, height: int = CONTENT_HEIGHT) -> tuple[Box, ...]:
    """Boxes side by side over the content's width; `top` counts from where the content begins."""
    room = CONTENT_WIDTH - GAP * (len(shares) - 1)
    boxes, x = [], MARGIN
    for share in shares:
        width = room * share // sum(shares)
        boxes.append(Box(x, CONTENT_TOP + top, width, height))
        x += width + GAP
    return tuple(boxes)


def below(box: Box, *heights: int) -> tuple[Box, ...]:
    """Boxes of these heights from above, within a box."""
    boxes, y = [], box.y
    for height in heights:
        boxes.append(Box(box.x, y, box.width, height))
        y += height + GAP
    return tuple(boxes)


def _head(report: Report, page: Page) -> tuple[Visual, ...]:
    x = MARGIN
    back: tuple[Visual, ...] = ()
    if page.drill_by:
        box = Box(x, MARGIN, _BACK_WIDTH, _HEAD_HEIGHT)
        back = (Visual(key="back", kind="actionButton", box=box, alt="Back to the page that this was opened from"),)
        x += _BACK_WIDTH + GAP
    right = WIDTH - MARGIN - _AS_OF_WIDTH
    name = Visual(
        key="name",
        kind="textbox",
        box=Box(x, MARGIN, _NAME_WIDTH, _HEAD_HEIGHT),
        alt=f"{page.name}: {page.question}",
        lines=(page.name, page.question),
    )
    pages = Visual(
        key="pages",
        kind="pageNavigator",
        box=Box(x + _NAME_WIDTH + GAP, MARGIN, right - GAP - (x + _NAME_WIDTH + GAP), _HEAD_HEIGHT),
        alt="The pages of this report",
    )
    return (*back, name, pages, replace(report.as_of, box=Box(right, MARGIN, _AS_OF_WIDTH, _HEAD_HEIGHT)))


def _slicers(slicers: tuple[Slicer, ...]) -> list[Visual]:
    top = MARGIN + _HEAD_HEIGHT + GAP
    width = (CONTENT_WIDTH - GAP * (len(slicers) - 1)) // len(slicers)
    return [
        Visual(
            key=f"slicer-{slicer.key}",
            kind="slicer",
            box=Box(MARGIN + number * (width + GAP), top, width, _SLICER_HEIGHT),
            alt=f"Filter by {slicer.label.lower()}, on all pages",
            roles={"Values": (slicer.by,)},
            slicer=slicer,
        )
        for number, slicer in enumerate(slicers)
    ]
