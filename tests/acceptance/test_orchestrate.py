"""A goal is talked over at the terminal and becomes a plan on the forge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.workshop import Workshop, scripted
from tests.terminal import Terminal

PLAN = {
    "title": "Log in",
    "goal": "People log in with what they have.",
    "tasks": [
        {"id": "api", "name": "Add the endpoint", "files": ["api/**"], "acceptance": ["true"]},
        {"id": "ui", "name": "Add the button", "after": ["api"]},
        {"id": "docs", "name": "Write it down", "after": ["ui"]},
    ],
}
SMALLER = {**PLAN, "tasks": PLAN["tasks"][:2]}
TALK = {
    "plan": [
        [{"say": "I look."}, {"propose": {"say": "Which \u001b[31mprovider\u001b[0m?"}}],
        [{"propose": {"say": "Like this.", "plan": PLAN}}],
        [{"propose": {"say": "Smaller.", "plan": SMALLER}}],
    ]
}


def made(workshop: Workshop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workshop.api("GET", "/issues?state=all")
    return sorted(found, key=lambda issue: int(issue["number"]))


def typed(workshop: Workshop, *words: str, lines: str) -> subprocess.CompletedProcess[str]:
    """The command with these lines on its standard input."""
    return subprocess.run(
        (sys.executable, "-P", "-m", "cdock", "orchestrate", *words),
        cwd=workshop.clone,
        env=workshop.env,
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def left(workshop: Workshop) -> list[Path]:
    return list((workshop.home / "local").glob("*/runs/cdock.*/attempts/*/run.json"))


def test_without_questions(workshop: Workshop) -> None:
    workshop.start_repository(scripted(TALK))
    done = workshop.cdock("orchestrate", "Log in with OAuth", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["data"]
    assert (told["title"], told["published"], told["say"]) == ("Log in", True, "Like this.")
    plan, *tasks = made(workshop)
    assert plan["title"] == "Log in"
    assert {label["name"] for label in plan["labels"]} == {"agent-plan"}
    assert [issue["title"] for issue in tasks] == ["Add the endpoint", "Add the button", "Write it down"]
    assert [{label["name"] for label in issue["labels"]} for issue in tasks] == [
        {"stage-1"},
        {"stage-2"},
        {"stage-3"},
    ]
    assert not left(workshop)
    assert not list((workshop.home / "local").glob("*/runs/cdock.*")), "and no memory of the talk"


def test_a_conversation_by_lines_and_its_resumption(workshop: Workshop) -> None:
    workshop.start_repository(scripted(TALK))
    begun = typed(workshop, "Log in", lines="Ours\n/drop 3\n/order ui api\n/nonsense\n/drop 9\n")
    assert begun.returncode == 0, begun.stderr
    assert "Which [31mprovider[0m?" in begun.stdout, "nothing of it is obeyed"
    assert "\u001b" not in begun.stdout + begun.stderr
    assert "1. Add the endpoint" in begun.stdout
    assert "there is no command /nonsense" in begun.stderr
    assert "no task '9'" in begun.stderr
    assert "--resume" in begun.stderr
    assert not made(workshop)
    shown = json.loads(workshop.cdock("plan", "list", "--json").stdout)["data"]
    assert [(draft["stand"], draft["tasks"]) for draft in shown] == [("talk", 2)]
    again = typed(workshop, "--resume", lines="/show\nMake it smaller\n/publish\nn\n/publish\ny\n")
    assert again.returncode == 0, again.stderr
    before, _, after = again.stdout.partition("Smaller.")
    assert before.index("Add the button") < before.index("Add the endpoint"), "as it was ordered by hand"
    assert after.index("Add the endpoint") < after.index("Add the button")
    assert again.stderr.count("This makes 3 issues: a plan with 2 tasks in 2 stages") == 2
    assert [issue["title"] for issue in made(workshop)] == ["Log in", "Add the endpoint", "Add the button"]
    late = typed(workshop, "--resume", lines="")
    assert late.returncode == 1
    assert "no conversation to go on with" in late.stderr


def test_a_plan_document_needs_no_agent(workshop: Workshop) -> None:
    workshop.start_repository(scripted({}))
    (workshop.clone / "plan.md").write_text(
        "# Log in\n\n```yaml\ncdock:\n  version: 1\n  tasks:\n    - id: a\n      name: Do it\n```\n"
    )
    shown = workshop.cdock("orchestrate", "--from", "plan.md", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "This makes 2 issues: a plan with 1 task in 1 stage; labels agent-plan, stage-1" in shown.stderr
    assert not made(workshop)
    for _ in range(2):
        done = workshop.cdock("orchestrate", "--from", "plan.md", "--yes")
        assert len(made(workshop)) == 2, done.stderr
        assert done.returncode == 0
    assert "it is published already: #1" in done.stderr
    late = typed(workshop, "--from", "plan.md", lines="More\n")
    assert late.returncode == 1
    assert "CD497" in late.stderr


def test_while_the_forge_is_away_it_is_kept(workshop: Workshop) -> None:
    workshop.start_repository(scripted(TALK))
    assert workshop.cdock("orchestrate", "Log in", "--dry-run").returncode == 0
    workshop.forge.stop()
    done = workshop.cdock("orchestrate", "--resume", "--yes")
    assert done.returncode == 0, done.stderr
    assert "cdock sync" in done.stderr
    workshop.forge.start("--test-controls")
    assert workshop.cdock("sync").returncode == 0
    assert len(made(workshop)) == 4


def test_at_a_terminal(workshop: Workshop) -> None:
    workshop.start_repository(scripted(TALK))
    env = {**workshop.env, "EDITOR": "sed -i s/button/link/"}
    del env["TERM"]
    argv = (sys.executable, "-P", "-m", "cdock", "orchestrate")
    with Terminal(argv, cwd=workshop.clone, env=env) as terminal:
        terminal.wait_for("you>")
        terminal.type("Log in with OAuth")
        terminal.wait_for("Which [31mprovider[0m?")
        terminal.type("Ours")
        terminal.wait_for("3. Write it down")
        terminal.type("/dr")
        terminal.wait_for("no command /dr")
        terminal.type("/edit ui")
        terminal.wait_for("2. Add the link")
        terminal.type("/publish")
        terminal.wait_for("Publish it? [y/N]")
        terminal.press("y", "Enter")
        terminal.wait_for_end()
    assert [issue["title"] for issue in made(workshop)][2] == "Add the link"
    history = workshop.state / "orchestrate-history"
    assert "+Ours" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_at_a_terminal_ends_a_turn_and_words_may_have_lines(workshop: Workshop) -> None:
    waits = [{"say": "I think."}, {"wait": 300}]
    workshop.start_repository(scripted({"plan": [waits, [{"propose": {"say": "Well."}}]]}))
    env = dict(workshop.env)
    del env["TERM"]
    argv = (sys.executable, "-P", "-m", "cdock", "orchestrate", "Log in")
    with Terminal(argv, cwd=workshop.clone, env=env) as terminal:
        terminal.wait_for("scripted: I think.")
        terminal.press("C-c")
        terminal.wait_for("stopped; what you said is kept")
        terminal.wait_for("you>")
        terminal.press("o", "n", "e", "M-Enter", "t", "w", "o", "Enter")
        terminal.wait_for("Well.")
        terminal.wait_for_end(pressing="C-d")
    assert not left(workshop), "nothing of the turn that was ended runs on"
    (kept,) = (workshop.state / "plans").glob("*.json")
    turns = json.loads(kept.read_text())["turns"]
    assert turns == [["person", "Log in"], ["person", "one\ntwo"], ["agent", "Well."]]
