"""What else happens while a pull request is open: people push, rebase, merge and command, and pollers die."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.acceptance.stories import (
    LIMIT,
    Gate,
    causes,
    ended,
    helps,
    history,
    in_review,
    quick,
    remote,
    said,
    write,
)
from tests.acceptance.test_review_loop import nudge
from tests.acceptance.workshop import BOT, PERSON, STRANGER, Workshop


def review(workshop: Workshop, pull: int, body: str, *, line: int = 1, path: str = "a.txt") -> None:
    """A person asks for changes, with one comment on a line."""
    on_line = {"path": path, "line": line, "side": "RIGHT", "body": f"{body} (here)"}
    workshop.api(
        "POST", f"/pulls/{pull}/reviews", {"event": "REQUEST_CHANGES", "body": body, "comments": [on_line]}
    )


def ready(workshop: Workshop, pull: str) -> None:
    """A person says that a draft is ready."""
    mutation = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { clientMutationId } }"
    answer = requests.post(
        f"{workshop.forge.url}/api/graphql",
        json={"query": mutation, "variables": {"id": pull}},
        headers={"Authorization": f"Bearer {workshop.tokens[PERSON]}"},
        timeout=30,
    )
    assert "errors" not in answer.json(), answer.text


def push_by_hand(workshop: Workshop, branch: str) -> str:
    """A person adds a commit to the branch under review; its id."""
    workshop.git("fetch", "-q", "origin", branch)
    workshop.git("checkout", "-q", "-b", "mine", "FETCH_HEAD")
    workshop.write({"mine.txt": "by hand\n"})
    workshop.git("add", "mine.txt")
    workshop.git("commit", "-q", "-m", "By hand")
    workshop.git("push", "-q", "origin", f"HEAD:{branch}")
    return workshop.git("rev-parse", "HEAD")


BEGIN = [write("a.txt", "a\n"), {"commit": "Begin"}, {"say": "Begun."}]


@pytest.mark.timeout(600)
def test_commits_of_a_person_are_built_upon(workshop: Workshop) -> None:
    fix = [{"run": "cat mine.txt"}, {"append": {"path": "a.txt", "text": "fixed\n"}}, {"commit": "Fix"}]
    workshop.start_repository(quick({"attempts": [BEGIN], "review": [fix]}))
    number = workshop.open_issue("Work together")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    branch = pull["head"]["ref"]
    by_hand = push_by_hand(workshop, branch)
    review(workshop, pull["number"], "Fix it on top of mine.")
    nudge(workshop, pull["number"])
    workshop.until("a fix", lambda: ended(workshop, number, "review", "succeeded"), limit=LIMIT)
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    assert causes(workshop, number) == [("task", "succeeded"), ("review", "succeeded")]
    workshop.git("fetch", "-q", "origin", branch)
    assert workshop.git("merge-base", by_hand, "FETCH_HEAD") == by_hand
    assert workshop.git("show", "FETCH_HEAD:a.txt") == "a\nfixed"
    assert "refused" not in workshop.said


@pytest.mark.timeout(600)
def test_commits_of_a_person_while_the_agent_works_need_no_help(workshop: Workshop) -> None:
    end = Gate(workshop)
    fix = [{"say": "on it"}, end.step, write("fix.txt", "fixed\n"), {"commit": "Fix"}]
    workshop.start_repository(quick({"attempts": [BEGIN], "review": [fix, [{"say": "It is all there."}]]}))
    number = workshop.open_issue("Work together")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    review(workshop, pull["number"], "Fix it.")
    nudge(workshop, pull["number"])
    workshop.until("a round", lambda: "on it" in said(workshop, number), limit=LIMIT)
    by_hand = push_by_hand(workshop, pull["head"]["ref"])
    end.open()
    workshop.until(
        "the merge", lambda: ended(workshop, number, "review", "succeeded") or helps(workshop), limit=LIMIT
    )
    workshop.until("an end", lambda: helps(workshop) or in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    assert workshop.git("merge-base", by_hand, "FETCH_HEAD") == by_hand, "this holds in any case"
    assert not helps(workshop)
    assert causes(workshop, number) == [
        ("task", "succeeded"),
        ("review", "overtaken"),
        ("review", "succeeded"),
    ]
    assert workshop.git("show", "FETCH_HEAD:fix.txt") == "fixed"


@pytest.mark.timeout(600)
def test_a_conflict_can_be_rebased(workshop: Workshop) -> None:
    rebase = [
        {"say": "{prompt}"},
        {"run": "git rebase -q refs/cdock/target || (printf 'theirs\\nours\\n' >a.txt; git add a.txt)"},
        {"run": "GIT_EDITOR=true git rebase --continue"},
    ]
    workshop.start_repository(
        quick(
            {"attempts": [[write("a.txt", "ours\n"), {"commit": "Ours"}]], "conflict": [rebase]},
            pull={"conflicts": "rebase"},
        )
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
    workshop.until("a rebase", lambda: ended(workshop, number, "conflict", "succeeded"), limit=LIMIT)
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    assert workshop.git("log", "--format=%s", "FETCH_HEAD") == "Ours\nTheirs\nBegin"
    assert workshop.api("GET", f"/pulls/{pull['number']}")["mergeable"]
    files = workshop.api("GET", f"/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == ["a.txt"]


@pytest.mark.timeout(600)
def test_a_second_agent_looks_before_it_is_ready(workshop: Workshop) -> None:
    spoil = (
        "cat {prompt_file} >/dev/null; git log --format=%s >seen; echo spoilt >a.txt; git commit -qam Spoil"
    )
    judge = "grep -q Mend seen && echo 'APPROVED: fine.' || echo 'CHANGES: a.txt:1 lacks a word.'"
    mend = [{"say": "{prompt}"}, {"append": {"path": "a.txt", "text": "word\n"}}, {"commit": "Mend"}]
    workshop.start_repository(
        quick(
            {"attempts": [BEGIN], "findings": [mend]},
            agent__command={"argv": ["sh", "-c", f"{spoil}; {judge}"]},
            pull={"reviewer": "command"},
        )
    )
    number = workshop.open_issue("Please two")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    assert causes(workshop, number) == [
        ("task", "succeeded"),
        ("opinion", "succeeded"),
        ("findings", "succeeded"),
        ("opinion", "succeeded"),
    ]
    assert "a.txt:1 lacks a word." in said(workshop, number)
    (pull,) = workshop.pulls()
    assert "### What command says about it" in pull["body"]
    assert "APPROVED: fine." in pull["body"]
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    assert workshop.git("show", "FETCH_HEAD:a.txt") == "a\nword", "what it changed is not taken"
    one, _, three, _ = history(workshop, number)
    assert one["session"] == three["session"]


@pytest.mark.timeout(600)
def test_a_poller_that_dies_in_a_round_is_followed_by_one_that_ends_it(workshop: Workshop) -> None:
    fix = Gate(workshop)
    steps = [
        {"append": {"path": "a.txt", "text": "fixed\n"}},
        {"commit": "Fix"},
        fix.step,
        {"replies": "R1: I did."},
    ]
    workshop.start_repository(quick({"attempts": [BEGIN], "review": [steps]}))
    number = workshop.open_issue("Survive")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    review(workshop, pull["number"], "Fix it.")
    nudge(workshop, pull["number"])
    workshop.until("a round", lambda: ("review", None) in causes(workshop, number), limit=LIMIT)
    workshop.until("a draft", lambda: workshop.pulls()[0]["draft"], limit=LIMIT)
    workshop.kill(poller)
    fix.open()
    poller = workshop.poller()
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    talk = workshop.api("GET", f"/pulls/{pull['number']}/comments")
    assert [remark["user"]["login"] for remark in talk].count(BOT) == 1
    workshop.end(poller)
    again = workshop.cdock("run", "--once")
    assert again.returncode == 0, again.stderr
    assert causes(workshop, number) == [("task", "succeeded"), ("review", "succeeded")]
    assert len(workshop.api("GET", f"/pulls/{pull['number']}/comments")) == len(talk)
    reviews = workshop.api("GET", f"/pulls/{pull['number']}/reviews")
    mine = [one for one in reviews if one["user"]["login"] == BOT and one["body"]]
    assert not mine, "answers are replies, no reviews with a text"


@pytest.mark.timeout(600)
def test_a_pull_request_that_is_merged_meanwhile_ends_the_round(workshop: Workshop) -> None:
    workshop.start_repository(quick({"attempts": [BEGIN], "review": [[{"say": "on it"}, {"wait": 300}]]}))
    number = workshop.open_issue("Too late")
    poller = workshop.poller()
    workshop.until("a pull request", lambda: in_review(workshop, number), limit=LIMIT)
    (pull,) = workshop.pulls()
    review(workshop, pull["number"], "Fix it.")
    nudge(workshop, pull["number"])
    workshop.until("a round", lambda: "on it" in said(workshop, number), limit=LIMIT)
    ready(workshop, pull["node_id"])
    workshop.api("PUT", f"/pulls/{pull['number']}/merge", {})
    task = workshop.task()
    workshop.until("the end", lambda: workshop.claims() == "", limit=LIMIT)
    workshop.until("a clean place", lambda: not Path(task["worktree"]).exists(), limit=LIMIT)
    workshop.end(poller)
    assert "done" in workshop.labels(number)
    assert workshop.api("GET", f"/issues/{number}")["state"] == "closed"
    assert remote(workshop, "refs/cdock/*") == {}


@pytest.mark.timeout(600)
def test_commands_work_on_the_pull_request(workshop: Workshop) -> None:
    steps = [*BEGIN[:2], {"wait": 300}]
    workshop.start_repository(quick({"attempts": [steps], "go-on": [[{"say": "I go on."}]]}))
    number = workshop.open_issue("Obey")
    poller = workshop.poller()
    workshop.until("a draft", workshop.pulls, limit=LIMIT)
    (pull,) = workshop.pulls()
    workshop.api("POST", f"/issues/{pull['number']}/comments", {"body": "/cdock stop"}, who=STRANGER)
    workshop.api("POST", f"/issues/{pull['number']}/comments", {"body": "/cdock help"})
    workshop.until(
        "a reply",
        lambda: any("`/cdock retry`" in comment["body"] for comment in workshop.comments(pull["number"])),
        limit=LIMIT,
    )
    assert causes(workshop, number) == [("task", None)]
    workshop.api("POST", f"/issues/{pull['number']}/comments", {"body": "/cdock stop"})
    workshop.until("the stop", lambda: "waiting" in workshop.labels(number), limit=LIMIT)
    assert causes(workshop, number) == [("task", "cancelled")]
    workshop.api("POST", f"/issues/{pull['number']}/comments", {"body": "/cdock resume"})
    workshop.until("ready", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    replies = [c for c in workshop.comments(pull["number"]) if c["user"]["login"] == BOT]
    assert len(replies) == 1
