"""Commits for the default branch by real git: shapes, authors, conflicts, races."""

from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.git.landing import LandingGround
from cdock.adapters.git.place import Place
from cdock.core.errors import Refused
from cdock.core.landing import Applied, Person, Work
from tests import git_repos

ME = Person("Maria", "maria@example.com")
METHODS = ("merge", "squash", "cherry-pick")


class Ground:
    """A forge with branches, and the ground of a clone."""

    def __init__(self, root: Path) -> None:
        self.forge = git_repos.bare(root / "forge.git")
        self.place = Place(root / "clone/.git/cdock")
        self.ground = LandingGround(self.place, url=f"file://{self.forge}")

    @property
    def main(self) -> str:
        return git_repos.git(self.forge, "rev-parse", "main")

    def branch(self, name: str, *steps: dict[str, str], onto: str = "") -> str:
        for step in steps:
            at = git_repos.git(
                self.forge, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", check=False
            )
            git_repos.write(
                self.forge,
                step,
                branch=name,
                onto=at or onto or self.main,
                message=f"write {', '.join(step)}",
            )
        return git_repos.git(self.forge, "rev-parse", name)

    def apply(self, tip: str, method: str, *, onto: str = "", without: tuple[str, ...] = ()) -> Applied:
        self.ground.heads("cdock/")
        work = Work(issue=42, title="Add it", task="", branch="cdock/x", status="in-review", tip=tip)
        return self.ground.apply(work, method=method, onto=onto or self.main, without=without, by=ME)

    def show(self, commit: str, form: str) -> str:
        return git_repos.git(self.place.mirror, "log", "--no-walk", f"--format={form}", commit)

    def files(self, commit: str) -> dict[str, str]:
        names = git_repos.git(self.place.mirror, "ls-tree", "-r", "--name-only", commit).split("\n")
        return {name: git_repos.git(self.place.mirror, "show", f"{commit}:{name}") for name in names}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_heads_are_what_the_forge_has_now(ground: Ground) -> None:
    tip = ground.branch("cdock/one.abc1234", {"a.txt": "a\n"}, {"b.txt": "b\n"})
    ground.branch("other", {"c.txt": "c\n"})
    heads = ground.ground.heads("cdock/")
    assert (heads.default, heads.commit, heads.tips) == ("main", ground.main, {"cdock/one.abc1234": tip})
    assert ground.ground.ahead(tip, of=heads.commit) == 2
    git_repos.git(ground.forge, "update-ref", "-d", "refs/heads/cdock/one.abc1234")
    assert ground.ground.heads("cdock/").tips == {}


@pytest.mark.parametrize("method", METHODS)
def test_work_lands_on_what_others_pushed_meanwhile(ground: Ground, method: str) -> None:
    tip = ground.branch("cdock/x", {"a.txt": "a\n"}, {"b.txt": "b\n"})
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    applied = ground.apply(tip, method)
    assert applied.conflicts == ()
    assert {"a.txt": "a", "b.txt": "b", "news.txt": "news"}.items() <= ground.files(applied.commit).items()
    assert git_repos.git(ground.place.mirror, "merge-base", ground.main, applied.commit) == ground.main


def test_a_merge_and_a_squash_are_commits_of_the_person(ground: Ground) -> None:
    tip = ground.branch("cdock/x", {"a.txt": "a\n"}, {"b.txt": "b\n"})
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    for method, parents in (("merge", f"{ground.main} {tip}"), ("squash", ground.main)):
        commit = ground.apply(tip, method).commit
        who = "Maria <maria@example.com>"
        assert ground.show(commit, "%an <%ae>|%cn <%ce>|%P") == f"{who}|{who}|{parents}"
        assert "Closes #42" in ground.show(commit, "%B")


def test_picked_commits_keep_authors_and_messages(ground: Ground) -> None:
    tip = ground.branch("cdock/x", {"a.txt": "a\n"}, {"b.txt": "b\n"})
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    commit = ground.apply(tip, "cherry-pick").commit
    assert ground.show(commit, "%an|%cn|%s") == "t|Maria|write b.txt"
    assert ground.show(f"{commit}^", "%an|%cn|%s|%P") == f"t|Maria|write a.txt|{ground.main}"
    assert ground.show(commit, "%ad") == ground.show(tip, "%ad")


@pytest.mark.parametrize("method", METHODS)
def test_conflicts_are_named(ground: Ground, method: str) -> None:
    tip = ground.branch("cdock/x", {"README.md": "mine\n", "ä b.txt": "mine\n"})
    git_repos.write(ground.forge, {"README.md": "theirs\n", "ä b.txt": "theirs\n"})
    assert ground.apply(tip, method) == Applied("", ("README.md", "ä b.txt"))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_there_already_changes_nothing(ground: Ground, method: str) -> None:
    tip = ground.branch("cdock/x", {"a.txt": "a\n"})
    git_repos.write(ground.forge, {"a.txt": "a\n"})
    if method == "merge":
        git_repos.git(ground.forge, "update-ref", "refs/heads/main", tip)
    assert ground.apply(tip, method).commit == ground.main


