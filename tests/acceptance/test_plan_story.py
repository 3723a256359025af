"""A plan from its document to the default branch: stages, a gate in the browser, stacked work, and the landing."""

from __future__ import annotations

import json
import random
import shlex
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from cdock.adapters.files.poller import known_identity
from tests.acceptance.plans import (
    choose,
    comment,
    document,
    gate,
    is_single,
    label,
    leaves_nothing,
    marked,
    on_engine,
    published,
    pull_of,
    state,
    tick,
    until_gate,
)
from tests.acceptance.stories import asked, causes, in_review, played, visit, write
from tests.acceptance.workshop import PERSON, Workshop
from tests.docker_engine import Place

SEED, KILLS = 20261122, 8
LIMIT = 300.0
"""Seconds that containers may take for anything: all of them start at once on a busy machine."""

MODELS, TOKENS, API, DOCS = "Data models", "Sign tokens", "API endpoints", "Write it down"
PLAN = document(
    "Log in with a password",
    "People can log in, and stay logged in.",
    {"id": "models", "name": MODELS, "files": ["models.py"], "acceptance": ["test -e models.py"]},
    {"id": "tokens", "name": TOKENS, "files": ["tokens.py"], "acceptance": ["python3 tokens.py"]},
    {"id": "api", "name": API, "dependencies": ["models"], "files": ["api.py"]},
    {"id": "docs", "name": DOCS, "dependencies": ["api", "tokens"], "files": ["docs/*.md"]},
)
"""Four tasks in three stages; only one of the second stage, so that the first gate is about two others."""

NO_TABLE = {"run": "cat schema.sql"}


def needs(*files: str) -> dict[str, str]:
    """The step that fails when these are not where the work starts."""
    return {"run": f"cat {' '.join(files)}"}


def scripts(first: list[dict[str, Any]]) -> dict[str, Any]:
    """What the agent of each task does; `first` comes before the end of the models."""
    return {
        "data-models*": {
            "attempts": [[write("models.py", "USERS = {}\n"), {"commit": "Keep users"}, *first]],
        },
        "sign-tokens*": {
            "attempts": [[NO_TABLE]],
            "retry": [
                [NO_TABLE],
                [NO_TABLE],
                [write("tokens.py", "KEY = 1\n"), {"commit": "Sign"}, {"say": "It signs."}],
            ],
        },
        "api-*": {
            "attempts": [
                [needs("models.py"), write("api.py", "import models\n"), {"commit": "Serve"}],
            ],
        },
        "write-*": {
            "attempts": [
                [
                    needs("models.py", "api.py", "tokens.py"),
                    write("docs/login.md", "# Log in\n"),
                    {"commit": "Write"},
                ],
            ],
        },
    }


CHECKS = ["python3 -c 'import api, tokens, models'", "test -e docs/login.md"]


@pytest.mark.docker
@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_a_plan_goes_through_in_containers(workshop: Workshop, browser: Browser) -> None:
    workshop.start_repository(
        {
            "PLAN.md": PLAN,
            **played(
                scripts([{"hear": 600}, {"say": "I heard: {heard}"}]),
                runner={"kind": "docker"},
                pull={"debounce": "30s"},
                validate={"commands": CHECKS},
            ),
        }
    )
    try:
        walk(workshop, browser)
    finally:
        if instance := instance_of(workshop):
            Place(instance).remove()


def instance_of(workshop: Workshop) -> str:
    """The id of the clone's poller, by which its containers are labelled."""
    return known_identity(workshop.state) or ""


