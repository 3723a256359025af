"""Others push while an agent works, from the forge into a container and back: real git, real engine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.core.errors import Overtaken
from cdock.core.events import Remote, RunSpec
from cdock.core.runs import Role, Theirs, Workspace
from cdock.core.task import Task
from tests import git_repos
from tests.contract.runner_contract import script, until
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of
from tests.docker_engine import Place, place

pytestmark = pytest.mark.docker


class Contained(GitSetting):
    """The agent of the one task works in containers."""

    def __init__(self, root: Path, at: Place) -> None:
        super().__init__(root)
        self.runner = at.runner()
        self.task = replace(task_of(), id=at.task)
        self.branch = branch_of(self.task)
        self.attempts = 0
        self.workspaces.ensure(self.task, branch=self.branch)

    def remote(self, task: Task) -> Remote:
        return self.runner.remote(task.id)

    def work(self, text: str) -> tuple[Workspace, str]:
        """An attempt with this script, started as the loop does it; what it left, and what it said."""
        before = self.workspaces.ensure(self.task, branch=self.branch)
        theirs = before.theirs
        self.attempts += 1
        spec = RunSpec(
            name=self.task.id.run(self.attempts),
            task=str(self.task.id),
            attempt=self.attempts,
            role=Role.AGENT.value,
            base=theirs.commit if theirs else before.head,
            dropped=before.pushed if theirs and theirs.dropped else "",
            branch=self.branch,
            objects=self.workspaces.objects,
            launch=script(text),
        )
        self.runner.start(spec)
        until(
            lambda: not any(run.alive for run in self.runner.list() if run.name == spec.name), what="its end"
        )
        after = self.workspaces.harvest(
            self.task.id, closes=self.task.issue, branch=self.branch, remote=self.remote(self.task)
        )
        return after, self.runner.output(spec.name, offset=0).decode()

    def at(self) -> str:
        """Where the branch is on the forge."""
        return git_repos.git(self.forge, "rev-parse", self.branch)


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Contained]:
    with place() as at:
        setting = Contained(tmp_path, at)
        first, _ = setting.work("echo first >first")
        setting.publish(setting.task, first.head)
        yield setting


def test_theirs_and_ours_meet_in_a_container(setting: Contained) -> None:
    ours, _ = setting.work("echo ours >ours")
    theirs = git_repos.write(setting.forge, {"theirs.txt": "theirs\n"}, branch=setting.branch)
    with pytest.raises(Overtaken):
        setting.publish(setting.task, ours.head)
    assert setting.at() == theirs
    assert setting.workspaces.ensure(setting.task, branch=setting.branch).theirs == Theirs(theirs)
    met, said = setting.work("cat first ours theirs.txt; git log --format=%s -1")
    assert said == f"first\nours\ntheirs\nMerge what was pushed to {setting.branch} meanwhile\n"
    assert (met.pushed, met.theirs) == (theirs, None)
    setting.publish(setting.task, met.head)
    assert setting.at() == met.head
    for commit in (ours.head, theirs):
        git_repos.git(setting.forge, "merge-base", "--is-ancestor", commit, setting.branch)


def test_what_was_dropped_is_not_there_any_more(setting: Contained) -> None:
    ours, _ = setting.work("echo ours >ours")
    git_repos.git(setting.forge, "update-ref", f"refs/heads/{setting.branch}", setting.main())
    theirs = git_repos.write(setting.forge, {"theirs.txt": "theirs\n"}, branch=setting.branch)
    begun, said = setting.work("ls first ours theirs.txt 2>/dev/null; git show refs/cdock/aside:ours")
    assert said == "theirs.txt\nours\n"
    assert (begun.head, begun.theirs) == (theirs, None)
    assert setting.kept(setting.task) == {ours.head}
