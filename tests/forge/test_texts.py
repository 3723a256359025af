"""What texts refer to."""

from __future__ import annotations

import pytest

from cdock.forge.domain.texts import Reference, closings, references


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see #12 and #12, then #3.", [Reference(None, 12), Reference(None, 3)]),
        ("alice/proj#4 and GH-5", [Reference("alice/proj", 4), Reference(None, 5)]),
        ("a#1 x/y/z#2 &#39; #1x http://h/#3", []),
        ("`#1` and ``#2 ` ``\n```\n#3\n```\n#4", [Reference(None, 4)]),
        ("```sh\n#3 never closed", []),
        ("<!-- #1 --> #2 <!-- #3", [Reference(None, 2)]),
        ("\r\n#7\r\n", [Reference(None, 7)]),
    ],
)
def test_references(text: str, found: list[Reference]) -> None:
    assert references(text) == found


@pytest.mark.parametrize(
    "word", ["close", "Closes", "closed", "fix", "fixes", "FIXED", "resolve", "resolves", "resolved"]
)
def test_every_keyword_closes(word: str) -> None:
    assert closings(f"{word} #12") == [Reference(None, 12)]
    assert closings(f"{word}: #12") == [Reference(None, 12)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("closes #1, #2", [Reference(None, 1)]),
        ("closes #1, closes a/b#2", [Reference(None, 1), Reference("a/b", 2)]),
        ("discloses #1, prefix #2, fixing #3, closes  the #4", []),
        ("`closes #1` <!-- fixes #2 -->", []),
        ("Fixes #999999999", [Reference(None, 999999999)]),
    ],
)
def test_closings(text: str, found: list[Reference]) -> None:
    assert closings(text) == found
