"""Runs in containers over crashes, races, strangers and broken engines."""

import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.docker import engine as engine_module
from cdock.adapters.docker import seen as seen_module
from cdock.adapters.docker.engine import Engine
from cdock.adapters.docker.runner import DockerRunner
from cdock.core.errors import Misconfigured, Missing, Refused
from cdock.core.runs import Run, RunState
from tests.contract.runner_contract import BRANCH, fetched_subjects, script, until
from tests.docker_engine import place
from tests.integration.test_docker_isolation import Prison

pytestmark = pytest.mark.docker


@pytest.fixture
def prison(tmp_path: Path) -> Iterator[Prison]:
    with place() as at:
        yield Prison(at, tmp_path)


def _starter(prison: Prison, *, dies: str, spec: object) -> subprocess.CompletedProcess[bytes]:
    """Start a run in a process that is killed at a chosen point."""
    text = (
        "import os\n"
        "from cdock.adapters.docker import runner as module\n"
        "from cdock.adapters.docker.engine import Engine\n"
        "from cdock.core.events import Launch, RunSpec\n"
        "die = lambda *a, **k: os.kill(os.getpid(), 9)\n"
        f"{dies}\n"
        f"module.DockerRunner(engine=Engine(os.environ), instance={prison.place.instance!r}, "
        f"image={prison.place.image!r}).start({spec!r})\n"
        "die()\n"
    )
    return subprocess.run([sys.executable, "-c", text], check=False, timeout=60)


def _ended(prison: Prison, runner: DockerRunner, name: str) -> Run:
    until(lambda: not prison.seen(runner, name).alive, what=f"{name} ends")
    return prison.seen(runner, name)


def test_a_run_outlives_the_process_that_started_it(prison: Prison) -> None:
    spec = prison.spec(script("echo before; until [ -e ../go ]; do sleep 0.1; done; echo after; exit 5"))
    assert _starter(prison, dies="", spec=spec).returncode == -9
    runner = prison.place.runner()
    until(lambda: runner.output(spec.name, offset=0) == b"before\n")
    assert runner.start(spec).alive
    assert len(runner.list()) == 1
    client = prison.place.engine.connect(tried="going on")
    client.exec_start(client.exec_create(spec.name, ["touch", "/workspace/go"])["Id"])
    assert _ended(prison, runner, spec.name).exit_code == 5
    assert runner.output(spec.name, offset=0) == b"before\nafter\n"


@pytest.mark.parametrize("point", ["put_archive", "start"])
def test_a_start_that_was_cut_off_is_finished(prison: Prison, point: str) -> None:
    spec = prison.spec(script("git commit -q --allow-empty -m once; echo once"))
    done = _starter(prison, dies=f"from docker import APIClient; APIClient.{point} = die", spec=spec)
    assert done.returncode == -9
    runner = prison.place.runner()
    assert [run.state for run in runner.list()] == [RunState.CREATED]
    runner.start(spec)
    assert _ended(prison, runner, spec.name).exit_code == 0
    assert runner.output(spec.name, offset=0) == b"once\n"
    subjects = fetched_subjects(runner.remote(prison.place.task), branch=BRANCH, scratch=prison.scratch)
    assert subjects == ("once", "base")


@pytest.mark.parametrize("processes", [1, 8])
def test_of_many_starts_one_run_comes(prison: Prison, processes: int) -> None:
    spec = prison.spec(script("echo once"))
    runners = [prison.place.runner() for _ in range(processes)] * (8 // processes)
    runner = runners[0]
    errors: list[BaseException] = []

    def start(by: DockerRunner) -> None:
        try:
            by.start(spec)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start, args=(each,)) for each in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    _ended(prison, runner, spec.name)
    assert len(runner.list()) == 1
    if processes == 1:
        assert runner.output(spec.name, offset=0) == b"once\n"


def test_killed_from_outside_is_no_fault_of_the_agent(prison: Prison) -> None:
    spec = prison.spec(script("echo up; while :; do sleep 0.1; done"))
    runner = prison.place.runner()
    runner.start(spec)
    until(lambda: runner.output(spec.name, offset=0))
    prison.place.engine.connect(tried="killing").kill(spec.name, "SIGKILL")
    run = _ended(prison, runner, spec.name)
    assert run.exit_code == 137
    assert "from outside" in run.error
    assert not run.oom


def test_an_agent_that_kills_itself_is_to_blame(prison: Prison) -> None:
    for attempt, signal in ((1, "KILL"), (2, "TERM")):
        run, _ = prison.run(f"kill -{signal} $$", attempt=attempt)
        assert run.exit_code in (137, 143)
        assert run.error == ""


def test_a_container_of_somebody_else_is_left_alone(prison: Prison) -> None:
    client = prison.place.engine.connect(tried="preparing")
    name = prison.place.task.run(1)
    client.create_container(prison.place.image, name=name, command=["true"])
    try:
        runner = prison.place.runner()
        with pytest.raises(Refused, match="not this run") as caught:
            runner.start(prison.spec(script("true")))
        assert name in caught.value.fix
        runner.stop(name, grace=0)
        runner.remove(name)
        assert runner.list() == ()
        assert client.inspect_container(name)["State"]["Status"] == "created"
    finally:
        client.remove_container(name, force=True)


def test_a_volume_of_somebody_else_is_left_alone(prison: Prison) -> None:
    client = prison.place.engine.connect(tried="preparing")
    runner = prison.place.runner()
    name = runner.volume_of(str(prison.place.task))
    client.create_volume(name)
    try:
        with pytest.raises(Refused, match="not one of this cdock"):
            runner.start(prison.spec(script("true")))
        runner.clear(prison.place.task)
        assert client.inspect_volume(name)["Name"] == name
    finally:
        client.remove_volume(name)


