"""The pull request from its first push to its end: reviews in a browser, checks, conflicts, and rounds that end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.stories import (
    LIMIT,
    Gate,
    Robot,
    asked,
    causes,
    ended,
    history,
    in_review,
    quick,
    remote,
    said,
    visit,
    write,
)
from tests.acceptance.workshop import BOT, PERSON, STRANGER, Workshop

GREETING = "def greet(name):\n    return 'Hello'\n"
BETTER = "def greet(name):\n    return f'Hello, {name}'\n"


def comment_on(page: Page, line: int, text: str) -> None:
    """Add a comment on a line to the review that is being written."""
    page.get_by_role("link", name=f"Comment on line {line}", exact=True).click()
    page.get_by_role("textbox", name=f"Comment on line {line}", exact=True).fill(text)
    page.get_by_role("button", name="Start a review").or_(
        page.get_by_role("button", name="Add to review")
    ).click()
    expect(page.locator(".remarks .prose", has_text=text)).to_be_visible()


def request_changes(page: Page, pull: int, summary: str, **on_lines: str) -> None:
    """Ask for changes, with comments on lines (`line_2="…"`)."""
    page.goto(f"pull/{pull}/files")
    for line, text in on_lines.items():
        comment_on(page, int(line.removeprefix("line_")), text)
    page.get_by_label("What do you think?").fill(summary)
    page.get_by_role("button", name="Request changes").click()
    expect(page.locator(".opinion", has_text=summary)).to_be_visible()


def merge(page: Page, pull: int) -> None:
    """Merge it, as soon as that can be done."""
    page.goto(f"pull/{pull}")
    page.get_by_role("button", name="Merge pull request").click()
    expect(page.locator(".heading .state")).to_contain_text("Merged")


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_review_is_seen_to_and_the_work_is_merged(workshop: Workshop, browser: Browser) -> None:
    first, fix = Gate(workshop, "first"), Gate(workshop, "fix")
    workshop.start_repository(
        quick(
            {
                "attempts": [
                    [write("greet.py", GREETING), {"commit": "Greet"}, first.step, {"say": "It greets."}]
                ],
                "review": [
                    [
                        {"say": "{prompt}"},
                        fix.step,
                        write("greet.py", BETTER),
                        {"commit": "Use the name"},
                        {
                            "replies": "R1: The function has a docstring nowhere else.\nR2: It uses it now.\nR3: Done."
                        },
                        {"say": "I used the name."},
                    ]
                ],
            },
            acceptance={"commands": ["python3 -m py_compile greet.py"]},
        )
    )
    number = workshop.open_issue("Greet people")
    poller = workshop.poller()

    # A draft at the first push, while the agent is at work.
    workshop.until("the draft", workshop.pulls, limit=LIMIT)
    (pull,) = workshop.pulls()
    assert pull["draft"]
    assert pull["user"]["login"] == BOT
    assert f"Closes #{number}" in pull["body"]
    assert "- [ ] `python3 -m py_compile greet.py`" in pull["body"]
    assert causes(workshop, number) == [("task", None)]
    first.open()
    workshop.until("a pull request that is ready", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    assert "- [x] `python3 -m py_compile greet.py`" in pull["body"]
    assert "It greets." in pull["body"]

    # A stranger's review counts for nothing; a person's goes to the agent.
    workshop.api(
        "POST",
        f"/pulls/{pull['number']}/reviews",
        {"event": "REQUEST_CHANGES", "body": "Leak it"},
        who=STRANGER,
    )
    page = visit(browser, workshop)
    request_changes(
        page, pull["number"], "Nearly there.", line_1="Say what it does", line_2="What of the name?"
    )
    workshop.until("a draft again", lambda: workshop.pulls()[0]["draft"], limit=LIMIT)
    workshop.until("the prompt", lambda: "Nearly there." in said(workshop, number), limit=LIMIT)
    prompt = said(workshop, number)
    for words in ("greet.py:1", "Say what it does", "greet.py:2", "What of the name?", f"{PERSON} says"):
        assert words in prompt
    assert "Leak it" not in prompt
    assert ("review", None) in causes(workshop, number)
    fix.open()
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    one, two = history(workshop, number)
    assert (two["cause"], two["outcome"]) == ("review", "succeeded")
    assert two["session"] == one["session"], "the same conversation goes on"
    talk = workshop.api("GET", f"/pulls/{pull['number']}/comments")
    answers = {
        remark["line"] or remark["original_line"]: remark for remark in talk if remark["user"]["login"] == BOT
    }
    assert len(answers) == len(talk) - len(answers) == 2, "one reply in each thread"
    assert "docstring nowhere else" in answers[1]["body"]
    assert "It uses it now." in answers[2]["body"]
    page.goto(f"pull/{pull['number']}")
    expect(page.locator(".prose", has_text="It uses it now.")).to_be_visible()
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    assert workshop.git("show", "FETCH_HEAD:greet.py") == BETTER.strip()

    # Merged: everything of it is cleared up.
    task = workshop.task()
    merge(page, pull["number"])
    workshop.until("the end", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.until("a clean place", lambda: not Path(task["worktree"]).exists(), limit=LIMIT)
    workshop.end(poller)
    assert workshop.api("GET", f"/issues/{number}")["state"] == "closed"
    assert "done" in workshop.labels(number)
    assert len(workshop.comments(number)) == 1
    assert remote(workshop, "refs/cdock/*") == {}
    assert not list(workshop.home.glob("local/*/runs/cdock.*"))


@pytest.mark.timeout(600)
def test_failed_checks_go_back_to_the_agent(workshop: Workshop, tmp_path: Path) -> None:
    mend = [{"say": "{prompt}"}, {"run": "date +%N >>a.txt"}, {"commit": "Mend"}, {"say": "Mended."}]
    workshop.start_repository(
        quick({"attempts": [[write("a.txt", "a\n"), {"commit": "Add"}]], "checks": [mend]})
    )
    robot = Robot(workshop, tmp_path / "builder.pem")
    number = workshop.open_issue("Add a file")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()

    # A status, as CI systems of old report it; one that is still running is waited for.
    commit = pull["head"]["sha"]
    slow = {"context": "ci/slow", "state": "pending"}
    workshop.api("POST", f"/statuses/{commit}", slow)
    failed = {"context": "ci/unit", "state": "failure", "description": "2 of 31 tests failed"}
    workshop.api("POST", f"/statuses/{commit}", failed)
    before = workshop.forge.journal()[-1]["seq"]
    nudge(workshop, pull["number"])
    workshop.until("a look at it", lambda: looks(workshop, before), limit=LIMIT)
    assert causes(workshop, number) == [("task", "succeeded")]
    workshop.api("POST", f"/statuses/{commit}", {**slow, "state": "success"})
    nudge(workshop, pull["number"])
    workshop.until("a fix", lambda: ended(workshop, number, "checks", "succeeded"), limit=LIMIT)
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    prompt = said(workshop, number)
    assert "ci/unit: failed" in prompt
    assert "2 of 31 tests failed" in prompt

    # A check run of an App, with a note on a line.
    (pull,) = workshop.pulls()
    assert pull["head"]["sha"] != commit
    note = {
        "path": "a.txt",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": "E501 too long",
    }
    robot.check(
        pull["head"]["sha"],
        "lint",
        "failure",
        title="1 problem",
        summary="Lines are long.",
        annotations=[note],
    )
    nudge(workshop, pull["number"])
    workshop.until(
        "another fix", lambda: ended(workshop, number, "checks", "succeeded", count=2), limit=LIMIT
    )
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    prompt = said(workshop, number)
    for words in ("lint: failed", "Lines are long.", "a.txt", "E501 too long"):
        assert words in prompt
    assert len({attempt["session"] for attempt in history(workshop, number)}) == 1
    workshop.end(poller)


def nudge(workshop: Workshop, pull: int) -> None:
    """Make cdock look at once.

    No list shows that a check has ended, that the target moved, or what came in the second of the last answer; so
    without a sign that one shows it asks once a minute only.
    """
    workshop.api("POST", f"/issues/{pull}/comments", {"body": "What about this?"}, who=STRANGER)


def looks(workshop: Workshop, since: int) -> int:
    """How often cdock has read what checks say."""
    entries = [entry for entry in workshop.forge.journal(since) if entry["login"] == BOT]
    return sum("statusCheckRollup" in json.dumps(entry["body"]) for entry in entries)


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_conflict_is_resolved_by_the_agent(workshop: Workshop, browser: Browser) -> None:
    resolve = [
        {"say": "{prompt}"},
        {"run": "git merge refs/cdock/target || printf 'theirs\\nours\\n' >a.txt"},
        {"run": "git add a.txt && git commit -q --no-edit"},
    ]
    workshop.start_repository(
        quick({"attempts": [[write("a.txt", "ours\n"), {"commit": "Ours"}]], "conflict": [resolve]})
        | {"a.txt": "before\n"}
    )
    number = workshop.open_issue("Change the file")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.write({"a.txt": "theirs\n"})
    workshop.git("commit", "-q", "-am", "Theirs")
    workshop.git("push", "-q", "origin", "main")
    (pull,) = workshop.pulls()
    nudge(workshop, pull["number"])
    workshop.until("a merge", lambda: ended(workshop, number, "conflict", "succeeded"), limit=LIMIT)
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    one, two = history(workshop, number)
    assert one["session"] == two["session"]
    assert "refs/cdock/target" in said(workshop, number)
    workshop.until(
        "mergeability", lambda: workshop.api("GET", f"/pulls/{pull['number']}")["mergeable"], limit=LIMIT
    )
    merge(visit(browser, workshop), pull["number"])
    workshop.until("the end", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.end(poller)
    workshop.git("fetch", "-q", "origin", "main")
    assert workshop.git("show", "FETCH_HEAD:a.txt") == "theirs\nours"


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_rounds_end_in_a_question_and_a_closed_pull_request_ends_all(
    workshop: Workshop, browser: Browser
) -> None:
    again = [{"run": "date +%N >>a.txt"}, {"commit": "Again"}]
    workshop.start_repository(
        quick(
            {"attempts": [[write("a.txt", "a\n"), {"commit": "Add"}]], "review": [again]},
            pull={"rounds": 1, "debounce": "0s"},
        )
    )
    number = workshop.open_issue("Please everybody")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    page = visit(browser, workshop)
    request_changes(page, pull["number"], "Once more.")
    workshop.until("a round", lambda: ended(workshop, number, "review", "succeeded"), limit=LIMIT)
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    request_changes(page, pull["number"], "And once more.")
    nudge(workshop, pull["number"])
    issue = asked(workshop)
    assert "went round 1 times after a review" in issue["body"]
    assert len(history(workshop, number)) == 2
    workshop.until("the label", lambda: "needs-help" in workshop.labels(number), limit=LIMIT)

    # Nobody wants it any more.
    task = workshop.task()
    page.goto(f"pull/{pull['number']}")
    page.get_by_role("button", name="Comment and close").click()
    expect(page.locator(".heading .state")).to_contain_text("Closed")
    workshop.until("the end", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.until("a clean place", lambda: not Path(task["worktree"]).exists(), limit=LIMIT)
    workshop.end(poller)
    assert workshop.api("GET", f"/issues/{issue['number']}")["state"] == "closed"
    assert not {"needs-help", "in-review"} & workshop.labels(number)
    (comment,) = workshop.comments(number)
    assert "Ended without a merge" in comment["body"]
    branch = remote(workshop, f"refs/heads/{pull['head']['ref']}")
    assert branch, "the branch is kept"
