"""What the real git makes of a server in trouble, and what the repository holds afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.forge.ground import Clone, Ground
from tests.forge_server import ForgeServer


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    return ground.seeded(tmp_path / "clone")


def remote_main(ground: Ground) -> str:
    return str(ground.owner.read("/git/ref/heads/main")["object"]["sha"])


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
def test_refused_for_now(controlled: ForgeServer, ground: Ground, clone: Clone, service: str) -> None:
    controlled.faults([{"kind": "git_503", "match": {"service": service}, "times": 1}])
    done = clone.run("push", "origin", "HEAD:refs/heads/x") if "receive" in service else clone.run("fetch")
    assert "503" in done.stderr
    clone.commit({"a": "b"}, "more")
    clone.git("push", "-q", "origin", "HEAD:refs/heads/x")
    clone.git("fetch", "-q", "origin")


def test_silence(controlled: ForgeServer, clone: Clone) -> None:
    controlled.faults([{"kind": "git_hang", "args": {"seconds": 0.2}, "times": 1}])
    done = clone.run("fetch", "origin")
    assert done.returncode != 0
    entry = controlled.journal()[-1]
    assert (entry["status"], entry["fault"]) == (None, "git_hang")


def test_a_push_lost_on_the_way_changes_nothing(
    controlled: ForgeServer, ground: Ground, clone: Clone
) -> None:
    before = remote_main(ground)
    after = clone.commit({"big": os.urandom(200_000)}, "big")
    controlled.faults([{"kind": "git_reset_midpack", "match": {"service": "git-receive-pack"}}])
    # Without an end: curl sends a request once more when a connection that it used before breaks.
    done = clone.run("push", "origin", "main")
    assert done.returncode != 0
    entry = controlled.journal()[-1]
    assert (entry["status"], entry["fault"], entry["push"]) == (None, "git_reset_midpack", True)
    assert remote_main(ground) == before
    controlled.clear_faults()
    clone.git("push", "-q", "origin", "main")
    assert remote_main(ground) == after


def test_a_push_that_arrived_unheard(controlled: ForgeServer, ground: Ground, clone: Clone) -> None:
    after = clone.commit({"a": "b"}, "arrived")
    before = controlled.journal()[-1]["seq"]
    controlled.faults(
        [
            {
                "kind": "commit_then_reset",
                "match": {"interface": "git", "path": "*/git-receive-pack"},
                "times": 1,
            }
        ]
    )
    assert clone.run("push", "origin", "main").returncode != 0
    assert remote_main(ground) == after
    (entry,) = (entry for entry in controlled.journal(before) if entry["fault"])
    assert (entry["status"], entry["inner"], entry["push"]) == (None, 200, True)


def test_a_fetch_lost_on_the_way(
    controlled: ForgeServer, ground: Ground, clone: Clone, tmp_path: Path
) -> None:
    clone.commit({"big": os.urandom(200_000)}, "big")
    clone.git("push", "-q", "origin", "main")
    other = ground.clone(tmp_path / "other")
    # The first request of a fetch lists refs, the second asks for objects.
    controlled.faults(
        [{"kind": "git_reset_midpack", "args": {"bytes": 50_000}, "match": {"service": "git-upload-pack"}}]
    )
    assert other.run("fetch", "origin").returncode != 0
    assert other.run("rev-parse", "-q", "--verify", "origin/main").returncode != 0
    controlled.clear_faults()
    other.git("fetch", "-q", "origin")


@pytest.mark.parametrize("to", [None, "delete"])
def test_somebody_else_is_faster(
    controlled: ForgeServer, ground: Ground, clone: Clone, to: str | None
) -> None:
    claim = "refs/claims/issue-1"
    first = clone.git("rev-parse", "HEAD")
    clone.git("push", "-q", "origin", f"{first}:{claim}")
    mine = clone.commit({"a": "b"}, "mine")
    controlled.faults([{"kind": "ref_race", "args": {"ref": claim, "to": to}, "times": 1}])
    done = clone.run("push", f"--force-with-lease={claim}:{first}", "origin", f"{mine}:{claim}")
    assert done.returncode != 0
    assert "rejected" in done.stderr
    listed = clone.git("ls-remote", "origin", claim).split("\t")[0]
    assert listed not in {first, mine}
    assert bool(listed) == (to is None)


def test_somebody_else_is_faster_over_rest(controlled: ForgeServer, ground: Ground, clone: Clone) -> None:
    mine = clone.branch("mine", {"a": "b"}, "mine")
    controlled.faults([{"kind": "ref_race", "args": {"ref": "refs/heads/main"}, "times": 1}])
    answer = ground.writer.patch("/git/refs/heads/main", {"sha": mine})
    assert (answer.status_code, answer.json()["message"]) == (422, "Update is not a fast forward")


def test_silence_is_ended_by_killing_git(controlled: ForgeServer, clone: Clone, ground: Ground) -> None:
    controlled.faults([{"kind": "git_hang", "times": 1}])
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            ["git", "ls-remote", ground.remote(ground.people.writer)],
            timeout=1,
            capture_output=True,
            check=False,
        )
    clone.git("ls-remote", "origin")
