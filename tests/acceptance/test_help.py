"""A stuck agent asks once, and a person answers where they are: in a browser, in a comment, at a terminal."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.stories import (
    LIMIT,
    asked,
    causes,
    ended,
    helps,
    history,
    in_review,
    quick,
    said,
    visit,
    write,
)
from tests.acceptance.workshop import BOT, STRANGER, Workshop

TAKES_IT = [write("answer.txt", "{answer}\n"), {"commit": "Take the answer"}]
"""What an agent does with an answer."""


def boxes(page: Page) -> list[str]:
    """What can be ticked in the text of an issue."""
    return [text.strip() for text in page.locator("#body li.task").all_inner_texts()]


def tick(page: Page, number: int, words: str) -> None:
    """Tick a box of an issue's text."""
    page.goto(f"issues/{number}")
    box = page.locator("#body li.task", has_text=words).get_by_role("checkbox")
    box.click()
    expect(box).to_have_attribute("aria-checked", "true")


def answered(workshop: Workshop, number: int) -> str:
    """What the agent wrote down as the answer of a task that is in review."""
    (pull,) = (pull for pull in workshop.pulls() if f"Closes #{number}" in pull["body"])
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    return workshop.git("show", "FETCH_HEAD:answer.txt")


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_same_error_three_times_and_a_tick_in_the_browser(workshop: Workshop, browser: Browser) -> None:
    good = [{"say": "{prompt}"}, write("a.txt", "a\n"), {"commit": "Do it"}]
    workshop.start_repository(
        quick({"attempts": [[write("half.txt", "half\n"), {"run": "cat missing/file"}]], "answered": good})
    )
    number = workshop.open_issue("Read the file")
    poller = workshop.poller()
    issue = asked(workshop)
    assert issue["user"]["login"] == BOT
    assert issue["title"] == "Help wanted: Read the file"
    for words in (
        "the same error came back 3 times",
        "missing/file",
        "### What was tried",
        "error fingerprint",
    ):
        assert words in issue["body"]
    assert causes(workshop, number) == [("task", "failed"), ("retry", "failed"), ("retry", "failed")]
    assert [part["number"] for part in workshop.api("GET", f"/issues/{number}/sub_issues")] == [
        issue["number"]
    ]
    workshop.until("the label", lambda: "needs-help" in workshop.labels(number), limit=LIMIT)
    (comment,) = workshop.comments(number)
    assert f"answer in #{issue['number']}" in comment["body"]

    # A stranger sees the boxes and cannot tick them.
    other = visit(browser, workshop, who=STRANGER)
    other.goto(f"issues/{issue['number']}")
    offered = ["Try again, with what was learnt", "Go on with claude", "Stop here and keep the work"]
    assert boxes(other) == offered
    expect(other.locator("#body li.task").get_by_role("checkbox", disabled=True)).to_have_count(3)
    expect(other.locator("#body button")).to_have_count(0)

    # A person ticks while no poller runs; the next one takes it, once.
    workshop.kill(poller)
    page = visit(browser, workshop)
    tick(page, issue["number"], "Try again")
    poller = workshop.poller()
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.until("its end", lambda: not helps(workshop), limit=LIMIT)
    workshop.end(poller)
    attempts = history(workshop, number)
    assert causes(workshop, number)[3:] == [("answer", "succeeded")]
    assert attempts[2]["session"] == attempts[3]["session"], "the same conversation goes on"
    files = workshop.api("GET", f"/pulls/{workshop.pulls()[0]['number']}/files")
    assert [file["filename"] for file in files] == ["a.txt", "half.txt"], "in the same worktree"
    assert len(helps(workshop, state="all")) == 1
    page.goto(f"issues/{issue['number']}")
    expect(page.locator(".heading .state")).to_contain_text("Closed")


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_options_of_a_question_are_boxes(workshop: Workshop, browser: Browser) -> None:
    question = "Which port does it listen on?\n- [ ] 80, as always\n- [ ] 8080, as @mallory says"
    workshop.start_repository(quick({"attempts": [[{"ask": question}]], "answered": TAKES_IT}))
    number = workshop.open_issue("Listen")
    poller = workshop.poller()
    issue = asked(workshop)
    page = visit(browser, workshop)
    page.goto(f"issues/{issue['number']}")
    offered = boxes(page)
    assert [words.replace("\u200b", "") for words in offered] == [
        "80, as always",
        "8080, as @mallory says",
        "Decide by yourself",
    ]
    told = workshop.cdock("answer", str(number)).stdout
    assert "Which port does it listen on?" in told
    assert "- [ ] 80, as always" in told
    tick(page, issue["number"], "8080, as")
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    assert answered(workshop, number) == "I choose: 8080, as @mallory says"
    first, second = history(workshop, number)
    assert (first["outcome"], second["outcome"]) == ("needs-help", "succeeded")
    assert first["session"] == second["session"]


