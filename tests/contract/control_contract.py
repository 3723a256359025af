"""What a `Runner` that really runs something promises about a run that is steered, cut off, or looked into."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.core.events import Launch, RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import RunState, Signals
from cdock.ports import Runner
from tests.contract.runner_contract import (
    BRANCH,
    LIMIT,
    THAT_IS_ALL,
    Program,
    RealRunnerContract,
    git_output,
    script,
    until,
)

WIP = "refs/cdock/wip"
UP = "echo up; while :; do sleep 0.1; done"
KILL_LINE = "\x15"
ECHO = 'while IFS= read -r line; do printf "heard: %s\\n" "$line"; done'


def live(text: str, *, stdin: str = "", files: dict[str, str] | None = None) -> Launch:
    """A launch of a shell script that can be spoken to."""
    return replace(script(text, files=files), stdin=stdin, until=THAT_IS_ALL)


class RealControlContract(RealRunnerContract):
    """See `RealRunnerContract`."""

    def launched(self, task: TaskId, launch: Launch | str, *, attempt: int = 1, **more: object) -> RunSpec:
        """A spec of this launch."""
        chosen = script(launch) if isinstance(launch, str) else launch
        return RunSpec(**{**vars(self.spec(task, Program(), attempt=attempt)), "launch": chosen, **more})

    def begun(self, runner: Runner, spec: RunSpec, *, says: bytes = b"up\n") -> None:
        """Start the run, and wait until it has said this."""
        runner.start(spec)
        self.says(runner, spec.name, says)

    def says(self, runner: Runner, name: str, text: bytes) -> None:
        until(lambda: text in runner.output(name, offset=0), what=f"{name} says {text!r}")

    def unfinished(self, runner: Runner, task: TaskId) -> dict[str, str] | None:
        """What is set down of the task: names of files with A, D or M and their content. None when nothing is."""
        found = self.fetched(runner, task)
        if found is None:
            return None
        changed = git_output("-C", str(found), "diff", "--name-status", "--no-renames", "wip^", "wip")
        names = dict(reversed(line.split("\t", 1)) for line in changed.splitlines())
        return {
            name: kind if kind == "D" else f"{kind} {git_output('-C', str(found), 'show', f'wip:{name}')}"
            for name, kind in names.items()
        }

    def fetched(self, runner: Runner, task: TaskId) -> Path | None:
        """A repository with what is set down of the task as its branch `wip`."""
        remote = runner.remote(task)
        upload_pack = f"--upload-pack={remote.upload_pack}"
        if WIP not in git_output("ls-remote", upload_pack, remote.path):
            return None
        intake = self.scratch / f"intake-{time.monotonic_ns()}.git"
        git_output("init", "-q", "--bare", str(intake))
        git_output("-C", str(intake), "fetch", "-q", upload_pack, remote.path, f"+{WIP}:refs/heads/wip")
        return intake

    # — live —

    def test_a_message_of_60_kilobytes_arrives_whole_and_between_the_others(self, task: TaskId) -> None:
        # Plain, because Docker's log damages a character that lies across one of its limits.
        runner, long = self.runner(), "$(id) `'\\\" %s\\n" * 4000
        self.begun(runner, self.launched(task, live(f"echo up; sleep 1; {ECHO}")))
        for uid, line in (("1", "before"), ("2", long), ("3", "äöü €"), ("4", THAT_IS_ALL)):
            runner.send(task.run(1), uid=uid, line=line)
        assert self.ended(runner, task.run(1)).exit_code == 0
        said = runner.output(task.run(1), offset=0).decode()
        assert said == f"up\nheard: before\nheard: {long}\nheard: äöü €\nheard: {THAT_IS_ALL}\n"

    def test_the_prompt_comes_first_byte_by_byte(self, task: TaskId) -> None:
        runner, prompt = self.runner(), "Fix it.\n\n$HOME `id` \\n %s" + "x" * 200_000
        spec = self.launched(
            task, live(f"head -c {len(prompt)}; echo; echo {THAT_IS_ALL}; cat", stdin=prompt)
        )
        assert self.run(runner, spec).exit_code == 0
        assert runner.output(spec.name, offset=0).decode() == f"{prompt}\n{THAT_IS_ALL}\n"

    def test_the_exit_code_and_the_end_of_stderr_are_those_of_any_run(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.launched(task, live("echo early; echo last >&2; printf partial; exit 3"))
        assert self.run(runner, spec).exit_code == 3
        assert runner.output(spec.name, offset=0) == b"early\npartial\n[stderr]\nlast\n"

    def test_a_live_run_that_ends_at_once_has_printed_all(self, task: TaskId) -> None:
        runner = self.runner()
        for attempt in range(1, 16):
            quick = Launch(argv=("echo", "quick"), stdin="unread", until=THAT_IS_ALL)
            assert self.run(runner, self.launched(task, quick, attempt=attempt)).exit_code == 0
            assert runner.output(task.run(attempt), offset=0) == b"quick\n"

    def test_much_output_is_kept_whole(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.launched(
            task, live(f"yes {'x' * 999} | head -n 20000; echo {THAT_IS_ALL}; cat; echo end")
        )
        assert self.run(runner, spec).exit_code == 0
        said = runner.output(spec.name, offset=0)
        assert len(said) == 20_000_000 + len(THAT_IS_ALL) + 5
        assert said.endswith(f"{THAT_IS_ALL}\nend\n".encode())

    def test_a_program_that_ends_while_messages_wait(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(
            runner, self.launched(task, live("echo up; until [ -e ../go ]; do sleep 0.1; done; exit 4"))
        )
        for number in range(5):
            runner.send(task.run(1), uid=f"{number}", line=f"{number}" * 40_000)
        self.touch(task, "go")
        assert self.ended(runner, task.run(1)).exit_code == 4
        assert runner.output(task.run(1), offset=0) == b"up\n"
        runner.send(task.run(1), uid="late", line="late")

    def touch(self, task: TaskId, name: str) -> None:
        """Make an empty file in the workspace, beside `src`, of a living run."""
        raise NotImplementedError

    def test_what_waits_when_enough_was_said_is_still_delivered(self, task: TaskId) -> None:
        runner = self.runner()
        text = f"echo up; until [ -e ../go ]; do sleep 0.1; done; echo {THAT_IS_ALL}; sleep 0.5; {ECHO}"
        self.begun(runner, self.launched(task, live(text)))
        long = "x" * 50_000
        for number in range(4):
            runner.send(task.run(1), uid=f"{number}", line=f"{number}{long}")
        self.touch(task, "go")
        assert self.ended(runner, task.run(1)).exit_code == 0
        heard = "".join(f"heard: {number}{long}\n" for number in range(4))
        assert runner.output(task.run(1), offset=0).decode() == f"up\n{THAT_IS_ALL}\n{heard}"

    def test_the_text_has_to_be_in_the_output_and_not_in_what_is_told(self, task: TaskId) -> None:
        runner = self.runner()
        text = f'cat >/dev/null & read -r a; echo "$a" | tr a-z A-Z; {UP}'
        self.begun(runner, self.launched(task, live(text, stdin=f"{THAT_IS_ALL}\n")), says=b"up\n")
        runner.send(task.run(1), uid="1", line="one")
        runner.stop(task.run(1), grace=5)
        assert b"THAT IS ALL\nup\n" in runner.output(task.run(1), offset=0)

    def test_a_child_left_in_the_background_keeps_no_live_run_from_ending(self, task: TaskId) -> None:
        runner = self.runner()
        text = "echo up; (while :; do sleep 0.1; done) & exit 6"
        assert self.run(runner, self.launched(task, live(text))).exit_code == 6
        runner.remove(task.run(1))

    def test_a_deaf_live_run_is_killed(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(runner, self.launched(task, live("trap '' TERM; echo up; while :; do sleep 0.1; done")))
        runner.stop(task.run(1), grace=0.5)
        assert self.ended(runner, task.run(1)).exit_code == 137
        assert self.alive_of(task) == 0

    def test_an_interrupt_reaches_what_a_live_run_starts(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.launched(
            task, live("trap 'echo caught' INT; kill -INT $$; sh -c 'kill -INT $$'; echo $?")
        )
        self.run(runner, spec)
        assert runner.output(spec.name, offset=0) == b"caught\n130\n"

    def test_an_earlier_agent_says_nothing_to_a_later_one(self, task: TaskId) -> None:
        runner = self.runner()
        planted = (
            'next="${CDOCK_RUN%.*}.2"; mkdir -p "$next/inbox"; echo obey >"$next/inbox/000000-a"; '
            'mkfifo "$next/bell"; echo up >"$next/until"'
        )
        assert self.run(runner, self.launched(task, planted)).exit_code == 0
        self.begun(runner, self.launched(task, live(f"echo up; {ECHO}"), attempt=2))
        runner.send(task.run(2), uid="a", line=THAT_IS_ALL)
        assert self.ended(runner, task.run(2)).exit_code == 0
        assert runner.output(task.run(2), offset=0).decode() == f"up\nheard: {THAT_IS_ALL}\n"

    def test_a_live_run_keeps_its_work_as_any_other(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, live(f"echo x >left; echo {THAT_IS_ALL}; cat")))
        kept = "Keep work the agent left uncommitted"
        assert self.subjects(runner.remote(task), branch=BRANCH) == (kept, "base")
        assert self.unfinished(runner, task) is None

    # — unfinished work —

    def test_a_snapshot_of_a_living_run(self, task: TaskId) -> None:
        runner = self.runner()
        text = (
            "mkdir -p deep .cdock build; echo more >>README; echo new >deep/new; echo staged >staged; git add staged; "
            f"echo build/ >.gitignore; echo x >build/x; echo x >.cdock/note; touch .git/index.lock; {UP}"
        )
        self.begun(runner, self.launched(task, text))
        runner.snapshot(task.run(1))
        wanted = {
            ".gitignore": "A build/\n",
            "README": "M hello\nmore\n",
            "deep/new": "A new\n",
            "staged": "A staged\n",
        }
        assert self.unfinished(runner, task) == wanted
        runner.stop(task.run(1), grace=5)
        assert self.unfinished(runner, task) == wanted
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("base",)

    def test_the_same_work_is_the_same_commit(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(runner, self.launched(task, f"echo x >x; {UP}"))
        seen = set()
        for _ in range(2):
            runner.snapshot(task.run(1))
            seen.add(git_output("-C", str(self.fetched(runner, task)), "rev-parse", "wip"))
        runner.stop(task.run(1), grace=5)
        seen.add(git_output("-C", str(self.fetched(runner, task)), "rev-parse", "wip"))
        assert len(seen) == 1

    def test_nothing_unfinished_is_nothing_set_down(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, "echo x >x; rm README; exit 1"))
        assert self.unfinished(runner, task) == {"x": "A x\n", "README": "D"}
        text = f"git add -A; git commit -q -m 'all of it'; {UP}"
        self.begun(runner, self.launched(task, text, attempt=2))
        runner.snapshot(task.run(2))
        assert self.unfinished(runner, task) is None
        runner.stop(task.run(2), grace=5)
        assert self.unfinished(runner, task) is None

    @pytest.mark.parametrize("ending", ["exit 1", "kill -TERM $$", "kill -KILL $$"])
    def test_a_run_that_ends_badly_leaves_its_work(self, task: TaskId, ending: str) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, f"echo x >x; {ending}"))
        assert self.unfinished(runner, task) == {"x": "A x\n"}
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("base",)

    def test_a_stopped_run_leaves_its_work(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(runner, self.launched(task, f"echo x >x; {UP}"))
        runner.stop(task.run(1), grace=20)
        assert self.unfinished(runner, task) == {"x": "A x\n"}

    def test_a_run_that_is_killed_with_all_it_is_leaves_its_work(self, task: TaskId) -> None:
        runner = self.runner()
        text = f"trap '' TERM; echo x >x; touch .git/index.lock; mkdir -p .git/refs/cdock; : >.git/{WIP}.lock; {UP}"
        self.begun(runner, self.launched(task, text))
        runner.stop(task.run(1), grace=0)
        assert self.unfinished(runner, task) is None
        self.runner().snapshot(task.run(1))
        assert self.unfinished(runner, task) == {"x": "A x\n"}

    def test_a_snapshot_disturbs_no_rebase(self, task: TaskId) -> None:
        runner = self.runner()
        text = (
            "commit() { echo $1 >README; git commit -q -a -m $1; }; git checkout -q -b other; commit theirs; "
            f"git checkout -q {BRANCH}; commit ours; echo x >x; git rebase other >/dev/null 2>&1; "
            "state() { git status --porcelain=v2 --branch; cat .git/HEAD README; ls .git .git/rebase-merge; "
            "git ls-files -s; git for-each-ref refs/heads; }; state >../before; echo up; "
            "until [ -e ../go ]; do sleep 0.1; done; state >../after; diff ../before ../after && "
            "test -d .git/rebase-merge && echo mended >README && git add README && "
            "GIT_EDITOR=true git rebase --continue >/dev/null && git log --format=%s | head -n 2"
        )
        self.begun(runner, self.launched(task, text))
        runner.snapshot(task.run(1))
        unfinished = self.unfinished(runner, task)
        assert unfinished is not None
        assert set(unfinished) == {"README", "x"}
        assert "<<<<<<<" in unfinished["README"]
        self.touch(task, "go")
        run = self.ended(runner, task.run(1))
        assert runner.output(run.name, offset=0).startswith(b"up\nours\ntheirs\n")
        assert run.exit_code == 0

    def test_large_files_and_what_cannot_be_read_are_left_out(self, task: TaskId) -> None:
        runner = self.runner()
        text = (
            "echo x >x; head -c 53000000 /dev/zero >'large $(id) [a]*'; head -c 53000000 /dev/zero >staged; "
            "git add staged; git init -q inner; echo y >inner/y; echo y >y; ln -s /etc/passwd link; exit 1"
        )
        self.run(runner, self.launched(task, text))
        unfinished = self.unfinished(runner, task)
        assert unfinished is not None
        assert set(unfinished) == {"x", "y", "link"}
        assert unfinished["link"] == "A /etc/passwd"

    def test_names_of_all_kinds_are_set_down(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(
            runner,
            self.launched(task, "echo x >' a\"b'; echo x >:odd; echo x >'*'; mkdir d; : >d/-x; exit 1"),
        )
        found = self.fetched(runner, task)
        names = git_output("-C", str(found), "ls-tree", "-r", "-z", "--name-only", "wip")
        assert set(names.split("\0")) == {"", " a\"b", ":odd", "*", "d/-x", "README"}  # fmt: skip

    def test_a_snapshot_where_there_is_no_repository_any_more(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, "rm -rf .git; exit 1"))
        runner.snapshot(task.run(1))

    def test_a_check_is_not_set_down(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program()))
        spec = self.check(task, "echo x >x", "false")
        self.run(runner, spec)
        runner.snapshot(spec.name)
        assert self.unfinished(runner, task) is None

    # — what a run is given —

    def published(self, *changes: str, on: str = "") -> str:
        """A commit with these changes (lines of shell) on top of `on` or the base, in the object store."""
        work = self.scratch / "origin"
        git_output("-C", str(work), "checkout", "-q", "--detach", on or self.commit)
        for change in changes:
            subprocess.run(["sh", "-c", change], cwd=work, check=True, timeout=LIMIT)
        git_output("-C", str(work), "add", "-A")
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")
        git_output("-C", str(work), *identity, "commit", "-q", "--allow-empty", "-m", "more")
        made = git_output("-C", str(work), "rev-parse", "HEAD").strip()
        git_output("-C", str(self.mirror), "fetch", "-q", str(work), f"{made}:refs/extra/{made}")
        return made

    def test_the_target_is_a_ref_of_the_repository(self, task: TaskId) -> None:
        runner = self.runner()
        for attempt in (1, 2):
            target = self.published(f"echo {attempt} >target")
            text = "git log -1 --format=%H refs/cdock/target; git merge -q --no-edit refs/cdock/target; cat target"
            spec = self.launched(task, text, attempt=attempt, target=target)
            self.run(runner, spec)
            assert runner.output(spec.name, offset=0).decode().startswith(f"{target}\n")
            if attempt == 1:
                assert runner.output(spec.name, offset=0).decode() == f"{target}\n1\n"

    def test_a_target_that_is_not_there_is_said(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, self.launched(task, "true", target="1" * 40))
        assert run.exit_code == 70
        assert b"1111" in runner.output(run.name, offset=0)

    def test_unfinished_work_of_another_machine_is_laid_out(self, task: TaskId) -> None:
        runner = self.runner()
        unfinished = self.published("rm README", "mkdir deep; echo x >deep/x", "printf '\\0' >binary")
        spec = self.launched(task, "git status --porcelain; git log --format=%s", unfinished=unfinished)
        assert self.run(runner, spec).exit_code == 0
        assert runner.output(spec.name, offset=0) == b" D README\n?? binary\n?? deep/\nbase\n"
        assert self.subjects(runner.remote(task), branch=BRANCH)[0] == "Keep work the agent left uncommitted"
        again = self.launched(task, "git status --porcelain", unfinished=unfinished, attempt=2)
        self.run(runner, again)
        assert runner.output(again.name, offset=0) == b""

    def test_a_workspace_follows_what_others_pushed(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, "true"))
        newer = self.published("echo theirs >theirs")
        spec = self.launched(task, "cat theirs; git status --porcelain", attempt=2, base=newer)
        assert self.run(runner, spec).exit_code == 0
        assert runner.output(spec.name, offset=0) == b"theirs\n"
        own = self.launched(task, "echo own >own; git add -A; git commit -q -m own", attempt=3, base=newer)
        self.run(runner, own)
        other = self.published("echo other >other")
        spec = self.launched(task, "git log --format=%s -1; cat own other", attempt=4, base=other)
        self.run(runner, spec)
        merged = f"Merge what was pushed to {BRANCH} meanwhile\nown\nother\n"
        assert runner.output(spec.name, offset=0).decode() == merged

    def test_what_cannot_be_merged_is_left_to_the_agent(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.launched(task, "echo ours >README; git commit -qam ours"))
        theirs = self.published("echo theirs >README")
        text = (
            "git status -s; git log --format=%s -1; git merge -q refs/cdock/target >/dev/null; git status -s"
        )
        spec = self.launched(task, text, attempt=2, base=theirs, target=theirs)
        self.run(runner, spec)
        said = runner.output(spec.name, offset=0).decode()
        assert said.startswith("cdock: newer commits of the branch could not be taken over: ")
        assert said.endswith("\nours\nUU README\n")

    def test_what_an_agent_is_in_the_middle_of_is_not_disturbed(self, task: TaskId) -> None:
        runner = self.runner()
        mine = self.published("echo mine >README")
        text = "echo ours >README; git commit -qam ours; git merge -q refs/cdock/target; exit 1"
        self.run(runner, self.launched(task, text, target=mine))
        spec = self.launched(task, "git status -s", attempt=2, base=self.published("echo x >x"))
        self.run(runner, spec)
        said = runner.output(spec.name, offset=0)
        assert said.startswith(b"cdock: newer commits of the branch could not be taken over: MERGE_HEAD")
        assert said.endswith(b"\nUU README\n")

    def test_a_workspace_begins_anew_where_its_commits_were_dropped(self, task: TaskId) -> None:
        runner = self.runner()
        pushed = self.published("echo dropped >dropped")
        text = "echo more >more; git add more; git commit -qm more; echo draft >draft; exit 1"
        self.run(runner, self.launched(task, text, base=pushed))
        instead = self.published("echo instead >instead")
        text = "git log --format=%s; ls; git show refs/cdock/aside:draft refs/cdock/aside:dropped"
        spec = self.launched(task, text, attempt=2, base=instead, dropped=pushed)
        assert self.run(runner, spec).exit_code == 0
        said = runner.output(spec.name, offset=0).decode()
        assert said == "more\nbase\nREADME\ndraft\ninstead\ndraft\ndropped\n"
        own = self.launched(task, "git log --format=%s -1", attempt=3, base=instead, dropped=pushed)
        self.run(runner, own)
        assert runner.output(own.name, offset=0) == b"Keep work the agent left uncommitted\n", (
            "once is enough"
        )

    def test_unfinished_work_that_was_laid_out_is_unfinished_from_the_start(self, task: TaskId) -> None:
        runner = self.runner()
        unfinished = self.published("echo x >x")
        self.begun(runner, self.launched(task, UP, unfinished=unfinished))
        assert self.unfinished(runner, task) == {"x": "A x\n"}
        runner.stop(task.run(1), grace=5)

    def test_work_that_ends_well_leaves_nothing_unfinished(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(runner, self.launched(task, f"echo x >x; {UP}"))
        runner.stop(task.run(1), grace=5)
        assert self.unfinished(runner, task) == {"x": "A x\n"}
        self.run(runner, self.launched(task, "rm x", attempt=2))
        assert self.unfinished(runner, task) is None

    def test_unfinished_work_that_is_older_than_the_newest_commit_takes_nothing_back(
        self, task: TaskId
    ) -> None:
        runner = self.runner()
        unfinished = self.published("echo early >README", "echo kept >kept")
        base = self.published("echo late >README", "echo done >done")
        spec = self.launched(
            task, "git status --porcelain; cat README done kept", unfinished=unfinished, base=base
        )
        assert self.run(runner, spec).exit_code == 0
        assert runner.output(spec.name, offset=0) == b"?? kept\nlate\ndone\nkept\n"

    def test_unfinished_work_that_is_not_there_is_done_without(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, self.launched(task, "git status --porcelain", unfinished="1" * 40))
        assert run.exit_code == 0
        assert b"unfinished work" in runner.output(run.name, offset=0)

    def test_a_run_apart_leaves_nothing(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(
            runner, self.launched(task, "echo x >x; git add x; git commit -q -m work; echo y >y; exit 1")
        )
        text = (
            "ls; git log --format=%s; git remote; git branch --show-current; git commit -q --allow-empty -m mine; "
            "echo z >z; mkdir -p .cdock; echo no >.cdock/help.md; cdock help-agent why; echo $?; git push 2>/dev/null"
        )
        spec = self.launched(task, text, attempt=2, apart=True)
        run = self.run(runner, spec)
        said = runner.output(spec.name, offset=0).decode()
        assert said.startswith(f"README\nx\nwork\nbase\n{BRANCH}\n2\n")
        assert run.signals == Signals()
        runner.snapshot(spec.name)
        assert self.subjects(runner.remote(task), branch=BRANCH) == ("work", "base")
        assert self.unfinished(runner, task) == {"y": "A y\n"}
        after = self.launched(task, "ls; ls .. ../attempts/*.2/; cat .cdock/*", attempt=3)
        assert self.run(runner, after).signals == Signals()
        shown = runner.output(after.name, offset=0)
        assert b"attempts" in shown
        assert b"apart" not in shown

    def test_runs_apart_take_place_at_one_place(self, task: TaskId) -> None:
        # Some agents find a conversation only where it took place.
        runner = self.runner()
        specs = [self.launched(task, "pwd", attempt=number, apart=True) for number in (1, 2)]
        places = [runner.output(self.run(runner, spec).name, offset=0) for spec in specs]
        assert places[0] == places[1] != b""

    def test_signals_from_before_are_not_those_of_a_run_apart(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program(help="Which port?")))
        run = self.run(runner, self.launched(task, "true", attempt=2, apart=True))
        assert run.signals == Signals()
        assert self.ended(runner, task.run(1)).signals.help == "Which port?"

    # — terminals —

    def test_a_person_works_at_a_terminal(self, task: TaskId) -> None:
        runner = self.runner()
        program = (
            'stty -echo; printf \'ready %s %s %s\\n\' "$TERM" "$(tput cols)" "$1"; while IFS= read -r line; do '
            'case $line in leave) exit 3 ;; esac; printf "typed <%s>\\n" "$line"; echo "$line" >>typed; done'
        )
        launch = Launch(
            argv=("sh", "{run}/program.sh", "$(id) \"'"), files={"{run}/program.sh": program}, terminal=True
        )
        assert runner.start(self.launched(task, launch)).alive
        with terminal(runner.terminal(task.run(1))) as person:
            person.sees("ready screen-256color")
            person.sees("$(id) \"'")
            person.types("hello; $HOME\n")
            person.sees("typed <hello; $HOME>")
            person.detaches()
        assert self.find(runner, task.run(1)).state is RunState.RUNNING  # type: ignore[union-attr]
        with terminal(self.runner().terminal(task.run(1))) as person:
            person.sees("typed <hello; $HOME>")
            person.types(f"{KILL_LINE}leave\n")
            person.is_gone()
        assert self.ended(runner, task.run(1)).exit_code == 0
        kept = "Keep work the agent left uncommitted"
        assert self.subjects(runner.remote(task), branch=BRANCH) == (kept, "base")
        with pytest.raises(Exception, match="no terminal"):
            runner.terminal(task.run(1))

    def test_a_stopped_terminal_leaves_its_work(self, task: TaskId) -> None:
        runner = self.runner()
        launch = replace(script(f"echo x >x; {UP}"), terminal=True)
        runner.start(self.launched(task, launch))
        with terminal(runner.terminal(task.run(1))) as person:
            person.sees("up")
        before = time.monotonic()
        runner.stop(task.run(1), grace=120)
        assert time.monotonic() - before < 60
        assert self.ended(runner, task.run(1)).exit_code == 143
        assert self.unfinished(runner, task) == {"x": "A x\n"}
        assert self.alive_of(task) == 0

    def test_a_terminal_whose_session_is_killed_has_ended(self, task: TaskId) -> None:
        runner = self.runner()
        text = 'echo up; read -r line; cd "$CDOCK_RUN"; tmux -S tmux kill-server; while :; do sleep 0.1; done'
        runner.start(self.launched(task, replace(script(text), terminal=True)))
        with terminal(runner.terminal(task.run(1))) as person:
            person.sees("up")
            person.types("\n")
            person.is_gone()
        assert self.ended(runner, task.run(1)).exit_code == 0
        assert self.alive_of(task) == 0

    def test_a_program_that_cannot_be_started_at_a_terminal_is_said(self, task: TaskId) -> None:
        runner = self.runner()
        run = self.run(runner, self.launched(task, Launch(argv=("no-such-agent",), terminal=True)))
        assert run.exit_code == 70
        assert b"no-such-agent" in runner.output(run.name, offset=0)

    def test_a_shell_in_a_living_and_in_an_ended_workspace(self, task: TaskId) -> None:
        runner = self.runner()
        self.begun(runner, self.launched(task, f"git commit -q --allow-empty -m early; {UP}"))
        for state in ("living", "ended"):
            with terminal(runner.shell(task)) as person:
                person.types("PS1=; stty -echo; echo $((40 + 2)); id -u; git log --format=subject:%s\n")
                person.sees("42")
                person.sees("subject:early")
                person.types(f"echo {state} >>seen; exit\n")
                person.is_gone()
            if state == "living":
                runner.stop(task.run(1), grace=5)
        assert self.unfinished(runner, task) == {"seen": "A living\n"}
        runner.snapshot(task.run(1))
        assert self.unfinished(runner, task) == {"seen": "A living\nended\n"}
        assert [run.name for run in runner.list()] == [task.run(1)]
        runner.clear(task)


class Person:
    """Somebody at a terminal of 120 columns, in which a command runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self._screen = b""

    def types(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def sees(self, text: str) -> None:
        """Wait until this was shown."""

        def shown() -> bool:
            self._look()
            return text.encode() in self._screen

        until(shown, limit=30, what=f"{text!r} is shown, not only {self._screen!r}")

    def detaches(self) -> None:
        """Leave tmux by its keys. On a busy machine it may take them for pasted text, and give them to the program."""
        keys = iter(range(15))

        def left() -> bool:
            if self._process.poll() is None and next(keys, None) is not None:
                with suppress(OSError):
                    self.types("\x02d")
                time.sleep(2)
            self._look()
            return self._process.poll() is not None

        until(left, limit=30, what=f"the terminal is free again: {self._screen!r}")

    def is_gone(self) -> None:
        """Wait until the command has ended."""

        def ended() -> bool:
            self._look()
            return self._process.poll() is not None

        until(ended, limit=30, what=f"the terminal is free again: {self._screen!r}")

    def _look(self) -> None:
        with suppress(OSError):  # nothing new; nobody has the other end any more
            while chunk := os.read(self._descriptor, 65536):
                self._screen += chunk


@contextmanager
def terminal(command: tuple[str, ...]) -> Iterator[Person]:
    """A person at a new terminal, who started this command."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "SHELL": "/bin/sh"},
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # make it the controlling one
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    try:
        yield Person(process, ours)
    finally:
        process.kill()
        process.wait(LIMIT)
        os.close(ours)
