"""The process that publishes a plan is killed at every single write, on the real adapter and a real forge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests

from cdock.adapters.files.plans import FilePlans
from cdock.core import form
from cdock.core.issues import Comment
from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.core.planning.planned import planned_of
from tests.boards import boards
from tests.forge_server import ForgeServer
from tests.killer import Killer, between

LIMIT = 60.0
MOST_LIVES = 80
PLAN = Plan(
    "Log in with OAuth",
    goal="People log in with what they have.",
    tasks=(
        PlanTask("api", "Add the endpoint", acceptance=("pytest -q",)),
        PlanTask("ui", "Add a button", after=("api",), files=("web/**",)),
        PlanTask("docs", "Write it down", after=("api", "ui"), tasks=(PlanTask("docs.1", "The how-to"),)),
    ),
)
STAGES = {"api": 1, "ui": 2, "docs": 3, "docs.1": 1}
PROGRAM = """
import os, sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import cdock.adapters.files.drafts, cdock.adapters.files.entries, cdock.adapters.github.client
import cdock.adapters.github.connection, cdock.adapters.github.graphql, github
from cdock.adapters.system import SystemClock
from cdock.reconciler.publishing import publish
from cdock.wiring import post, site

class Later(SystemClock):
    def now(self):
        # What the life before sent, and nobody answered, is known to have failed by now.
        return super().now() + timedelta(minutes=life)

for life, _ in enumerate(sys.stdin):
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
        continue
    here = site(Path(sys.argv[1]))
    publish(replace(post(here), clock=Later()), here.plans.list()[0])
    os._exit(0)
