"""What an agent in a container can and cannot do, tried from inside."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.docker.runner import DockerRunner
from cdock.adapters.docker.walls import Limits
from cdock.core.events import Launch, RunSpec
from cdock.core.runs import Role, Run
from tests.contract.runner_contract import BRANCH, fetched_subjects, make_mirror, script, until
from tests.docker_engine import Place, place

pytestmark = pytest.mark.docker


class Prison:
    """A runner, and what a script said in a run of it."""

    def __init__(self, at: Place, scratch: Path) -> None:
        self.place = at
        self.scratch = scratch
        self.mirror, self.base = make_mirror(scratch)

    def spec(self, launch: Launch, *, attempt: int = 1) -> RunSpec:
        return RunSpec(
            name=self.place.task.run(attempt),
            task=str(self.place.task),
            attempt=attempt,
            role=Role.AGENT.value,
            base=self.base,
            branch=BRANCH,
            objects=str(self.mirror / "objects"),
            launch=launch,
        )

    def run(
        self, launch: Launch | str, *, attempt: int = 1, runner: DockerRunner | None = None
    ) -> tuple[Run, str]:
        runner = runner or self.place.runner()
        spec = self.spec(script(launch) if isinstance(launch, str) else launch, attempt=attempt)
        runner.start(spec)
        until(lambda: not self.seen(runner, spec.name).alive, what="the run ends")
        return self.seen(runner, spec.name), runner.output(spec.name, offset=0).decode(errors="replace")

    def seen(self, runner: DockerRunner, name: str) -> Run:
        return next(run for run in runner.list() if run.name == name)


@pytest.fixture
def prison(tmp_path: Path) -> Iterator[Prison]:
    with place() as at:
        yield Prison(at, tmp_path)


def test_no_rights(prison: Prison) -> None:
    _, said = prison.run("id; cat /proc/self/status")
    status = dict(line.split(":", 1) for line in said.splitlines() if ":\t" in line)
    assert "uid=1000(agent) gid=1000(agent) groups=1000(agent)" in said
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


@pytest.mark.parametrize(
    "attempt",
    [
        "touch /x",
        "touch /usr/bin/x",
        "touch /etc/x",
        "mount -t tmpfs none /workspace/src",
        "unshare --user true",
        "unshare --net true",
        "chroot / true",
        "su -c true",
        "mknod /workspace/disk b 254 0",
        "cat /proc/1/root/etc/shadow",
        "dmesg",
        "touch /cdock/mirror.git/x",
        "rm -rf /cdock/mirror.git/objects",
        "git -C /cdock/mirror.git update-ref refs/heads/evil HEAD",
        "ls /run/docker.sock /var/run/docker.sock",
        "ls /run/cdock/llm.sock",
    ],
)
def test_refused(prison: Prison, attempt: str) -> None:
    run, said = prison.run(f"{attempt} && exit 0; echo refused; exit 9")
    assert run.exit_code == 9, said
    assert "refused" in said


def test_no_way_out(prison: Prison) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached = threading.Event()

        def accept() -> None:
            try:
                server.accept()
            except OSError:
                return
            reached.set()

        threading.Thread(target=accept, daemon=True).start()
        _, said = prison.run(
            "cat /proc/net/dev | tail -n +3 | cut -d: -f1; echo routes; tail -n +2 /proc/net/route; echo tries; "
            f"for to in 127.0.0.1:{port} 172.17.0.1:{port} 192.0.2.1:443 169.254.169.254:80; do "
            "socat -u OPEN:/dev/null TCP4:$to,connect-timeout=3 && echo out $to; done; "
            "python3 -c 'import socket; socket.getaddrinfo(\"example.com\", 443)' && echo resolved; true"
        )
        server.shutdown(socket.SHUT_RDWR)
    interfaces, _, rest = said.partition("routes\n")
    assert interfaces.split() == ["lo"]
    assert rest.startswith("tries")
    assert "out " not in rest
    assert "resolved" not in rest
    assert not reached.is_set()


def test_no_token_and_nothing_of_the_host(prison: Prison, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "CDOCK_TOKEN", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sEcReT-in-the-environment")
    (prison.scratch / "host-only-file").write_text("host")
    user = prison.scratch / "origin" / ".git"
    assert user.is_dir()
    _, said = prison.run(
        "env; cat /proc/1/environ | tr '\\0' '\\n'; "
        "find / -name host-only-file 2>/dev/null; echo repositories; "
        "find / -name .git -o -name '*.git' -type d 2>/dev/null | sort"
    )
    assert "sEcReT" not in said
    assert "host-only-file" not in said
    assert said.partition("repositories\n")[2].split() == ["/cdock/mirror.git", "/workspace/src/.git"]
    client = prison.place.engine.connect(tried="looking")
    inspected = json.dumps(client.inspect_container(prison.place.task.run(1)))
    assert "sEcReT" not in inspected


def test_the_prompt_is_not_in_what_the_engine_tells(prison: Prison) -> None:
    run, said = prison.run(Launch(argv=("cat",), stdin="words of a stranger"))
    assert said == "words of a stranger"
    client = prison.place.engine.connect(tried="looking")
    assert "stranger" not in json.dumps(client.inspect_container(run.name))


def test_a_fork_bomb_stays_inside(prison: Prison) -> None:
    runner = prison.place.runner(limits=Limits(processes=40))
    _, said = prison.run("i=0; while [ $i -lt 200 ]; do sleep 20 & i=$((i+1)); done; echo all", runner=runner)
    assert "Cannot fork" in said
    assert "all" not in said.splitlines()


def test_out_of_memory_is_seen(prison: Prison) -> None:
    runner = prison.place.runner(limits=Limits(memory=96 * 1024**2))
    run, _ = prison.run("exec python3 -c 'x = [bytes(10**6) + b\"x\" for _ in range(1000)]'", runner=runner)
    assert run.exit_code == 137
    assert run.oom
    assert run.error == ""


def test_a_full_home_does_not_fill_the_machine(prison: Prison) -> None:
    _, said = prison.run("head -c 600M /dev/zero >$HOME/x; ls -l $HOME/x; head -c 300M /dev/zero >/tmp/x")
    assert said.count("No space left on device") == 2


def test_links_planted_by_an_agent_lead_nowhere(prison: Prison) -> None:
    before = sorted(path for path in prison.mirror.rglob("*"))
    prison.run(
        "cd ..; rm -rf state; ln -s /cdock/mirror.git state; mkdir -p attempts; ln -s /cdock attempts/next; :"
    )
    launch = Launch(
        argv=("sh", "-c", "ls -la .. ; ls /cdock/mirror.git"), files={"{state}/hooks/post": "evil"}
    )
    spec = replace(prison.spec(launch, attempt=2))
    runner = prison.place.runner()
    try:
        runner.start(spec)
    except Exception as error:  # refusing is as good; only the files count
        print("refused:", error)
    assert sorted(path for path in prison.mirror.rglob("*")) == before


@pytest.mark.parametrize(
    "planted",
    [
        "rm -rf .git && echo 'gitdir: /cdock/mirror.git' >.git",
        "rm -rf .git/refs && ln -s /cdock/mirror.git/refs .git/refs && git update-ref -d refs/heads/$0",
        "git config uploadpack.packObjectsHook 'touch /workspace/ran; cat' && exit 0",
    ],
)
def test_a_hostile_repository_shows_only_itself(prison: Prison, planted: str) -> None:
    prison.run(f"git commit -q --allow-empty -m mine; {planted}; exit 1")
    remote = prison.place.runner().remote(prison.place.task)
    try:
        subjects = fetched_subjects(remote, branch="main", scratch=prison.scratch)
    except AssertionError as error:
        subjects = ()
        print(error)
    assert subjects == ()


def test_a_link_to_the_mirror_shows_what_is_published_anyway(prison: Prison) -> None:
    prison.run("rm -rf .git; ln -s /cdock/mirror.git .git; exit 1")
    remote = prison.place.runner().remote(prison.place.task)
    assert fetched_subjects(remote, branch="main", scratch=prison.scratch) == ("base",)


def test_fetching_changes_nothing_in_the_workspace(prison: Prison) -> None:
    prison.run("git commit -q --allow-empty -m mine; git config core.fsmonitor 'touch /workspace/ran'; "
               "git config uploadpack.packObjectsHook 'touch /workspace/ran; :'; exit 1")  # fmt: skip
    runner = prison.place.runner()
    assert fetched_subjects(runner.remote(prison.place.task), branch=BRANCH, scratch=prison.scratch) == (
        "mine",
        "base",
    )
    _, said = prison.run("ls ..", attempt=2)
    assert "ran" not in said.split()
    client = prison.place.engine.connect(tried="looking")
    chosen = {"label": [f"io.cdock.instance={prison.place.instance}", "io.cdock.role=tool"]}
    until(
        lambda: not client.containers(all=True, filters=chosen), limit=20, what="the pipe's container is gone"
    )


def test_much_output_is_kept_whole(prison: Prison) -> None:
    line = "x" * 999
    _, said = prison.run(f"yes {line} | head -n 30000; echo end")
    assert len(said) == 30_000_004
    assert prison.place.runner().output(prison.place.task.run(1), offset=30_000_000) == b"end\n"


def test_a_flood_costs_a_bounded_part_of_the_disk(prison: Prison) -> None:
    run, said = prison.run("yes 0123456789 | head -c 20000000; echo end")
    assert run.exit_code == 0
    assert said.endswith("end\n")
    assert len(said) < 20_000_000
    assert prison.place.runner().output(run.name, offset=20_000_000) == b""
