"""What every `Runner` promises, whatever it runs agents in."""

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cdock.core.errors import CdockError, Refused
from cdock.core.events import Launch, Remote, RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import Role, Run, RunState, Signals
from cdock.ports import Runner

LIMIT = 60.0
BRANCH = "cdock/add-oauth-login.a7b2c8d"
THAT_IS_ALL = "that is all"


@dataclass(frozen=True)
class Program:
    """What an agent of these tests does, in this order."""

    commits: tuple[str, ...] = ()
    """Messages of commits it makes on top of what is there."""
    help: str = ""
    handoff: str = ""
    replies: str = ""
    says: str = ""
    ends: int | None = 0
    """Exit code; None goes on until stopped."""
    deaf: bool = False
    """It and a child of it ignore SIGTERM."""
    listens: bool = False
    """It prints `heard: ` and each line it is given, and `THAT_IS_ALL` after `stop`; it ends with its input."""


def until(condition: Callable[[], object], *, limit: float = LIMIT, what: str = "") -> None:
    """Wait for `condition`, at most `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not within {limit:g} s: {what or condition}"
        time.sleep(0.02)


class RunnerContract:
    """Subclasses say how to make a runner and what a program is for it."""

    def runner(self) -> Runner:
        """A new runner object on the same place as every other of this test: as after a restart of cdock."""
        raise NotImplementedError

    def launch(self, program: Program) -> Launch:
        """A launch of the program."""
        raise NotImplementedError

    def base(self) -> tuple[str, str]:
        """An object store, and a commit in it with the subject `base`."""
        raise NotImplementedError

    def subjects(self, remote: Remote, *, branch: str) -> tuple[str, ...]:
        """Subjects of the commits a fetch of `branch` gives, newest first."""
        raise NotImplementedError

    @pytest.fixture
    def task(self) -> TaskId:
        return TaskId("add-oauth-login", "a7b2c8d")

    def spec(self, task: TaskId, program: Program, *, attempt: int = 1) -> RunSpec:
        objects, base = self.base()
        return RunSpec(
            name=task.run(attempt),
            task=str(task),
            attempt=attempt,
            role=Role.AGENT.value,
            base=base,
            branch=BRANCH,
            objects=objects,
            launch=self.launch(program),
        )

    def check(self, task: TaskId, *commands: str, attempt: int = 1) -> RunSpec:
        objects, base = self.base()
        return RunSpec(
            name=task.check(attempt),
            task=str(task),
            attempt=attempt,
            role=Role.CHECK.value,
            base=base,
            branch=BRANCH,
            objects=objects,
            commands=commands,
        )

    def find(self, runner: Runner, name: str) -> Run | None:
        return next((run for run in runner.list() if run.name == name), None)

    def ended(self, runner: Runner, name: str) -> Run:
        """The run, when it has ended."""
        seen: list[Run] = []

        def look() -> bool:
            run = self.find(runner, name)
            assert run is not None, f"{name} is not listed"
            seen.append(run)
            return run.state is RunState.EXITED

        until(look, what=f"{name} ends")
        return seen[-1]

    def run(self, runner: Runner, spec: RunSpec) -> Run:
        runner.start(spec)
        return self.ended(runner, spec.name)

    # — life —

    def test_a_run_is_listed_with_what_it_is(self, task: TaskId) -> None:
        runner = self.runner()
        started = runner.start(self.spec(task, Program(ends=None), attempt=3))
        assert started.alive
        run = self.find(runner, task.run(3))
        assert run is not None
        assert (run.task, run.attempt, run.role) == (task, 3, Role.AGENT)
        assert run.state is RunState.RUNNING
        assert run.started_at is not None
        assert run.started_at.tzinfo is not None
        assert run.exit_code is None
        runner.stop(run.name, grace=0)

    @pytest.mark.parametrize("code", [0, 1, 3, 42, 255])
    def test_the_exit_code_is_kept(self, task: TaskId, code: int) -> None:
        run = self.run(self.runner(), self.spec(task, Program(ends=code)))
        assert run.exit_code == code
        assert run.error == ""
        assert not run.oom
        assert run.finished_at is not None
        assert run.started_at is not None
        assert run.finished_at >= run.started_at

    def test_starting_twice_starts_once(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program(commits=("once",), says="hello\n"))
        runner.start(spec)
        again = self.runner().start(spec)
        assert again.name == spec.name
        self.ended(runner, spec.name)
        assert runner.start(spec).state is RunState.EXITED
        assert [run.name for run in runner.list()] == [spec.name]
        assert runner.output(spec.name, offset=0) == b"hello\n"
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("once", "base")

    def test_a_run_is_found_by_the_next_process(self, task: TaskId) -> None:
        self.runner().start(self.spec(task, Program(ends=None, says="before\n")))
        later = self.runner()
        run = self.find(later, task.run(1))
        assert run is not None
        assert run.alive
        until(lambda: later.output(run.name, offset=0) == b"before\n", what="the output from before is there")
        later.stop(run.name, grace=1)
        assert self.ended(later, run.name).exit_code != 0

    def test_an_ended_run_is_found_by_the_next_process(self, task: TaskId) -> None:
        self.run(self.runner(), self.spec(task, Program(ends=7, says="end\n")))
        later = self.runner()
        assert self.ended(later, task.run(1)).exit_code == 7
        assert later.output(task.run(1), offset=0) == b"end\n"

    def test_runs_of_two_tasks_do_not_mix(self, task: TaskId) -> None:
        runner, other = self.runner(), TaskId("fix-login", task.short)
        runner.start(self.spec(task, Program(says="one\n", commits=("one",))))
        runner.start(self.spec(other, Program(says="two\n", commits=("two",))))
        self.ended(runner, task.run(1))
        self.ended(runner, other.run(1))
        assert runner.output(task.run(1), offset=0) == b"one\n"
        assert runner.output(other.run(1), offset=0) == b"two\n"
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("one", "base")
        assert self.subjects(runner.remote(other), branch=BRANCH) == ("two", "base")
        runner.clear(other)
        assert [run.task for run in runner.list()] == [task]
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("one", "base")

    # — ending —

    def test_stop_asks_first(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(ends=None, says="up\n")))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        before = time.monotonic()
        runner.stop(task.run(1), grace=120)
        assert time.monotonic() - before < 60
        run = self.find(runner, task.run(1))
        assert run is not None
        assert run.state is RunState.EXITED
        assert run.exit_code == 143

    def test_stop_kills_what_does_not_listen(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(ends=None, deaf=True, says="up\n")))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        runner.stop(task.run(1), grace=0.5)
        run = self.find(runner, task.run(1))
        assert run is not None
        assert run.state is RunState.EXITED
        assert run.exit_code == 137
        printed = runner.output(task.run(1), offset=0)
        assert self.alive_of(task) == 0
        assert runner.output(task.run(1), offset=0) == printed

    def alive_of(self, task: TaskId) -> int:
        """How many processes of the task are alive, looked at from outside where that is possible."""
        return 0

    def test_stopping_what_is_not_there_or_has_ended_is_no_error(self, task: TaskId) -> None:
        runner = self.runner()
        runner.stop(task.run(1), grace=1)
        self.run(runner, self.spec(task, Program(ends=5)))
        runner.stop(task.run(1), grace=1)
        assert self.ended(runner, task.run(1)).exit_code == 5

    def test_remove(self, task: TaskId) -> None:
        runner = self.runner()
        runner.remove(task.run(1))
        self.run(runner, self.spec(task, Program(says="gone soon\n", commits=("kept",))))
        runner.remove(task.run(1))
        runner.remove(task.run(1))
        assert runner.list() == ()
        assert runner.output(task.run(1), offset=0) == b""
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("kept", "base")

    def test_a_living_run_is_not_removed(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(ends=None)))
        with pytest.raises(Refused):
            runner.remove(task.run(1))
        run = self.find(runner, task.run(1))
        assert run is not None
        assert run.alive
        runner.stop(run.name, grace=0)

    # — output —

    def test_output_from_an_offset_is_exact(self, task: TaskId) -> None:
        runner = self.runner()
        text = "".join(f"line {number} äöü €\n" for number in range(2000))
        self.run(runner, self.spec(task, Program(says=text)))
        whole = text.encode()
        assert runner.output(task.run(1), offset=0) == whole
        for offset in (1, 11, 4096, 16384, len(whole) - 1, len(whole), len(whole) + 10):
            assert runner.output(task.run(1), offset=offset) == whole[offset:], offset

    def test_output_read_while_it_grows_is_the_same(self, task: TaskId) -> None:
        runner = self.runner()
        text = "0123456789abcdef" * 8 + "\n"
        runner.start(self.spec(task, Program(says=text * 4000)))
        read = b""
        while self.find(runner, task.run(1)).alive:  # type: ignore[union-attr]
            read += runner.output(task.run(1), offset=len(read))
        read += runner.output(task.run(1), offset=len(read))
        assert read == text.encode() * 4000

    def test_a_line_of_one_megabyte_without_an_end(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program(says="first\n" + "x" * 1_000_000)))
        assert runner.output(task.run(1), offset=0) == b"first\n" + b"x" * 1_000_000
        assert runner.output(task.run(1), offset=1_000_000) == b"x" * 6

    def test_output_of_what_is_not_there_is_empty(self, task: TaskId) -> None:
        assert self.runner().output(task.run(1), offset=0) == b""

    # — the workspace —

    def test_the_workspace_stays_over_attempts(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program(commits=("first",), ends=1)))
        self.run(runner, self.spec(task, Program(commits=("second",)), attempt=2))
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("second", "first", "base")

    def test_commits_can_be_fetched_while_it_runs(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(commits=("early",), says="up\n", ends=None)))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("early", "base")
        runner.stop(task.run(1), grace=1)
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("early", "base")

    def test_signals_are_seen_when_the_run_has_ended(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, self.spec(task, Program(help="Which port?\n", handoff="half done\n", ends=1)))
        assert run.signals == Signals(help="Which port?\n", handoff="half done\n")
        found = self.find(self.runner(), task.run(1))
        assert found is not None
        assert found.signals == run.signals

    def test_signals_of_a_living_run_are_not_read(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(help="Wait for it", says="up\n", ends=None)))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        run = self.find(runner, task.run(1))
        assert run is not None
        assert run.signals == Signals()
        runner.stop(run.name, grace=1)
        assert self.ended(runner, run.name).signals.help == "Wait for it"

    def test_forgotten_signals_do_not_come_back(self, task: TaskId) -> None:
        runner = self.runner()
        runner.forget_signals(task)
        self.run(runner, self.spec(task, Program(help="Which port?", commits=("asked",))))
        runner.forget_signals(task)
        runner.forget_signals(task)
        assert self.ended(runner, task.run(1)).signals == Signals()
        assert self.ended(self.runner(), task.run(1)).signals == Signals()
        runner.remove(task.run(1))
        run = self.run(runner, self.spec(task, Program(), attempt=2))
        assert run.signals == Signals()
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("asked", "base")

    def test_clear_leaves_nothing(self, task: TaskId) -> None:
        runner = self.runner()
        runner.clear(task)
        self.run(runner, self.spec(task, Program(commits=("lost",), help="forgotten")))
        runner.clear(task)
        assert runner.list() == ()
        runner.clear(task)
        run = self.run(runner, self.spec(task, Program()))
        assert run.signals == Signals()
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("base",)

    def test_a_workspace_in_use_is_not_cleared(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(ends=None, commits=("kept",), says="up\n")))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        with pytest.raises(Refused):
            runner.clear(task)
        runner.stop(task.run(1), grace=1)
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("kept", "base")

    def test_isolation_is_one_sentence(self) -> None:
        sentence = self.runner().isolation
        assert sentence
        assert "\n" not in sentence


class ControlContract(RunnerContract):
    """What a runner promises to those who steer a run or look into it."""

    # — speaking to it —

    def test_messages_are_heard_in_order_and_each_once(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(listens=True)))
        runner.send(task.run(1), uid="b-1", line="one")
        runner.send(task.run(1), uid="1", line="two")
        later = self.runner()
        later.send(task.run(1), uid="b-1", line="one")
        later.send(task.run(1), uid="a", line="three")
        until(lambda: b"three" in runner.output(task.run(1), offset=0), what="the third message is heard")
        assert runner.list()[0].alive
        later.send(task.run(1), uid="z", line="stop")
        assert self.ended(later, task.run(1)).exit_code == 0
        words = ("first", "one", "two", "three", "stop")
        said = "".join(f"heard: {word}\n" for word in words) + f"{THAT_IS_ALL}\n"
        assert later.output(task.run(1), offset=0).decode() == said
        later.send(task.run(1), uid="late", line="too late")

    def test_speaking_to_nobody_is_no_error(self, task: TaskId) -> None:
        runner = self.runner()
        runner.send(task.run(1), uid="a", line="hello")
        runner.start(self.spec(task, Program(ends=None, says="up\n")))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        runner.send(task.run(1), uid="a", line="hello")
        runner.stop(task.run(1), grace=5)
        assert b"hello" not in runner.output(task.run(1), offset=0)

    @pytest.mark.parametrize("uid", ["", "a/b", "..", "a b", "a\n", "x" * 65, "ä", "$(id)"])
    def test_an_uid_that_is_not_ours_is_refused(self, task: TaskId, uid: str) -> None:
        with pytest.raises(Refused):
            self.runner().send(task.run(1), uid=uid, line="hello")

    @pytest.mark.parametrize("line", ["", "two\nlines", "nul\0"])
    def test_a_message_is_one_line(self, task: TaskId, line: str) -> None:
        with pytest.raises(Refused):
            self.runner().send(task.run(1), uid="a", line=line)

    def test_a_run_that_listens_can_be_stopped(self, task: TaskId) -> None:
        runner = self.runner()
        runner.start(self.spec(task, Program(listens=True)))
        until(lambda: runner.output(task.run(1), offset=0), what="it is up")
        before = time.monotonic()
        runner.stop(task.run(1), grace=120)
        assert time.monotonic() - before < 60
        assert self.ended(runner, task.run(1)).exit_code == 143
        assert runner.output(task.run(1), offset=0).startswith(b"heard: first\n")

    # — looking into it —

    def test_replies_are_a_signal(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, self.spec(task, Program(replies="t1: done\n")))
        assert run.signals == Signals(replies="t1: done\n")
        runner.forget_signals(task)
        assert self.ended(runner, task.run(1)).signals == Signals()

    def test_a_snapshot_of_what_is_not_there_is_no_error(self, task: TaskId) -> None:
        self.runner().snapshot(task.run(1))

    def test_a_run_that_is_not_for_a_person_has_no_terminal(self, task: TaskId) -> None:
        runner = self.runner()
        with pytest.raises(Refused):
            runner.terminal(task.run(1))
        runner.start(self.spec(task, Program(ends=None)))
        with pytest.raises(Refused):
            runner.terminal(task.run(1))
        runner.stop(task.run(1), grace=0)

    def test_a_shell_needs_a_workspace(self, task: TaskId) -> None:
        runner = self.runner()
        with pytest.raises(Refused):
            runner.shell(task)
        self.run(runner, self.spec(task, Program()))
        assert runner.shell(task)


class RealRunnerContract(ControlContract):
    """For runners that really run something: programs are shell scripts, commits are git's."""

    scratch: Path
    mirror: Path
    commit: str

    @pytest.fixture(autouse=True)
    def _mirror(self, tmp_path: Path) -> None:
        self.scratch = tmp_path
        self.mirror, self.commit = make_mirror(tmp_path)

    def base(self) -> tuple[str, str]:
        return str(self.mirror / "objects"), self.commit

    def launch(self, program: Program) -> Launch:
        launch = script(shell_of(program), files={"{run}/says": program.says})
        return replace(launch, stdin="first\n", until=THAT_IS_ALL) if program.listens else launch

    def subjects(self, remote: Remote, *, branch: str) -> tuple[str, ...]:
        return fetched_subjects(remote, branch=branch, scratch=self.scratch)

    # — what only a real run can show —

    def test_the_prompt_arrives_by_stdin_and_arguments_byte_by_byte(self, task: TaskId) -> None:
        runner = self.runner()
        arguments = ("", " two  spaces ", "$(touch /tmp/no) `x` \\ \"'", "new\nline\n\n", "*", "-n", "ü")
        launch = Launch(
            argv=("sh", "-c", 'cat; for a in "$@"; do printf "[%s]" "$a"; done', "sh", *arguments),
            stdin="Fix it.\n$HOME `id`\n",
        )
        spec = self.spec(task, Program())
        self.run(runner, _with_launch(spec, launch))
        expected = "Fix it.\n$HOME `id`\n" + "".join(f"[{argument}]" for argument in arguments)
        assert runner.output(spec.name, offset=0).decode() == expected

    def test_places_are_filled_in(self, task: TaskId) -> None:
        runner = self.runner()
        launch = Launch(
            argv=("sh", "{run}/go.sh", "{state}/kept"),
            env={"WHERE": "{state}/kept", "PLAIN": "{other}"},
            files={
                "{run}/go.sh": 'cat "$1"; [ "$1" = "$WHERE" ] && echo "$PLAIN"',
                "{state}/kept": "state\n",
            },
        )
        spec = self.spec(task, Program())
        assert self.run(runner, _with_launch(spec, launch)).exit_code == 0
        assert runner.output(spec.name, offset=0) == b"state\n{other}\n"
        again = Launch(argv=("cat", "{state}/kept"))
        self.run(runner, _with_launch(self.spec(task, Program(), attempt=2), again))
        assert runner.output(task.run(2), offset=0) == b"state\n"

    def test_the_end_of_stderr_follows_the_output(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script(
            "echo early; yes 0123456789 | head -n 5000 >&2; echo last >&2; printf partial; exit 3"
        )
        spec = self.spec(task, Program())
        assert self.run(runner, _with_launch(spec, launch)).exit_code == 3
        head, mark, tail = runner.output(spec.name, offset=0).partition(b"\n[stderr]\n")
        assert head == b"early\npartial"
        assert mark
        assert len(tail) == 16384
        assert tail.endswith(b"0123456789\nlast\n")

    def test_work_left_uncommitted_is_kept(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script("echo more >left; mkdir -p .git/hooks .cdock; printf 'exit 1' >.git/hooks/pre-commit; "
                        "chmod +x .git/hooks/pre-commit; echo x >.cdock/note; touch .git/index.lock.other")  # fmt: skip
        self.run(runner, _with_launch(self.spec(task, Program()), launch))
        kept = "Keep work the agent left uncommitted"
        assert self.subjects(runner.remote(task), branch=BRANCH) == (kept, "base")

    def test_work_of_a_failed_run_waits_for_the_next(self, task: TaskId) -> None:
        runner = self.runner()
        failing = script("echo more >left; touch .git/index.lock; exit 1")
        self.run(runner, _with_launch(self.spec(task, Program()), failing))
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("base",)
        going_on = script("git add left && git commit -q -m 'go on'")
        run = self.run(runner, _with_launch(self.spec(task, Program(), attempt=2), going_on))
        assert run.exit_code == 0, runner.output(run.name, offset=0)
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("go on", "base")

    def test_a_branch_of_the_agents_own_is_followed(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script("git checkout -q -b mine && git commit -q --allow-empty -m elsewhere")
        self.run(runner, _with_launch(self.spec(task, Program()), launch))
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("elsewhere", "base")

    def test_a_missing_program_is_said(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, _with_launch(self.spec(task, Program()), Launch(argv=("no-such-agent",))))
        assert run.exit_code == 127
        assert b"no-such-agent" in runner.output(run.name, offset=0)

    def test_a_base_that_is_not_there_is_said(self, task: TaskId) -> None:
        runner = self.runner()
        spec = RunSpec(**{**vars(self.spec(task, Program())), "base": "1" * 40})
        run = self.run(runner, spec)
        assert run.exit_code == 70
        assert b"could not be made from 1111" in runner.output(run.name, offset=0)
        assert self.run(runner, self.spec(task, Program(), attempt=2)).exit_code == 0

    def test_help_from_inside(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script('cdock help-agent "Which port? \\$5"; cdock nonsense; echo "$?"')
        spec = self.spec(task, Program())
        run = self.run(runner, _with_launch(spec, launch))
        assert run.signals.help == "Which port? $5\n"
        assert b"end your turn" in runner.output(spec.name, offset=0)
        assert b"\n2\n" in runner.output(spec.name, offset=0)

    def test_a_signal_file_that_is_no_file_is_not_read(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script("mkdir .cdock; ln -s /etc/passwd .cdock/help.md; mkdir .cdock/handoff.md")
        assert self.run(runner, _with_launch(self.spec(task, Program()), launch)).signals == Signals()
        runner.forget_signals(task)

    def test_a_huge_signal_file_is_cut(self, task: TaskId) -> None:
        runner = self.runner()
        launch = script("mkdir .cdock; head -c 3000000 /dev/zero | tr '\\0' x >.cdock/help.md")
        run = self.run(runner, _with_launch(self.spec(task, Program()), launch))
        assert run.signals.help == "x" * 65536

    def test_a_check_runs_its_commands_in_order(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program(commits=("work",))))
        spec = self.check(task, "git log --format=%s -1", "echo it is >&2 && test -f README")
        run = self.run(runner, spec)
        assert (run.exit_code, run.role) == (0, Role.CHECK)
        assert runner.output(spec.name, offset=0).decode() == (
            "$ git log --format=%s -1\nwork\n[exit 0]\n$ echo it is >&2 && test -f README\nit is\n[exit 0]\n"
        )

    def test_what_an_agent_lays_where_its_check_will_run_decides_nothing(self, task: TaskId) -> None:
        runner = self.runner()
        forge = script(
            'for next in "$CDOCK_RUN.check" "${CDOCK_RUN%.*}.2"; do '
            "mkdir -p $next/bin $next/commands $next/argv; "
            "printf '#!/bin/sh\\nexit 0\\n' >$next/bin/verify-it; chmod +x $next/bin/verify-it; "
            "echo 'echo planted' >$next/commands/00001; echo 'echo planted' >$next/commands/9999; "
            "echo planted >$next/argv/9999; done"
        )
        assert self.run(runner, _with_launch(self.spec(task, Program()), forge)).exit_code == 0
        run = self.run(runner, self.check(task, "verify-it"))
        assert run.exit_code == 127, "the program that is laid there was run"
        again = self.run(runner, self.check(task, "true", attempt=2))
        assert again.exit_code == 0
        launch = Launch(argv=("sh", "-c", 'echo "$#"', "sh", "one"))
        second = _with_launch(self.spec(task, Program(), attempt=2), launch)
        self.run(runner, second)
        assert runner.output(second.name, offset=0) == b"1\n"
        assert b"planted" not in runner.output(run.name, offset=0)

    def test_a_check_ends_at_the_first_failure(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.check(task, "true", "echo no; exit 4", "echo never")
        assert self.run(runner, spec).exit_code == 4
        assert runner.output(spec.name, offset=0) == (b"$ true\n[exit 0]\n$ echo no; exit 4\nno\n[exit 4]\n")

    def test_a_stopped_check_has_not_passed(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.check(task, "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done", "echo never")
        runner.start(spec)
        until(lambda: b"\nup" in runner.output(spec.name, offset=0), what="the check is up")
        runner.stop(spec.name, grace=20)
        assert self.ended(runner, spec.name).exit_code == 143
        assert b"never\n" not in runner.output(spec.name, offset=0)

    def test_a_run_without_a_launch_is_refused(self, task: TaskId) -> None:
        spec = RunSpec(**{**vars(self.spec(task, Program())), "launch": None})
        with pytest.raises(CdockError):
            self.runner().start(spec)
        assert self.runner().list() == ()

    @pytest.mark.parametrize("path", ["/etc/passwd", "{run}/../../../x", "{state}//etc/x", "plain"])
    def test_files_stay_in_their_places(self, task: TaskId, path: str) -> None:
        spec = _with_launch(self.spec(task, Program()), Launch(argv=("true",), files={path: "x"}))
        with pytest.raises(CdockError):
            self.runner().start(spec)


def _with_launch(spec: RunSpec, launch: Launch) -> RunSpec:
    return RunSpec(**{**vars(spec), "launch": launch})


def script(text: str, *, files: dict[str, str] | None = None) -> Launch:
    """A launch of a shell script."""
    return Launch(argv=("sh", "{run}/program.sh"), files={"{run}/program.sh": text, **(files or {})})


def shell_of(program: Program) -> str:
    """The program as a shell script; what it says is in the file `says` beside it."""
    lines = ["set -eu"]
    lines += [f"git commit -q --allow-empty -m {shlex.quote(message)}" for message in program.commits]
    lines.append("mkdir -p .cdock")
    for name, text in (("help", program.help), ("handoff", program.handoff), ("replies", program.replies)):
        if text:
            lines.append(f"printf %s {shlex.quote(text)} >.cdock/{name}.md")
    if program.deaf:
        lines += ["trap '' TERM", "(while :; do sleep 0.1; done) &"]
    lines.append('cat "${0%/*}/says"')
    if program.listens:
        lines.append('while IFS= read -r line; do printf "heard: %s\\n" "$line"; '
                     f'[ "$line" != stop ] || echo {shlex.quote(THAT_IS_ALL)}; done')  # fmt: skip
    lines.append("while :; do sleep 0.1; done" if program.ends is None else f"exit {program.ends}")
    return "\n".join(lines) + "\n"


def make_mirror(scratch: Path) -> tuple[Path, str]:
    """A bare repository with one commit, and that commit."""
    work, mirror = scratch / "origin", scratch / "mirror.git"
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")
    git_output("init", "-q", "-b", "main", str(work))
    (work / "README").write_text("hello\n")
    git_output("-C", str(work), "add", "-A")
    git_output("-C", str(work), *identity, "commit", "-q", "-m", "base")
    git_output("clone", "-q", "--bare", "--no-hardlinks", str(work), str(mirror))
    return mirror, git_output("-C", str(mirror), "rev-parse", "main").strip()


def fetched_subjects(remote: Remote, *, branch: str, scratch: Path) -> tuple[str, ...]:
    """Fetch as the host would, and name the commits."""
    intake = scratch / f"intake-{time.monotonic_ns()}.git"
    git_output("init", "-q", "--bare", str(intake))
    git_output(
        "-C", str(intake), "fetch", "-q", "--no-tags", f"--upload-pack={remote.upload_pack}",
        remote.path, f"+refs/heads/{branch}:refs/heads/task",
    )  # fmt: skip
    return tuple(git_output("-C", str(intake), "log", "--format=%s", "task").splitlines())


def git_output(*arguments: str) -> str:
    """What git prints, with nobody's settings."""
    done = subprocess.run(
        ["git", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout
