"""Batches with the real command, the real forge and real git: several attempts at one thing, one picked, all ended."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from cdock.adapters.docker.seen import INSTANCE
from tests.acceptance.stories import LIMIT, history, played, quick, remote, write
from tests.acceptance.workshop import Workshop
from tests.docker_engine import Place
from tests.terminal import Terminal


def batch_of(workshop: Workshop, *words: str) -> tuple[str, list[int]]:
    """A batch made by `cdock fanout`: its name, and the numbers of its issues."""
    done = workshop.cdock("fanout", *words, "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    return data["batch"], [row["number"] for row in data["tasks"]]


def status(workshop: Workshop, number: int) -> str:
    found = [task for task in workshop.mirror()["tasks"] if task["github"]["issue_number"] == number]
    return found[0]["status"] if found else ""


def issue(workshop: Workshop, number: int) -> dict[str, Any]:
    found: dict[str, Any] = workshop.api("GET", f"/issues/{number}")
    return found


def working_in(workshop: Workshop) -> list[str]:
    """Processes that work anywhere below the workshop's home."""
    return [
        " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cwd", "cmdline"])
        if (process.info["cwd"] or "").startswith(str(workshop.home))
    ]


def leaves_nothing(workshop: Workshop, numbers: list[int]) -> None:
    """Nothing of these tasks is on this machine or among the branches and claims of the forge."""
    assert [issue(workshop, number)["state_reason"] for number in numbers] == ["not_planned"] * len(numbers)
    assert remote(workshop, "refs/heads/cdock/*") == {}
    assert workshop.claims() == ""
    assert list((workshop.clone / ".cdock" / "worktrees").glob("*")) == []
    assert list(workshop.home.glob("local/*/runs/cdock.*")) == []
    assert working_in(workshop) == []
    assert list((workshop.state / "wishes").glob("*.json")) == []


@pytest.mark.parametrize("poller", [True, False], ids=["poller", "alone"])
def test_a_killed_batch_leaves_nothing(workshop: Workshop, poller: bool) -> None:
    steps = [
        write("a.txt", "a\n"),
        {"commit": "Begin"},
        write("b.txt", "b\n"),
        {"say": "on it"},
        {"wait": 600},
    ]
    workshop.start_repository(quick({"attempts": [steps]}, poll={"max_parallel": 3}))
    batch, numbers = batch_of(workshop, "5", "auth", "--prompt", "Refactor auth")
    other = workshop.open_issue("Something else", ready=False)
    running = workshop.poller()
    workshop.until("three at work", lambda: workshop.said.count("on it") == 3, limit=LIMIT)
    workshop.until("their commits", lambda: len(remote(workshop, "refs/heads/cdock/*")) == 3, limit=LIMIT)
    if not poller:
        workshop.end(running)
    refused = workshop.cdock("kill", "--batch", batch)
    assert refused.returncode == 2
    assert "error[CD505]" in refused.stderr
    done = workshop.cdock("kill", "--batch", batch, "--yes")
    assert done.returncode == 0, done.stderr + workshop.said
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [f"#{n}" for n in numbers]
    if poller:
        workshop.until("the end of it", lambda: not workshop.claims(), limit=LIMIT)
        workshop.end(running)
    leaves_nothing(workshop, numbers)
    assert len(remote(workshop, "refs/cdock/kept/*")) == 3, "commits are kept"
    assert issue(workshop, other)["state"] == "open"
    again = workshop.cdock("kill", "--batch", batch, "--yes")
    assert "error[CD403]" in again.stderr
    assert workshop.cdock("fanout", "2", "auth", "--prompt", "x", "--no-wait").returncode == 0, (
        "names are free"
    )


@contextmanager
def on_engine(workshop: Workshop) -> Iterator[Place]:
    """What the workshop's poller has on the Docker Engine, removed at the end."""
    known = json.loads((workshop.state / "poller.json").read_text())["id"]
    place = Place(known)
    try:
        yield place
    finally:
        place.remove()


