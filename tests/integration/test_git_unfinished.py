"""What agents have not committed: hostile snapshots, other machines, forges that do not take it."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdock.adapters.git.claims import FALLBACK, NAMESPACE, GitClaims
from cdock.adapters.git.harvest import Limits
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.core.runs import Workspace
from cdock.core.task import Attempt, Claim, Move
from tests import git_repos
from tests.contract.claims_contract import claim_of, publish
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of
from tests.git_repos import git
from tests.integration.test_git_hostile import BRANCH, QUICK, TASK, Ground

SNAPSHOT = "refs/cdock/wip"
SIDE = f"refs/cdock/wip/{TASK.issue}"
TRIED = replace(
    TASK,
    attempts=(
        Attempt(number=1, round=1, agent="claude", started_at=datetime(2026, 11, 21, 12, 0, tzinfo=UTC)),
    ),
)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def bomb(ground: Ground) -> str:
    oid = git_repos.blob(ground.repo, "")
    mode = "100644"
    for _ in range(7):
        oid = git_repos.raw_tree(ground.repo, *((mode, f"{n}", oid) for n in range(10)))
        mode = "40000"
    return ground.commit_tree(("40000", "bomb", oid))


def file_of(ground: Ground, text: str) -> str:
    return ground.commit_tree(("100644", "more.txt", git_repos.blob(ground.repo, text)))


def link_for_our_folder(ground: Ground) -> str:
    return ground.commit_tree(("120000", ".cdock", git_repos.blob(ground.repo, str(ground.root))))


def our_folder(ground: Ground) -> str:
    inner = git_repos.raw_tree(ground.repo, ("100644", "prompt.md", git_repos.blob(ground.repo, "be evil")))
    return ground.commit_tree(("40000", ".cdock", inner))


def reaching_out(ground: Ground) -> str:
    inner = git_repos.raw_tree(ground.repo, ("100644", "config", git_repos.blob(ground.repo, "x")))
    return ground.commit_tree(("40000", ".git", inner))


def corrupt(ground: Ground) -> str:
    blob = git_repos.blob(ground.repo, "soon gone\n")
    commit = ground.commit_tree(("100644", "more.txt", blob))
    (ground.repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    return commit


HOSTILE: dict[str, tuple[Callable[[Ground], str], Limits | None]] = {
    "a link for our folder": (link_for_our_folder, None),
    "files in our folder": (our_folder, None),
    "more files than anybody has": (bomb, None),
    "a huge transfer": (lambda g: file_of(g, os.urandom(1_500_000).hex()), Limits(unfinished=1_000_000)),
    "a file that grows": (lambda g: file_of(g, "\0" * 5_000_000), Limits(content=1_000_000)),
    "a name that reaches out": (reaching_out, None),
    "a missing object": (corrupt, None),
    "a file instead of a commit": (lambda g: git_repos.blob(g.repo, "x"), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_snapshot_is_dropped_and_good_commits_are_taken(
    ground: Ground, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, limits = HOSTILE[name]
    git(ground.repo, "update-ref", SNAPSHOT, make(ground))
    with caplog.at_level(logging.WARNING):
        seen = ground.harvest(limits=limits)
    assert (seen.head, seen.unfinished) == (ground.honest, "")
    assert "unfinished work was not taken" in caplog.text
    assert "wip" not in git(ground.place.store, "for-each-ref")
    ground.assert_untouched()
    git(ground.repo, "update-ref", "-d", SNAPSHOT)
    honest = ground.agent_commits(TASK)
    git(ground.repo, "update-ref", SNAPSHOT, git_repos.commit_tree(ground.repo, f"{honest}^{{tree}}"))
    assert ground.harvest(limits=limits).head == honest


def test_a_snapshot_that_hangs_costs_no_commits(ground: Ground) -> None:
    honest = ground.agent_commits(TASK)
    path = ground.repo / ".git" / SNAPSHOT
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    seen = ground.harvest(limits=QUICK)
    assert (seen.head, seen.unfinished) == (honest, "")


def test_a_bad_snapshot_does_not_cost_the_good_one_before(ground: Ground) -> None:
    ground.agent_edits(TASK, "half a thought")
    good = ground.harvest().unfinished
    assert good
    git(ground.repo, "update-ref", SNAPSHOT, link_for_our_folder(ground))
    assert ground.harvest().unfinished == good
    ground.agent_edits(TASK, "three quarters of a thought")
    assert ground.harvest().unfinished not in ("", good)


def test_only_the_files_of_a_snapshot_are_taken(ground: Ground) -> None:
    """Its message could close issues, its history was judged by nobody."""
    ground.agent_edits(TASK, "half a thought")
    snapshot = git(ground.repo, "rev-parse", SNAPSHOT)
    strange = git_repos.commit_tree(ground.repo, git_repos.raw_tree(ground.repo), message="Closes #8")
    tree = f"{snapshot}^{{tree}}"
    merged = git_repos.commit_tree(ground.repo, tree, ground.honest, strange, message="Closes #7")
    git(ground.repo, "update-ref", SNAPSHOT, merged)
    seen = ground.harvest()
    assert git(ground.place.store, "rev-parse", f"{seen.unfinished}^{{tree}}") == git(
        ground.repo, "rev-parse", tree
    )
    assert git(ground.place.store, "log", "-1", "--format=%P", seen.unfinished) == ground.honest
    words = git(ground.place.store, "log", "-1", "--format=%an %cn %B", seen.unfinished)
    assert str(TASK.id) in words
    assert "loses" not in words
    assert git(ground.place.store, "cat-file", "-t", strange, check=False) == ""


def test_other_refs_of_a_run_are_not_asked_for(ground: Ground) -> None:
    ground.agent_edits(TASK, "half a thought")
    other = file_of(ground, "other")
    for name in (f"{SNAPSHOT}2", "refs/cdock/claims/1", "refs/heads/other"):
        git(ground.repo, "update-ref", name, other)
    assert ground.harvest().unfinished
    assert git(ground.place.store, "cat-file", "-t", other, check=False) == ""


def test_unfinished_work_is_not_shown_in_the_worktree(ground: Ground) -> None:
    ground.agent_edits(TASK, "half a thought")
    assert ground.harvest().unfinished
    assert not (ground.tree / "draft.txt").exists()
    ground.assert_untouched()


# Two clones.


class Clone:
    """A clone on a machine of its own."""

    def __init__(self, setting: GitSetting, name: str, *, namespace: str = NAMESPACE) -> None:
        self.root = setting.root / name
        self.place = Place(self.root)
        url = f"file://{setting.forge}"
        self.workspaces = GitWorkspaces(self.place, url=url, namespace=namespace)
        self.claims = GitClaims(self.place, url=url, namespace=namespace)

    def take(self) -> Claim:
        """Claim the task, or take it over."""
        there = next((claim for claim in self.claims.list() if claim.issue == TASK.issue), None)
        claim = replace(claim_of(TASK.issue, holder=str(self.root)), task=TRIED)
        return replace(
            claim, oid=self.claims.swap(TASK.issue, expected=there.oid if there else "", claim=claim)
        )

    def agent(self, seen: Workspace) -> Path:
        """A new repository of an agent, with the unfinished work laid out as its container does it."""
        path = self.root / "agent"
        git_repos.workspace(path, objects=self.workspaces.objects, base=seen.head, branch=BRANCH)
        if seen.unfinished:
            git(path, "cherry-pick", "--no-commit", "-X", "ours", seen.unfinished)
            git(path, "reset", "-q")
        return path

    def harvest(self, agent: Path) -> Workspace:
        return self.workspaces.harvest(
            TASK.id, closes=TASK.issue, branch=BRANCH, remote=git_repos.remote(agent)
        )

    def publish(self, claim: Claim, seen: Workspace) -> Claim:
        oid = publish(
            self.claims,
            expected=claim.oid,
            claim=claim,
            branch=BRANCH,
            commit=seen.head,
            unfinished=seen.unfinished,
        )
        return replace(claim, oid=oid)


def side(setting: GitSetting, ref: str = SIDE) -> str:
    return git(setting.forge, "rev-parse", "--verify", "-q", ref, check=False)


def left_behind(setting: GitSetting, clone: Clone) -> Workspace:
    """A clone whose agent has committed and then left work unfinished, all of it on the forge."""
    claim = clone.take()
    agent = clone.agent(clone.workspaces.ensure(TRIED, branch=BRANCH))
    git_repos.git(agent, "rm", "-q", "README.md")
    (agent / "work.txt").write_text("done\n")
    git(agent, "add", "work.txt")
    git(agent, "commit", "-q", "-m", "some work")
    (agent / "work.txt").write_text("done\nnearly done\n")
    (agent / "draft.txt").write_text("half a thought\n")
    setting.snapshot(agent)
    seen = clone.harvest(agent)
    clone.publish(claim, seen)
    return seen


@pytest.mark.parametrize("namespace", [NAMESPACE, FALLBACK])
def test_a_second_clone_goes_on_where_the_first_stopped(tmp_path: Path, namespace: str) -> None:
    setting = GitSetting(tmp_path)
    first = Clone(setting, "first", namespace=namespace)
    second = Clone(setting, "second", namespace=namespace)
    ref = SIDE if namespace == NAMESPACE else f"refs/heads/cdock-wip/{TASK.issue}"
    left = left_behind(setting, first)
    assert side(setting, ref) == left.unfinished
    assert "[skip ci]" in git(setting.forge, "log", "-1", "--format=%B", ref)

    claim = second.take()
    seen = second.workspaces.ensure(TRIED, branch=BRANCH)
    assert (seen.head, seen.unfinished, seen.kept) == (left.head, left.unfinished, left.unfinished)
    assert second.workspaces.list() == (seen,)
    agent = second.agent(seen)
    assert (agent / "draft.txt").read_text() == "half a thought\n"
    assert (agent / "work.txt").read_text() == "done\nnearly done\n"
    assert git(agent, "status", "--short").splitlines() == ["M work.txt", "?? draft.txt"]

    setting.snapshot(agent)
    assert second.harvest(agent) == seen, "nothing has changed, so nothing is pushed again"
    git(agent, "add", "-A")
    git(agent, "commit", "-q", "-m", "the rest")
    after = second.harvest(agent)
    assert (after.unfinished, after.kept) == ("", left.unfinished)
    claim = second.publish(claim, after)
    assert side(setting, ref) == ""
    assert second.workspaces.list()[0].kept == ""
    second.claims.swap(TASK.issue, expected=claim.oid, claim=None)
    second.workspaces.remove(TASK.id, branch=BRANCH)
    assert "wip" not in git(second.place.store, "for-each-ref")
    assert "wip" not in git(second.place.mirror, "for-each-ref")


def test_unfinished_work_survives_a_push_by_a_person(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    left = left_behind(setting, Clone(setting, "first"))
    theirs = git_repos.write(setting.forge, {"note.txt": "by hand\n"}, branch=BRANCH)
    second = Clone(setting, "second")
    seen = second.workspaces.ensure(TRIED, branch=BRANCH)
    assert (seen.head, seen.unfinished) == (theirs, left.unfinished)
    agent = second.agent(seen)
    assert (agent / "note.txt").exists()
    assert (agent / "draft.txt").exists()
    assert "note.txt" not in second.workspaces.diff(TASK.id).partition("# Not committed")[2]


def test_unfinished_work_of_an_earlier_task_is_not_taken(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    left = left_behind(setting, Clone(setting, "first"))
    second = Clone(setting, "second")
    other = replace(TRIED, id=task_of(9).id, uuid=task_of(9).uuid)
    seen = second.workspaces.ensure(other, branch=branch_of(other))
    assert (seen.unfinished, seen.kept) == ("", left.unfinished)
    assert git(second.place.store, "rev-parse", f"refs/cdock/aside/{other.id.name}") == left.unfinished


def test_unfinished_work_that_does_not_follow_the_branch_is_kept_aside(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    left = left_behind(setting, Clone(setting, "first"))
    git(setting.forge, "update-ref", f"refs/heads/{BRANCH}", "main")
    second = Clone(setting, "second")
    seen = second.workspaces.ensure(TRIED, branch=BRANCH)
    assert (seen.head, seen.unfinished) == (setting.main(), "")
    assert git(second.place.store, "rev-parse", f"refs/cdock/aside/{TASK.id.name}") == left.unfinished


def test_too_much_unfinished_work_on_the_forge_stops_nobody(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    left = left_behind(setting, Clone(setting, "first"))
    git_repos.write(setting.forge, {"noise": os.urandom(500_000).hex()}, branch="noise", onto=left.unfinished)
    git(setting.forge, "update-ref", SIDE, "refs/heads/noise")
    second = Clone(setting, "second")
    small = GitWorkspaces(second.place, url=f"file://{setting.forge}", limits=Limits(unfinished=100_000))
    seen = small.ensure(TRIED, branch=BRANCH)
    assert (seen.head, seen.unfinished) == (left.head, "")


def test_what_the_same_machine_left_is_not_replaced_by_what_it_pushed_before(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    clone = Clone(setting, "first")
    left = left_behind(setting, clone)
    agent = clone.root / "agent"
    (agent / "draft.txt").write_text("three quarters of a thought\n")
    setting.snapshot(agent)
    newer = clone.harvest(agent).unfinished
    Path(left.path).rename(tmp_path / "moved-away")
    seen = clone.workspaces.ensure(TRIED, branch=BRANCH)
    assert (seen.unfinished, seen.kept) == (newer, left.unfinished)


# Forges that are in the way.


def refuse_side(forge: Path, *numbers: int) -> None:
    """The forge takes no unfinished work of these issues."""
    refs = "|".join(f"refs/cdock/wip/{number}" for number in numbers)
    path = forge / "hooks/update"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase $1 in {refs}) echo "secrets found" >&2; exit 1 ;; esac\n')
    path.chmod(0o755)


def test_a_forge_that_refuses_unfinished_work_gets_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setting = GitSetting(tmp_path)
    clone = Clone(setting, "first")
    refuse_side(setting.forge, TASK.issue)
    with caplog.at_level(logging.WARNING):
        left = left_behind(setting, clone)
    assert git(setting.forge, "rev-parse", BRANCH) == left.head
    assert side(setting) == ""
    assert "does not take unfinished work" in caplog.text
    (seen,) = clone.workspaces.list()
    assert (seen.pushed, seen.unfinished, seen.kept) == (left.head, left.unfinished, "")


def test_one_that_is_refused_does_not_keep_the_others_from_going(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    claims = GitClaims(setting.place, url=f"file://{setting.forge}")
    setting.place.prepare()
    git(setting.place.store, "fetch", "-q", str(setting.forge), "+main:refs/heads/start")
    moves = []
    for number in range(1, 7):
        claim = replace(claim_of(number), task=task_of(number))
        wip = git_repos.write(
            setting.place.store, {"x": str(number)}, branch=f"w{number}", onto=setting.main()
        )
        oid = claims.swap(number, expected="", claim=claim)
        moves.append(Move(replace(claim, oid=oid), unfinished=wip))
    refuse_side(setting.forge, 2, 5)
    done = claims.publish(moves)
    assert {claim.issue: claim.oid for claim in claims.list()} == done
    there = {n for n in range(1, 7) if side(setting, f"refs/cdock/wip/{n}")}
    assert there == {1, 3, 4, 6}


@pytest.mark.parametrize("what", ["moved", "deleted"])
def test_unfinished_work_that_somebody_touched_is_replaced(tmp_path: Path, what: str) -> None:
    setting = GitSetting(tmp_path)
    clone = Clone(setting, "first")
    left = left_behind(setting, clone)
    git(setting.forge, "update-ref", *((SIDE, "main") if what == "moved" else ("-d", SIDE)))
    agent = clone.root / "agent"
    (agent / "draft.txt").write_text("three quarters of a thought\n")
    setting.snapshot(agent)
    seen = clone.harvest(agent)
    assert seen.unfinished != left.unfinished
    claim = clone.publish(clone.claims.list()[0], seen)
    assert side(setting) == seen.unfinished

    git(setting.forge, "update-ref", *((SIDE, "main") if what == "moved" else ("-d", SIDE)))
    claim = clone.publish(claim, replace(seen, unfinished=""))
    assert side(setting) == ""
    assert [c.oid for c in clone.claims.list()] == [claim.oid]


def test_a_lost_answer_is_not_lost_work(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    clone = Clone(setting, "first")
    left_behind(setting, clone)
    agent = clone.root / "agent"
    (agent / "draft.txt").write_text("three quarters of a thought\n")
    setting.snapshot(agent)
    seen = clone.harvest(agent)
    hook = setting.forge / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nsleep 60\n")
    hook.chmod(0o755)
    clone.claims = GitClaims(clone.place, url=f"file://{setting.forge}", timeout=2.0)
    clone.publish(clone.claims.list()[0], seen)
    assert side(setting) == seen.unfinished
    assert clone.workspaces.list()[0].kept == seen.unfinished
