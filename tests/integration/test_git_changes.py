"""What the work changes: patches, counted lines, rewritten branches, and the newest commit of the default branch."""

import os
from pathlib import Path

import pytest

from cdock.adapters.git import changes
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.core.errors import Refused, Unavailable
from cdock.core.runs import Workspace
from tests import git_repos
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of
from tests.git_repos import git

TASK = task_of(1)
BRANCH = branch_of(TASK)


@pytest.fixture
def setting(tmp_path: Path) -> GitSetting:
    return GitSetting(tmp_path)


@pytest.fixture
def tree(setting: GitSetting) -> Path:
    """The worktree of `TASK`, new."""
    return Path(setting.workspaces.ensure(TASK, branch=BRANCH).path)


def harvest(setting: GitSetting, *, rewritten: bool = False) -> Workspace:
    return setting.workspaces.harvest(
        TASK.id, closes=TASK.issue, branch=BRANCH, remote=setting.remote(TASK), rewritten=rewritten
    )


def committed(setting: GitSetting, files: dict[str, bytes]) -> Workspace:
    """The agent commits these files."""
    agent = setting.agent(TASK)
    for name, content in files.items():
        (agent / name).parent.mkdir(parents=True, exist_ok=True)
        (agent / name).write_bytes(content)
    git(agent, "add", "-A")
    git(agent, "commit", "-q", "-m", "work")
    return harvest(setting)


# Patches.


def test_a_patch_can_be_applied(setting: GitSetting, tree: Path, tmp_path: Path) -> None:
    base = setting.main()
    committed(setting, {"work.txt": b"done\n", "src/app.py": b"print('hello, you')\n"})
    agent = setting.agent(TASK)
    (agent / "work.txt").write_text("done\nnearly done\n")
    setting.agent_edits(TASK, "half a thought")
    harvest(setting)
    (tree / "src/app.py").write_text("print('mine')\n")
    (tree / "mine.txt").write_text("mine\n")
    (tree / "README.md").unlink()
    before = git(tree, "status", "--short")
    text = setting.workspaces.diff(TASK.id)
    assert git(tree, "status", "--short") == before, "the person's index is theirs"
    assert not list(setting.place.store.parent.glob(".diff.*"))

    there = tmp_path / "there"
    git(tmp_path, "clone", "-q", str(setting.forge), str(there))
    git(there, "checkout", "-q", base)
    git(there, "apply", data=text.encode())
    assert (there / "work.txt").read_text() == "done\nnearly done\n"
    assert (there / "draft.txt").read_text() == "half a thought\n"
    assert (there / "src/app.py").read_text() == "print('mine')\n"
    assert (there / "mine.txt").read_text() == "mine\n"
    assert not (there / "README.md").exists()
    headings = [line for line in text.splitlines() if line.startswith("# ")]
    assert headings == ["# Not committed yet by the agent:", f"# Not committed, by a person in {tree}:"]


def test_our_own_note_is_no_change(setting: GitSetting, tree: Path) -> None:
    setting.workspaces.note({"version": 1}, task=TASK.id)
    assert setting.workspaces.diff(TASK.id) == ""


