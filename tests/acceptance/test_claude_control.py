"""The real Claude Code in real containers, under control; only the model behind it is scripted, on loopback.

What the provider does, what limits do, what people say in the browser and at a terminal, and what a crash leaves.
Several issues are worked on at once, because starting a container takes longer than all that happens in it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cdock.adapters.docker.sockets import socket_directory
from tests.acceptance.stories import asked, causes, history, remote, visit
from tests.acceptance.workshop import Workshop
from tests.docker_engine import Place
from tests.model_api import Failure, Use
from tests.model_stories import Long, Stories, Story
from tests.terminal import Terminal

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

KEY = "sk-ant-scripted-key-of-the-host"
TREE = "/workspace/src"
TRIES = 6
"""How often the program asks a model that fails before it gives up."""

SETTINGS = """
[agent]
default = "claude"

[agent.claude]
model = "claude-sonnet-4-5"

[runner]
kind = "docker"

[budget]
backoff = "0s"

[limits]
pause = "1s"

[poll]
interval = "1s"
max_parallel = 3
harvest_every = "3s"
push_every = "1s"
"""


@contextmanager
def place(
    folder: Path, stories: Mapping[str, Story], *, more: str = "", key: str = "ANTHROPIC_API_KEY"
) -> Iterator[tuple[Workshop, Stories]]:
    """A repository whose agents talk to a model that tells these stories, each for the issue with its name."""
    workshop = Workshop(folder)
    try:
        with Stories(stories) as model:
            workshop.extra_env |= {"ANTHROPIC_BASE_URL": model.url, key: KEY}
            workshop.start_repository({"cdock.toml": SETTINGS + more, "README.md": "# hello\n"})
            yield workshop, model
    finally:
        try:
            workshop.close()
        finally:
            clear_up(workshop)


def clear_up(workshop: Workshop) -> None:
    """Leave neither containers nor volumes nor the way to the model behind."""
    instance = json.loads((workshop.state / "poller.json").read_text())["id"]
    Place(instance).remove()
    note = socket_directory(workshop.env, instance=instance) / "model.lock"
    os.kill(int(json.loads(note.read_text())["pid"]), signal.SIGTERM)


def bash(command: str) -> Use:
    """The agent runs a command."""
    return Use("Bash", {"command": command, "description": "work"})


def commit(name: str) -> Use:
    """The agent commits a file."""
    return bash(f"echo {name} >{name}.txt && git add {name}.txt && git commit -q -m 'Add {name}'")


HOLD = "until [ -e .git/go ]; do sleep 0.2; done"
"""A command that goes on until somebody makes this file."""


def sessions(workshop: Workshop, issue: int) -> list[str]:
    """The conversation of each attempt."""
    return [attempt["session"] for attempt in history(workshop, issue)]


def container(workshop: Workshop, issue: int) -> str:
    """The name of the container of the living attempt, as soon as the mirror tells it."""

    def name() -> str:
        tasks = workshop.mirror()["tasks"]
        return next((str(t["run"]) for t in tasks if t["github"]["issue_number"] == issue), "")

    workshop.until("a living attempt", lambda: bool(name()))
    return name()


def in_container(workshop: Workshop, issue: int, *command: str) -> None:
    """Run a command beside the agent, as the machine's administrator could."""
    words = ("docker", "exec", "--workdir", TREE, container(workshop, issue), *command)
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"


def review(workshop: Workshop, *issues: int) -> None:
    """Wait until the work on these is done."""
    workshop.until(
        "all pull requests", lambda: all("in-review" in workshop.labels(n) for n in issues), limit=150
    )


# The provider.


def interrupted(name: str, failure: Failure) -> Story:
    """It begins, then the provider fails, then it goes on."""
    yield [f"I begin with {name}.", bash("true")]
    for _ in range(TRIES):
        yield failure
    yield [commit(name)]
    yield [f"{name} is done."]