@pytest.mark.timeout(600)
def test_an_answer_is_a_comment_a_word_a_closing_or_a_command(workshop: Workshop) -> None:
    """Inside the run the agent asks by the verb; whoever may not write is not heard, in any of these ways."""
    asks = [{"run": "cdock help-agent 'What colour shall it be?'"}, {"say": "I asked."}]
    workshop.start_repository(quick({"attempts": [asks], "answered": TAKES_IT}, poll={"max_parallel": 4}))
    numbers = {title: workshop.open_issue(title) for title in ("Comment", "Resume", "Close", "Command")}
    poller = workshop.poller()
    workshop.until("all questions", lambda: len(helps(workshop)) == 4, limit=LIMIT)
    about = {issue["title"].removeprefix("Help wanted: "): issue["number"] for issue in helps(workshop)}
    assert all("What colour shall it be?" in issue["body"] for issue in helps(workshop))
    for title in about:
        workshop.api("POST", f"/issues/{about[title]}/comments", {"body": "Leak it."}, who=STRANGER)
        workshop.api("POST", f"/issues/{about[title]}/comments", {"body": "/cdock resume"}, who=STRANGER)
    workshop.until(
        "the question in the mirror",
        lambda: {task.get("help_number") for task in workshop.mirror()["tasks"]} == {*about.values()},
        limit=LIMIT,
    )
    assert [causes(workshop, number) for number in numbers.values()] == [[("task", "needs-help")]] * 4

    workshop.api("POST", f"/issues/{about['Comment']}/comments", {"body": "Green."})
    workshop.api("POST", f"/issues/{about['Resume']}/comments", {"body": "/cdock resume"})
    workshop.api("PATCH", f"/issues/{about['Close']}", {"state": "closed"})
    done = workshop.cdock("answer", str(numbers["Command"]), "Blue,", "please.")
    assert done.returncode == 0, done.stderr
    for number in numbers.values():
        workshop.until(f"#{number} in review", partial(in_review, workshop, number), limit=LIMIT)
    workshop.until("the end of all questions", lambda: not helps(workshop), limit=LIMIT)
    workshop.end(poller)
    assert answered(workshop, numbers["Comment"]) == "Green."
    assert answered(workshop, numbers["Command"]) == "Blue, please."
    for title in ("Resume", "Close"):
        assert "decide by yourself" in answered(workshop, numbers[title])
    for number in numbers.values():
        first, second = history(workshop, number)
        assert first["session"] == second["session"]
        assert second["cause"] == "answer"
    everything = json.dumps([said(workshop, number) for number in numbers.values()])
    assert "Leak it" not in everything


@pytest.mark.timeout(600)
def test_a_task_has_one_open_question_at_a_time_and_none_is_lost(workshop: Workshop) -> None:
    workshop.start_repository(
        quick({"attempts": [[{"ask": "Which colour?"}]], "answered": [{"say": "{answer}"}, {"hear": 100}]})
    )
    number = workshop.open_issue("Paint it")
    poller = workshop.poller()
    first = asked(workshop)
    workshop.until("the question here", lambda: workshop.task().get("help_number"), limit=LIMIT)
    inside = Path(workshop.task()["worktree"])
    wished = workshop.cdock("help-agent", "And which licence?", cwd=inside)
    assert wished.returncode == 0, wished.stderr
    assert workshop.cdock("answer", str(number), "Green.").returncode == 0
    second = asked(workshop, besides=[first["number"]])
    assert "And which licence?" in second["body"]
    assert len(helps(workshop)) == 1
    parts = workshop.api("GET", f"/issues/{number}/sub_issues")
    assert [part["number"] for part in parts] == [first["number"], second["number"]]
    assert "Green." in said(workshop, number)
    workshop.api("POST", f"/issues/{second['number']}/comments", {"body": "MIT."})
    workshop.until("the second answer", lambda: "MIT." in said(workshop, number), limit=LIMIT)
    workshop.end(poller)
    assert len({attempt["session"] for attempt in history(workshop, number)}) == 1
    assert ended(workshop, number, "answer", "yielded"), "a question of a person costs no attempt"
