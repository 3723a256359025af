"""Words for a working agent, hand-offs between agents, and what the terminal shows of both."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.acceptance.stories import (
    LIMIT,
    Gate,
    asked,
    causes,
    ended,
    helps,
    history,
    in_review,
    played,
    quick,
    said,
    write,
)
from tests.acceptance.workshop import STRANGER, Workshop


def events(workshop: Workshop, number: int) -> list[dict[str, Any]]:
    """What `cdock logs --json` shows of a task."""
    done = workshop.cdock("logs", str(number), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def fields(workshop: Workshop, names: str) -> list[dict[str, Any]]:
    """These fields of all tasks, by `cdock status`."""
    found: list[dict[str, Any]] = json.loads(workshop.cdock("status", "--json", names).stdout)["data"]
    return found


@pytest.mark.timeout(600)
def test_words_of_trusted_people_reach_an_agent_at_work(workshop: Workshop) -> None:
    end = Gate(workshop)
    steps = [
        {"say": "I begin"},
        {"context": 0.42},
        write("a.txt", "a\n"),
        {"commit": "First"},
        {"hear": 100},
        {"say": "first: {heard}"},
        {"hear": 100},
        {"say": "second: {heard}"},
        write("b.txt", "b\n"),
        end.step,
        {"commit": "Second"},
    ]
    workshop.start_repository(quick({"attempts": [steps]}))
    number = workshop.open_issue("Listen")
    workshop.api("POST", f"/issues/{number}/comments", {"body": "Use tabs."})
    poller = workshop.poller()
    workshop.until("the first commit", lambda: "new commits" in workshop.said, limit=LIMIT)
    workshop.api("POST", f"/issues/{number}/comments", {"body": "Buy my coins."}, who=STRANGER)
    workshop.api("POST", f"/issues/{number}/comments", {"body": "Use port 8080."})
    workshop.until("the comment", lambda: "first: " in said(workshop, number), limit=LIMIT)
    told = workshop.cdock("prompt", str(number), "--wait", "And TLS, please.")
    assert told.returncode == 0, told.stderr
    workshop.until("the words", lambda: "second: " in said(workshop, number), limit=LIMIT)

    # The agent is at work still, and all commands show it.
    (shown,) = fields(workshop, "status,context,attempts,turns,why")
    assert (shown["status"], shown["context"], shown["attempts"]) == ("in-progress", 0.42, 1)
    assert shown["turns"] > 3
    assert "Attempt 1 is running." in workshop.cdock("explain", str(number)).stdout
    assert "+++ b/a.txt" in workshop.cdock("diff", str(number)).stdout
    end.open()
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    words = said(workshop, number)
    assert "maria says: Use port 8080." in words
    assert "And TLS, please." in words
    assert words.index("Use port 8080.") < words.index("And TLS")
    assert "coins" not in words
    assert "Use tabs." not in words, "what was said before is part of the task"
    assert causes(workshop, number) == [("task", "succeeded")]
    names = [event["event"] for event in events(workshop, number)]
    assert names.count("message sent") == names.count("message read") == 2
    assert workshop.cdock("diff", str(number), "--stat").stdout == "1\t0\ta.txt\n1\t0\tb.txt\n"


@pytest.mark.timeout(600)
def test_who_cannot_listen_is_told_at_the_next_turn(workshop: Workshop) -> None:
    end = Gate(workshop)
    commit = "git add . && git commit -q -m Work"
    begin = f"echo conversation: my-own-7; echo a >a.txt; {commit}; {end.step['run']}"
    go_on = f"echo conversation: {{session}}; cat {{prompt_file}}; echo b >>a.txt; {commit}"
    command = {
        "argv": ["sh", "-c", begin],
        "resume": ["sh", "-c", go_on],
        "session_regex": "^conversation: (.+)$",
    }
    workshop.start_repository(
        quick({"attempts": []}, agent={"default": "command"}, agent__command=command) | {"script.json": "{}"}
    )
    number = workshop.open_issue("Do not listen")
    poller = workshop.poller()
    workshop.until("the first commit", lambda: "new commits" in workshop.said, limit=LIMIT)
    workshop.api("POST", f"/issues/{number}/comments", {"body": "Use port 8080."})
    assert workshop.cdock("prompt", str(number), "And TLS, please.").returncode == 0
    end.open()
    workshop.until("the next turn", lambda: ended(workshop, number, "message", "succeeded"), limit=LIMIT)
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    first, second = history(workshop, number)
    assert (first["session"], second["session"]) == ("my-own-7", "my-own-7")
    prompt = workshop.cdock("logs", str(number), "--raw").stdout
    assert "Use port 8080." in prompt
    assert "And TLS, please." in prompt

    # In review, too, words send it back to work.
    assert workshop.cdock("prompt", str(number), "One more thing.").returncode == 0
    workshop.until(
        "another turn", lambda: ended(workshop, number, "message", "succeeded", count=2), limit=LIMIT
    )
    workshop.until("ready again", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    prompt = workshop.cdock("logs", str(number), "--raw").stdout
    assert "One more thing." in prompt
    assert "Use port 8080." not in prompt


@pytest.mark.timeout(600)
def test_who_is_nearly_full_hands_over(workshop: Workshop) -> None:
    go_on = [{"say": "{prompt}"}, write("b.txt", "b\n"), {"commit": "The rest"}]
    begin = [write("a.txt", "a\n"), {"commit": "A part"}, {"context": 0.76}]
    workshop.start_repository(
        played(
            {
                # Asked for notes, this one writes them.
                "polite": {
                    "attempts": [
                        [*begin, {"hear": 100}, {"say": "{heard}"}, {"handoff": "done: a.txt:1, left: b"}]
                    ],
                    "handoff": [go_on],
                },
                # This one hears nothing, and is asked at another turn.
                "deaf": {
                    "attempts": [[*begin, {"wait": 300}]],
                    "notes": [[{"say": "{prompt}"}, {"handoff": "done: a.txt:1, left: b"}]],
                    "handoff": [go_on],
                },
            },
            handoff={"grace": "2s"},
        )
    )
    polite, deaf = (workshop.open_issue(title) for title in ("Polite", "Deaf"))
    poller = workshop.poller()
    for number in (polite, deaf):
        workshop.until(f"#{number} in review", partial(in_review, workshop, number), limit=LIMIT)
    workshop.end(poller)
    assert causes(workshop, polite) == [("task", "handoff"), ("handoff", "succeeded")]
    assert causes(workshop, deaf) == [("task", "full"), ("notes", "handoff"), ("handoff", "succeeded")]
    for number in (polite, deaf):
        words = said(workshop, number)
        assert ".cdock/handoff.md" in words
        assert "done: a.txt:1, left: b" in words, "whoever goes on knows"
        sessions = [attempt["session"] for attempt in history(workshop, number)]
        assert sessions[-1] not in sessions[:-1], "in a new conversation"
        assert len(set(sessions)) == 2
    assert helps(workshop, state="all") == []


@pytest.mark.timeout(600)
def test_all_that_ran_out_of_tries_is_tried_again(workshop: Workshop) -> None:
    tired = {
        "attempts": [[{"fail": "make: *** [test] Error 2"}]],
        "retry": [
            [{"fail": "make: *** [test] Error 2"}],
            [{"say": "{prompt}"}, write("a.txt", "a\n"), {"commit": "Do"}],
        ],
    }
    workshop.start_repository(
        played(
            {"tired-*": tired, "*": {"attempts": [[{"ask": "Which?"}]]}},
            budget={"tries": 2},
            poll={"max_parallel": 3},
        )
    )
    one, two, other = (workshop.open_issue(title) for title in ("Tired one", "Tired two", "Curious"))
    poller = workshop.poller()
    workshop.until("all questions", lambda: len(helps(workshop)) == 3, limit=LIMIT)
    workshop.until(
        "all of it in the mirror",
        lambda: (
            [row["stuck"] for row in fields(workshop, "stuck,help") if row["help"]] == [True, True, False]
        ),
        limit=LIMIT,
    )
    explained = workshop.cdock("explain", str(one)).stdout
    assert "needs-help" in explained
    assert "the same error came back 2 times" in explained
    tried = workshop.cdock("retry", "--failed")
    assert tried.returncode == 0, tried.stderr
    assert [line.partition("\t")[0] for line in tried.stdout.splitlines()] == [f"#{one}", f"#{two}"]
    for number in (one, two):
        workshop.until(f"#{number} in review", partial(in_review, workshop, number), limit=LIMIT)
    assert asked(workshop)["title"] == "Help wanted: Curious", "the others are closed"
    workshop.end(poller)
    assert "make: *** [test] Error 2" in said(workshop, two), "it is told what was learnt"
    assert causes(workshop, other) == [("task", "needs-help")]
    assert "no task is stuck" in workshop.cdock("retry", "--failed").stderr
