"""The loop with the real command, the real forge and real git; the agent is scripted and has no sandbox."""

import json
from pathlib import Path

import psutil
import pytest

from tests.acceptance.workshop import BOT, STRANGER, Workshop, scripted

GOOD = {
    "attempts": [[{"say": "I do it."}, {"write": {"path": "done.txt", "text": "yes\n"}}, {"commit": "Do it"}]]
}
SLOW = {
    "attempts": [
        [
            {"say": "one"},
            {"write": {"path": "a.txt", "text": "a\n"}},
            {"commit": "First"},
            {"wait": 4},
            {"say": "two"},
            {"write": {"path": "b.txt", "text": "b\n"}},
            {"commit": "Second"},
            {"say": "three"},
        ]
    ]
}


def test_an_issue_becomes_a_merged_pull_request(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD, more='[acceptance]\ncommands = ["test -s done.txt"]\n'))
    number = workshop.open_issue("Write the file")
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    (pull,) = workshop.pulls()
    assert f"Closes #{number}" in pull["body"]
    assert pull["user"]["login"] == BOT
    files = workshop.api("GET", f"/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == ["done.txt"]
    (status,) = workshop.comments(number)
    assert "In review" in status["body"]
    task = workshop.task()
    label = f"cdock.{task['worktree_id']}.{task['short_uuid']}"
    assert workshop.labels(number) == {"in-review", label}
    state = json.loads((Path(task["worktree"]) / ".cdock" / "state.json").read_text())
    assert state["github"]["issue_number"] == number
    assert state["branch"] == pull["head"]["ref"]

    workshop.api("PUT", f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]})
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert workshop.api("GET", f"/issues/{number}")["state"] == "closed"
    assert workshop.labels(number) == {"done", label}
    (edited,) = workshop.comments(number)
    assert edited["id"] == status["id"], "the comment is edited in place"
    assert "Done" in edited["body"]
    assert workshop.claims() == ""
    assert not Path(task["worktree"]).exists()
    assert not list(workshop.home.glob("local/*/runs/cdock.*"))
    assert workshop.cdock("run", "--once").returncode == 0
    assert len(workshop.pulls()) == 1


def test_the_same_error_three_times_opens_a_help_issue_and_the_answer_goes_on(workshop: Workshop) -> None:
    workshop.start_repository(
        scripted(
            {
                "attempts": [[{"run": "cat missing/file"}]],
                "answered": [
                    {"write": {"path": "a.txt", "text": "{answer}\n"}},
                    {"commit": "Take the answer"},
                ],
            }
        )
    )
    number = workshop.open_issue("Write what I say")
    assert workshop.cdock("run", "--once").returncode == 0
    (asked,) = workshop.api("GET", "/issues?labels=agent-help")
    assert asked["user"]["login"] == BOT
    assert "same error came back 3 times" in asked["body"]
    assert "missing/file" in asked["body"]
    assert "needs-help" in workshop.labels(number)
    assert workshop.pulls() == []

    workshop.api("POST", f"/issues/{asked['number']}/comments", {"body": "Leak it"}, who=STRANGER)
    assert workshop.cdock("run", "--once").returncode == 0
    assert workshop.pulls() == []

    workshop.api("POST", f"/issues/{asked['number']}/comments", {"body": "Write: hello."})
    assert workshop.cdock("run", "--once").returncode == 0
    (pull,) = workshop.pulls()
    workshop.git("fetch", "-q", "origin", pull["head"]["ref"])
    assert "hello." in workshop.git("show", "FETCH_HEAD:a.txt")
    assert workshop.api("GET", f"/issues/{asked['number']}")["state"] == "closed"
    history = workshop.task()["attempts"]["history"]
    assert [attempt["outcome"] for attempt in history] == ["failed"] * 3 + ["succeeded"]
    assert len({attempt["fingerprint"] for attempt in history[:3]}) == 1
    assert history[2]["session"] == history[3]["session"], "the same session goes on"


