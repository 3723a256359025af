"""GitHub goes away and comes back: work goes on, words are kept, everything arrives once."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.workshop import BOT, Workshop, scripted

ASKS = {
    "attempts": [[{"say": "I wonder."}, {"ask": "Which table?"}]],
    "answered": [
        {"say": "I see."},
        {"write": {"path": "a.txt", "text": "{answer}\n"}},
        {"commit": "Take the answer"},
    ],
}
SLOW = {
    "attempts": [
        [
            {"say": "begun"},
            {"write": {"path": "b.txt", "text": "b\n"}},
            {"commit": "Work"},
            {"wait": 4},
            {"say": "ended"},
        ]
    ]
}


def kept(workshop: Workshop) -> list[dict[str, Any]]:
    """What is in the outbox."""
    files = (workshop.state / "outbox").glob("*.json")
    found = [json.loads(path.read_text()) for path in files]
    return sorted(found, key=lambda entry: (entry["created_at"], entry["title"]))


def issues(workshop: Workshop, title: str) -> list[dict[str, Any]]:
    """All issues of that title."""
    every = workshop.api("GET", "/issues?state=all&per_page=100")
    return [issue for issue in every if issue["title"] == title and "pull_request" not in issue]


def two_tasks(workshop: Workshop) -> tuple[int, int]:
    """A task that asked, and one that is about to work for some seconds; the poller is not running."""
    files = scripted({})
    script = {"tasks": {"ask-me": ASKS, "take-your-time": SLOW, "*": {"attempts": [[{"say": "no"}]]}}}
    workshop.start_repository(files | {"script.json": json.dumps(script)})
    asking = workshop.open_issue("Ask me")
    assert workshop.cdock("run", "--once").returncode == 0
    return asking, workshop.open_issue("Take your time")


def while_away(workshop: Workshop, asking: int) -> None:
    """What a person does while there is no GitHub: two tasks and an answer."""
    for title in ("Offline one", "Offline two"):
        done = workshop.cdock("create", title, "--body", f"Text of {title}", "--no-ready", "-l", "bug")
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        assert "kept the task as" in done.stderr
        assert "the forge is away" in done.stderr or "forge away since" in done.stderr, done.stderr
        assert "cdock sync" in done.stderr
        time.sleep(1.1)  # entries are dated by the second
    said = workshop.cdock("answer", str(asking), "Use", "customers.")
    assert said.returncode == 0, said.stderr
    assert "kept the answer as" in said.stderr


def everything_arrived(workshop: Workshop, asking: int, slow: int) -> None:
    """Each word is there once and in order, and no attempt was charged for the outage."""
    numbers = []
    for title in ("Offline one", "Offline two"):
        (issue,) = issues(workshop, title)
        assert issue["body"].endswith(f"\nText of {title}")
        assert {label["name"] for label in issue["labels"]} >= {"bug"}
        assert issue["user"]["login"] == BOT
        numbers.append(issue["number"])
    assert numbers == sorted(numbers), "in the order they were thought of"
    (asked,) = workshop.api("GET", "/issues?labels=agent-help&state=all")
    said = [c["body"] for c in workshop.comments(asked["number"]) if "Use customers." in c["body"]]
    assert len(said) == 1
    by_issue = {task["github"]["issue_number"]: task for task in workshop.mirror()["tasks"]}
    outcomes = {n: [a["outcome"] for a in by_issue[n]["attempts"]["history"]] for n in (asking, slow)}
    assert outcomes == {asking: ["needs-help", "succeeded"], slow: ["succeeded"]}
    assert {by_issue[n]["status"] for n in (asking, slow)} == {"in-review"}
    pulls = workshop.pulls()
    assert len(pulls) == 2
    for number in (asking, slow):
        states = [c for c in workshop.comments(number) if "cdock:status" in c["body"]]
        assert len(states) == 1
        assert "failed" not in workshop.labels(number)
    answered = next(pull for pull in pulls if f"Closes #{asking}\n" in pull["body"] + "\n")
    workshop.git("fetch", "-q", "origin", answered["head"]["ref"])
    assert "Use customers." in workshop.git("show", "FETCH_HEAD:a.txt")


def test_the_poller_outlives_an_outage_and_delivers_by_itself(workshop: Workshop) -> None:
    asking, slow = two_tasks(workshop)
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "begun" in workshop.said)
    workshop.forge.kill()
    while_away(workshop, asking)
    workshop.until("the end of the attempt", lambda: "ended" in workshop.said)
    status = workshop.cdock("status")
    assert status.returncode == 0
    assert "forge away since" in status.stderr
    assert "3 held back: cdock sync" in status.stderr
    assert "begun" in workshop.cdock("logs", str(slow)).stdout
    held = workshop.cdock("sync")
    assert held.returncode == 5
    assert "forge away since" in held.stderr
    workshop.forge.start()
    workshop.until("the answer to arrive", lambda: len(workshop.pulls()) == 2)
    workshop.until("both in review", lambda: len(_in_review(workshop)) == 2)
    assert workshop.cdock("sync").returncode == 0
    assert "forge away" not in workshop.cdock("status").stderr
    workshop.end(poller)
    everything_arrived(workshop, asking, slow)


def _in_review(workshop: Workshop) -> list[dict[str, Any]]:
    return [task for task in workshop.mirror()["tasks"] if task["status"] == "in-review"]


def test_sync_delivers_where_no_poller_runs(workshop: Workshop) -> None:
    asking, slow = two_tasks(workshop)
    first = workshop.poller()
    workshop.until("the attempt", lambda: "begun" in workshop.said)
    workshop.forge.kill()
    workshop.end(first)
    while_away(workshop, asking)
    status = workshop.cdock("status")
    assert "as of " in status.stderr
    assert "no poller runs" in status.stderr
    assert "3 held back: cdock sync" in status.stderr
    away = workshop.cdock("sync")
    assert away.returncode == 5, away.stderr
    assert [entry["state"] for entry in kept(workshop)] == ["pending"] * 3
    shown = workshop.cdock("sync", "--dry-run")
    assert [line.split()[1] for line in shown.stdout.splitlines()] == ["pending"] * 3

    workshop.forge.start()
    done = workshop.cdock("sync")
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["done"] * 3
    again = workshop.cdock("sync")
    assert (again.returncode, again.stdout) == (0, "")
    assert workshop.cdock("run", "--once").returncode == 0
    everything_arrived(workshop, asking, slow)


def test_create_while_everything_works(workshop: Workshop) -> None:
    workshop.start_repository(scripted(SLOW))
    done = workshop.cdock("create", "Take your time", "-b", "Please.")
    assert done.returncode == 0, done.stderr
    (issue,) = issues(workshop, "Take your time")
    assert done.stdout == f"#{issue['number']} {issue['html_url']}\n"
    assert workshop.labels(issue["number"]) == {"agent-ready"}
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "begun" in workshop.said)
    second = json.loads(workshop.cdock("create", "Another", "--no-ready", "--json").stdout)
    assert second["data"]["state"] == "done"
    assert [found["number"] for found in issues(workshop, "Another")] == [second["data"]["number"]]
    workshop.end(poller)


def test_a_question_closed_meanwhile_is_a_conflict(workshop: Workshop) -> None:
    asking, _ = two_tasks(workshop)
    (asked,) = workshop.api("GET", "/issues?labels=agent-help")
    workshop.forge.kill()
    assert workshop.cdock("answer", str(asked["number"]), "Too late").returncode == 0
    workshop.forge.start()
    workshop.api("PATCH", f"/issues/{asked['number']}", {"state": "closed"})
    done = workshop.cdock("sync")
    assert done.returncode == 3, done.stderr
    assert "closed meanwhile by maria" in done.stdout
    assert "fix:" in done.stdout
    assert "1 parked: cdock sync" in workshop.cdock("status").stderr
    assert not [c for c in workshop.comments(asked["number"]) if "Too late" in c["body"]]
    (entry,) = kept(workshop)
    dropped = workshop.cdock("sync", "--drop", entry["op"][:8])
    assert dropped.returncode == 0, dropped.stderr
    assert kept(workshop) == []
    assert workshop.cdock("answer", str(asking), "x").returncode == 1, "it asks nothing any more"


def test_a_poller_with_nothing_to_do_hears_of_a_new_task_at_once(workshop: Workshop) -> None:
    files = scripted(SLOW)
    files["cdock.toml"] = files["cdock.toml"].replace('interval = "1s"', 'interval = "90s"')
    workshop.start_repository(files)
    poller = workshop.poller()
    workshop.until("the poller to look", lambda: workshop.mirror().get("forge"))
    done = workshop.cdock("create", "Take your time")
    assert done.stdout.startswith("#1 "), done.stderr
    assert "delivered" in workshop.said
    workshop.end(poller)


def test_stopping_while_github_is_away(workshop: Workshop) -> None:
    _, slow = two_tasks(workshop)
    script = {"tasks": {"*": {"attempts": [[{"say": "begun"}, {"wait": 100}]]}}}
    workshop.write({"script.json": json.dumps(script)})
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "begun" in workshop.said)
    workshop.forge.kill()
    workshop.end(poller)
    done = workshop.cdock("stop", str(slow))
    assert done.returncode == 0, done.stderr
    assert "ended the agent of" in done.stderr
    assert "the forge is away" in done.stderr
    logged = workshop.cdock("logs", "-f", str(slow), limit=30)
    assert "no poller runs" in logged.stderr
    workshop.forge.start()
    assert workshop.cdock("run", "--once").returncode == 0
    (task,) = [t for t in workshop.mirror()["tasks"] if t["github"]["issue_number"] == slow]
    assert [attempt["outcome"] for attempt in task["attempts"]["history"]] == ["cancelled"]
    assert task["status"] == "waiting"


@pytest.mark.parametrize(
    "loss",
    ["mirror deleted", "mirror damaged", "worktrees deleted", "all that is shown deleted", "all deleted"],
)
def test_rebuilding_from_github_alone(workshop: Workshop, loss: str) -> None:
    two_tasks(workshop)
    assert workshop.cdock("run", "--once").returncode == 0
    before = workshop.mirror()
    notes = {
        task["worktree"]: (Path(task["worktree"]) / ".cdock/state.json").read_text()
        for task in before["tasks"]
    }
    state, shown = workshop.state, workshop.clone / ".cdock"
    match loss:
        case "mirror deleted":
            (state / "state.json").unlink()
        case "mirror damaged":
            (state / "state.json").write_text('{"version": 1, "tasks": [{}]}')
        case "worktrees deleted":
            shutil.rmtree(shown / "worktrees")
        case "all that is shown deleted":
            shutil.rmtree(shown)
        case "all deleted":
            shutil.rmtree(state)
            shutil.rmtree(shown)
    if loss.startswith("mirror"):
        said = workshop.cdock("status")
        assert said.returncode == 2
        assert "error[CD418]" in said.stderr
        assert "fix:   cdock sync --rebuild" in said.stderr
    done = workshop.cdock("sync", "--rebuild")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    after = workshop.mirror()
    for mirror in (before, after):
        mirror.pop("forge")
        for task in mirror["tasks"]:
            task.pop("said")
    assert after == before
    for worktree, note in notes.items():
        assert (Path(worktree) / ".cdock/state.json").read_text() == note
        assert workshop.git("status", "--porcelain", cwd=Path(worktree)) == ""
    assert workshop.cdock("run", "--once").returncode == 0
    assert len(workshop.pulls()) == 1, "the same poller as before goes on"


def test_rebuilding_names_what_others_hold(workshop: Workshop) -> None:
    two_tasks(workshop)
    assert workshop.cdock("run", "--once").returncode == 0
    other = workshop.folder / "other"
    workshop.git("clone", "-q", workshop.url, str(other), cwd=workshop.folder)
    done = workshop.cdock("sync", "--rebuild", cwd=other)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("held by another poller on" in line and "free after" in line for line in lines)
    assert not (other / ".cdock" / "worktrees").exists() or not list(
        (other / ".cdock" / "worktrees").iterdir()
    )


def test_lost_answers_and_a_killed_command_double_nothing(workshop: Workshop) -> None:
    """GitHub did what it was told and nobody heard of it: found again after half a minute, not made again."""
    asking, _ = two_tasks(workshop)
    (asked,) = workshop.api("GET", "/issues?labels=agent-help")
    workshop.forge.stop()
    workshop.forge.start("--test-controls")
    workshop.forge.faults(
        [
            {"kind": "commit_then_502", "match": {"method": "POST", "path": "/repos/*/issues"}, "times": 1},
            {"kind": "commit_then_hang", "match": {"method": "POST", "path": "*/comments"}, "times": 1},
        ]
    )
    done = workshop.cdock("create", "Twin", "--no-ready", "-l", "bug")
    assert done.returncode == 0
    assert "502" in done.stderr
    command = workshop.start("answer", str(asking), "Use customers.")
    workshop.until("the answer to be there", lambda: len(workshop.comments(asked["number"])) == 1)
    workshop.kill(command)
    assert {entry["kind"]: entry["state"] for entry in kept(workshop)} == {
        "issue": "unknown",
        "comment": "sending",
    }
    early = workshop.cdock("status")
    assert "2 held back: cdock sync" in early.stderr
    done = workshop.cdock("sync")
    assert done.returncode == 0, done.stderr
    assert "before the next try" in done.stderr
    assert {entry["state"] for entry in kept(workshop)} == {"done"}
    (twin,) = issues(workshop, "Twin")
    assert workshop.labels(twin["number"]) == {"bug"}
    assert len(workshop.comments(asked["number"])) == 1


def test_many_at_once_each_arrive_once(workshop: Workshop) -> None:
    """Without a poller every command delivers, one at a time."""
    workshop.start_repository(scripted(SLOW))
    started = [workshop.start("create", f"Task {n}", "--no-ready") for n in range(4)]
    assert [process.wait(90) for process in started] == [0] * 4, workshop.said
    assert workshop.cdock("sync").returncode == 0
    assert [len(issues(workshop, f"Task {n}")) for n in range(4)] == [1] * 4