def walk(workshop: Workshop, browser: Browser) -> None:
    # Whether merged branches stay is for the repository to say, not for cdock.
    workshop.api("PATCH", "", {"delete_branch_on_merge": True})
    plan, numbers = published(workshop, "PLAN.md")
    models, tokens, api, docs = (numbers[title] for title in (MODELS, TOKENS, API, DOCS))
    poller = workshop.poller()

    # The first stage: one is stuck while the other one is still at work, each in a container of its own.
    issue = asked(workshop)
    assert issue["title"] == f"Help wanted: {TOKENS}"
    assert causes(workshop, tokens) == [("task", "failed"), ("retry", "failed"), ("retry", "failed")]
    assert causes(workshop, models) == [("task", None)], "they work at the same time"
    assert gate(workshop, plan, 1) == "", "a stage that works has no gate"
    told = workshop.cdock("prompt", str(models), "--wait", "That will do.")
    assert told.returncode == 0, told.stderr
    asks = until_gate(workshop, plan, 1, "Stage 1 of 3: 1 worked, 1 failed", limit=LIMIT)
    assert "schema.sql" in asks, "the error is shown"
    assert [state(workshop, number) for number in (api, docs)] == ["", ""], "nothing after it has begun"

    # The person decides in the browser.
    page = visit(browser, workshop)
    page.goto(f"issues/{plan}")
    expect(page.get_by_text("Stage 1 of 3: 1 worked, 1 failed")).to_be_visible()
    tick(page, plan, 1, "Retry what failed", "Approve: start stage 2")
    until_gate(
        workshop, plan, 1, f"Approved by {PERSON}: stage 2 is open. What failed is tried again.", limit=LIMIT
    )
    workshop.until("the retry", lambda: in_review(workshop, tokens), limit=LIMIT)
    assert causes(workshop, tokens)[3:] == [("retry", "succeeded")]
    assert workshop.api("GET", f"/issues/{issue['number']}")["state"] == "closed"

    # The second stage is built upon work that is not merged.
    until_gate(workshop, plan, 2, "Stage 2 of 3: 1 worked", limit=LIMIT)
    assert pull_of(workshop, api)["base"]["ref"] == pull_of(workshop, models)["head"]["ref"]
    tick(page, plan, 2, "Approve: start stage 3")
    workshop.until("the last one", lambda: in_review(workshop, docs), limit=LIMIT)
    until_gate(workshop, plan, 3, "run `cdock land`", limit=LIMIT)

    # All of it lands.
    assert workshop.cdock("land", "--dry-run", "--plan", str(plan)).returncode == 0
    landed = workshop.cdock("land", "--yes", "--plan", str(plan), "--json", limit=LIMIT)
    assert landed.returncode == 0, landed.stderr + landed.stdout + workshop.said
    data = json.loads(landed.stdout)
    assert [row["fate"] for row in data["data"]] == ["landed"] * 4
    assert data["meta"]["validation"] == 0
    workshop.until(
        "the end of the plan",
        lambda: workshop.api("GET", f"/issues/{plan}")["state"] == "closed",
        limit=LIMIT,
    )
    workshop.until("the end of all claims", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.end(poller)
    workshop.git("fetch", "-q", "origin", "main")
    files = workshop.git("ls-tree", "-r", "--name-only", "FETCH_HEAD").splitlines()
    assert {"models.py", "tokens.py", "api.py", "docs/login.md"} <= set(files)
    for number in numbers.values():
        assert workshop.api("GET", f"/issues/{number}")["state_reason"] == "completed"
        assert "done" in workshop.labels(number)
    leaves_nothing(workshop)
    assert on_engine(instance_of(workshop)) == []


@pytest.mark.timeout(1500)
def test_a_plan_goes_through_though_its_poller_dies_again_and_again(workshop: Workshop) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    schema = workshop.folder / "schema.sql"
    reads = {"run": f"cat {shlex.quote(str(schema))}"}
    steps = scripts([{"wait": 1}])
    steps["sign-tokens*"] = {"attempts": [[reads, write("tokens.py", "KEY = 1\n"), {"commit": "Sign"}]]}
    workshop.start_repository(
        {"PLAN.md": PLAN, **played(steps, budget={"backoff": "0s", "attempts": 100}, poll={"lease": "60s"})}
    )
    workshop.api("PATCH", "", {"delete_branch_on_merge": True})
    plan, numbers = published(workshop, "PLAN.md")

    def shaken(what: str, holds: Callable[[], object]) -> None:
        """Let pollers work that die after a while, the last one excepted, until it is so."""
        for _ in range(KILLS):
            poller = workshop.poller()
            end = time.monotonic() + chance.uniform(0.5, 8)
            while time.monotonic() < end and poller.poll() is None:
                time.sleep(0.05)
            workshop.kill(poller)
            if holds():
                return
        poller = workshop.poller()
        workshop.until(what, holds, limit=LIMIT)
        workshop.kill(poller)

    shaken("the first gate", lambda: "1 worked, 1 failed" in gate(workshop, plan, 1))
    schema.write_text("tokens\n")
    choose(workshop, plan, 1, "approve", "retry")
    # The command asks what was written down here last, and that is what dies before it is written.
    shaken(
        "the second gate",
        lambda: "- [ ] Approve" in gate(workshop, plan, 2) and state(workshop, plan) == "waiting",
    )
    approved = workshop.cdock("approve", str(plan))
    assert approved.returncode == 0, approved.stderr
    shaken("all in review", lambda: all(in_review(workshop, number) for number in numbers.values()))
    is_single(workshop, plan, tuple(numbers.values()), stages=3)
    poller = workshop.poller()
    landed = workshop.cdock("land", "--yes", "--plan", str(plan), limit=LIMIT)
    assert landed.returncode == 0, landed.stderr + workshop.said
    workshop.kill(poller)
    shaken("the end", lambda: not workshop.claims())
    assert workshop.cdock("run", "--once").returncode == 0, "what the last one left is cleared up"
    assert workshop.api("GET", f"/issues/{plan}")["state"] == "closed"
    is_single(workshop, plan, tuple(numbers.values()), stages=3)
    workshop.git("fetch", "-q", "origin", "main")
    for file in ("models.py", "tokens.py", "api.py", "docs/login.md"):
        commits = workshop.git("log", "--no-merges", "--format=%H", "FETCH_HEAD", "--", file).splitlines()
        assert len(commits) == 1, f"{file} was made once"
    leaves_nothing(workshop)


PROPOSED = {
    "title": "Log in with a password",
    "goal": "People can log in.",
    "tasks": [
        {"id": "models", "name": MODELS, "files": ["models.py"]},
        {"id": "api", "name": API, "after": ["models"], "files": ["api.py"]},
    ],
}


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_a_plan_is_made_in_the_browser(workshop: Workshop, browser: Browser) -> None:
    asks = [{"propose": {"say": "Passwords, or somebody else's accounts?"}}]
    proposes = [{"propose": {"say": "{prompt}", "plan": PROPOSED}}]
    talks = {"attempts": [[{"fail": "started for something else"}]], "plan": [asks], "message": [proposes]}
    workshop.start_repository(played({"let-people*": talks, **scripts([])}))
    number = workshop.open_issue("Let people log in", body="They are many.", ready=False)
    poller = workshop.poller()
    page = visit(browser, workshop)
    page.goto(f"issues/{number}")
    label(page, "agent-plan")
    workshop.until("the question", lambda: marked(workshop, number, "proposal"), limit=LIMIT)
    (question,) = marked(workshop, number, "proposal")
    assert "Passwords, or somebody else's accounts?" in question["body"]
    assert "agent-plan" in workshop.labels(number)
    workshop.until("its state", lambda: state(workshop, number) == "waiting", limit=LIMIT)

    # A reply, and the plan that comes of it.
    comment(page, number, "Only passwords, please.")
    workshop.until("the plan", lambda: len(marked(workshop, number, "proposal")) == 2, limit=LIMIT)
    proposal = marked(workshop, number, "proposal")[1]["body"]
    assert "comment `/cdock approve`" in proposal
    page.goto(f"issues/{number}")
    expect(page.get_by_text("Only passwords, please.").first).to_be_visible()
    expect(page.get_by_text("API endpoints (api) · after models")).to_be_visible()
    assert len(workshop.api("GET", "/issues?state=all")) == 1, "nothing is made before it is approved"

    # Approved, it is published, and its first task starts.
    workshop.until("its state", lambda: state(workshop, number) == "waiting", limit=LIMIT)
    comment(page, number, "/cdock approve")
    workshop.until("the note", lambda: marked(workshop, number, "planned"), limit=LIMIT)
    parts = {part["title"]: part["number"] for part in workshop.api("GET", f"/issues/{number}/sub_issues")}
    assert list(parts) == [MODELS, API]
    workshop.until("the first task", lambda: in_review(workshop, parts[MODELS]), limit=LIMIT)
    until_gate(workshop, number, 1, "Stage 1 of 2: 1 worked", limit=LIMIT)
    comment(page, number, "/cdock approve")
    workshop.until("the second task", lambda: in_review(workshop, parts[API]), limit=LIMIT)
    is_single(workshop, number, tuple(parts.values()), stages=2)
    workshop.end(poller)
