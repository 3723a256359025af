"""Steering runs in containers, and saving their work, when engine, memory or person behave badly."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.docker.engine import Engine
from cdock.adapters.docker.runner import DockerRunner
from cdock.adapters.docker.walls import Limits
from cdock.core.errors import CdockError, Refused, Unavailable
from cdock.core.events import Launch
from cdock.core.runs import Run
from tests.contract.control_contract import ECHO, WIP, live, terminal
from tests.contract.runner_contract import THAT_IS_ALL, git_output, script, until
from tests.docker_engine import place
from tests.integration.test_docker_isolation import Prison

pytestmark = pytest.mark.docker

UP = "echo up; while :; do sleep 0.1; done"


@pytest.fixture
def prison(tmp_path: Path) -> Iterator[Prison]:
    with place() as at:
        yield Prison(at, tmp_path)


def begun(
    prison: Prison, launch: Launch | str, *, runner: DockerRunner | None = None
) -> tuple[DockerRunner, str]:
    """A run that has said `up`."""
    runner = runner or prison.place.runner()
    spec = prison.spec(script(launch) if isinstance(launch, str) else launch)
    runner.start(spec)
    until(lambda: b"up\n" in runner.output(spec.name, offset=0), what="it is up")
    return runner, spec.name


def ended(prison: Prison, runner: DockerRunner, name: str) -> Run:
    until(lambda: not prison.seen(runner, name).alive, what=f"{name} ends")
    return prison.seen(runner, name)


def unfinished(prison: Prison, runner: DockerRunner) -> set[str]:
    """Names of the files in what is set down; none when nothing is."""
    remote = runner.remote(prison.place.task)
    upload_pack = f"--upload-pack={remote.upload_pack}"
    if WIP not in git_output("ls-remote", upload_pack, remote.path):
        return set()
    intake = str(prison.scratch / "intake.git")
    git_output("init", "-q", "--bare", intake)
    git_output("-C", intake, "fetch", "-q", upload_pack, remote.path, f"+{WIP}:{WIP}")
    return set(git_output("-C", intake, "ls-tree", "-r", "--name-only", WIP).split())


def tools(prison: Prison) -> list[dict[str, object]]:
    client = prison.place.engine.connect(tried="looking")
    chosen = {"label": [f"io.cdock.instance={prison.place.instance}", "io.cdock.role=tool"]}
    return list(client.containers(all=True, filters=chosen))


def test_killed_in_the_middle_of_a_tool_it_leaves_its_work(prison: Prison) -> None:
    runner, name = begun(prison, f"echo x >x; echo up; sh -c 'echo y >y; touch .git/index.lock; {UP}'")
    prison.place.engine.connect(tried="killing").kill(name, "SIGKILL")
    assert ended(prison, runner, name).exit_code == 137
    assert unfinished(prison, runner) == set()
    prison.place.runner().snapshot(name)
    assert unfinished(prison, runner) == {"README", "x", "y"}
    until(lambda: tools(prison) == [], limit=20, what="nothing of the snapshot is left on the engine")


def test_out_of_memory_it_leaves_its_work(prison: Prison) -> None:
    runner = prison.place.runner(limits=Limits(memory=96 * 1024**2))
    greedy = "echo x >x; exec python3 -c 'x = [bytes(10**6) + b\"x\" for _ in range(1000)]'"
    run, _ = prison.run(live(greedy), runner=runner)
    assert (run.exit_code, run.oom) == (137, True)
    assert unfinished(prison, runner) == {"README", "x"}


def test_work_of_a_removed_workspace_is_gone_and_that_is_no_error(prison: Prison) -> None:
    runner, name = begun(prison, f"echo x >x; {UP}")
    runner.stop(name, grace=0)
    runner.clear(prison.place.task)
    runner.snapshot(name)


def test_a_message_is_in_nothing_that_the_engine_tells(prison: Prison) -> None:
    runner, name = begun(prison, live(f"echo up; {ECHO}"))
    runner.send(name, uid="1", line="words of a person")
    until(lambda: b"words of a person" in runner.output(name, offset=0))
    client = prison.place.engine.connect(tried="looking")
    inspected = client.inspect_container(name)
    told = [inspected, *(client.exec_inspect(each) for each in inspected["ExecIDs"] or ())]
    assert "words" not in json.dumps(told)
    runner.send(name, uid="2", line=THAT_IS_ALL)
    assert ended(prison, runner, name).exit_code == 0


def test_a_paused_run_is_spoken_to_later(prison: Prison) -> None:
    runner, name = begun(prison, live(f"echo up; {ECHO}"))
    client = prison.place.engine.connect(tried="pausing")
    client.pause(name)
    with pytest.raises(Unavailable):
        runner.send(name, uid="1", line="one")
    with pytest.raises(Unavailable):
        runner.snapshot(name)
    client.unpause(name)
    runner.send(name, uid="1", line="one")
    runner.send(name, uid="2", line=THAT_IS_ALL)
    assert ended(prison, runner, name).exit_code == 0
    assert runner.output(name, offset=0).decode() == f"up\nheard: one\nheard: {THAT_IS_ALL}\n"


def test_a_sender_that_died_half_way_is_followed_by_another(prison: Prison) -> None:
    runner, name = begun(prison, live(f"echo up; {ECHO}"))
    client = prison.place.engine.connect(tried="preparing")
    inbox = f"/workspace/attempts/{name}/inbox"
    half = ["sh", "-c", f"printf wor >{inbox}/.1.7; printf 'laid but not rung for' >{inbox}/000000-2"]
    client.exec_start(client.exec_create(name, half)["Id"])
    runner.send(name, uid="2", line="laid but not rung for")
    runner.send(name, uid="1", line="words")
    runner.send(name, uid="3", line=THAT_IS_ALL)
    assert ended(prison, runner, name).exit_code == 0
    heard = ("laid but not rung for", "words", THAT_IS_ALL)
    assert runner.output(name, offset=0).decode() == "up\n" + "".join(f"heard: {line}\n" for line in heard)


def test_an_agent_that_takes_its_inbox_away_stops_nobody_else(prison: Prison) -> None:
    runner, name = begun(prison, live('rm -rf "$CDOCK_RUN/inbox" "$CDOCK_RUN/bell"; ' + UP))
    with pytest.raises(Unavailable, match="takes no messages"):
        runner.send(name, uid="1", line="one")
    runner.stop(name, grace=5)
    runner.send(name, uid="1", line="one")
    assert ended(prison, runner, name).exit_code == 143


def test_waiting_for_messages_costs_nothing(prison: Prison) -> None:
    runner, name = begun(prison, live(f"echo up; {ECHO}"))
    client = prison.place.engine.connect(tried="looking")

    def used() -> int:
        return int(client.stats(name, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"])

    before = used()
    client.stats(name, stream=False)  # the engine looks twice for this, with a second between
    assert used() - before < 10_000_000, "nanoseconds: one per cent"
    runner.stop(name, grace=1)


def test_a_shell_in_an_ended_workspace_has_the_walls_of_a_run(prison: Prison) -> None:
    prison.run("echo x >x; exit 1")
    runner = prison.place.runner()
    with terminal(runner.shell(prison.place.task)) as person:
        person.types("stty -echo; PS1=; grep -h CapEff /proc/self/status; touch /x 2>&1 | tail -c 22; "
                     "tail -n +3 /proc/net/dev | cut -d: -f1; git status --short | cat; echo en''d\n")  # fmt: skip
        person.sees("end")
        for said in ("CapEff:\t0000000000000000", "Read-only file system", "lo", "?? x"):
            person.sees(said)
        person.types("exit\n")
        person.is_gone()
    until(lambda: tools(prison) == [], limit=20, what="the shell's container is gone")


def test_a_shell_that_nobody_opened_goes_with_the_workspace(prison: Prison) -> None:
    prison.run("true")
    runner = prison.place.runner()
    runner.shell(prison.place.task)
    assert len(tools(prison)) == 1
    assert [run.name for run in runner.list()] == [prison.place.task.run(1)]
    runner.clear(prison.place.task)
    assert tools(prison) == []


def test_without_the_docker_command_there_is_no_terminal(prison: Prison, tmp_path: Path) -> None:
    runner, name = begun(prison, UP)
    elsewhere = DockerRunner(
        engine=Engine({"PATH": str(tmp_path)}), instance=prison.place.instance, image=prison.place.image
    )
    for alive in (True, False):
        with pytest.raises(Refused, match="docker command") as caught:
            elsewhere.shell(prison.place.task)
        assert "Install" in caught.value.fix
        if alive:
            runner.stop(name, grace=0)
    assert tools(prison) == []


def test_the_docker_command_reaches_the_engine_that_is_meant(prison: Prison) -> None:
    runner, name = begun(prison, UP)
    command = runner.shell(prison.place.task)
    refused = subprocess.run(
        command, check=False, capture_output=True, timeout=60, env={}, stdin=subprocess.DEVNULL
    )
    assert b"TTY" in refused.stdout + refused.stderr, "only for want of a terminal"
    runner.stop(name, grace=0)


def test_an_image_without_tmux_says_so(prison: Prison) -> None:
    linked = (
        "mkdir -p ../bin; for each in /usr/bin/* /bin/*; do ln -sf $each ../bin/; done; rm -f ../bin/tmux"
    )
    prison.run(linked, attempt=9)
    runner = prison.place.runner()
    spec = prison.spec(replace(script(UP), terminal=True, env={"PATH": "/workspace/bin"}))
    runner.start(spec)
    run = ended(prison, runner, spec.name)
    assert run.exit_code == 70
    assert b"tmux is not installed" in runner.output(spec.name, offset=0)
    with pytest.raises(CdockError, match="no terminal"):
        runner.terminal(spec.name)