@pytest.mark.docker
def test_a_killed_batch_leaves_no_containers_and_no_volumes(workshop: Workshop) -> None:
    steps = [
        write("a.txt", "a\n"),
        {"commit": "Begin"},
        write("b.txt", "b\n"),
        {"say": "on it"},
        {"wait": 600},
    ]
    files = quick({"attempts": [steps]}, runner={"kind": "docker"}, poll={"max_parallel": 2})
    workshop.start_repository(files)
    _, numbers = batch_of(workshop, "3", "auth", "--prompt", "Refactor auth")
    running = workshop.poller()
    workshop.until("two at work", lambda: workshop.said.count("on it") == 2, limit=LIMIT)
    with on_engine(workshop) as place:
        chosen = {"label": f"{INSTANCE}={place.instance}"}
        with closing(place.engine.connect(tried="looking after a test")) as client:
            assert len(client.containers(all=True, filters=chosen)) >= 2
            done = workshop.cdock("kill", "auth-*", "--yes")
            assert done.returncode == 0, done.stderr + workshop.said
            workshop.until("the end of it", lambda: not workshop.claims(), limit=LIMIT)
            workshop.end(running)
            assert client.containers(all=True, filters=chosen) == []
            assert client.volumes(filters=chosen)["Volumes"] in (None, [])
    leaves_nothing(workshop, numbers)
    assert workshop.mirror()["queue"] == []


def test_a_person_looks_at_a_diff_and_picks_at_the_terminal(workshop: Workshop) -> None:
    workshop.start_repository(played(TRIES, poll={"max_parallel": 2}))
    batch, numbers = batch_of(workshop, "2", "auth", "--prompt", "Refactor auth")
    assert workshop.cdock("run", "--once").returncode == 0
    argv = (sys.executable, "-P", "-m", "cdock", "pick", batch)
    with Terminal(argv, cwd=workshop.clone, env=workshop.env) as screen:
        screen.wait_for(f"[{numbers[1]}]")
        assert "not checked" in screen.screen
        screen.type("d 999")
        screen.wait_for("there is no '999'")
        screen.type(f"d {numbers[0]}")
        screen.wait_for("+yes")
        screen.type(f"#{numbers[0]}")
        screen.wait_for_end()
    (pull,) = workshop.pulls()
    assert f"Closes #{numbers[0]}" in pull["body"]
    assert issue(workshop, numbers[1])["state_reason"] == "not_planned"


def attempts(*steps: object) -> dict[str, Any]:
    return {"attempts": [list(steps)]}


SMALL = write("done.txt", "yes\n")
LARGE = write("done.txt", "yes\n" * 40)
TRIES = {
    "auth-a1": attempts(LARGE, {"commit": "Do it at length"}),
    "auth-a2": attempts(SMALL, {"commit": "Do it"}),
    "auth-a3": attempts(write("other.txt", "no\n"), {"commit": "Do something else"}),
    "auth-a4": attempts({"say": "I do not know."}),
    "auth-a5": attempts(write("done.txt", "yes\n" * 7), write("x.txt", "x\n"), {"commit": "Do more"}),
}


