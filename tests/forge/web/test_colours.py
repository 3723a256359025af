"""Label colours: readable for every colour, and no way to write a style of one's own."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from cdock.forge.web.colours import chip, colour_class, contrast, label_sheet, sheet_address

STEPS = ("00", "33", "66", "99", "cc", "ff")


def sheet(colours: str) -> str:
    request = Request(
        {"type": "http", "path_params": {"colours": colours}, "headers": [], "app": Starlette()}
    )
    return bytes(label_sheet(request).body).decode()


def test_words_are_readable_on_every_colour() -> None:
    for colour in (red + green + blue for red in STEPS for green in STEPS for blue in STEPS):
        for dark in (False, True):
            ground, words, _ = chip(colour, dark=dark)
            assert contrast(words, ground) >= 4.5, (colour, dark)


def test_contrast_is_that_of_wcag() -> None:
    assert round(contrast((0, 0, 0), (1, 1, 1)), 2) == 21
    assert round(contrast((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), 2) == 1


def test_the_sheet_has_a_rule_for_each_colour_and_nothing_else() -> None:
    text = sheet("d73a4a.0e8a16.zz.}body{display:none")
    assert text.count(".tint-d73a4a{") == 2
    assert "body" not in text
    assert text.count("{") == text.count("}")


def test_the_address_of_the_sheet() -> None:
    assert sheet_address(["FF0000", "00ff00", "ff0000", "red"]) == "/_style/labels/00ff00.888888.ff0000.css"
    assert sheet_address([]) == ""
    assert colour_class("}x{") == "tint-888888"
    assert Route("/_style/labels/{colours}.css", label_sheet).matches(
        {"type": "http", "path": sheet_address(["ff0000", "00ff00"]), "method": "GET"}
    )[1]["path_params"] == {"colours": "00ff00.ff0000"}


def test_a_pale_label_still_has_a_shape() -> None:
    for colour in ("ffffff", "ededed", "000000"):
        assert contrast(chip(colour, dark=False)[2], (1, 1, 1)) >= 1.5
        assert contrast(chip(colour, dark=True)[2], (0.09, 0.1, 0.13)) >= 1.5
