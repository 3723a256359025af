"""The in-memory ports keep the promises of the real ones, so that tests of the loop can be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from cdock.core.events import Launch, Remote, RunSpec
from cdock.core.ids import TaskId
from cdock.core.pulls import CheckState, Opinion
from cdock.core.runs import Run, Signals
from cdock.core.task import Task
from cdock.ports import Agent, Claims, Runner, Workspaces
from cdock.testing import (
    ROOT,
    MemoryAgent,
    MemoryClaims,
    MemoryForge,
    MemoryHub,
    MemoryMachine,
    MemoryRunner,
    MemoryWorkspaces,
)
from tests.contract.agent_contract import AgentContract
from tests.contract.claims_contract import CarefulContract as CarefulClaimsContract
from tests.contract.claims_contract import CarefulSetting as CarefulClaimsSetting
from tests.contract.claims_contract import ClaimsContract, claim_of, publish
from tests.contract.forge_contract import ForgeContract
from tests.contract.help_contract import HelpContract
from tests.contract.plan_contract import PartsContract, StackContract
from tests.contract.pull_contract import PullContract, ThreadContract
from tests.contract.runner_contract import THAT_IS_ALL, ControlContract, Program
from tests.contract.workspaces_contract import CarefulContract as CarefulWorkspacesContract
from tests.contract.workspaces_contract import CarefulSetting as CarefulWorkspacesSetting
from tests.contract.workspaces_contract import WorkspacesContract, branch_of


class MemoryClaimsSetting(CarefulClaimsSetting):
    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.here: Claims = MemoryClaims(self.hub)
        self.there: Claims = MemoryClaims(self.hub)

    def accepted(self, task: Task, *, on: str = "") -> str:
        return self.hub.commit(on or self.hub.branches["main"])

    def unfinished(self, task: Task, *, on: str) -> str:
        return self.hub.commit(on)

    def side(self, issue: int) -> str:
        return self.hub.unfinished.get(issue, "")

    def branch(self, name: str) -> str:
        return self.hub.branches.get(name, "")

    def push_by_person(self, branch: str) -> str:
        return self.hub.push(branch)


class TestMemoryClaims(ClaimsContract, CarefulClaimsContract):
    @pytest.fixture
    def setting(self) -> CarefulClaimsSetting:
        return MemoryClaimsSetting()


class MemoryWorkspacesSetting(CarefulWorkspacesSetting):
    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.machine = MemoryMachine(self.hub)
        self.workspaces = self.restarted()

    def restarted(self) -> Workspaces:
        return MemoryWorkspaces(self.machine)

    def elsewhere(self) -> Workspaces:
        return MemoryWorkspaces(MemoryMachine(self.hub))

    def main(self) -> str:
        return self.hub.branches["main"]

    def advance_main(self) -> str:
        return self.hub.push("main")

    def push_elsewhere(self, branch: str) -> str:
        return self.hub.push(branch)

    def publish(self, task: Task, commit: str, unfinished: str = "") -> None:
        claims = MemoryClaims(self.hub, sight=self.machine.sight)
        held = self.hub.refs.get(task.issue)
        claim = replace(claim_of(task.issue), task=task)
        expected = held.oid if held else claims.swap(task.issue, expected="", claim=claim)
        publish(
            claims,
            expected=expected,
            claim=claim,
            branch=branch_of(task),
            commit=commit,
            unfinished=unfinished,
        )

    def begin(self, task: Task) -> None:
        """The agent's repository is there."""
        self.machine.heads.setdefault(task.id, self.machine.trees[task.id].head)

    def agent_commits(self, task: Task) -> str:
        self.begin(task)
        return self.machine.commit(task.id)

    def agent_starts_over(self, task: Task) -> None:
        self.machine.heads[task.id] = self.hub.commit("")

    def agent_edits(self, task: Task, text: str) -> None:
        self.begin(task)
        self.machine.edit(task.id)
        self.machine.snapshot(task.id)

    def agent_edits_nothing(self, task: Task) -> None:
        self.machine.drafts.pop(task.id)
        self.machine.snapshot(task.id)

    def agent_rewrites(self, task: Task) -> str:
        self.machine.heads[task.id] = self.hub.commits[self.machine.heads[task.id]]
        return self.machine.commit(task.id)

    def agent_starts_again(self, task: Task) -> str:
        self.machine.heads[task.id] = self.main()
        return self.machine.commit(task.id)

    def remote(self, task: Task) -> Remote:
        return MemoryRunner(self.machine).remote(task.id)

    def noted(self, task: Task) -> Mapping[str, object] | None:
        return self.machine.notes.get(task.id)

    def kept(self, task: Task) -> set[str]:
        return set(self.machine.kept)

    def write(self, branch: str, path: str, text: str) -> str:
        return self.hub.write(branch, path, text)

    def on_forge(self, name: str) -> str:
        return (self.hub.kept_refs if name.startswith("refs/") else self.hub.branches).get(name, "")

    def contains(self, commit: str, ancestor: str) -> bool:
        return self.hub.contains(commit, ancestor)


