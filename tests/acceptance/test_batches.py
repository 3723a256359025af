"""Batches with the real command, the real forge and real git: several attempts at one thing, one picked, all ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import pytest

from cdock.adapters.docker.seen import INSTANCE
from tests.acceptance.stories import LIMIT, quick, remote, write
from tests.acceptance.workshop import Workshop
from tests.docker_engine import Place


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
