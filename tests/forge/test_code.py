"""Commits, files and changes that strangers made to be hard to read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdock.forge.domain import diffs, history, pushes, refs, repos, trees
from cdock.forge.domain.errors import Conflict, NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Store
from tests.forge.ground import Clone


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    with Store(tmp_path / "data") as store, store.write() as tx:
        found, _ = repos.ensure(tx, "alice", "proj")
        yield found


@pytest.fixture
def clone(repo: Repo, tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "clone")
    clone.git("init", "-q", "-b", "main")
    clone.git("remote", "add", "origin", str(repo.git_dir))
    return clone


def _pushed(clone: Clone) -> str:
    clone.git("push", "-q", "--force", "origin", "HEAD:main")
    return clone.git("rev-parse", "HEAD")


def test_names_with_control_characters(repo: Repo, clone: Clone) -> None:
    clone.commit({"a": "1"}, "first")
    clone.git(
        "commit",
        "-q",
        "--allow-empty",
        "--author=a\x1fb\tc <x\x1e@y>",
        "-m",
        "title\x1f\x1e\n\nbody \x01\x1f",
    )
    oid = _pushed(clone)
    commit = history.find(repo, oid)
    assert (commit.author.name, commit.author.email) == ("a\x1fb\tc", "x\x1e@y")
    assert commit.title == "title\x1f\x1e"
    assert commit.message.endswith("body \x01\x1f")
    assert [one.title for one in history.list_commits(repo, oid, limit=9)] == [commit.title, "first"]


@pytest.mark.parametrize(
    ("date", "seen"),
    [
        ("1700000000 +0530", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000 -1200", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("9999999999999 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1700000000 +9999", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_that_no_calendar_has(repo: Repo, clone: Clone, date: str, seen: datetime) -> None:
    tree = clone.git("mktree", stdin="")
    text = f"tree {tree}\nauthor A <a@b> {date}\ncommitter A <a@b> {date}\n\nx\n"
    oid = clone.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text)
    clone.git("push", "-q", "origin", f"{oid}:refs/heads/main")
    assert history.find(repo, oid).author.date == seen


def test_an_empty_message_and_no_parents(repo: Repo, clone: Clone) -> None:
    clone.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    oid = _pushed(clone)
    commit = history.find(repo, oid)
    assert (commit.message, commit.parents) == ("", ())
    assert diffs.commit_changes(repo, commit) == ()


def test_every_kind_of_change(repo: Repo, clone: Clone) -> None:
    odd = 'odd "name"\n\ttab é'
    clone.commit(
        {
            "old name": "".join(f"line {i}\n" for i in range(20)),
            "edited": "one\ntwo\n",
            "gone": "x\n",
            "becomes a link": "target\n",
            "binary": b"\0\1\2",
            "tool": "#!/bin/sh\n",
            odd: "1\n",
        },
        "first",
    )
    base = _pushed(clone)
    clone.git("mv", "old name", "new name")
    clone.git("rm", "-q", "gone")
    (clone.path / "becomes a link").unlink()
    (clone.path / "becomes a link").symlink_to("edited")
    (clone.path / "tool").chmod(0o755)
    clone.commit(
        {"edited": "one\n2", "binary": b"\0\3", "added": "diff --git a/x b/x\n@@ -1 +1 @@\n", odd: "2\n"},
        "second",
    )
    head = _pushed(clone)
    found = {change.path: change for change in diffs.changes(repo, base, head)}
    assert {path: change.status for path, change in found.items()} == {
        "added": "added",
        "becomes a link": "changed",
        "binary": "modified",
        "edited": "modified",
        "gone": "removed",
        "new name": "renamed",
        "tool": "modified",
        odd: "modified",
    }
    assert found["new name"].previous == "old name"
    assert found["new name"].patch is None
    assert found["binary"].patch is None
    assert found["tool"].patch is None
    assert found["edited"].patch == "@@ -1,2 +1,2 @@\n one\n-two\n+2\n\\ No newline at end of file"
    assert found["added"].patch == "@@ -0,0 +1,2 @@\n+diff --git a/x b/x\n+@@ -1 +1 @@"
    assert found[odd].patch == "@@ -1 +1 @@\n-1\n+2"
    assert (found["gone"].additions, found["gone"].deletions) == (0, 1)
    assert found["becomes a link"].patch is not None
    assert found["becomes a link"].patch.count("@@ -") == 2
    assert trees.entry_at(repo, head, "becomes a link").symlink
    assert trees.read_file(repo, head, odd) == b"2\n"


def test_paths_are_names_and_stay_inside(repo: Repo, clone: Clone) -> None:
    clone.commit({"a/b*": "star\n", "a/bc": "plain\n", "-x": "dash\n", "README.md": "# r\n"}, "first")
    oid = _pushed(clone)
    assert trees.read_file(repo, oid, "a/b*") == b"star\n"
    assert trees.read_file(repo, oid, "/a/bc/") == b"plain\n"
    assert [c.title for c in history.list_commits(repo, oid, limit=9, path="a/?c")] == []
    assert [c.title for c in history.list_commits(repo, oid, limit=9, path="-x")] == ["first"]
    assert [entry.path for entry in trees.list_tree(repo, oid, "a")] == ["a/b*", "a/bc"]
    assert trees.find_readme(repo, oid).path == "README.md"
    for path in ("", "..", "../x", "a/../../x", "a", "nothing", "a/b*/c", ":(top)a"):
        with pytest.raises(NotFound):
            trees.read_file(repo, oid, path)
    with pytest.raises(NotFound):
        trees.list_tree(repo, oid, "../..")


def test_names_of_commits(repo: Repo, clone: Clone) -> None:
    with pytest.raises(Conflict, match="empty"):
        refs.resolve(repo, "main")
    clone.commit({"a": "1"}, "first")
    oid = _pushed(clone)
    clone.git("tag", "-a", "v1", "-m", "annotated")
    clone.git("push", "-q", "origin", "v1", f"{oid}:refs/own/claims/1")
    for name in ("main", "heads/main", "refs/heads/main", "v1", "tags/v1", "own/claims/1", oid, oid[:7]):
        assert refs.resolve(repo, name) == oid, name
    for name in (
        "",
        "nowhere",
        "-x",
        "main~1",
        "main^{tree}",
        "HEAD@{0}",
        "..",
        "a b",
        "a\nb",
        "main..main",
        "0" * 40,
    ):
        with pytest.raises(NotFound):
            refs.resolve(repo, name)
    assert refs.resolved(repo, ["a\nb", "refs/heads/main", ""]) == [None, oid, None]


def test_the_same_push_may_be_seen_twice(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        with store.write() as tx:
            repo, _ = repos.ensure(tx, "alice", "proj")
        clone = Clone(tmp_path / "clone")
        clone.git("init", "-q", "-b", "main")
        clone.git("remote", "add", "origin", str(repo.git_dir))
        clone.commit({"a": "1"}, "first")
        oid = _pushed(clone)
        update = refs.RefUpdate("refs/heads/main", refs.ZERO, oid)
        for _ in range(2):
            with store.write() as tx:
                pushes.apply(
                    tx, repo, [update, refs.RefUpdate("refs/own/x", refs.ZERO, oid)], actor=repo.owner
                )
        assert refs.branch_oid(repo, "main") == oid
