"""The runner of plain processes keeps the promises of `Runner`."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cdock.adapters.local.runner import LocalRunner
from cdock.core.events import Launch
from cdock.core.ids import TaskId
from cdock.core.runs import RunState
from tests.contract.control_contract import RealControlContract
from tests.contract.runner_contract import Program, script, until


class TestLocalRunner(RealControlContract):
    def runner(self) -> LocalRunner:
        return LocalRunner(self.scratch / "state", environment=dict(os.environ))

    def directory(self, task: TaskId) -> Path:
        return self.scratch / "state" / "runs" / str(task)

    def touch(self, task: TaskId, name: str) -> None:
        (self.directory(task) / name).touch()

    def processes(self, task: TaskId) -> list[psutil.Process]:
        """All that run for the task, the oldest first."""
        mark = str(self.directory(task))
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("CDOCK_WORKSPACE") == mark:
                    found.append((process.create_time(), process.pid, process))
        return [process for _, _, process in sorted(found, key=lambda each: each[:2])]

    def alive_of(self, task: TaskId) -> int:
        return len(self.processes(task))

    @pytest.fixture(autouse=True)
    def _nothing_left(self, _mirror: None, task: TaskId) -> object:
        yield
        until(lambda: self.alive_of(task) == 0, limit=5, what="all processes of the test are gone")

    def test_the_agent_gets_few_variables_and_never_a_token_of_the_forge(self, task: TaskId) -> None:
        environment = {
            **os.environ,
            "GH_TOKEN": "ghp_x",
            "GITHUB_TOKEN": "ghp_y",
            "MODEL_KEY": "k",
            "OTHER": "o",
        }
        runner = LocalRunner(
            self.scratch / "state", environment=environment, allow=("MODEL_KEY", "GITHUB_TOKEN", "ABSENT")
        )
        spec = self.spec(task, Program())
        self.run(runner, type(spec)(**{**vars(spec), "launch": Launch(argv=("env",))}))
        printed = runner.output(spec.name, offset=0).decode()
        assert "MODEL_KEY=k\n" in printed
        assert "ghp_" not in printed
        assert "OTHER=" not in printed
        assert f"HOME={os.environ['HOME']}\n" in printed

    @pytest.mark.parametrize(
        "litter",
        [
            "[]",
            "[" * 50_000,
            '{"task": 5}',
            '{"pid": "x"}',
            '{"pid": 1e400}',
            '{"pid": 99999999999999999999999}',
            '{"started": 1e300}',
            '{"created": null}',
            '{"role": ["agent"]}',
            '{"name": 7}',
        ],
    )
    def test_litter_of_an_agent_keeps_no_other_run_from_being_seen(self, task: TaskId, litter: str) -> None:
        runner = self.runner()
        spec = self.spec(task, Program())
        self.run(runner, spec)
        place = self.directory(task) / "attempts" / "litter"
        place.mkdir()
        whole = json.loads((place.parent / spec.name / "run.json").read_text()) | {"name": "litter"}
        text = json.dumps(whole)[:-1] + "," + litter[1:] if litter.startswith("{") else litter
        (place / "run.json").write_text(text)
        assert [run.name for run in runner.list()] == [spec.name]

    def test_a_note_that_is_no_file_is_passed_over(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program())
        self.run(runner, spec)
        (self.directory(task) / "attempts" / "a" / "run.json").mkdir(parents=True)
        (self.directory(task) / "attempts" / "b").mkdir()
        os.mkfifo(self.directory(task) / "attempts" / "b" / "run.json")
        assert [run.name for run in runner.list()] == [spec.name]

    def test_killed_from_outside_is_no_fault_of_the_agent(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program(ends=None, says="up\n"))
        runner.start(spec)
        until(lambda: runner.output(spec.name, offset=0))
        # The entry script first: it would take the end of its agent for one of the agent's own making.
        for process in self.processes(task):
            with suppress(psutil.Error):
                process.kill()
        run = self.ended(runner, spec.name)
        assert (run.exit_code, run.state) == (137, RunState.EXITED)
        assert "from outside" in run.error

    def test_an_agent_that_kills_itself_is_to_blame(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program())
        run = self.run(runner, type(spec)(**{**vars(spec), "launch": script("kill -KILL $$")}))
        assert (run.exit_code, run.error) == (137, "")

    def test_the_run_outlives_the_process_that_started_it(self, task: TaskId) -> None:
        spec = self.spec(task, Program(says="still here\n", ends=None))
        starter = (
            "import os, sys; from pathlib import Path\n"
            "from cdock.adapters.local.runner import LocalRunner\n"
            "from cdock.core.events import Launch, RunSpec\n"
            f"LocalRunner(Path({str(self.scratch / 'state')!r}), environment=os.environ).start({spec!r})\n"
            "os.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run([sys.executable, "-c", starter], check=False, timeout=60)
        assert done.returncode == -9
        runner = self.runner()
        until(lambda: runner.output(spec.name, offset=0) == b"still here\n")
        assert runner.start(spec).alive
        assert len(runner.list()) == 1
        runner.stop(spec.name, grace=5)
        assert self.ended(runner, spec.name).exit_code == 143

    def test_a_starter_that_died_before_writing_down_starts_nothing(self, task: TaskId) -> None:
        spec = self.spec(task, Program(says="once\n"))
        starter = (
            "import os; from pathlib import Path\n"
            "from cdock.adapters.local import process\n"
            "from cdock.adapters.local.runner import LocalRunner\n"
            "from cdock.core.events import Launch, RunSpec\n"
            "process.created_at = lambda pid: os.kill(os.getpid(), 9)\n"
            f"LocalRunner(Path({str(self.scratch / 'state')!r}), environment=os.environ).start({spec!r})\n"
        )
        done = subprocess.run([sys.executable, "-c", starter], check=False, timeout=60)
        assert done.returncode == -9
        runner = self.runner()
        assert runner.list() == ()
        self.run(runner, spec)
        assert runner.output(spec.name, offset=0) == b"once\n"

    def test_what_the_agent_left_in_the_background_goes_with_the_run(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program())
        launch = script("setsid sh -c 'while :; do sleep 0.1; done' >/dev/null 2>&1 &")
        self.run(runner, type(spec)(**{**vars(spec), "launch": launch}))
        until(lambda: self.alive_of(task) > 0, limit=5)
        runner.remove(spec.name)
        assert self.alive_of(task) == 0

    def test_it_says_that_there_is_no_sandbox(self) -> None:
        assert "No sandbox" in self.runner().isolation

    def test_directories_without_write_permission_are_cleared(self, task: TaskId) -> None:
        runner = self.runner()
        spec = self.spec(task, Program())
        launch = script("mkdir -p cache/deep; touch cache/deep/file; chmod -R a-w cache; exit 1")
        self.run(runner, type(spec)(**{**vars(spec), "launch": launch}))
        runner.clear(task)
        assert not self.directory(task).exists()