@pytest.mark.parametrize("method", METHODS)
def test_stacked_work_lands_after_what_it_builds_upon(ground: Ground, method: str) -> None:
    lower = ground.branch("cdock/x", {"a.txt": "1\n"}, {"a.txt": "2\n"})
    upper = ground.branch("cdock/y", {"a.txt": "3\n"}, onto=lower)
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    first = ground.apply(lower, method).commit
    second = ground.apply(upper, method, onto=first, without=(lower,))
    assert second.conflicts == ()
    assert ground.files(second.commit)["a.txt"] == "3"


@pytest.mark.parametrize("method", METHODS)
def test_work_that_builds_upon_several_others_lands_after_them(ground: Ground, method: str) -> None:
    one = ground.branch("cdock/a", {"a.txt": "1\n"}, {"a.txt": "2\n"})
    other = ground.branch("cdock/b", {"b.txt": "1\n"}, {"b.txt": "2\n"})
    ground.ground.heads("cdock/")
    both = ground.apply(other, "merge", onto=one).commit
    git_repos.git(ground.forge, "fetch", "--quiet", str(ground.place.mirror), f"{both}:refs/heads/cdock/y")
    upper = ground.branch("cdock/y", {"a.txt": "3\n", "b.txt": "3\n"})
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    first = ground.apply(one, method).commit
    second = ground.apply(other, method, onto=first, without=(one,)).commit
    third = ground.apply(upper, method, onto=second, without=(one, other))
    assert third.conflicts == ()
    assert {"a.txt": "3", "b.txt": "3", "news.txt": "news"}.items() <= ground.files(third.commit).items()


def test_merges_inside_a_branch_are_not_picked(ground: Ground) -> None:
    tip = ground.branch("cdock/x", {"a.txt": "a\n"})
    git_repos.write(ground.forge, {"news.txt": "news\n"})
    merge = ground.apply(tip, "merge").commit
    git_repos.git(ground.forge, "fetch", "--quiet", str(ground.place.mirror), f"{merge}:refs/heads/cdock/x")
    applied = ground.apply(merge, "cherry-pick")
    assert ground.show(applied.commit, "%s|%P") == f"write a.txt|{ground.main}"


def test_a_push_moves_the_default_branch_once(ground: Ground) -> None:
    tip, before = ground.branch("cdock/x", {"a.txt": "a\n"}), ground.main
    commit = ground.apply(tip, "squash").commit
    ground.ground.push(commit, default="main", expected=before)
    assert ground.main == commit
    ground.ground.push(commit, default="main", expected=before)


def test_a_race_is_said_and_loses_nothing(ground: Ground) -> None:
    tip, before = ground.branch("cdock/x", {"a.txt": "a\n"}), ground.main
    commit = ground.apply(tip, "squash").commit
    theirs = git_repos.write(ground.forge, {"news.txt": "news\n"})
    with pytest.raises(Refused, match="somebody else") as refused:
        ground.ground.push(commit, default="main", expected=before)
    assert refused.value.code == "CD462"
    assert ground.main == theirs
    again = ground.apply(tip, "squash")
    ground.ground.push(again.commit, default="main", expected=theirs)
    assert {"news.txt", "a.txt"} <= ground.files(ground.main).keys()


def test_a_protected_branch_is_told_from_a_race(ground: Ground) -> None:
    tip, before = ground.branch("cdock/x", {"a.txt": "a\n"}), ground.main
    hook = ground.forge / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="does not take it") as refused:
        ground.ground.push(ground.apply(tip, "squash").commit, default="main", expected=before)
    assert refused.value.code == "CD463"
    assert "--method pull" in refused.value.fix
    assert ground.main == before


def test_no_program_of_a_repository_runs(ground: Ground, tmp_path: Path) -> None:
    """Attributes and settings of a branch name drivers; none may be called."""
    mark = tmp_path / "ran"
    driver = f"touch {mark}"
    tip = ground.branch(
        "cdock/x", {".gitattributes": "* merge=evil filter=evil diff=evil\n", "README.md": "mine\n"}
    )
    git_repos.write(ground.forge, {"src/app.py": "print('theirs')\n"})
    ground.ground.heads("cdock/")
    for name in ("merge.evil.driver", "filter.evil.clean", "diff.evil.command"):
        git_repos.git(ground.forge, "config", name, driver)
    hook = ground.forge / "hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{driver}\n")
    hook.chmod(0o755)
    for method in METHODS:
        assert ground.apply(tip, method).conflicts == ()
    assert not mark.exists()


def test_authors_without_a_name_are_landed(ground: Ground) -> None:
    base = ground.main
    ground.branch("cdock/x", {"a.txt": "a\n"})
    tree = git_repos.git(ground.forge, "rev-parse", "cdock/x^{tree}")
    text = f"tree {tree}\nparent {base}\nauthor  <> 1700000000 +0000\ncommitter t <t@t> 1700000000 +0000\n\nsecret\n"
    odd = git_repos.git(
        ground.forge, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=text.encode()
    )
    git_repos.git(ground.forge, "update-ref", "refs/heads/cdock/x", odd)
    applied = ground.apply(odd, "cherry-pick")
    git_repos.write(ground.forge, {"n.txt": "n\n"})
    moved = ground.apply(odd, "cherry-pick")
    assert ground.files(moved.commit)["a.txt"] == "a"
    assert replace(applied, commit="") == Applied("")
