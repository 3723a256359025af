"""Others push to the branch of a task while its agent works, on real git."""

from pathlib import Path

import pytest

from cdock.core.errors import Overtaken, Refused
from cdock.core.runs import Theirs, Workspace
from tests import git_repos
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of

TASK = task_of()
BRANCH = branch_of(TASK)


@pytest.fixture
def setting(tmp_path: Path) -> GitSetting:
    """One commit is pushed."""
    setting = GitSetting(tmp_path)
    setting.workspaces.ensure(TASK, branch=BRANCH)
    setting.publish(TASK, setting.agent_commits_and_harvest(TASK))
    return setting


def forge(setting: GitSetting, *words: str) -> str:
    return git_repos.git(setting.forge, *words)


def at(setting: GitSetting) -> str:
    """Where the branch is on the forge."""
    return forge(setting, "rev-parse", BRANCH)


def pushed_by_person(setting: GitSetting, *, onto: str = "", path: str = "else.txt") -> str:
    """The commit of a person, on top of the branch, or on `onto` in place of what the branch has."""
    if onto:
        forge(setting, "update-ref", f"refs/heads/{BRANCH}", onto)
    return git_repos.write(setting.forge, {path: "theirs\n"}, branch=BRANCH)


def looked(setting: GitSetting) -> Workspace:
    return setting.workspaces.ensure(TASK, branch=BRANCH)


def harvested(setting: GitSetting) -> Workspace:
    return setting.workspaces.harvest(TASK.id, closes=TASK.issue, branch=BRANCH, remote=setting.remote(TASK))


def agent(setting: GitSetting, *words: str) -> str:
    return git_repos.git(setting.agent(TASK), *words)


def refused(setting: GitSetting, commit: str) -> None:
    before = at(setting)
    with pytest.raises(Overtaken):
        setting.publish(TASK, commit)
    assert at(setting) == before


def test_both_are_kept_until_ours_contains_theirs(setting: GitSetting) -> None:
    first = at(setting)
    theirs = pushed_by_person(setting)
    ours = setting.agent_commits_and_harvest(TASK)
    refused(setting, ours)
    seen = looked(setting)
    assert (seen.head, seen.pushed, seen.theirs) == (ours, first, Theirs(theirs))
    assert not seen.unpushed
    assert setting.restarted().list() == (seen,), "it outlives the process"
    assert looked(setting) == seen
    more = setting.agent_commits_and_harvest(TASK)
    assert setting.workspaces.list()[0].theirs == Theirs(theirs)
    agent(setting, "merge", "--quiet", "--no-edit", theirs)
    met = harvested(setting)
    assert (met.pushed, met.theirs) == (theirs, None)
    assert met.unpushed
    assert setting.restarted().list() == (met,)
    setting.publish(TASK, met.head)
    assert at(setting) == met.head
    for commit in (ours, more, theirs):
        forge(setting, "merge-base", "--is-ancestor", commit, BRANCH)


def test_a_conflict_is_seen_before_it_is_tried(setting: GitSetting) -> None:
    ours = setting.agent_commits_and_harvest(TASK)
    theirs = pushed_by_person(setting, path="work.txt")
    refused(setting, ours)
    assert looked(setting).theirs == Theirs(theirs, clash=True)


def test_what_others_took_back_is_no_longer_in_the_way(setting: GitSetting) -> None:
    first = at(setting)
    pushed_by_person(setting)
    ours = setting.agent_commits_and_harvest(TASK)
    assert looked(setting).theirs
    forge(setting, "update-ref", f"refs/heads/{BRANCH}", first)
    seen = looked(setting)
    assert (seen.head, seen.theirs) == (ours, None)
    setting.publish(TASK, ours)


@pytest.mark.parametrize("instead", [True, False], ids=["other commits", "fewer commits"])
def test_what_others_dropped_does_not_come_back(setting: GitSetting, instead: bool) -> None:
    first, main = at(setting), setting.main()
    if instead:
        theirs = pushed_by_person(setting, onto=main)
    else:
        theirs = main
        forge(setting, "update-ref", f"refs/heads/{BRANCH}", main)
    ours = setting.agent_commits_and_harvest(TASK)
    refused(setting, ours)
    seen = looked(setting)
    assert (seen.head, seen.pushed, seen.theirs) == (ours, first, Theirs(theirs, dropped=True))
    assert setting.agent_commits_and_harvest(TASK), "what runs goes on"
    last = setting.workspaces.list()[0].head
    agent(setting, "reset", "--quiet", "--hard", theirs)
    begun = harvested(setting)
    assert (begun.head, begun.pushed, begun.theirs) == (theirs, theirs, None)
    assert setting.kept(TASK) == {last}
    better = setting.agent_commits_and_harvest(TASK)
    setting.publish(TASK, better)
    assert at(setting) == better


def test_what_was_dropped_may_not_be_merged_back(setting: GitSetting) -> None:
    theirs = pushed_by_person(setting, onto=setting.main())
    ours = setting.agent_commits_and_harvest(TASK)
    looked(setting)
    agent(setting, "reset", "--quiet", "--hard", theirs)
    agent(setting, "merge", "--quiet", "--no-edit", "-s", "ours", ours)
    seen = harvested(setting)
    assert seen.theirs == Theirs(theirs, dropped=True)
    assert not seen.unpushed


def test_a_branch_moved_to_a_newer_base_is_begun_from_there(setting: GitSetting) -> None:
    """A person rebased it, and the work now begins at the newer commit."""
    setting.agent_commits_and_harvest(TASK)
    forge(setting, "update-ref", "refs/heads/main", forge(setting, "commit-tree", "-m", "new", "main^{tree}"))
    theirs = pushed_by_person(setting, onto=setting.main())
    assert looked(setting).theirs == Theirs(theirs, dropped=True)
    agent(setting, "reset", "--quiet", "--hard", theirs)
    seen = harvested(setting)
    assert (seen.base, seen.head, seen.theirs) == (setting.main(), theirs, None)


def test_ours_ends_as_a_ref_where_the_task_ends(setting: GitSetting) -> None:
    pushed_by_person(setting)
    ours = setting.agent_commits_and_harvest(TASK)
    looked(setting)
    with pytest.raises(Refused):
        setting.workspaces.remove(TASK.id, branch=BRANCH)
    setting.workspaces.remove(TASK.id, branch=BRANCH, keep=True)
    assert setting.kept(TASK) == {ours}
    left = git_repos.git(setting.place.mirror, "for-each-ref", "refs/cdock/theirs")
    assert left == ""


def test_what_the_forge_has_of_ours_is_not_theirs(setting: GitSetting) -> None:
    """A crash came between the push and the note of it."""
    ours = setting.agent_commits_and_harvest(TASK)
    more = setting.agent_commits_and_harvest(TASK)
    git_repos.git(setting.forge, "fetch", "--quiet", str(setting.place.store), f"{ours}:{BRANCH}")
    seen = looked(setting)
    assert (seen.head, seen.pushed, seen.theirs) == (more, ours, None)
