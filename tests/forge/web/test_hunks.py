"""Hunks: what git really prints, read back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cdock.forge.web.hunks import Hunk, parse_hunks


def hunks_between(tmp_path: Path, before: str, after: str) -> tuple[Hunk, ...]:
    (tmp_path / "before").write_text(before)
    (tmp_path / "after").write_text(after)
    shown = subprocess.run(
        ["git", "diff", "--no-index", "before", "after"], cwd=tmp_path, capture_output=True, timeout=30
    )
    assert shown.returncode == 1, shown.stderr
    text = shown.stdout.decode()
    return parse_hunks(text[text.index("@@") :])


def rows(hunk: Hunk) -> list[tuple[str, int | None, int | None, str]]:
    return [(line.kind, line.old, line.new, line.text) for line in hunk.lines]


def test_lines_are_numbered_on_both_sides(tmp_path: Path) -> None:
    (hunk,) = hunks_between(tmp_path, "a\nb\nd\n", "a\nc\nC\nd\n")
    assert rows(hunk) == [
        ("same", 1, 1, "a"),
        ("removed", 2, None, "b"),
        ("added", None, 2, "c"),
        ("added", None, 3, "C"),
        ("same", 3, 4, "d"),
    ]


def test_content_that_looks_like_a_diff_is_content(tmp_path: Path) -> None:
    (hunk,) = hunks_between(tmp_path, "x\n", "@@ -1 +1 @@\n-- a\n++ b\ndiff --git a/x b/x\n\\ no\n")
    assert [line.text for line in hunk.lines if line.kind == "added"] == [
        "@@ -1 +1 @@",
        "-- a",
        "++ b",
        "diff --git a/x b/x",
        "\\ no",
    ]


def test_a_missing_line_end_is_noted(tmp_path: Path) -> None:
    (hunk,) = hunks_between(tmp_path, "a\n", "a\nb")
    assert rows(hunk)[-2:] == [("added", None, 2, "b"), ("note", None, None, "No newline at end of file")]


def test_several_hunks(tmp_path: Path) -> None:
    before = [f"{number}\n" for number in range(100)]
    after = list(before)
    after[10], after[80] = "ten\n", "eighty\nmore\n"
    first, second = hunks_between(tmp_path, "".join(before), "".join(after))
    assert first.heading.startswith("@@ -8,7 +8,7 @@")
    assert [row for row in rows(second) if row[0] == "added"] == [
        ("added", None, 81, "eighty"),
        ("added", None, 82, "more"),
    ]
    assert rows(second)[-1] == ("same", 84, 85, "83")


def test_a_new_and_a_removed_file(tmp_path: Path) -> None:
    (hunk,) = hunks_between(tmp_path, "", "a\n")
    assert rows(hunk) == [("added", None, 1, "a")]
    (hunk,) = hunks_between(tmp_path, "a\n", "")
    assert rows(hunk) == [("removed", 1, None, "a")]
    assert parse_hunks("") == ()