"""
"""Publishes once for each line it is told, each time in a new process; to load all that anew takes seconds."""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    with ForgeServer(tmp_path_factory.mktemp("forge")) as server:
        server.admin("user", "robot")
        yield server


@pytest.fixture
def killer(forge: ForgeServer) -> Iterator[tuple[Killer, str]]:
    with between(forge.url) as both:
        yield both


class Ground:
    """A repository, a clone of it with an approved plan, and whoever publishes there."""

    def __init__(self, forge: ForgeServer, root: Path, killer: Killer, *, through: str, name: str) -> None:
        self.killer = killer
        self.root = root
        self.name = f"robot/{name}"
        self._forge = forge
        self._token = forge.admin("token", "robot", "--scopes", "repo,project")["token"]
        self.call("POST", "v3/user/repos", {"name": name, "auto_init": True})
        for words in (("init", "-q", "."), ("remote", "add", "origin", f"{through}/{self.name}.git")):
            subprocess.run(("git", "-C", str(root), *words), check=True, timeout=LIMIT)
        self.plans = FilePlans(root / ".git" / "cdock" / "plans")
        now = datetime.now(UTC).replace(microsecond=0)
        self.plans.put(Draft(id=UUID(int=7), plan=PLAN, created_at=now, stand=Stand.APPROVED))
        self.lives = 0
        kept = {
            key: text for key, text in os.environ.items() if not key.startswith(("GIT_", "CDOCK_", "GH_"))
        }
        self._env = {**kept, "CDOCK_TOKEN": self._token, "CDOCK_HOME": str(root / "home")}
        self._mother = subprocess.Popen(
            (sys.executable, "-c", PROGRAM, str(root)),
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Ground:
        return self

    def __exit__(self, *_: object) -> None:
        self._mother.communicate(timeout=LIMIT)

    def live(self, **until: int) -> bool:
        """Publish until it is done, or death comes; whether it is done."""
        self.lives += 1
        self.killer.before, self.killer.after = until.get("before", 0), until.get("after", 0)
        self.killer.named.clear()
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write("live\n")
        self._mother.stdin.flush()
        self.killer.victim = int(self._mother.stdout.readline())
        self.killer.named.set()
        status = int(self._mother.stdout.readline())
        assert status in (0, signal.SIGKILL), "it ended otherwise: its output tells"
        return status == 0

    def cdock(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        return subprocess.run(
            (sys.executable, "-m", "cdock", "-C", str(self.root), *words),
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "a person"}
        url = f"{self._forge.url}/api/{path}"
        answer = requests.request(method, url, headers=headers, json=body, timeout=LIMIT)
        assert answer.ok, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json()

    def there(self, path: str) -> Any:
        return self.call("GET", f"v3/repos/{self.name}/{path}")

    def assert_published(self) -> None:
        (draft,) = self.plans.list()
        numbers = draft.numbers
        assert draft.stand is Stand.PUBLISHED
        rows = {row["number"]: row for row in self.there("issues?state=all&per_page=100")}
        assert sorted(rows) == sorted(numbers.values())
        assert Counter(row["title"] for row in rows.values()) == Counter(
            [PLAN.title, *(task.title for task in PLAN.every())]
        )
        assert PLAN.goal in rows[numbers[PARENT]]["body"]
        for task in PLAN.every():
            self._assert_task(task, rows[numbers[task.key]], numbers=numbers)
        for key, tasks in ((PARENT, PLAN.tasks), ("docs", PLAN.tasks[2].tasks)):
            (comment,) = self.there(f"issues/{numbers[key]}/comments")
            note = planned_of(Comment(1, "robot", comment["body"], datetime.now(UTC), mine=True))
            assert note is not None
            assert {task.number for task in note.tasks} == {numbers[task.key] for task in tasks}
            parts = self.there(f"issues/{numbers[key]}/sub_issues")
            assert sorted(row["number"] for row in parts) == sorted(numbers[task.key] for task in tasks)
        names = {label["name"] for label in rows[numbers[PARENT]]["labels"]}
        assert names == {"agent-plan"}
        cards = {numbers[task.key]: ("Todo", STAGES[task.key]) for task in PLAN.tasks}
        assert boards(self._forge.url, self.name, token=self._token) == {PLAN.title: cards}

    def _assert_task(self, task: PlanTask, row: Any, *, numbers: Any) -> None:
        said = form.brief_of(row["body"])
        assert said.plan == numbers["docs" if task.key == "docs.1" else PARENT]
        assert said.depends == tuple(numbers[key] for key in task.after)
        assert (said.stage, said.files, said.acceptance) == (STAGES[task.key], task.files, task.acceptance)
        assert {label["name"] for label in row["labels"]} == {f"stage-{STAGES[task.key]}"}
        blocking = self.there(f"issues/{row['number']}/dependencies/blocked_by")
        assert sorted(one["number"] for one in blocking) == sorted(numbers[key] for key in task.after)


@pytest.mark.parametrize(("when", "at"), [("after", 1), ("before", 2)], ids=["answer lost", "never sent"])
def test_whoever_is_killed_at_every_write_doubles_nothing(
    forge: ForgeServer, killer: tuple[Killer, str], tmp_path: Path, when: str, at: int
) -> None:
    with Ground(forge, tmp_path, killer[0], through=killer[1], name=f"killed-{when}") as ground:
        while not ground.live(**{when: at}):
            assert ground.lives < MOST_LIVES, ground.killer.applied
        assert ground.lives > 15, "every write was one to die at"
        ground.assert_published()


def test_undisturbed_it_writes_no_more_than_it_must(
    forge: ForgeServer, killer: tuple[Killer, str], tmp_path: Path
) -> None:
    with Ground(forge, tmp_path, killer[0], through=killer[1], name="undisturbed") as ground:
        assert ground.live()
        ground.assert_published()
    assert Counter(line.rpartition("/")[2] for line in ground.killer.applied) == {
        "labels": 4 + 1,  # of the repository, then on the plan
        "issues": 5,
        "sub_issues": 4,
        "blocked_by": 3,
        "comments": 2,
        "graphql": 6,  # a board, its mark, two fields, the cards, what stands on them
    }


def test_what_was_approved_while_the_forge_was_away_is_published_by_sync(
    forge: ForgeServer, killer: tuple[Killer, str], tmp_path: Path
) -> None:
    with Ground(forge, tmp_path, killer[0], through=killer[1], name="away") as ground:
        (tmp_path / "cdock.toml").write_text('[runner]\nkind = "local"\n[agent]\ndefault = "scripted"\n')
        forge.stop()
        away = ground.cdock("sync")
        assert (away.returncode, ground.plans.list()[0].stand) == (5, Stand.APPROVED), away.stderr
        forge.start()
        done = ground.cdock("sync")
        assert "Log in with OAuth  #" in done.stdout, done.stderr
        ground.assert_published()