class TestMemoryWorkspaces(WorkspacesContract, CarefulWorkspacesContract):
    @pytest.fixture
    def setting(self) -> CarefulWorkspacesSetting:
        return MemoryWorkspacesSetting()


class Actors:
    """What the agents of one test do as soon as their run has started."""

    def __init__(self) -> None:
        self.machine = MemoryMachine(MemoryHub())
        self.programs: dict[str, Program] = {}
        self.subjects = {ROOT: "base"}

    def launch(self, program: Program) -> Launch:
        self.programs[repr(program)] = program
        until = THAT_IS_ALL if program.listens else ""
        return Launch(argv=("agent",), stdin=repr(program), until=until)

    def act(self, run: Run, program: Program) -> None:
        machine = self.machine
        for message in program.commits:
            self.subjects[machine.commit(run.task)] = message
        machine.print(run.name, program.says)
        signals = Signals(help=program.help, handoff=program.handoff, replies=program.replies)
        if signals != Signals():
            machine.signals[run.task] = signals
        if program.deaf:
            machine.deaf.add(run.name)
        if program.listens:
            self.hear(run.name, "first")
        elif program.ends is not None:
            machine.exit(run.name, program.ends)

    def hear(self, name: str, line: str) -> None:
        self.machine.print(name, f"heard: {line}\n")
        if line == "stop":
            self.machine.exit(name, said=THAT_IS_ALL)


class ActingRunner(MemoryRunner):
    def __init__(self, actors: Actors) -> None:
        super().__init__(actors.machine)
        self.actors = actors

    def start(self, spec: RunSpec) -> Run:
        fresh = spec.name not in self.machine.runs
        run = super().start(spec)
        if fresh and spec.launch:
            self.actors.act(run, self.actors.programs[spec.launch.stdin])
        return run

    def send(self, name: str, *, uid: str, line: str) -> None:
        before = len(self.machine.said.get(name, ()))
        super().send(name, uid=uid, line=line)
        if len(self.machine.said.get(name, ())) > before:
            self.actors.hear(name, line)


class TestMemoryRunner(ControlContract):
    actors: Actors

    @pytest.fixture(autouse=True)
    def _actors(self) -> None:
        self.actors = Actors()

    def runner(self) -> Runner:
        return ActingRunner(self.actors)

    def launch(self, program: Program) -> Launch:
        return self.actors.launch(program)

    def base(self) -> tuple[str, str]:
        return "memory://objects", ROOT

    def subjects(self, remote: Remote, *, branch: str) -> tuple[str, ...]:
        commits = self.actors.machine.hub.commits
        commit = next(head for task, head in self.actors.machine.heads.items() if str(task) == remote.path)
        found = []
        while commit:
            found.append(self.actors.subjects[commit])
            commit = commits[commit]
        return tuple(found)

    def alive_of(self, task: TaskId) -> int:
        runs = self.actors.machine.runs
        return sum(runs[name].run.task == task for name in self.actors.machine.alive)


STATES = {
    "pending": CheckState.PENDING,
    "success": CheckState.PASSED,
    "failure": CheckState.FAILED,
    "error": CheckState.FAILED,
}