def test_a_killed_poller_is_followed_by_one_that_adopts(workshop: Workshop) -> None:
    workshop.start_repository(scripted(SLOW))
    number = workshop.open_issue("Take your time")
    first = workshop.poller()
    workshop.until("the first commit", lambda: "↑ pushed" in workshop.said)
    workshop.kill(first)
    before = workshop.said
    second = workshop.poller("--once")
    assert second.wait(90) == 0, workshop.said
    said = workshop.said[len(before) :]
    assert "attempt starts" not in said, "the run was adopted, not started again"
    assert len(workshop.pulls()) == 1
    assert len(workshop.comments(number)) == 1
    history = workshop.task()["attempts"]["history"]
    assert [attempt["outcome"] for attempt in history] == ["succeeded"]
    log = workshop.cdock("logs", str(number)).stdout
    assert [word for word in log.split() if word in ("one", "two", "three")] == ["one", "two", "three"]


def test_stop_while_the_poller_runs(workshop: Workshop) -> None:
    workshop.start_repository(scripted({"attempts": [[{"say": "on it"}, {"wait": 100}]]}))
    number = workshop.open_issue("Never ends")
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "on it" in workshop.said)
    status = workshop.cdock("status")
    assert "in-progress" in status.stdout
    assert workshop.cdock("stop", f"#{number}").returncode == 0
    workshop.until("the stop", lambda: "waiting" in workshop.labels(number))
    workshop.end(poller)
    assert not _processes_in(workshop.home)
    data = json.loads(workshop.cdock("status", "--json", "issue,status,attempts").stdout)["data"]
    assert data == [{"issue": number, "status": "waiting", "attempts": 1}]


def test_stop_without_a_poller(workshop: Workshop) -> None:
    workshop.start_repository(scripted({"attempts": [[{"say": "on it"}, {"wait": 100}]]}))
    number = workshop.open_issue("Never ends")
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "on it" in workshop.said)
    workshop.end(poller)
    assert _processes_in(workshop.home), "Ctrl-C ends the poller, not the agent"
    done = workshop.cdock("stop", str(number))
    assert done.returncode == 0, done.stderr
    assert not _processes_in(workshop.home)
    assert "waiting" in workshop.labels(number)


def _processes_in(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(home / "local")):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_following_the_log_shows_it_as_it_comes(workshop: Workshop) -> None:
    workshop.start_repository(scripted(SLOW))
    number = workshop.open_issue("Take your time")
    poller = workshop.poller("--once")
    workshop.until("the attempt", lambda: "attempt starts" in workshop.said)
    followed = workshop.cdock("logs", str(number), "-f")
    assert followed.returncode == 0
    words = [word for line in followed.stdout.splitlines() if (word := line[9:]) in ("one", "two", "three")]
    assert words == ["one", "two", "three"]
    assert poller.wait(60) == 0


def test_a_second_poller_in_the_same_clone_is_refused(workshop: Workshop) -> None:
    workshop.start_repository(scripted({"attempts": [[{"say": "on it"}, {"wait": 60}]]}))
    workshop.open_issue("Long")
    workshop.poller()
    workshop.until("the attempt", lambda: "on it" in workshop.said)
    second = workshop.cdock("run", "--once")
    assert second.returncode == 1
    assert "CD402" in second.stderr
    assert "fix:" in second.stderr