def test_a_provider_that_fails_costs_no_attempt(tmp_path: Path) -> None:
    failures = {
        "story-rate": Failure(429, "slow down"),
        "story-broken": Failure(500, "boom"),
        "story-busy": Failure(529, "overloaded"),
    }
    stories = {name: interrupted(name, failure) for name, failure in failures.items()}
    with place(tmp_path, stories) as (workshop, model):
        issues = {name: workshop.open_issue(name) for name in stories}
        poller = workshop.poller()
        review(workshop, *issues.values())
        workshop.end(poller)
        for name, issue in issues.items():
            first = "limited" if name == "story-rate" else "lost"
            assert causes(workshop, issue) == [("task", first), ("go-on", "succeeded")]
            assert len(set(sessions(workshop, issue))) == 1, "the conversation goes on"
            assert f"I begin with {name}." in model.told(name)[-1].text
            assert not any(attempt.get("fingerprint") for attempt in history(workshop, issue))


def limited(until: list[int], seconds: float) -> Story:
    """In the middle of the work the limit of a subscription is reached, which ends some seconds later."""
    yield ["I begin.", bash("true")]
    until.append(int(time.time() + seconds))
    yield Failure(
        429,
        "limit",
        {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": str(until[0]),
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
        },
    )
    yield [commit("limit")]
    yield ["The rest is done."]


def good() -> Story:
    """Nothing is wrong with it."""
    yield [commit("good")]
    yield ["It is done."]


def test_a_usage_limit_is_waited_for_and_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    until: list[int] = []
    stories = {"story-limit": limited(until, 15), "story-good": good()}
    with place(tmp_path, stories, key="CLAUDE_CODE_OAUTH_TOKEN") as (workshop, model):
        issue = workshop.open_issue("story-limit")
        poller = workshop.poller()
        workshop.until("the limit", lambda: "waiting" in workshop.labels(issue))
        over = datetime.fromtimestamp(until[0], UTC)
        shown = f"Until {over:%Y-%m-%d %H:%M} UTC"
        workshop.until("its end in the comment", lambda: shown in workshop.comments(issue)[0]["body"])
        explained = json.loads(workshop.cdock("explain", str(issue), "--json").stdout)["data"]
        assert explained["status"] == "waiting"
        assert (explained["waiting"]["kind"], explained["waiting"]["until"]) == ("provider", over.isoformat())
        other = workshop.open_issue("story-good")
        review(workshop, issue, other)
        workshop.end(poller)
        assert causes(workshop, issue) == [("task", "limited"), ("go-on", "succeeded")]
        assert causes(workshop, other) == [("task", "succeeded")]
        assert len(set(sessions(workshop, issue))) == 1
        second = history(workshop, issue)[1]
        assert datetime.fromisoformat(second["started_at"]) >= over
        assert "I begin." in model.told("story-limit")[-1].text
        assert "waiting" not in workshop.labels(issue)


# Limits of a task, hand-offs, and crashes.


def endless() -> Story:
    """It would never end by itself."""
    yield [commit("half")]
    yield [bash("true")]
    yield ["It is done after all."]


def long() -> Story:
    """Its conversation is long from the beginning; it does as it is told and hands over."""
    heard = yield Long(["I begin.", commit("first")])
    while "Your memory is nearly full" not in heard.text:
        heard = yield Long([bash("sleep 1")])
    notes = "Done: first.txt:1. Left: second.txt. Decided: plain text."
    yield Long([Use("Write", {"file_path": f"{TREE}/.cdock/handoff.md", "content": notes})])
    yield Long(["I hand over."])
    yield [commit("second")]
    yield ["It is done."]


def killed() -> Story:
    """It is killed while a command runs, and its work is not committed."""
    yield [bash(f"echo half >half.txt; {HOLD}")]
    yield [bash("cat half.txt && git add half.txt && git commit -q -m 'Keep the half'")]
    yield ["It is done."]


