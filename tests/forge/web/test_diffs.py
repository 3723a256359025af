"""Diffs: what git really prints, read back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cdock.forge.web.diffs import parse_diff


def git(*args: str, at: Path) -> str:
    done = subprocess.run(["git", *args], cwd=at, capture_output=True, check=True, timeout=30)
    return done.stdout.decode("utf-8", "surrogateescape")


def difference(tmp_path: Path, before: dict[str, bytes], after: dict[str, bytes]) -> str:
    git("init", "-q", at=tmp_path)
    for files in (before, after):
        git("rm", "-rqf", "--ignore-unmatch", ".", at=tmp_path)
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        git("add", "-A", at=tmp_path)
        git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", "--allow-empty", at=tmp_path)
    return git("diff", "-M", "HEAD~", "HEAD", at=tmp_path)


def test_every_kind_of_change(tmp_path: Path) -> None:
    long = b"".join(b"line %d\n" % number for number in range(40))
    text = difference(
        tmp_path,
        {
            "gone.txt": b"bye\n",
            "same name.txt": b"a\nb\n",
            "moved here.txt": long,
            "bin": b"\0\1",
            "plain": b"x\n",
            "tool": b"x",
        },
        {
            'new \u00e9".txt': b"hello\nworld",
            "same name.txt": b"a\nc\n--- x\n",
            "to/moved.txt": long.replace(b"line 7\n", b"line seven\n"),
            "bin": b"\0\2",
            "plain": b"x\n",
            "tool": b"diff --git a/x b/x\n@@ -1 +1 @@",
            "empty": b"",
        },
    )
    files = {file.path: file for file in parse_diff(text)}
    assert {path: file.change for path, file in files.items()} == {
        "bin": "modified",
        "empty": "added",
        "gone.txt": "removed",
        'new \u00e9".txt': "added",
        "same name.txt": "modified",
        "to/moved.txt": "renamed",
        "tool": "modified",
    }
    assert files["bin"].binary
    assert not files["bin"].hunks
    assert files["to/moved.txt"].old_path == "moved here.txt"
    assert (files["to/moved.txt"].added, files["to/moved.txt"].removed) == (1, 1)
    changed = files["same name.txt"].hunks[0]
    assert [(line.kind, line.old, line.new, line.text) for line in changed.lines] == [
        ("same", 1, 1, "a"),
        ("removed", 2, None, "b"),
        ("added", None, 2, "c"),
        ("added", None, 3, "--- x"),
    ]
    assert [line.kind for line in files['new \u00e9".txt'].hunks[0].lines] == ["added", "added", "note"]
    assert files["tool"].added == 2
    assert (files["gone.txt"].added, files["gone.txt"].removed) == (0, 1)


def test_several_hunks_are_numbered(tmp_path: Path) -> None:
    before = [f"{number}\n" for number in range(100)]
    after = list(before)
    after[10], after[80] = "ten\n", "eighty\nmore\n"
    text = difference(tmp_path, {"a": "".join(before).encode()}, {"a": "".join(after).encode()})
    (file,) = parse_diff(text)
    assert len(file.hunks) == 2
    assert [(line.old, line.new, line.text) for line in file.hunks[1].lines if line.kind == "added"] == [
        (None, 81, "eighty"),
        (None, 82, "more"),
    ]
    assert file.hunks[1].lines[-1].old == 84
    assert file.hunks[1].lines[-1].new == 85
    assert file.length == sum(len(hunk.lines) for hunk in file.hunks)


def test_nothing_changed() -> None:
    assert parse_diff("") == ()