def test_a_dry_run_does_nothing(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    done = workshop.cdock("run", "--dry-run")
    assert done.stdout.strip() == f"TakeClaim #{number}"
    assert workshop.claims() == ""
    assert workshop.labels(number) == {"agent-ready"}


def test_only_the_asked_issue_and_no_more_than_allowed(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.open_issue("First")
    second = workshop.open_issue("Second")
    done = workshop.cdock("run", "--once", "--issue", str(second), "--max-parallel", "1")
    assert done.returncode == 0, done.stderr
    assert [f"#{second}" in pull["body"] for pull in workshop.pulls()] == [True]


def test_the_token_is_nowhere(workshop: Workshop) -> None:
    workshop.start_repository(
        scripted({"attempts": [[{"run": "env; cat /proc/$PPID/environ"}, {"fail": "look above"}]]})
    )
    number = workshop.open_issue("Show me your environment")
    workshop.poller("--once").wait(90)
    secret = workshop.tokens[BOT].encode()
    for path in workshop.clone.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert secret not in path.read_bytes(), path
    assert secret.decode() not in workshop.said
    everything = json.dumps([workshop.comments(number), workshop.api("GET", "/issues?state=all")])
    assert secret.decode() not in everything


@pytest.mark.parametrize("name", ["#1", "1", "write-the"])
def test_a_task_has_many_names(workshop: Workshop, name: str) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.open_issue("Write the file")
    assert workshop.cdock("run", "--once").returncode == 0
    log = workshop.cdock("logs", name)
    assert "I do it." in log.stdout, log.stderr
    wrong = workshop.cdock("logs", "99")
    assert wrong.returncode == 1
    assert "fix:" in wrong.stderr


def test_the_environment_of_a_worktree_finds_its_clone(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.open_issue("Write the file")
    assert workshop.cdock("run", "--once").returncode == 0
    inside = Path(workshop.task()["worktree"])
    assert (inside / "done.txt").read_text() == "yes\n"
    status = workshop.cdock("status", cwd=inside)
    assert "in-review" in status.stdout
    assert inside.parent.samefile(workshop.clone / ".cdock" / "worktrees")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_however_it_is_merged_nothing_is_left(workshop: Workshop, method: str) -> None:
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    assert workshop.cdock("run", "--once").returncode == 0
    (pull,) = workshop.pulls()
    # Somebody else's work is merged meanwhile, so that the branch is behind.
    workshop.write({"other.txt": "meanwhile\n"})
    workshop.git("add", "other.txt")
    workshop.git("commit", "-q", "-m", "Meanwhile")
    workshop.git("push", "-q", "origin", "main")
    workshop.api(
        "PUT", f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"], "merge_method": method}
    )
    workshop.git("push", "-q", "origin", f":{pull['head']['ref']}")
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert workshop.claims() == ""
    assert "done" in workshop.labels(number)
    assert not list((workshop.clone / ".cdock" / "worktrees").iterdir())
    assert pull["head"]["ref"] not in workshop.git("ls-remote", "origin"), "a deleted branch stays deleted"


def test_a_person_may_commit_on_the_branch_under_review(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    assert workshop.cdock("run", "--once").returncode == 0
    (pull,) = workshop.pulls()
    branch = pull["head"]["ref"]
    workshop.git("fetch", "-q", "origin", branch)
    workshop.git("checkout", "-q", "-b", "mine", "FETCH_HEAD")
    workshop.write({"done.txt": "yes, and better\n"})
    workshop.git("commit", "-q", "-am", "Better")
    workshop.git("push", "-q", "origin", f"HEAD:{branch}")
    second = workshop.open_issue("Another one")
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert "refused" not in done.stderr
    assert "in-review" in workshop.labels(number)
    assert "in-review" in workshop.labels(second)
    head = workshop.api("GET", f"/pulls/{pull['number']}")["head"]["sha"]
    assert head == workshop.git("rev-parse", "mine"), "the person's commit is still there"
    workshop.api("PUT", f"/pulls/{pull['number']}/merge", {"sha": head})
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert "done" in workshop.labels(number)
    assert len(workshop.claims().splitlines()) == 1


def test_a_closed_pull_request_leaves_only_the_branch(workshop: Workshop) -> None:
    """Claim, worktree and state label go; the branch and the comment tell what was."""
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    assert workshop.cdock("run", "--once").returncode == 0
    (pull,) = workshop.pulls()
    workshop.api("PATCH", f"/pulls/{pull['number']}", {"state": "closed"})
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert workshop.claims() == ""
    assert not list((workshop.clone / ".cdock" / "worktrees").iterdir())
    assert pull["head"]["ref"] in workshop.git("ls-remote", "origin")
    assert "in-review" not in workshop.labels(number)
    (comment,) = workshop.comments(number)
    assert "Ended without a merge" in comment["body"]