def test_another_instance_does_not_see_it(prison: Prison) -> None:
    prison.run("true")
    with place() as other:
        assert other.runner().list() == ()
        other.runner().remove(prison.place.task.run(1))
    assert len(prison.place.runner().list()) == 1


def test_a_missing_image_says_how_to_build_it(prison: Prison) -> None:
    runner = prison.place.runner(image="cdock-agent:none")
    with pytest.raises(Refused, match="cdock-agent:none") as caught:
        runner.start(prison.spec(script("true")))
    assert "cdock image build" in caught.value.fix
    assert runner.list() == ()


def test_an_image_without_a_shell_ends_the_run(prison: Prison) -> None:
    client = prison.place.engine.connect(tried="preparing")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        directory = tarfile.TarInfo("workspace")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
    tag = f"cdock-test-empty:{prison.place.short}"
    client.import_image_from_data(packed.getvalue(), repository=tag.partition(":")[0], tag=prison.place.short)
    try:
        runner = prison.place.runner(image=tag)
        run = runner.start(prison.spec(script("true")))
        assert _ended(prison, runner, run.name).exit_code == 127
        assert b"/bin/sh" in runner.output(run.name, offset=0)
        runner.remove(run.name)
        assert runner.list() == ()
    finally:
        prison.place.remove()
        client.remove_image(tag, force=True)


def test_a_start_that_nobody_finishes_has_ended(prison: Prison, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = prison.spec(script("true"))
    assert (
        _starter(prison, dies="from docker import APIClient; APIClient.start = die", spec=spec).returncode
        == -9
    )
    runner = prison.place.runner()
    assert [run.state for run in runner.list()] == [RunState.CREATED]
    monkeypatch.setattr(seen_module, "_START_LIMIT", 0.0)
    run = prison.seen(runner, spec.name)
    assert (run.state, run.exit_code) == (RunState.EXITED, 125)
    assert "never started" in run.error
    runner.remove(spec.name)
    assert runner.list() == ()


def test_a_run_that_was_not_started_yet_can_be_stopped(prison: Prison) -> None:
    spec = prison.spec(script("true"))
    assert (
        _starter(prison, dies="from docker import APIClient; APIClient.start = die", spec=spec).returncode
        == -9
    )
    runner = prison.place.runner()
    runner.stop(spec.name, grace=1)
    assert not any(run.alive for run in runner.list())


def test_a_mirror_that_is_not_there_is_refused(prison: Prison) -> None:
    spec = replace(prison.spec(script("true")), objects=str(prison.scratch / "nowhere.git" / "objects"))
    with pytest.raises(Refused, match=r"nowhere\.git"):
        prison.place.runner().start(spec)


def test_a_workspace_is_read_where_the_mirror_is_now(prison: Prison) -> None:
    """It remembers where it was when the workspace was made, and a clone's state may have moved since."""
    prison.run("git commit -q --allow-empty -m work")
    moved = prison.mirror.rename(prison.scratch / "moved.git")
    remote = DockerRunner(
        engine=Engine(os.environ),
        instance=prison.place.instance,
        image=prison.place.image,
        mirror=str(moved),
    ).remote(prison.place.task)
    assert fetched_subjects(remote, branch=BRANCH, scratch=prison.scratch) == ("work", "base")


def test_a_workspace_that_is_gone_is_said(prison: Prison) -> None:
    with pytest.raises(Refused, match="gone"):
        prison.place.runner().remote(prison.place.task)


def test_a_paused_run_can_be_stopped(prison: Prison) -> None:
    spec = prison.spec(script("echo up; while :; do sleep 0.1; done"))
    runner = prison.place.runner()
    runner.start(spec)
    until(lambda: runner.output(spec.name, offset=0))
    prison.place.engine.connect(tried="pausing").pause(spec.name)
    assert prison.seen(runner, spec.name).state is RunState.RUNNING
    runner.stop(spec.name, grace=1)
    assert prison.seen(runner, spec.name).state is RunState.EXITED


# — the engine itself —


def test_no_engine_is_said(tmp_path: Path) -> None:
    nobody = Engine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    with pytest.raises(Missing, match=r"none\.sock") as caught:
        DockerRunner(engine=nobody, instance="x", image="y").list()
    assert "DOCKER_HOST" in caught.value.fix


def test_an_unknown_context_is_said() -> None:
    with pytest.raises(Misconfigured, match="no-such-context"):
        Engine({"DOCKER_CONTEXT": "no-such-context", "HOME": os.environ["HOME"]})


def test_each_thread_has_its_own_client() -> None:
    engine = Engine(os.environ)
    clients = [engine.connect(tried="looking")]
    thread = threading.Thread(target=lambda: clients.append(engine.connect(tried="looking")))
    thread.start()
    thread.join(30)
    assert clients[0] is engine.connect(tried="looking")
    assert clients[0] is not clients[1]


def test_faults_have_a_kind() -> None:
    class Said(Exception):
        def __init__(self, status_code: int, explanation: str) -> None:
            super().__init__(explanation)
            self.status_code = status_code
            self.explanation = explanation

    kinds = [
        engine_module.fault_of(Said(*said), tried="x").exit_code
        for said in (
            (500, "panic"),
            (500, "no space left on device"),
            (409, "busy"),
            (404, "gone"),
            (400, "bad"),
        )
    ]
    assert kinds == [5, 1, 5, 5, 1]