def test_a_long_patch_is_cut_and_says_so(
    setting: GitSetting, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(setting, {"long.txt": b"".join(b"%07d is a line\n" % n for n in range(200_000))})
    text = setting.workspaces.diff(TASK.id)
    *lines, last = text.splitlines()
    assert last == f"# This is not all: a patch is shown up to {changes.LIMIT} bytes."
    assert changes.LIMIT - 100 < len(text) - len(last) <= changes.LIMIT
    assert lines[-1].endswith(" is a line"), "no line is cut"
    monkeypatch.setattr(changes, "LIMIT", 10_000_000)
    assert "# This" not in setting.workspaces.diff(TASK.id)


def test_what_is_left_out_may_be_of_any_part(setting: GitSetting, tree: Path) -> None:
    committed(setting, {"long.txt": b"x" * 60 + b"\n" * (changes.LIMIT - 1000)})
    (tree / "mine.txt").write_text("mine\n" * 10_000)
    assert setting.workspaces.diff(TASK.id).endswith("bytes.\n")


def test_nothing_of_the_repository_has_a_say(
    setting: GitSetting, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, run_me = tmp_path / "marker", tmp_path / "run-me"
    run_me.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    run_me.chmod(0o755)
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "GIT_CONFIG_GLOBAL"):
        monkeypatch.setenv(name, str(run_me))
    agent = setting.agent(TASK)
    for name in ("diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean"):
        git(agent, "config", name, str(run_me))
    committed(setting, {".gitattributes": b"* diff=evil filter=evil\n*.py -diff\n", "a.py": b"hidden\n"})
    marker.unlink(missing_ok=True)  # adding files ran the agent's own filter, at the agent's
    (tree / "mine.txt").write_text("mine\n")
    text = setting.workspaces.diff(TASK.id)
    assert "+hidden\n" in text, "no attribute hides what was committed"
    assert "+mine\n" in text
    assert "\x1b" not in text
    assert not marker.exists()


def test_links_are_not_followed(setting: GitSetting, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (tree / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tree / "pipe")
    text = setting.workspaces.diff(TASK.id)
    assert "+++ b/link" in text
    assert "hunter2" not in text


def test_there_is_a_patch_without_forge_and_without_worktree(setting: GitSetting, tree: Path) -> None:
    committed(setting, {"work.txt": b"done\n"})
    setting.forge.rename(setting.root / "gone.git")
    text = setting.workspaces.diff(TASK.id)
    assert "+done\n" in text
    tree.rename(setting.root / "moved-away")
    assert setting.restarted().diff(TASK.id) == text


# Lines.


def test_lines_of_all_kinds(setting: GitSetting, tree: Path) -> None:
    assert committed(setting, {"a.txt": b"1\n2\n3\n"}).lines == 3
    assert committed(setting, {"binary": b"\0" * 5000}).lines == 3
    assert committed(setting, {"src/app.py": b"print('changed')\n"}).lines == 5
    agent = setting.agent(TASK)
    git(agent, "mv", "README.md", "READ.md")
    git(agent, "commit", "-q", "-m", "moved")
    assert harvest(setting).lines == 7, "a file of one line that moved is one less and one more"
    assert len(git(setting.place.store, "for-each-ref", "refs/cdock/lines").splitlines()) == 1


def test_work_that_is_taken_back_has_no_lines(setting: GitSetting, tree: Path) -> None:
    committed(setting, {"a.txt": b"1\n"})
    agent = setting.agent(TASK)
    git(agent, "rm", "-q", "a.txt")
    git(agent, "commit", "-q", "-m", "away with it")
    seen = harvest(setting)
    assert seen.lines == 0
    assert setting.restarted().list() == (seen,)


def test_lines_are_counted_once_for_each_head(
    setting: GitSetting, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = committed(setting, {"a.txt": b"1\n"})
    monkeypatch.setattr("cdock.adapters.git.worktrees.measured", None)
    assert harvest(setting) == seen
    assert setting.restarted().list() == (seen,)


def test_what_others_did_is_not_counted_and_not_shown(setting: GitSetting, tree: Path) -> None:
    committed(setting, {"a.txt": b"1\n"})
    new = setting.advance_main()
    setting.workspaces.ensure(TASK, branch=BRANCH)
    git(setting.agent(TASK), "merge", "-q", "--no-edit", new)
    seen = harvest(setting)
    assert seen.lines == 1
    text = setting.workspaces.diff(TASK.id)
    assert "a.txt" in text
    assert "news.txt" not in text


def test_what_was_there_when_the_work_began_is_not_shown(setting: GitSetting) -> None:
    first = setting.main()
    setting.advance_main()
    setting.workspaces.ensure(TASK, branch=BRANCH)
    git(setting.forge, "update-ref", "refs/heads/main", first)
    setting.workspaces.ensure(TASK, branch=BRANCH)
    assert committed(setting, {"a.txt": b"1\n"}).lines == 1
    assert "news.txt" not in setting.workspaces.diff(TASK.id)


def test_merged_work_is_shown_as_what_it_was(setting: GitSetting, tree: Path) -> None:
    seen = committed(setting, {"a.txt": b"1\n"})
    git(setting.forge, "fetch", "-q", str(setting.place.store), f"{seen.head}:refs/heads/main")
    setting.workspaces.ensure(TASK, branch=BRANCH)
    assert "a.txt" in setting.workspaces.diff(TASK.id)


# Rewritten work.


def test_work_rebased_after_the_default_branch_was_rewritten(setting: GitSetting, tree: Path) -> None:
    first = committed(setting, {"a.txt": b"1\n"})
    setting.publish(TASK, first.head)
    old = git(setting.forge, "rev-parse", "main^{tree}")
    new = git_repos.commit_tree(setting.forge, old, message="history, rewritten")
    git(setting.forge, "update-ref", "refs/heads/main", new)
    setting.workspaces.ensure(TASK, branch=BRANCH)
    agent = setting.agent(TASK)
    git(agent, "rebase", "-q", "--onto", new, first.base)
    with pytest.raises(Refused, match="the work started from"):
        harvest(setting)
    seen = harvest(setting, rewritten=True)
    assert (seen.base, seen.lines) == (new, 1)
    assert (tree / "a.txt").exists()
    setting.commits += 1
    (agent / "b.txt").write_text("2\n")
    git(agent, "add", "b.txt")
    git(agent, "commit", "-q", "-m", "and on")
    after = harvest(setting, rewritten=True)
    assert (after.base, after.lines) == (new, 2)
    assert setting.restarted().ensure(TASK, branch=BRANCH).base == new


# The default branch.


def test_the_target_is_never_an_older_one_while_the_forge_is_there(
    setting: GitSetting, tmp_path: Path
) -> None:
    assert setting.workspaces.target() == setting.main(), "with nothing there yet"
    new = setting.advance_main()
    assert setting.workspaces.target() == new
    setting.forge.rename(tmp_path / "gone.git")
    assert setting.workspaces.target() == new
    assert setting.restarted().target() == new


def test_a_forge_that_is_away_is_not_asked_again_and_again(setting: GitSetting, tmp_path: Path) -> None:
    setting.forge.rename(tmp_path / "gone.git")
    workspaces = GitWorkspaces(Place(tmp_path / "other"), url=f"file://{setting.forge}")
    with pytest.raises(Unavailable, match="failed"):
        workspaces.target()
    (tmp_path / "gone.git").rename(setting.forge)
    with pytest.raises(Unavailable, match="a moment ago"):
        workspaces.target()
