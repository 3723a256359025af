"""What every implementation of `Workspaces` promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cdock.core.errors import Refused
from cdock.core.events import Remote
from cdock.core.ids import task_id
from cdock.core.runs import Workspace
from cdock.core.task import Attempt, Task
from cdock.ports import Workspaces


def task_of(number: int = 1, *, base: str = "") -> Task:
    """A task; each number is another one."""
    uuid = UUID(int=number << 100)
    return Task(
        id=task_id("add-login", uuid),
        uuid=uuid,
        issue=number,
        title="Add login",
        created_at=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
        base=base,
    )


def branch_of(task: Task) -> str:
    """The branch of the task."""
    return task.id.branch()


class WorkspacesSetting(ABC):
    """One machine with its workspaces, a forge, and agents at work."""

    workspaces: Workspaces

    @abstractmethod
    def restarted(self) -> Workspaces:
        """What a new process on the same machine sees."""

    @abstractmethod
    def main(self) -> str:
        """The commit of the default branch on the forge."""

    @abstractmethod
    def advance_main(self) -> str:
        """Somebody pushes a commit to the default branch; that commit."""

    @abstractmethod
    def push_elsewhere(self, branch: str) -> str:
        """Another machine pushes a commit to `branch`, on top of it or of the default branch; that commit."""

    @abstractmethod
    def publish(self, task: Task, commit: str) -> None:
        """This machine pushes an accepted commit to the branch of the task."""

    @abstractmethod
    def agent_commits(self, task: Task) -> str:
        """The agent of the task makes a commit in its own repository (made from the workspace's head)."""

    @abstractmethod
    def agent_starts_over(self, task: Task) -> None:
        """The agent replaces its branch by one that does not contain the base."""

    @abstractmethod
    def remote(self, task: Task) -> Remote:
        """The way to the agent's repository."""

    @abstractmethod
    def noted(self, task: Task) -> Mapping[str, object] | None:
        """The record in the workspace; None when there is none."""

    @abstractmethod
    def kept(self, task: Task) -> set[str]:
        """The commits that are kept of a task whose workspace is gone."""

    @abstractmethod
    def write(self, branch: str, path: str, text: str) -> str:
        """Another machine pushes a commit with this file to `branch`, on top of it or of the default branch."""

    @abstractmethod
    def on_forge(self, name: str) -> str:
        """The commit of a branch, or of a ref that begins with `refs/`, on the forge; empty without one."""

    @abstractmethod
    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether a commit that this machine knows has `ancestor` in its history."""


class WorkspacesContract:
    """Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> WorkspacesSetting:
        raise NotImplementedError

    def test_nothing_at_first(self, setting: WorkspacesSetting) -> None:
        assert setting.workspaces.list() == ()

    def test_a_new_one_starts_at_the_default_branch(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        made = setting.workspaces.ensure(task, branch=branch_of(task))
        assert (made.task, made.base, made.head, made.pushed) == (task.id, setting.main(), setting.main(), "")
        assert not made.has_work
        assert setting.workspaces.list() == (made,)

    def test_made_twice_is_made_once(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        made = setting.workspaces.ensure(task, branch=branch_of(task))
        setting.advance_main()
        assert setting.workspaces.ensure(task, branch=branch_of(task)) == made
        assert setting.workspaces.list() == (made,)

    def test_it_outlives_the_process(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        made = setting.workspaces.ensure(task, branch=branch_of(task))
        again = setting.restarted()
        assert again.list() == (made,)
        assert again.ensure(task, branch=branch_of(task)) == made

    def test_it_starts_at_the_base_of_the_task(self, setting: WorkspacesSetting) -> None:
        first = setting.main()
        setting.advance_main()
        task = task_of(base=first)
        made = setting.workspaces.ensure(task, branch=branch_of(task))
        assert (made.base, made.head) == (first, first)

    def test_it_goes_on_from_the_pushed_branch(self, setting: WorkspacesSetting) -> None:
        base, task = setting.main(), task_of()
        theirs = setting.push_elsewhere(branch_of(task))
        setting.advance_main()
        made = setting.workspaces.ensure(replace(task, base=base), branch=branch_of(task))
        assert (made.base, made.head, made.pushed) == (base, theirs, theirs)
        assert made.has_work
        assert not made.unpushed

    def test_each_task_has_its_own(self, setting: WorkspacesSetting) -> None:
        tasks = [task_of(1), task_of(2)]
        made = [setting.workspaces.ensure(task, branch=branch_of(task)) for task in tasks]
        assert len({workspace.path for workspace in made}) == 2
        assert set(setting.workspaces.list()) == set(made)

    def test_harvest_accepts_commits(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        made = setting.workspaces.ensure(task, branch=branch_of(task))
        for _ in range(2):
            commit = setting.agent_commits(task)
            seen = setting.workspaces.harvest(
                task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
            )
            assert seen == replace(made, head=commit, lines=seen.lines, paths=seen.paths)
            assert seen.unpushed
            assert setting.workspaces.list() == (seen,)

    def test_harvest_of_nothing_new(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.agent_commits(task)
        seen = setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        assert (
            setting.workspaces.harvest(
                task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
            )
            == seen
        )

    def test_accepted_commits_outlive_the_process(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.agent_commits(task)
        seen = setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        assert setting.restarted().list() == (seen,)

    def test_foreign_history_is_refused_and_changes_nothing(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.agent_commits(task)
        seen = setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        setting.agent_starts_over(task)
        with pytest.raises(Refused):
            setting.workspaces.harvest(
                task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
            )
        assert setting.workspaces.list() == (seen,)

    def test_pushed_work_is_seen_as_pushed(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        commit = setting.agent_commits(task)
        setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        setting.publish(task, commit)
        (seen,) = setting.workspaces.list()
        assert (seen.head, seen.pushed, seen.unpushed) == (commit, commit, False)

    def test_what_others_push_stays_beside_ours(self, setting: WorkspacesSetting) -> None:
        task, branch = task_of(), branch_of(task_of())

        def harvested() -> Workspace:
            remote = setting.remote(task)
            return setting.workspaces.harvest(task.id, closes=task.issue, branch=branch, remote=remote)

        setting.workspaces.ensure(task, branch=branch)
        first = setting.agent_commits(task)
        harvested()
        setting.publish(task, first)
        theirs = setting.push_elsewhere(branch)
        setting.agent_commits(task)
        ours = harvested()
        assert (ours.theirs, ours.unpushed) == (None, True)
        beside = setting.workspaces.ensure(task, branch=branch)
        assert (beside.head, beside.pushed, beside.unpushed) == (ours.head, first, False)
        assert beside.theirs
        assert beside.theirs.commit == theirs
        assert setting.restarted().list() == (beside,)

    def test_a_note_is_written_and_replaced(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        assert setting.noted(task) is None
        for status in ("in-progress", "in-review"):
            setting.workspaces.note({"version": 1, "status": status}, task=task.id)
            assert setting.noted(task) == {"version": 1, "status": status}

    def test_an_unused_one_is_removed(self, setting: WorkspacesSetting) -> None:
        task, other = task_of(1), task_of(2)
        for each in (task, other):
            setting.workspaces.ensure(each, branch=branch_of(each))
        setting.workspaces.note({"version": 1}, task=task.id)
        setting.workspaces.remove(task.id, branch=branch_of(task))
        assert [workspace.task for workspace in setting.workspaces.list()] == [other.id]
        assert setting.noted(task) is None

    def test_removing_what_is_not_there_is_no_error(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.remove(task.id, branch=branch_of(task))
        setting.workspaces.ensure(task, branch=branch_of(task))
        for _ in range(2):
            setting.workspaces.remove(task.id, branch=branch_of(task))
        assert setting.workspaces.list() == ()

    def test_unpushed_commits_are_not_removed(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.agent_commits(task)
        seen = setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        with pytest.raises(Refused):
            setting.workspaces.remove(task.id, branch=branch_of(task))
        assert setting.workspaces.list() == (seen,)
        assert setting.kept(task) == set()
        setting.workspaces.remove(task.id, branch=branch_of(task), keep=True)
        assert setting.workspaces.list() == ()
        assert setting.kept(task) == {seen.head}, "for a person to look at"

    def test_pushed_commits_are_removed(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        commit = setting.agent_commits(task)
        setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        setting.publish(task, commit)
        setting.workspaces.remove(task.id, branch=branch_of(task))
        assert setting.workspaces.list() == ()

    def test_made_anew_after_removal(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.workspaces.remove(task.id, branch=branch_of(task))
        new = setting.advance_main()
        assert setting.workspaces.ensure(task, branch=branch_of(task)).base == new

    def test_it_starts_from_another_branch(self, setting: WorkspacesSetting) -> None:
        task, other = task_of(1), task_of(2)
        tip = setting.push_elsewhere(branch_of(other))
        setting.advance_main()
        made = setting.workspaces.ensure(task, branch=branch_of(task), on=[branch_of(other)])
        assert (made.base, made.head, made.pushed) == (tip, tip, "")
        assert not made.has_work
        assert made.paths == frozenset()
        setting.push_elsewhere(branch_of(other))
        assert setting.workspaces.ensure(task, branch=branch_of(task), on=[branch_of(other)]) == made

    def test_it_starts_from_several_branches_merged(self, setting: WorkspacesSetting) -> None:
        task, others = task_of(1), [branch_of(task_of(n)) for n in (2, 3, 4)]
        tips = [setting.write(name, f"{number}.txt", "one\n") for number, name in enumerate(others)]
        made = setting.workspaces.ensure(task, branch=branch_of(task), on=others)
        assert made.base == made.head
        assert all(setting.contains(made.base, tip) for tip in tips)
        assert not made.has_work
        assert setting.restarted().list() == (made,)
        setting.agent_commits(task)
        seen = setting.workspaces.harvest(
            task.id, closes=task.issue, branch=branch_of(task), remote=setting.remote(task)
        )
        assert seen.base == made.base
        assert seen.lines < 4, "those of the others are not its own"

    def test_branches_one_of_which_has_the_other_need_no_merge(self, setting: WorkspacesSetting) -> None:
        task, one, other = task_of(1), branch_of(task_of(2)), branch_of(task_of(3))
        first = setting.write(one, "one.txt", "one\n")
        assert setting.workspaces.ensure(task_of(4), branch="cdock/x", on=[one]).base == first
        newest = setting.write(one, "two.txt", "two\n")
        setting.write(other, "three.txt", "three\n")
        assert setting.workspaces.ensure(task, branch=branch_of(task), on=[one, one]).base == newest

    def test_branches_that_conflict_are_refused_by_the_names_of_files(
        self, setting: WorkspacesSetting
    ) -> None:
        task, one, other = task_of(1), branch_of(task_of(2)), branch_of(task_of(3))
        setting.write(one, "same.txt", "one\n")
        setting.write(other, "same.txt", "other\n")
        with pytest.raises(Refused, match=r"same\.txt"):
            setting.workspaces.ensure(task, branch=branch_of(task), on=[one, other])
        assert setting.workspaces.list() == ()

    def test_a_branch_to_build_upon_has_to_be_there(self, setting: WorkspacesSetting) -> None:
        task = task_of()
        with pytest.raises(Refused, match="is not on the forge"):
            setting.workspaces.ensure(task, branch=branch_of(task), on=["cdock/none"])
        assert setting.workspaces.list() == ()

    def test_its_own_pushed_work_comes_before_what_it_builds_upon(self, setting: WorkspacesSetting) -> None:
        task, other = task_of(1), task_of(2)
        theirs = setting.push_elsewhere(branch_of(task))
        setting.write(branch_of(other), "other.txt", "other\n")
        made = setting.workspaces.ensure(task, branch=branch_of(task), on=[branch_of(other)])
        assert (made.head, made.pushed) == (theirs, theirs)

    def test_a_retired_branch_is_kept_out_of_sight(self, setting: WorkspacesSetting) -> None:
        task, name = task_of(), branch_of(task_of())
        setting.workspaces.ensure(task, branch=name)
        commit = setting.agent_commits(task)
        setting.workspaces.harvest(task.id, closes=task.issue, branch=name, remote=setting.remote(task))
        setting.publish(task, commit)
        ref = setting.workspaces.retire(task.id, branch=name)
        assert ref == f"refs/cdock/kept/{task.id.name}"
        assert (setting.on_forge(name), setting.on_forge(ref)) == ("", commit)
        assert setting.workspaces.list() == ()
        assert setting.kept(task) == set(), "the forge has it all"
        assert setting.restarted().retire(task.id, branch=name) == ref
        assert setting.on_forge(ref) == commit

    def test_a_retired_task_begins_anew(self, setting: WorkspacesSetting) -> None:
        task, name = task_of(), branch_of(task_of())
        setting.push_elsewhere(name)
        setting.workspaces.ensure(task, branch=name)
        setting.workspaces.retire(task.id, branch=name)
        again = setting.workspaces.ensure(task, branch=name)
        assert (again.head, again.pushed) == (setting.main(), "")

    def test_what_was_kept_before_stays(self, setting: WorkspacesSetting) -> None:
        task, name = task_of(), branch_of(task_of())
        first = setting.push_elsewhere(name)
        ref = setting.workspaces.retire(task.id, branch=name)
        second = setting.write(name, "again.txt", "again\n")
        beside = setting.workspaces.retire(task.id, branch=name)
        assert beside != ref
        assert (setting.on_forge(ref), setting.on_forge(beside)) == (first, second)

    def test_nothing_is_retired_that_was_never_pushed(self, setting: WorkspacesSetting) -> None:
        task, name = task_of(), branch_of(task_of())
        assert setting.workspaces.retire(task.id, branch=name) == ""
        setting.workspaces.ensure(task, branch=name)
        commit = setting.agent_commits(task)
        setting.workspaces.harvest(task.id, closes=task.issue, branch=name, remote=setting.remote(task))
        assert setting.workspaces.retire(task.id, branch=name) == ""
        assert setting.workspaces.list() == ()
        assert setting.kept(task) == {commit}


class CarefulSetting(WorkspacesSetting):
    """The same with agents that leave work uncommitted, and a second machine."""

    @abstractmethod
    def elsewhere(self) -> Workspaces:
        """The workspaces of another machine that works with the same forge."""

    @abstractmethod
    def publish(self, task: Task, commit: str, unfinished: str = "") -> None:
        """This machine pushes an accepted commit to the branch of the task, and what is unfinished beside it."""

    @abstractmethod
    def agent_edits(self, task: Task, text: str) -> None:
        """The agent writes `text` into a file and does not commit it; its run sets that down."""

    @abstractmethod
    def agent_edits_nothing(self, task: Task) -> None:
        """The agent takes back what it had not committed; its run sets that down."""

    @abstractmethod
    def agent_rewrites(self, task: Task) -> str:
        """The agent replaces its last commit by another one on the same base; that commit."""

    @abstractmethod
    def agent_starts_again(self, task: Task) -> str:
        """The agent replaces all of its commits by one on the newest default branch; that commit."""


class CarefulContract:
    """What `Workspaces` promises about unfinished and rewritten work. Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> CarefulSetting:
        raise NotImplementedError

    def harvest(self, setting: CarefulSetting, task: Task, *, rewritten: bool = False) -> Workspace:
        return setting.workspaces.harvest(
            task.id,
            closes=task.issue,
            branch=branch_of(task),
            remote=setting.remote(task),
            rewritten=rewritten,
        )

    def begun(self, setting: CarefulSetting, number: int = 1) -> Task:
        """A task with one accepted commit."""
        now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        task = replace(
            task_of(number), attempts=(Attempt(number=1, round=1, agent="claude", started_at=now),)
        )
        setting.workspaces.ensure(task, branch=branch_of(task))
        setting.agent_commits(task)
        self.harvest(setting, task)
        return task

    def test_nothing_unfinished_at_first(self, setting: CarefulSetting) -> None:
        self.begun(setting)
        (seen,) = setting.workspaces.list()
        assert (seen.unfinished, seen.kept) == ("", "")

    def test_what_was_not_committed_comes_along(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        seen = self.harvest(setting, task)
        assert seen.unfinished not in ("", seen.head, seen.base)
        assert seen.kept == ""
        assert setting.workspaces.list() == setting.restarted().list() == (seen,)
        assert self.harvest(setting, task) == seen

    def test_it_follows_the_agent(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        first = self.harvest(setting, task).unfinished
        setting.agent_edits(task, "three quarters of a thought")
        assert self.harvest(setting, task).unfinished not in ("", first)
        setting.agent_edits_nothing(task)
        assert self.harvest(setting, task).unfinished == ""

    def test_what_was_set_down_before_a_commit_is_finished_with_it(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        assert self.harvest(setting, task).unfinished
        setting.agent_commits(task)
        assert self.harvest(setting, task).unfinished == ""

    def test_another_machine_takes_it_over(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        mine = self.harvest(setting, task)
        setting.publish(task, mine.head, mine.unfinished)
        (seen,) = setting.workspaces.list()
        assert (seen.unfinished, seen.kept) == (mine.unfinished, mine.unfinished)
        theirs = setting.elsewhere().ensure(task, branch=branch_of(task))
        assert (theirs.base, theirs.head, theirs.lines) == (mine.base, mine.head, mine.lines)
        assert (theirs.unfinished, theirs.kept) == (mine.unfinished, mine.unfinished)

    def test_unfinished_work_is_not_removed(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        seen = self.harvest(setting, task)
        setting.publish(task, seen.head)
        with pytest.raises(Refused):
            setting.workspaces.remove(task.id, branch=branch_of(task))
        setting.workspaces.remove(task.id, branch=branch_of(task), keep=True)
        assert setting.workspaces.list() == ()
        assert setting.kept(task) == {seen.unfinished}

    def test_unfinished_work_is_kept_though_the_forge_has_it_still(self, setting: CarefulSetting) -> None:
        """There it goes with the claim."""
        task = self.begun(setting)
        setting.agent_edits(task, "half a thought")
        seen = self.harvest(setting, task)
        setting.publish(task, seen.head, seen.unfinished)
        setting.workspaces.remove(task.id, branch=branch_of(task))
        assert setting.workspaces.list() == ()
        assert setting.kept(task) == {seen.unfinished}

    def test_rewritten_work_is_accepted_when_it_was_to_be(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        (before,) = setting.workspaces.list()
        setting.publish(task, before.head)
        commit = setting.agent_rewrites(task)
        with pytest.raises(Refused):
            self.harvest(setting, task)
        seen = self.harvest(setting, task, rewritten=True)
        assert (seen.head, seen.base, seen.pushed) == (commit, before.base, before.head)
        assert seen.unpushed
        again = setting.restarted().ensure(task, branch=branch_of(task))
        assert again.head == commit, "the forge has what it had when this was accepted"

    def test_rewritten_work_contains_its_base(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        before = setting.workspaces.list()
        setting.agent_starts_over(task)
        with pytest.raises(Refused):
            self.harvest(setting, task, rewritten=True)
        assert setting.workspaces.list() == before

    def test_work_may_be_moved_to_the_newest_commits(self, setting: CarefulSetting) -> None:
        task = self.begun(setting)
        (before,) = setting.workspaces.list()
        setting.publish(task, before.head)
        setting.advance_main()
        setting.workspaces.ensure(task, branch=branch_of(task))
        commit = setting.agent_starts_again(task)
        seen = self.harvest(setting, task, rewritten=True)
        assert seen.head == commit
        assert seen.has_work

    def test_the_target_is_the_default_branch(self, setting: CarefulSetting) -> None:
        assert setting.workspaces.target() == setting.main()
        new = setting.advance_main()
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        assert setting.workspaces.target() == new

    def test_lines_are_counted(self, setting: CarefulSetting) -> None:
        task = task_of()
        assert setting.workspaces.ensure(task, branch=branch_of(task)).lines == 0
        setting.agent_commits(task)
        seen = self.harvest(setting, task)
        assert seen.lines > 0
        assert setting.restarted().list() == (seen,)

    def test_files_are_listed(self, setting: CarefulSetting) -> None:
        task = task_of()
        assert setting.workspaces.ensure(task, branch=branch_of(task)).paths == frozenset()
        setting.agent_commits(task)
        committed = self.harvest(setting, task).paths
        assert committed
        setting.agent_edits(task, "half a thought")
        seen = self.harvest(setting, task)
        assert committed < seen.paths, "what is not committed is in the way of others, too"
        assert setting.restarted().list() == setting.workspaces.list() == (seen,)
        setting.agent_edits_nothing(task)
        assert self.harvest(setting, task).paths == committed

    def test_a_diff_shows_what_there_is(self, setting: CarefulSetting) -> None:
        task = task_of()
        setting.workspaces.ensure(task, branch=branch_of(task))
        assert setting.workspaces.diff(task.id) == ""
        setting.agent_commits(task)
        self.harvest(setting, task)
        committed = setting.workspaces.diff(task.id)
        assert committed
        setting.agent_edits(task, "half a thought")
        self.harvest(setting, task)
        assert setting.workspaces.diff(task.id) not in ("", committed)

    def test_there_is_no_diff_of_a_task_that_is_not_here(self, setting: CarefulSetting) -> None:
        with pytest.raises(Refused):
            setting.workspaces.diff(task_of().id)
