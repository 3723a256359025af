"""When enough is enough: every limit ends an agent, keeps its work, says which it was, and can be raised."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.acceptance.stories import (
    LIMIT,
    asked,
    causes,
    helps,
    history,
    in_review,
    played,
    quick,
    remote,
    settings,
    unfinished,
    visit,
    write,
)
from tests.acceptance.test_help import tick
from tests.acceptance.workshop import Workshop

FINISH = [{"run": "test -s half.txt"}, write("whole.txt", "whole\n"), {"commit": "Finish"}]
"""What an agent does that goes on where its half a file is."""


def using_up(**what: float) -> list[dict[str, Any]]:
    """The steps of an agent that leaves half a file, uses up something, and would go on for ever."""
    return [write("half.txt", "half\n"), *({verb: value} for verb, value in what.items()), {"wait": 300}]


def help_of(workshop: Workshop, title: str) -> dict[str, Any]:
    """The open help issue of the task with this title."""
    wanted = f"Help wanted: {title}"
    workshop.until(wanted, lambda: wanted in {issue["title"] for issue in helps(workshop)}, limit=LIMIT)
    return next(issue for issue in helps(workshop) if issue["title"] == wanted)


def explained(workshop: Workshop, number: int) -> dict[str, Any]:
    """What `cdock explain` says."""
    done = workshop.cdock("explain", str(number), "--json")
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_what_is_used_up_is_said_and_can_be_raised(workshop: Workshop, browser: Browser) -> None:
    turns, money = {"attempts": [using_up(turns=30)]}, {"attempts": [using_up(cost=2.5)]}
    large = [write("long.txt", "line\n" * 99), {"commit": "Much"}, {"wait": 300}]
    workshop.start_repository(
        played(
            {
                "turns": {**turns, "answered": FINISH},
                "labelled": {"attempts": [using_up(turns=4)], "go-on": [FINISH]},
                "money": {**money, "go-on": [FINISH]},
                "lines": {"attempts": [large], "answered": [{"say": "It is that large."}]},
            },
            budget={"turns": 20, "cost": 2.0, "lines": 60, "stall": "90s"},
            poll={"max_parallel": 4},
        )
    )
    numbers = {
        title: workshop.open_issue(title, ready=False) for title in ("Turns", "Labelled", "Money", "Lines")
    }
    workshop.api("POST", f"/issues/{numbers['Labelled']}/labels", {"labels": ["max-turns:3"]})
    for number in numbers.values():
        workshop.api("POST", f"/issues/{number}/labels", {"labels": ["agent-ready"]})
    poller = workshop.poller()

    about = {title: help_of(workshop, title) for title in numbers}
    for title, why, more in (
        ("Turns", "all 20 turns of this task are used up", "Allow 20 turns more"),
        ("Labelled", "all 3 turns of this task are used up", "Allow 3 turns more"),
        ("Money", "$2.50 of the $2.00 for this task are spent", "Allow $2.00 more"),
        ("Lines", "its change is larger than 60 lines", "Allow 60 lines more"),
    ):
        assert f"was stopped and its work is kept: {why}" in about[title]["body"]
        assert f"- [ ] {more} <!--" in about[title]["body"]
        assert causes(workshop, numbers[title]) == [("task", "capped")]
    for title in ("Turns", "Labelled", "Money"):
        kept = partial(unfinished, workshop, numbers[title], "half.txt")
        workshop.until(f"the work of {title}", kept, limit=LIMIT)
    assert [history(workshop, numbers[title])[0]["cap"] for title in numbers] == [
        "turns",
        "turns",
        "cost",
        "lines",
    ]

    # A tick, a command with an amount, one without.
    page = visit(browser, workshop)
    tick(page, about["Turns"]["number"], "Allow 20 turns more")
    tick(page, about["Lines"]["number"], "Allow 60 lines more")
    workshop.api("POST", f"/issues/{about['Labelled']['number']}/comments", {"body": "/cdock budget 30"})
    workshop.api("POST", f"/issues/{numbers['Money']}/comments", {"body": "/cdock budget $1.50"})
    for title, number in numbers.items():
        workshop.until(f"{title} in review", partial(in_review, workshop, number), limit=LIMIT)
        first, second = history(workshop, number)
        assert first["session"] == second["session"], title
    workshop.until("the end of all questions", lambda: not helps(workshop), limit=LIMIT)
    workshop.until("nothing unfinished", lambda: not remote(workshop, "refs/cdock/wip/*"), limit=LIMIT)
    workshop.end(poller)


TALKS = [write("half.txt", "half\n"), *([{"say": "still here"}, {"wait": 0.5}] * 200)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("steps", "budget", "outcome", "cap", "words"),
    [
        (using_up(), {"stall": "2s"}, "stalled", "stall", "no sign of life for 2 seconds"),
        (TALKS, {"time_box": "5s"}, "timed-out", "time", "no end after 5 seconds"),
    ],
    ids=["silence", "time"],
)
def test_silence_and_time_are_failures_that_keep_their_work(
    workshop: Workshop,
    steps: list[dict[str, object]],
    budget: dict[str, str],
    outcome: str,
    cap: str,
    words: str,
) -> None:
    workshop.start_repository(played({"*": {"attempts": [steps]}}, budget={**budget, "tries": 2}))
    number = workshop.open_issue("Half")
    poller = workshop.poller()
    body = help_of(workshop, "Half")["body"]
    workshop.end(poller)
    assert "the same error came back 2 times" in body
    assert words in body
    assert [attempt["outcome"] for attempt in history(workshop, number)] == [outcome] * 2
    assert [attempt["cap"] for attempt in history(workshop, number)] == [cap] * 2
    assert unfinished(workshop, number, "half.txt") == "half"


@pytest.mark.timeout(600)
def test_the_money_of_a_day_is_waited_for(workshop: Workshop) -> None:
    scripts = {"dear": {"attempts": [using_up(cost=1.5)], "go-on": [FINISH]}, "*": {"attempts": [FINISH]}}
    workshop.start_repository(played(scripts, budget={"day_cost": 1.0}))
    number = workshop.open_issue("Dear")
    poller = workshop.poller()
    workshop.until("the label", lambda: "waiting" in workshop.labels(number), limit=LIMIT)
    other = workshop.open_issue("Another")
    workshop.until("the other one in the queue", lambda: workshop.mirror().get("queue"), limit=LIMIT)
    assert "money of one day" in explained(workshop, other)["why"]
    told = explained(workshop, number)
    assert (told["status"], told["waiting"]["kind"]) == ("waiting", "quota")
    assert told["waiting"]["until"].endswith("T00:00:00+00:00")
    (comment,) = workshop.comments(number)
    assert "The money of one day on this machine ($1.00) is used up." in comment["body"]
    assert unfinished(workshop, number, "half.txt") == "half"
    assert set(remote(workshop, "refs/cdock/claims/*")) == {f"refs/cdock/claims/{number}"}
    workshop.end(poller)

    # More of it goes on where it was; what it cost is remembered.
    workshop.write({"cdock.toml": settings(budget={"day_cost": 2.0})})
    poller = workshop.poller()
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    first, second = history(workshop, number)
    assert (first["outcome"], first["cap"], second["cause"]) == ("limited", "day", "go-on")
    assert first["session"] == second["session"]
    workshop.end(poller)


@pytest.mark.timeout(600)
def test_a_providers_limit_is_waited_for_in_the_same_conversation(workshop: Workshop) -> None:
    limited = [write("half.txt", "half\n"), {"limit": 8}]
    workshop.start_repository(quick({"attempts": [limited], "go-on": [[{"say": "{prompt}"}, *FINISH]]}))
    number = workshop.open_issue("Think hard")
    poller = workshop.poller()
    workshop.until("the label", lambda: "waiting" in workshop.labels(number), limit=LIMIT)
    (comment,) = workshop.comments(number)
    assert "The usage limit of the model's provider is reached. Until 20" in comment["body"]
    told = explained(workshop, number)
    assert told["waiting"]["kind"] == "provider"
    assert told["waiting"]["until"]
    status = workshop.cdock("status").stdout
    assert "waiting" in status
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    first, second = history(workshop, number)
    assert (first["outcome"], second["cause"], second["outcome"]) == ("limited", "go-on", "succeeded")
    assert first["session"] == second["session"]
    assert second["started_at"] >= first["until"]
    assert helps(workshop, state="all") == []


@pytest.mark.timeout(600)
def test_a_failure_goes_to_a_stronger_model_and_then_to_another_agent(workshop: Workshop) -> None:
    done = "echo other >a.txt && git add a.txt && git commit -q -m Done && cat {prompt_file}"
    workshop.start_repository(
        quick(
            {"attempts": [[{"fail": "KeyError: 'one'"}], [{"fail": "OSError: two"}]]},
            agent__command={"argv": ["sh", "-c", done]},
            budget={"escalation": [{"model": "strong-1"}, {"agent": "command", "model": ""}]},
        )
    )
    number = workshop.open_issue("Hard")
    poller = workshop.poller()
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    workshop.end(poller)
    tried = [(a["agent"], a.get("model", ""), a["outcome"]) for a in history(workshop, number)]
    assert tried == [
        ("scripted", "", "failed"),
        ("scripted", "strong-1", "failed"),
        ("command", "", "succeeded"),
    ]
    prompt = workshop.cdock("logs", str(number), "--raw", "--attempt", "3").stdout
    assert "KeyError: 'one'" in prompt, "what was learnt is told"
    assert "OSError: two" in prompt
    (comment,) = workshop.comments(number)
    assert "| scripted (strong-1) |" in comment["body"].replace("\\", "")


@pytest.mark.timeout(600)
def test_the_supervisor_tries_again_what_ran_out(workshop: Workshop) -> None:
    """A limit of money is a person's to raise: trying it again changes nothing of it, and a question stays one."""
    workshop.start_repository(
        played(
            {
                "tired": {
                    "attempts": [[{"fail": "make: *** [test] Error 2"}]],
                    "retry": [[{"fail": "make: *** [test] Error 2"}], [{"say": "{prompt}"}, *FINISH[1:]]],
                },
                "curious": {"attempts": [[{"ask": "Which one?"}]]},
            },
            budget={"tries": 2},
        )
    )
    tired, curious = (workshop.open_issue(title) for title in ("Tired", "Curious"))
    done = workshop.cdock("run", "--supervise")
    assert done.returncode == 0, done.stderr
    assert "trying 1 again, with what was learnt" in done.stderr
    assert "in the end: 1 in-review, 1 needs-help" in done.stderr
    assert in_review(workshop, tired)
    assert causes(workshop, curious) == [("task", "needs-help")]
    assert asked(workshop)["title"] == "Help wanted: Curious"