@pytest.mark.parametrize("poller", [True, False], ids=["poller", "alone"])
def test_the_best_of_five_is_picked(workshop: Workshop, poller: bool) -> None:
    files = played(TRIES, poll={"max_parallel": 5}, budget={"backoff": "0s", "tries": 1})
    workshop.start_repository(files)
    words = ("--acceptance", "true", "--acceptance", "test -s done.txt")
    batch, numbers = batch_of(workshop, "5", "auth", "--prompt", "Refactor auth", *words)
    early = workshop.cdock("pick", batch, "--yes")
    assert early.returncode == 1
    assert "error[CD507]" in early.stderr
    running = workshop.poller()
    ends = ["waiting", "waiting", "needs-help", "needs-help", "waiting"]
    workshop.until("the ends", lambda: [status(workshop, n) for n in numbers] == ends, limit=LIMIT)
    assert workshop.pulls() == [], "nobody has chosen"
    if not poller:
        workshop.end(running)

    asked = workshop.cdock("pick", batch)
    assert asked.returncode == 2
    assert "error[CD505]" in asked.stderr
    looked = workshop.cdock("pick", batch, "--json")
    assert looked.returncode == 0, looked.stderr
    rows = json.loads(looked.stdout)["data"]
    assert [(row["worktree"], row["passes"], row["passed"], row["lines"]) for row in rows] == [
        ("auth-a2", True, 2, 1),
        ("auth-a5", True, 2, 8),
        ("auth-a1", True, 2, 40),
        ("auth-a3", False, 1, 1),
    ]
    assert rows[3]["failing"] == "test -s done.txt"
    assert workshop.pulls() == []

    done = workshop.cdock("pick", batch, "--yes")
    assert done.returncode == 0, done.stderr + workshop.said
    assert done.stdout.splitlines()[0].startswith(f"1.\t#{numbers[1]}\tauth-a2\t✓ 2/2\t1 in 1\t")
    workshop.until("the pull request", workshop.pulls, limit=LIMIT)
    if poller:
        workshop.until("one claim", lambda: len(workshop.claims().splitlines()) == 1, limit=LIMIT)
        workshop.end(running)
    (pull,) = workshop.pulls()
    assert f"Closes #{numbers[1]}" in pull["body"]
    assert list(remote(workshop, "refs/heads/cdock/*")) == [f"refs/heads/{pull['head']['ref']}"]
    lost = [number for number in numbers if number != numbers[1]]
    assert [issue(workshop, number)["state_reason"] for number in lost] == ["not_planned"] * 4
    told = "\n".join(comment["body"] for comment in workshop.comments(numbers[2]))
    assert f"{numbers[1]} was picked of the batch {batch}" in told.replace("\u200b", "").replace("\\", "")
    assert "This came 4. of 4: failed: test -s done.txt" in told.replace("\u200b", "").replace("\\", "")
    assert len(remote(workshop, "refs/cdock/kept/*")) == 3, "those with commits"
    assert working_in(workshop) == []


def test_a_task_is_complete_when_nothing_of_it_is_missing(workshop: Workshop) -> None:
    workshop.start_repository(played({"do-*": attempts(SMALL, {"commit": "Do it"}), "*": attempts()}))
    number = workshop.open_issue("Do it")
    assert workshop.cdock("run", "--once").returncode == 0
    refused = workshop.cdock("stage", str(number), "complete", "--yes")
    assert refused.returncode == 1
    assert "main lacks 1 commit of" in refused.stderr
    other = workshop.open_issue("Nothing to do")
    workshop.cdock("run", "--once", "--issue", str(other))
    done = workshop.cdock("stage", str(other), "complete", "--yes")
    assert done.returncode == 0, done.stderr
    assert issue(workshop, other)["state_reason"] == "completed"
    assert issue(workshop, number)["state"] == "open"


def test_a_person_works_in_a_prepared_worktree(workshop: Workshop) -> None:
    workshop.start_repository(quick(attempts(SMALL, {"commit": "Do it"})))
    number = workshop.open_issue("Write it", body="In full.\n\n### Stage\n\n1\n")
    later = workshop.open_issue("Later", body="### Stage\n\n2\n")
    done = workshop.cdock("run", "--manual", "--stage", "1")
    assert done.returncode == 0, done.stderr
    title, start, push = done.stdout.splitlines()
    assert title == f"# #{number} Write it"
    tree = Path(shlex.split(start)[1])
    assert "In full." in (tree / ".cdock" / "prompt.md").read_text()
    assert "agent-ready" in workshop.labels(later)
    assert workshop.cdock("run", "--manual", "--stage", "1").stdout == ""

    (tree / "done.txt").write_text("yes\n")
    workshop.git("add", "done.txt", cwd=tree)
    workshop.git("commit", "-q", "-m", "Write it", cwd=tree)
    workshop.git(*shlex.split(push)[1:], cwd=tree)
    branch = shlex.split(push)[-1].removeprefix("HEAD:refs/heads/")
    pull = workshop.api(
        "POST", "/pulls", {"title": "t", "head": branch, "base": "main", "body": f"Closes #{number}"}
    )
    assert workshop.cdock("run", "--once", "--issue", str(number)).returncode == 0
    assert history(workshop, number) == [], "no agent was started"
    workshop.api("PUT", f"/pulls/{pull['number']}/merge", {})
    done = workshop.cdock("run", "--once", "--issue", str(number))
    assert done.returncode == 0, done.stderr
    assert issue(workshop, number)["state_reason"] == "completed"
    assert not tree.exists()
