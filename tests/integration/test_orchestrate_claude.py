"""Six turns with the real Claude Code, its model scripted, become one plan on a forge, however often it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cdock.core import form
from tests.acceptance.workshop import PERSON, Workshop
from tests.boards import boards
from tests.killer import Killer, between
from tests.model_api import Failure, ModelApi, Request, Turn, Use

pytestmark = [pytest.mark.claude, pytest.mark.timeout(600)]

LIMIT = 120.0
SETTINGS = """
[agent]
default = "claude"
[agent.claude]
model = "claude-sonnet-4-5"
[runner]
kind = "local"
"""


def task(id_: str, name: str, *after: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "after": list(after),
        "files": [f"{id_}/**"],
        "acceptance": [f"make {id_}"],
    }


MODEL = task("model", "Keep accounts")
API = task("api", "Add the endpoint", "model")
PAGE = task("page", "Add the page", "model")
DOCS = task("docs", "Write it down", "model")
END = task("end", "Take the old login out", "api", "page")


def plan(*tasks: Mapping[str, Any]) -> dict[str, Any]:
    return {"title": "Log in with OAuth", "goal": "People log in with what they have.", "tasks": tasks}


TURNS: Mapping[str, list[dict[str, Any]]] = {
    "Let people log in with OAuth": [{"say": "Which provider is it to be?"}],
    "Ours is Keycloak": [{"say": "Two steps.", "plan": plan(MODEL, API)}],
    "People need a page": [{"say": "With a page.", "plan": plan(MODEL, API, PAGE)}],
    # In a circle first: it is told so, and mends it.
    "The old login has to go": [
        {"say": "Without it.", "plan": plan({**MODEL, "after": ["end"]}, API, PAGE, END)},
        {"say": "Without it, in order.", "plan": plan(MODEL, API, PAGE, END)},
    ],
    "Write it down, too": [{"say": "With docs.", "plan": plan(MODEL, API, PAGE, DOCS, END)}],
    "Is the page large": [{"say": "No: a form and a link."}],
}
WORDS = tuple(TURNS)


class Planner(ModelApi):
    """A model that answers what was said last, by the program's tool for answers; it looks around first."""

    def answer(self, request: Request) -> Turn:
        """See `ModelApi`."""
        otherwise = super().answer(request)
        if not request.main:
            return otherwise
        used = _used_last(request.body["messages"])
        if used == "StructuredOutput":
            return ["There it is."]
        said = [words for words in WORDS if words in request.text]
        if not said:
            return Failure(400, "nobody said anything")
        if len(said) == 1 and not used:
            return ["I look around.", Use("Bash", {"command": "ls", "description": "look"})]
        answers = TURNS[said[-1]]
        again = "Your last answer could not be used" in request.text
        return [Use("StructuredOutput", answers[-1] if again else answers[0])]


def _used_last(messages: list[dict[str, Any]]) -> str:
    """The tool whose result is the newest message; empty when that is something else."""
    content = messages[-1]["content"]
    if isinstance(content, str) or not any(part["type"] == "tool_result" for part in content):
        return ""
    uses = [
        part["name"]
        for message in messages
        if message["role"] == "assistant" and not isinstance(message["content"], str)
        for part in message["content"]
        if part["type"] == "tool_use"
    ]
    return str(uses[-1])


