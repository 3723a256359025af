"""`cdock land` and `cdock verify` as a person runs them, on the embedded forge."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.workshop import Workshop, scripted


def writes(**files: str) -> dict[str, Any]:
    """A script that writes and commits each file."""
    steps: list[dict[str, Any]] = []
    for name, text in files.items():
        steps += [{"write": {"path": f"{name}.txt", "text": f"{text}\n"}}, {"commit": f"Write {name}"}]
    return {"attempts": [steps]}


SCRIPTS = {
    "one": writes(one="1", shared="from one"),
    "two": writes(shared="from two"),
    "three": writes(three="3"),
}
VALID = '[validate]\ncommands = ["test -s three.txt", "cat *.txt"]\n'


class Shop:
    """A workshop with three tasks in review, two of which change the same file."""

    def __init__(self, shop: Workshop, *, more: str = "") -> None:
        self.shop = shop
        files = scripted({}, more=more)
        shop.start_repository(files | {"script.json": json.dumps({"tasks": SCRIPTS})})
        self.numbers = {name: shop.open_issue(name) for name in SCRIPTS}
        done = shop.cdock("run", "--once")
        assert done.returncode == 0, done.stderr
        self.before = self.main()
        shop.git("config", "user.name", "Maria")
        shop.git("config", "user.email", "maria@example.com")

    def main(self) -> str:
        return self.shop.git("ls-remote", "origin", "refs/heads/main").split()[0]

    def land(self, *words: str, code: int) -> dict[str, Any]:
        """What it says of each task, and about the whole."""
        checkout = self.checkout()
        done = self.shop.cdock("land", *words, "--json")
        assert done.returncode == code, done.stderr
        assert self.checkout() == checkout, "the person's checkout is theirs"
        told = json.loads(done.stdout)
        self.err = done.stderr
        names = {number: name for name, number in self.numbers.items()}
        self.meta: dict[str, Any] = told["meta"]
        return {names[row["issue"]]: row for row in told["data"]}

    def checkout(self) -> tuple[str, ...]:
        git = self.shop.git
        return git("status", "--porcelain"), git("rev-parse", "HEAD"), git("reflog"), git("branch", "-a")

    def files(self) -> set[str]:
        self.shop.git("fetch", "-q", "origin", "main")
        listed = self.shop.git("ls-tree", "--name-only", "FETCH_HEAD").split()
        return {name for name in listed if name.endswith(".txt")}

    def issue(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.shop.api("GET", f"/issues/{self.numbers[name]}")
        return found

    def pull(self, name: str) -> dict[str, Any]:
        wanted = f"cdock/{name}."
        (found,) = (pull for pull in self.shop.pulls() if pull["head"]["ref"].startswith(wanted))
        pull: dict[str, Any] = found
        return pull


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(tmp_path)
    try:
        yield shop
    finally:
        shop.close()


def test_pull_requests_are_merged_and_a_conflict_is_named(workshop: Workshop) -> None:
    shop = Shop(workshop, more=VALID)
    looked = shop.land("--dry-run", code=0)
    assert [(name, row["commits"], row["fate"]) for name, row in looked.items()] == [
        ("one", 2, None),
        ("two", 1, None),
        ("three", 1, None),
    ]
    assert shop.main() == shop.before

    asked = workshop.cdock("land")
    assert asked.returncode == 2
    assert "CD465" in asked.stderr
    assert shop.main() == shop.before

    told = shop.land("--yes", code=3)
    assert {name: row["fate"] for name, row in told.items()} == {
        "one": "landed",
        "two": "conflict",
        "three": "landed",
    }
    assert told["two"]["why"] == "shared.txt"
    assert told["two"]["retry"][-1] == f"cdock land {shop.numbers['two']}"
    assert "no poller runs" in shop.err
    assert "[exit 0]" in shop.err
    assert shop.meta["validation"] == 0
    assert shop.meta["after"] == shop.main()
    assert shop.files() == {"one.txt", "shared.txt", "three.txt"}
    assert shop.pull("one")["merged_at"]
    assert shop.pull("two")["state"] == "open"
    assert shop.issue("one")["state"] == "closed"
    again = shop.land("one", code=0)
    assert "merged already" in again["one"]["why"] or "done" in again["one"]["why"]


def test_nothing_red_is_pushed(workshop: Workshop) -> None:
    shop = Shop(workshop, more='[validate]\ncommands = ["test -s four.txt"]\n[land]\nmethod = "squash"\n')
    told = shop.land("one", "three", "--yes", code=1)
    assert {row["fate"] for row in told.values()} == {"refused"}
    assert "nothing was pushed" in told["one"]["why"]
    assert shop.main() == shop.before
    assert shop.issue("one")["state"] == "open"
    assert shop.pull("one")["state"] == "open"


@pytest.mark.parametrize("method", ["merge", "squash", "cherry-pick"])
def test_commits_are_pushed_at_once_and_the_rest_is_closed(workshop: Workshop, method: str) -> None:
    shop = Shop(workshop, more=VALID)
    told = shop.land("--yes", "--method", method, code=3)
    assert {name: row["fate"] for name, row in told.items()} == {
        "one": "landed",
        "two": "conflict",
        "three": "landed",
    }
    assert shop.files() == {"one.txt", "shared.txt", "three.txt"}
    assert "FETCH_HEAD" not in workshop.git("status")
    committers = workshop.git("log", "--format=%cn <%ce>", "FETCH_HEAD", "-1")
    assert committers == "Maria <maria@example.com>"
    for name in ("one", "three"):
        issue, pull = shop.issue(name), shop.pull(name)
        assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
        assert pull["state"] == "closed"
        if method == "merge":
            assert pull["merged_at"]
            continue
        assert pull["merged_at"] is None
        (said,) = (c["body"] for c in workshop.comments(pull["number"]) if "not needed any more" in c["body"])
        assert "main" in said
        assert workshop.git("ls-remote", "origin", pull["head"]["ref"]) == ""
        kept = workshop.git("ls-remote", "origin", f"refs/cdock/kept/{pull['head']['ref'][6:]}")
        assert kept.split()[0] == pull["head"]["sha"]
    assert shop.pull("two")["state"] == "open"
    after = workshop.cdock("run", "--once", limit=240)
    assert after.returncode in (0, 3), after.stderr


def test_verify_runs_the_acceptance_commands_on_the_branch(workshop: Workshop) -> None:
    shop = Shop(workshop, more='[acceptance]\ncommands = ["cat shared.txt three.txt || test -s three.txt"]\n')
    assert shop.main() == shop.before
    good = workshop.cdock("verify", "three", "--yes")
    assert good.returncode == 0, good.stderr
    assert "passed" in good.stderr
    told = workshop.cdock("verify", "three", "--json")
    row = json.loads(told.stdout)["data"]
    assert row["exit_code"] == 0
    assert "3\n" in row["output"]
    missing = workshop.cdock("verify", "nobody")
    assert missing.returncode == 1
