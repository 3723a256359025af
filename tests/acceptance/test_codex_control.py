"""The real Codex as a plain process, with a scripted model: success, failure, and an answer that it goes on from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.acceptance.stories import asked, causes, history
from tests.acceptance.workshop import Workshop
from tests.model_api import Failure, Use
from tests.model_stories import Stories, Story

KEY = "sk-scripted-key-of-the-host"

SETTINGS = """
[agent]
default = "codex"

[agent.codex]
model = "gpt-5"

[runner]
kind = "local"

[budget]
backoff = "0s"

[poll]
interval = "1s"
max_parallel = 3
harvest_every = "2s"
push_every = "1s"
"""


def shell(command: str) -> Use:
    """The agent runs a command."""
    return Use("exec_command", {"cmd": command})


def commit(name: str) -> Use:
    """The agent commits a file."""
    return shell(f"echo {name} >{name}.txt && git add {name}.txt && git commit -q -m 'Add {name}'")


def good() -> Story:
    """Nothing is wrong with it."""
    yield ["I begin.", shell("git log --oneline")]
    yield [commit("good")]
    yield ["It is done."]


def failing() -> Story:
    """The first attempt fails, the second knows why and does better."""
    yield ["I begin.", shell("exit 3")]
    yield Failure(400, "this cannot be understood")
    yield [commit("better")]
    yield ["It is done."]


def asking() -> Story:
    """It cannot go on without an answer."""
    yield [shell("printf 'Which colour?\\n- [ ] red\\n- [ ] blue\\n' >.cdock/help.md")]
    yield ["I asked for the colour."]
    yield [commit("blue")]
    yield ["Blue it is."]


@pytest.fixture(autouse=True)
def _codex() -> None:
    if shutil.which("codex") is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("the Codex CLI is not here (npm install -g @openai/codex)")


@pytest.mark.timeout(300)
def test_it_works_fails_and_goes_on_from_an_answer(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    stories = {"story-good": good(), "story-failing": failing(), "story-asking": asking()}
    try:
        with Stories(stories) as model:
            workshop.extra_env |= {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": KEY}
            workshop.start_repository({"cdock.toml": SETTINGS, "README.md": "# hello\n"})
            fine, bad, open_ = (workshop.open_issue(name) for name in stories)
            poller = workshop.poller()
            workshop.until("the question", lambda: "needs-help" in workshop.labels(open_), limit=40)
            question = asked(workshop)
            assert "Which colour?" in question["body"]
            assert workshop.cdock("answer", str(open_), "Blue.").returncode == 0
            workshop.until(
                "all pull requests",
                lambda: all("in-review" in workshop.labels(n) for n in (fine, bad, open_)),
            )
            workshop.end(poller)

            assert causes(workshop, fine) == [("task", "succeeded")]
            (only,) = history(workshop, fine)
            assert only["tokens"] > 0
            assert causes(workshop, bad) == [("task", "failed"), ("retry", "succeeded")]
            assert "this cannot be understood" in history(workshop, bad)[0]["error"]
            assert "this cannot be understood" in model.told("story-failing")[2].text, "the lesson is told"
            assert causes(workshop, open_) == [("task", "needs-help"), ("answer", "succeeded")]
            first, second = history(workshop, open_)
            assert first["session"] == second["session"]
            answered = model.told("story-asking")[-1].text
            assert "I asked for the colour." in answered
            assert "Blue." in answered
            files = [
                f["filename"]
                for p in workshop.pulls()
                for f in workshop.api("GET", f"/pulls/{p['number']}/files")
            ]
            assert sorted(files) == ["better.txt", "blue.txt", "good.txt"]
            log = workshop.cdock("logs", str(fine), "--raw").stdout
            assert KEY not in log
    finally:
        workshop.close()