def test_limits_hand_offs_and_kills_lose_no_work(tmp_path: Path) -> None:
    stories = {"story-endless": endless(), "story-long": long(), "story-killed": killed()}
    with place(tmp_path, stories) as (workshop, model):
        turns = workshop.open_issue("story-endless", ready=False)
        workshop.api("POST", f"/issues/{turns}/labels", {"labels": ["max-turns:2", "agent-ready"]})
        full = workshop.open_issue("story-long")
        dead = workshop.open_issue("story-killed")
        poller = workshop.poller()

        workshop.until("the command", lambda: f"$ Bash: echo half >half.txt; {HOLD}" in workshop.said)
        in_container(
            workshop, dead, "sh", "-c", "until [ -s half.txt ]; do sleep 0.1; done; pkill -KILL -x claude"
        )
        workshop.until("unfinished work", lambda: remote(workshop, f"refs/cdock/wip/{dead}"))
        workshop.git("fetch", "-q", "origin", f"refs/cdock/wip/{dead}")
        assert workshop.git("show", "FETCH_HEAD:half.txt") == "half"

        workshop.until("the question", lambda: "needs-help" in workshop.labels(turns))
        help_issue = asked(workshop)
        assert "all 2 turns of this task are used up" in help_issue["body"]
        workshop.api("POST", f"/issues/{turns}/comments", {"body": "/cdock budget 5 turns"})
        review(workshop, turns, full, dead)
        workshop.end(poller)

        assert causes(workshop, turns) == [("task", "capped"), ("go-on", "succeeded")]
        assert len(set(sessions(workshop, turns))) == 1
        assert causes(workshop, full) == [("task", "handoff"), ("handoff", "succeeded")]
        assert len(set(sessions(workshop, full))) == 2
        fresh = model.told("story-long")[-1].text
        assert "Left: second.txt." in fresh
        assert "I begin." not in fresh
        assert [outcome for _, outcome in causes(workshop, dead)] == ["failed", "succeeded"]
        files = {
            f["filename"]
            for p in workshop.pulls()
            for f in workshop.api("GET", f"/pulls/{p['number']}/files")
        }
        assert files == {"half.txt", "first.txt", "second.txt"}


# Questions and answers.


def stuck() -> Story:
    """It makes the same mistake until somebody says what is wanted."""
    for _ in range(3):
        yield [
            bash("echo \"KeyError: 'colour'\" >broken.txt; git add . && git commit -q --allow-empty -m Try")
        ]
        yield ["That should do."]
    yield [
        bash("git rm -q broken.txt && echo blue >colour.txt && git add . && git commit -q -m 'Blue it is'")
    ]
    yield ["Blue it is."]


@pytest.mark.browser
def test_the_same_error_three_times_is_asked_about_and_answered_in_the_browser(
    tmp_path: Path, browser: Browser
) -> None:
    check = '[acceptance]\ncommands = ["! cat broken.txt"]\n'
    with place(tmp_path, {"story-stuck": stuck()}, more=check) as (workshop, model):
        issue = workshop.open_issue("story-stuck")
        poller = workshop.poller()
        workshop.until("the question", lambda: "needs-help" in workshop.labels(issue))
        page = visit(browser, workshop)
        question = asked(workshop)
        page.goto(f"issues/{question['number']}")
        expect(page.get_by_text("the same error came back 3 times")).to_be_visible()
        page.get_by_label("Write a comment").fill("It is the colour of the sky.")
        page.get_by_role("button", name="Comment", exact=True).click()
        expect(page.locator(".prose", has_text="the colour of the sky")).to_be_visible()
        review(workshop, issue)
        workshop.end(poller)
        failed = [("task", "failed"), ("retry", "failed"), ("retry", "failed")]
        assert causes(workshop, issue) == [*failed, ("answer", "succeeded")]
        assert len({attempt["fingerprint"] for attempt in history(workshop, issue)[:3]}) == 1
        *_, third, fourth = sessions(workshop, issue)
        assert third == fourth, "the answer reached the conversation that needed it"
        assert "It is the colour of the sky." in model.told("story-stuck")[-1].text
        (pull,) = workshop.pulls()
        files = {file["filename"] for file in workshop.api("GET", f"/pulls/{pull['number']}/files")}
        assert files == {"colour.txt"}
        assert workshop.api("GET", f"/issues/{question['number']}")["state"] == "closed"


