"""Work on top of unmerged branches over machines and over time, and branches that are retired in a race."""

import threading
from pathlib import Path

import pytest

from cdock.adapters.git.command import Git
from cdock.adapters.git.merging import joined
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from tests import git_repos
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of

OTHERS = ("cdock/one.0000001", "cdock/two.0000002")


@pytest.fixture
def setting(tmp_path: Path) -> GitSetting:
    made = GitSetting(tmp_path)
    for name in OTHERS:
        made.write(name, f"{name[6:9]}.txt", f"{name}\n")
    return made


def test_machines_agree_upon_the_commit_that_work_starts_from(setting: GitSetting) -> None:
    task = task_of()
    here = setting.workspaces.ensure(task, branch=branch_of(task), on=OTHERS)
    there = setting.elsewhere().ensure(task, branch=branch_of(task), on=OTHERS)
    assert here.base == there.base


def test_a_takeover_begins_anew_where_nothing_was_pushed_and_its_ground_is_gone(setting: GitSetting) -> None:
    task = task_of(base="1" * 40)
    made = setting.elsewhere().ensure(task, branch=branch_of(task), on=OTHERS[:1])
    assert made.base == setting.on_forge(OTHERS[0])


def test_the_names_of_branches_outside_of_the_prefix_are_fetched(setting: GitSetting) -> None:
    tip = setting.write("feature/by-hand", "hand.txt", "hand\n")
    task = task_of()
    assert setting.workspaces.ensure(task, branch=branch_of(task), on=["feature/by-hand"]).base == tip


def test_a_join_has_the_date_of_its_newest_part(setting: GitSetting) -> None:
    setting.workspaces.target()
    git_repos.git(
        setting.place.mirror, "fetch", "--quiet", f"file://{setting.forge}", "refs/heads/*:refs/heads/*"
    )
    git = Git(setting.place.mirror)
    tips = [(name, setting.on_forge(name)) for name in OTHERS]
    assert joined(git, tips, tried="x") == joined(git, tips, tried="y")


def test_two_machines_retire_one_branch(setting: GitSetting, tmp_path: Path) -> None:
    task = task_of()
    tip = setting.push_elsewhere(branch_of(task))
    every = [GitWorkspaces(Place(tmp_path / name), url=f"file://{setting.forge}") for name in "ab"]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda one=one: found.append(one.retire(task.id, branch=branch_of(task))))
        for one in every
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ref = f"refs/cdock/kept/{task.id.name}"
    assert found == [ref, ref]
    assert (setting.on_forge(ref), setting.on_forge(branch_of(task))) == (tip, "")


def test_where_claims_are_branches_so_is_what_is_kept(setting: GitSetting, tmp_path: Path) -> None:
    task = task_of()
    tip = setting.push_elsewhere(branch_of(task))
    workspaces = GitWorkspaces(
        Place(tmp_path / "other"), url=f"file://{setting.forge}", namespace="refs/heads/cdock-claims"
    )
    ref = workspaces.retire(task.id, branch=branch_of(task))
    assert ref == f"refs/heads/cdock-kept/{task.id.name}"
    assert setting.on_forge(ref) == tip
