"""A machine dies with half a file, and another one goes on with it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.acceptance.stories import LIMIT, causes, history, in_review, quick, remote, said, unfinished, write
from tests.acceptance.workshop import Workshop


@pytest.mark.timeout(600)
def test_another_machine_goes_on_with_work_that_is_not_committed(workshop: Workshop) -> None:
    steps = [write("a.txt", "a\n"), {"commit": "Begin"}, write("half.txt", "half\n"), {"wait": 300}]
    go_on = [{"say": "{prompt}"}, {"run": "cat half.txt a.txt"}, write("b.txt", "b\n"), {"commit": "Finish"}]
    workshop.start_repository(quick({"attempts": [steps], "go-on": [go_on]}, poll={"lease": "6s"}))
    first_clone, first_home = workshop.clone, workshop.home
    number = workshop.open_issue("Half the work")
    first = workshop.poller()
    workshop.until("the work on the forge", lambda: unfinished(workshop, number, "half.txt"), limit=LIMIT)
    before = workshop.claims()

    # The machine loses its power: poller, agent and all.
    workshop.kill(first)
    end_all(first_home)

    second = workshop.folder / "second"
    workshop.git("clone", "-q", workshop.url, str(second), cwd=workshop.folder)
    workshop.clone = second
    workshop.extra_env["CDOCK_HOME"] = str(workshop.folder / "second-home")
    poller = workshop.poller()
    workshop.until("the pull request", lambda: in_review(workshop, number), limit=LIMIT)
    assert workshop.claims() != before
    assert causes(workshop, number) == [("task", "lost"), ("go-on", "succeeded")]
    one, two = history(workshop, number)
    assert one["session"] != two["session"], "the conversation was on the other machine"
    assert "Half the work" in said(workshop, number), "so it is told the task"
    assert "half a" in workshop.cdock("logs", str(number)).stdout
    (pull,) = workshop.pulls()
    files = workshop.api("GET", f"/pulls/{pull['number']}/files")
    assert [file["filename"] for file in files] == ["a.txt", "b.txt", "half.txt"]
    workshop.until("nothing unfinished", lambda: not remote(workshop, "refs/cdock/wip/*"), limit=LIMIT)
    assert len(workshop.comments(number)) == 1

    # The first one comes back, sees that it is not its task any more, and clears up.
    workshop.clone = first_clone
    workshop.extra_env.pop("CDOCK_HOME")
    assert workshop.cdock("run", "--once").returncode == 0
    assert not list(first_home.glob("local/*/runs/cdock.*"))
    assert not [path for path in (first_clone / ".cdock" / "worktrees").iterdir() if path.is_dir()]
    workshop.end(poller)
    assert len(workshop.pulls()) == 1


def end_all(home: Path) -> None:
    """End the agents that work below this directory."""
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(home / "local")):
                process.kill()
        except (psutil.Error, OSError):
            continue