# Words, shells and terminals.


def listening() -> Story:
    yield ["I begin.", bash(HOLD)]
    yield [commit("heard")]
    yield ["I minded the gap."]


def test_words_reach_it_while_a_command_runs(tmp_path: Path) -> None:
    with place(tmp_path, {"story-listen": listening()}) as (workshop, model):
        issue = workshop.open_issue("story-listen")
        poller = workshop.poller()
        workshop.until("the command", lambda: f"$ Bash: {HOLD}" in workshop.said)
        telling = workshop.start("prompt", str(issue), "--wait", "Mind the gap")
        workshop.api("POST", f"/issues/{issue}/comments", {"body": "Use port 8080."})
        workshop.until("both messages", lambda: workshop.said.count("message sent") == 2)
        assert telling.poll() is None, "not read before the command ends"
        with Terminal(command("bash", str(issue)), cwd=workshop.clone, env=workshop.env) as shell:
            shell.wait_for("$")
            shell.type("pwd; git log --oneline; touch .git/go; echo let' 'go")
            shell.wait_for("let go")
            assert TREE in shell.screen
            assert "Begin" in shell.screen
        assert telling.wait(60) == 0
        review(workshop, issue)
        workshop.end(poller)
        assert causes(workshop, issue) == [("task", "succeeded")]
        before, after = (request.text for request in model.told("story-listen")[:2])
        for words in ("Mind the gap", "Use port 8080."):
            assert words not in before
            assert words in after


def command(*words: str) -> list[str]:
    """cdock, as a person starts it."""
    return [sys.executable, "-P", "-m", "cdock", *words]


def together() -> Story:
    """A command runs when a person takes over; they talk; it goes on alone; the same again; then it finishes."""
    for question in ("Who is there?", "Still there?"):
        heard = yield ["I begin.", bash(HOLD)]
        while question not in heard.text:
            heard = yield ["I was interrupted."]
        while heard.text.rpartition(question)[2].count("a person worked in your terminal") == 0:
            heard = yield [f"{question} It is me."]
    yield [commit("together")]
    yield ["It is done."]


def test_a_person_takes_over_its_screen_and_gives_it_back(tmp_path: Path) -> None:
    """A subscription is used, of which the program would ask other questions than of a key."""
    stories = {"story-together": together()}
    with place(tmp_path, stories, key="CLAUDE_CODE_OAUTH_TOKEN") as (workshop, model):
        issue = workshop.open_issue("story-together")
        poller = workshop.poller()

        def attached() -> Terminal:
            return Terminal(command("attach", str(issue)), cwd=workshop.clone, env=workshop.env)

        workshop.until("the command", lambda: f"$ Bash: {HOLD}" in workshop.said)
        with attached() as mine:
            mine.wait_for("I begin.")
            assert "bypass permissions on" in mine.screen, "it is the program's own screen"
            mine.type("Who is there?")
            mine.wait_for("Who is there? It is me.")
            mine.press("C-b", "d")
            mine.wait_for_end()
        assert "with you" in workshop.cdock("attach").stdout
        workshop.until("the comment", lambda: "With a person" in workshop.comments(issue)[0]["body"])
        with attached() as again:
            again.wait_for("Who is there? It is me.")
            again.type("/exit")
            again.wait_for_end()

        workshop.until("it goes on", lambda: workshop.said.count(f"$ Bash: {HOLD}") == 2)
        with attached() as third:
            third.wait_for("Who is there? It is me.")
            third.type("Still there?")
            third.wait_for("Still there? It is me.")
            third.press("C-c")
            third.wait_for("again to exit")
            third.press("C-c")
            third.wait_for_end()
        review(workshop, issue)
        workshop.end(poller)
        taken = [("person", "yielded"), ("go-on", "yielded"), ("person", "yielded")]
        assert causes(workshop, issue) == [("task", "yielded"), *taken, ("go-on", "succeeded")]
        assert len(set(sessions(workshop, issue))) == 1
        for words in ("Who is there?", "Still there?"):
            assert words in model.told("story-together")[-1].text
