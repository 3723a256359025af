"""Label colours as a style sheet: chips whose words can be read in light and in dark.

A page may not carry styles (Content-Security-Policy), so it links `/_style/labels/COLOUR.COLOUR….css`, whose
content depends on nothing but that address and may be kept for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

_HEX = re.compile(r"[0-9a-f]{6}")
_READABLE = 4.6
"""Contrast of words on their ground; WCAG asks for 4.5."""
_SEEN = 1.5
"""Contrast of a chip's edge with the page, so that a nearly white label still has a shape."""
_LIMIT = 300

Rgb: TypeAlias = tuple[float, float, float]

_WHITE: Rgb = (1.0, 1.0, 1.0)
_BLACK: Rgb = (0.0, 0.0, 0.0)
_NIGHT: Rgb = (0.09, 0.1, 0.13)


def colour_class(colour: str) -> str:
    """The class of a chip with this label colour (six hex digits); an unusable colour is grey."""
    return f"tint-{_checked(colour)}"


def sheet_address(colours: Iterable[str]) -> str:
    """Where the style sheet for these label colours is; empty when there are none."""
    wanted = sorted({_checked(colour) for colour in colours})[:_LIMIT]
    return f"/_style/labels/{'.'.join(wanted)}.css" if wanted else ""


def label_sheet(request: Request) -> Response:
    """GET /_style/labels/COLOURS.css"""
    wanted = [colour for colour in request.path_params["colours"].split(".") if _HEX.fullmatch(colour)]
    rules = "\n".join(_rule(colour) for colour in wanted[:_LIMIT])
    return Response(
        rules, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def chip(colour: str, *, dark: bool) -> tuple[Rgb, Rgb, Rgb]:
    """Ground, words and border: a tint, and darker or lighter shades of it that can be read and seen."""
    tint = _rgb(colour)
    page, far = (_NIGHT, _WHITE) if dark else (_WHITE, _BLACK)
    ground = _mixed(page, tint, 0.24 if dark else 0.16)
    border = _mixed(page, tint, 0.55 if dark else 0.45)
    return ground, _until(_READABLE, tint, far, ground), _until(_SEEN, border, far, page)


def _until(wanted: float, colour: Rgb, far: Rgb, ground: Rgb) -> Rgb:
    """The colour, taken as far towards another as the contrast with its ground asks for."""
    steps = (_mixed(colour, far, step / 20) for step in range(21))
    return next((mixed for mixed in steps if contrast(mixed, ground) >= wanted), far)


def _rule(colour: str) -> str:
    light, dark = (_declarations(chip(colour, dark=dark)) for dark in (False, True))
    return (
        f".tint-{colour}{{{light};--dot:#{colour}}}"
        f"@media (prefers-color-scheme:dark){{.tint-{colour}{{{dark}}}}}"
    )


def _declarations(colours: tuple[Rgb, Rgb, Rgb]) -> str:
    names = ("background-color", "color", "border-color")
    return ";".join(f"{name}:{_css(colour)}" for name, colour in zip(names, colours, strict=True))


def _checked(colour: str) -> str:
    colour = colour.lower().lstrip("#")
    return colour if _HEX.fullmatch(colour) else "888888"


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _css(colour: Rgb) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def _mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