class MemoryPeople:
    """See `PullHub` and `HelpHub`."""

    bot, writer, stranger = "cdock-bot", "maria", "mallory"

    def __init__(self) -> None:
        self._hub = MemoryHub()
        self.forge = MemoryForge(self._hub)

    def open_issue(self, title: str, *, body: str = "", by: str, labels: Sequence[str] = ()) -> int:
        return self._hub.open_issue(title, body=body, by=by, labels=labels)

    def label(self, number: int, name: str, *, by: str) -> None:
        # Pull requests have no labels here: they are never among the issues.
        if number not in self._hub.pulls:
            self._hub.label(number, name, by=by)

    def unlabel(self, number: int, name: str, *, by: str) -> None:
        self._hub.unlabel(number, name)

    def comment(self, number: int, body: str, *, by: str) -> None:
        if number in self._hub.pulls:
            self._hub.say(number, body, by=by)
        else:
            self._hub.comment(number, body, by=by)

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        if number in self._hub.pulls:
            self._hub.rewrite(number, body or "")
        else:
            self._hub.edit(number, by=by, title=title, body=body)

    def edit_comment(self, number: int, body: str, *, by: str) -> None:
        hub = self._hub
        newest = (hub.pulls[number].remarks if number in hub.pulls else hub.issues[number].comments)[-1]
        hub.reword(number, newest.id, body.replace("\r\n", "\n"), by=by)

    def close(self, number: int, *, by: str) -> None:
        self._hub.close(number, by=by)

    def reopen(self, number: int, *, by: str) -> None:
        self._hub.reopen(number)

    def push(self, branch: str) -> None:
        self._hub.push(branch)

    def merge(self, pull: int) -> None:
        self._hub.merge(pull)

    def close_pull(self, pull: int) -> None:
        self._hub.close_pull(pull)

    def base_of(self, pull: int) -> str:
        return self._hub.base_of(pull)

    def is_merged(self, pull: int) -> bool:
        return self._hub.pulls[pull].merged

    def repository_labels(self) -> set[str]:
        return self._hub.labels | set(self._hub.spelled.values())

    def conflict(self, branch: str) -> None:
        self._hub.write(branch, "a.txt", "ours")
        self._hub.write("main", "a.txt", "theirs")

    def drop(self, number: int, *, by: str) -> None:
        self._hub.close(number, by=by, dropped=True)

    def delete_branch(self, branch: str) -> None:
        del self._hub.branches[branch]

    def demote_bot(self) -> None:
        self._hub.writers.discard(self.bot)

    def allow(self, person: str, *, write: bool) -> None:
        (self._hub.writers.add if write else self._hub.writers.discard)(person)

    def write(self, branch: str, path: str, text: str) -> str:
        return self._hub.write(branch, path, text)

    def review(
        self, pull: int, opinion: Opinion, body: str, *, by: str, on: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        self._hub.review(pull, body, by=by, opinion=opinion, on=on)

    def draft_review(self, pull: int, body: str, *, by: str, on: Sequence[tuple[str, int, str]]) -> None:
        self._hub.begin_review(pull, body)

    def answer(self, pull: int, body: str, *, by: str) -> None:
        self._hub.remark(pull, self._hub.pulls[pull].threads[-1].ref, body, by=by)

    def resolve(self, pull: int, *, by: str) -> None:
        self._hub.resolve(pull, self._hub.pulls[pull].threads[-1].ref)

    def say_status(self, commit: str, name: str, state: str, *, description: str = "", url: str = "") -> None:
        self._hub.say_status(commit, name, STATES[state], summary=description, url=url)

    def text_of_pull(self, pull: int) -> tuple[str, bool]:
        return self._hub.pulls[pull].body, self._hub.pulls[pull].draft

    def said_on_lines(self, pull: int) -> list[tuple[str, str]]:
        said = [remark for thread in self._hub.pulls[pull].threads for remark in thread.remarks]
        return [(remark.author, remark.body) for remark in sorted(said, key=lambda remark: remark.id)]

    def parent_of(self, number: int) -> int:
        return self._hub.parents.get(number, 0)

    def set_parent(self, number: int, parent: int) -> None:
        self._hub.parents[number] = parent

    def block(self, number: int, by: int) -> None:
        self._hub.block(number, by)

    def next_second(self) -> None:
        self._hub.clock.advance(1)

    def later(self) -> None:
        self._hub.clock.advance(60)

    def labels_on(self, number: int) -> frozenset[str]:
        return self._hub.issues[number].labels

    def comments_on(self, number: int) -> list[tuple[str, str]]:
        return [(comment.author, comment.body) for comment in self._hub.issues[number].comments]

    def is_open(self, number: int) -> bool:
        return self._hub.issues[number].open

    def issues(self) -> list[int]:
        return sorted(self._hub.issues)

    def pulls(self) -> list[int]:
        return sorted(self._hub.pulls)


class TestMemoryForge(
    ForgeContract, PullContract, ThreadContract, HelpContract, StackContract, PartsContract
):
    @pytest.fixture
    def hub(self) -> MemoryPeople:
        return MemoryPeople()


class TestMemoryAgent(AgentContract):
    good = ("looking around", "writing", "done: added login")

    @pytest.fixture
    def agent(self) -> Agent:
        return MemoryAgent()


def test_a_claim_is_listed_without_the_writers_clock() -> None:
    """A fake that kept `seen_at` would hide a loop that forgets to look at its own clock."""
    setting = MemoryClaimsSetting()
    setting.here.swap(42, expected="", claim=replace(claim_of(), seen_at=99.0))
    assert [claim.seen_at for claim in setting.there.list()] == [0.0]