def orchestrate(workshop: Workshop, *words: str, lines: str) -> str:
    """Talk by lines of standard input; what was printed."""
    done = subprocess.run(
        (sys.executable, "-P", "-m", "cdock", "orchestrate", *words),
        cwd=workshop.clone,
        env=workshop.env,
        input=lines,
        capture_output=True,
        text=True,
        timeout=4 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr, done.stderr
    return done.stdout


def publish(workshop: Workshop, killer: Killer, *words: str, after: int) -> int:
    """Publish what was agreed, and be killed when so many writes were answered; the exit code."""
    killer.named.clear()
    killer.after = after
    process = subprocess.Popen(
        (sys.executable, "-P", "-m", "cdock", *words),
        cwd=workshop.clone,
        env=workshop.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    killer.victim = process.pid
    killer.named.set()
    _, said = process.communicate(timeout=LIMIT)
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode


def test_six_turns_become_a_plan(tmp_path: Path) -> None:
    assert shutil.which("claude"), "install it with `npm install -g @anthropic-ai/claude-code`"
    workshop = Workshop(tmp_path)
    try:
        with Planner(()) as model:
            # A board belongs to whom the repository belongs to.
            token = workshop.forge.admin("token", PERSON, "--scopes", "repo,project")["token"]
            workshop.tokens[PERSON] = token
            workshop.extra_env = {
                "CDOCK_TOKEN": token,
                "ANTHROPIC_BASE_URL": model.url,
                "ANTHROPIC_API_KEY": "sk-scripted",
            }
            if os.geteuid() == 0:
                workshop.extra_env["IS_SANDBOX"] = "1"
            workshop.start_repository({"cdock.toml": SETTINGS, "README.md": "# hello\n"})
            first = orchestrate(workshop, WORDS[0], lines=f"{WORDS[1]}\n{WORDS[2]}\n")
            assert first.index("Which provider") < first.index("Two steps.") < first.index("With a page.")
            # Another process goes on with the same conversation.
            second = orchestrate(workshop, "--resume", lines="\n".join(WORDS[3:]) + "\n")
            assert "Without it, in order." in second
            assert "5. Take the old login out" in second
            assert "a form and a link" in second
            newest = model.conversation[-1].text
            assert all(words in newest for words in WORDS), (
                "it is one conversation, and the model knows all of it"
            )
        assert workshop.api("GET", "/issues?state=all") == []
        draft = json.loads(workshop.cdock("plan", "list", "--json").stdout)["data"]
        assert [(one["stand"], one["tasks"]) for one in draft] == [("talk", 5)]
        with between(workshop.forge.url) as (killer, through):
            workshop.git("remote", "set-url", "origin", f"{through}/{workshop.repository}.git")
            again = ("orchestrate", "--resume", "--yes")
            # A lost answer to the making of an issue is waited for by `cdock sync` alone.
            for words, after in ((again, 2), (again, 3), *((("sync",), after) for after in (2, 5, 4, 3, 6))):
                code = publish(workshop, killer, *words, after=after)
                assert code == -signal.SIGKILL, f"it was over at write {after}: {killer.applied}"
            assert publish(workshop, killer, *again, after=0) == 0
        workshop.git("remote", "set-url", "origin", workshop.url)
        assert_published(workshop)
        left = workshop.home / "local"
        assert not list(left.glob("*/runs/cdock.*")), "nothing of the talk is left"
    finally:
        workshop.close()


def assert_published(workshop: Workshop) -> None:
    """One plan, five tasks in three stages, what is between them, and a board; each once."""
    rows = {row["title"]: row for row in workshop.api("GET", "/issues?state=all&per_page=100")}
    assert len(workshop.api("GET", "/issues?state=all&per_page=100")) == 6
    parent = rows["Log in with OAuth"]
    assert {label["name"] for label in parent["labels"]} == {"agent-plan"}
    parts = workshop.api("GET", f"/issues/{parent['number']}/sub_issues")
    stages = {"model": 1, "api": 2, "page": 2, "docs": 2, "end": 3}
    tasks = (MODEL, API, PAGE, DOCS, END)
    numbers = {one["id"]: rows[one["name"]]["number"] for one in tasks}
    assert sorted(row["number"] for row in parts) == sorted(numbers.values())
    for one in tasks:
        row = rows[one["name"]]
        said = form.brief_of(row["body"])
        assert (said.stage, said.plan) == (stages[one["id"]], parent["number"])
        assert (list(said.files), list(said.acceptance)) == (one["files"], one["acceptance"])
        assert {label["name"] for label in row["labels"]} == {f"stage-{stages[one['id']]}"}
        blocking = workshop.api("GET", f"/issues/{row['number']}/dependencies/blocked_by")
        assert sorted(found["number"] for found in blocking) == sorted(numbers[key] for key in one["after"])
    (note,) = workshop.comments(parent["number"])
    assert "planned" in note["body"]
    found = boards(workshop.forge.url, workshop.repository, token=workshop.tokens[PERSON])
    cards = {numbers[key]: ("Todo", stage) for key, stage in stages.items()}
    assert found == {"Log in with OAuth": cards}
