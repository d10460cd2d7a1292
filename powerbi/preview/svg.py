"""The few SVG elements that pictures are made of."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

FONT = "Liberation Sans, Arial, sans-serif"


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """Two underscores of an attribute's name become a colon, one a hyphen."""
    told = "".join(
        f" {key.replace('__', ':').replace('_', '-')}={quoteattr(str(value))}" for key, value in attributes.items()
    )
    return f"<{name}{told}>{content}</{name}>"


def text(said: str, x: float, y: float, size: float, colour: str, *, bold: bool = False, anchor: str = "start") -> str:
    """`y` is the line that letters stand on."""
    weight = "bold" if bold else "normal"
    return element(
        "text",
        escape(said),
        xml__space="preserve",
        x=x,
        y=y,
        font_family=FONT,
        font_size=size,
        font_weight=weight,
        fill=colour,
        text_anchor=anchor,
    )


def rectangle(
    x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: float = 0
) -> str:
    return element("rect", x=x, y=y, width=width, height=height, fill=fill, stroke=stroke, rx=radius)


def placed(content: str, x: float, y: float) -> str:
    return element("g", content, transform=f"translate({x},{y})")


def document(content: str, width: int, height: int) -> str:
    return element(
        "svg", content, xmlns="http://www.w3.org/2000/svg", width=width, height=height, viewBox=f"0 0 {width} {height}"
    )
