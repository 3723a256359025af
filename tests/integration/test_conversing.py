"""A conversation with real runs of the scripted agent: plain processes and containers, ended and killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cdock.adapters.agents import agent
from cdock.adapters.files.ledger import FileLedger
from cdock.adapters.files.locks import FileLocks
from cdock.adapters.files.plans import FilePlans
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.adapters.local.runner import LocalRunner
from cdock.adapters.prompts import TemplatePrompts
from cdock.adapters.system import RandomIds, SystemClock
from cdock.core.events import Event
from cdock.core.policy import Policy
from cdock.ports import Runner
from cdock.reconciler.conversing import Table, begun, converse, forget_talk, talk_id
from tests import docker_engine, git_repos

LIMIT = 60.0
PLAN = {"title": "Log in", "goal": "", "tasks": [{"id": "api", "name": "Add it"}]}
SCRIPT = {
    "tasks": {
        "plan-log-in": {
            "plan": [
                [
                    {"run": "cat README.md; echo changed >README.md; git commit -qam mine; pwd"},
                    {"propose": {"say": "Which provider?"}},
                ],
                [{"run": "cat README.md; pwd"}, {"propose": {"say": "This.", "plan": PLAN}}],
                [{"say": "I wait."}, {"wait": 300}],
                [{"propose": {"say": "Here again."}}],
            ]
        }
    }
}


def table(root: Path, runner: Runner) -> Table:
    """All that is needed, with a published commit."""
    forge = root / "forge.git"
    if not forge.exists():
        git_repos.bare(forge)
    return Table(
        runner=runner,
        workspaces=GitWorkspaces(Place(root / "clone"), url=f"file://{forge}"),
        locks=FileLocks(root / "locks"),
        plans=FilePlans(root / "plans"),
        ledger=FileLedger(root / "ledger.json"),
        prompts=TemplatePrompts(None),
        clock=SystemClock(),
        ids=RandomIds(),
        policy=Policy(planner="scripted", stop_grace=timedelta(seconds=1)),
        agents={"scripted": agent("scripted")},
        agent_settings={"scripted": {"script": json.dumps(SCRIPT)}},
    )


def local(root: Path) -> LocalRunner:
    return LocalRunner(root / "runs", environment=os.environ)


def talk(at: Table) -> None:
    """Two turns: each in a copy of the newest commit, and with the memory of the one before."""
    events: list[Event] = []
    draft, answer = converse(at, begun(at, "Log in"), "Log in", on_event=events.append)
    assert answer.say == "Which provider?"
    assert at.runner.list() == ()
    draft, answer = converse(at, draft, "Ours.", on_event=events.append)
    assert answer.plan is not None
    shown = [event.text.split() for event in events if event.kind == "result"]
    assert [words[:2] for words in shown] == [["#", "hello"], ["#", "hello"]], (
        "what it did before was thrown away"
    )
    assert shown[0][-1] == shown[1][-1], "it works at the same place, where programs find their conversations"
    assert at.plans.list() == (draft,)
    forget_talk(at, draft)
    assert at.runner.list() == ()


def test_plain_processes(tmp_path: Path) -> None:
    talk(table(tmp_path, local(tmp_path)))
    assert not list((tmp_path / "runs" / "runs").glob("cdock.*"))


@pytest.fixture
def docker_place() -> Iterator[docker_engine.Place]:
    with docker_engine.place() as at:
        yield at


@pytest.mark.docker
def test_containers(tmp_path: Path, docker_place: docker_engine.Place) -> None:
    talk(table(tmp_path, docker_place.runner()))
    api = docker_place.engine.connect(tried="looking for what is left")
    chosen = {"label": f"io.cdock.instance={docker_place.instance}"}
    assert api.containers(all=True, filters=chosen) == []
    assert not api.volumes(filters=chosen)["Volumes"]


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cdock.reconciler.conversing import converse
from tests.integration.test_conversing import local, table
at = table(Path(sys.argv[1]), local(Path(sys.argv[1])))
converse(at, at.plans.list()[0], "Go on.", on_event=lambda event: print(event.text, flush=True))
"""


def test_after_a_kill_the_talk_goes_on(tmp_path: Path) -> None:
    at = table(tmp_path, local(tmp_path))
    draft = begun(at, "Log in")
    for words in ("Log in", "Ours."):
        draft, _ = converse(at, draft, words, on_event=lambda _: None)
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        (sys.executable, "-c", _KILLED, str(tmp_path), root), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "I wait.\n"
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT)
    (left,) = at.runner.list()
    assert left.alive
    assert left.task == talk_id(draft)
    (kept,) = at.plans.list()
    assert kept.turns[-1] == ("person", "Go on.")
    draft, answer = converse(at, kept, "And now?", on_event=lambda _: None)
    assert answer.say == "Here again."
    assert at.runner.list() == ()
    assert len(draft.turns) == 7
