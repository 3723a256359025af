"""The workspaces contract on real git, with plain upload-pack in the place of a runner's pipe."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.core.events import Remote
from cdock.core.task import Task
from cdock.ports import Workspaces
from tests import git_repos
from tests.contract.claims_contract import claim_of, publish
from tests.contract.workspaces_contract import CarefulContract, CarefulSetting, WorkspacesContract, branch_of


class GitSetting(CarefulSetting):
    """A clone's place beside a bare repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.forge = git_repos.bare(root / "forge.git")
        self.place = Place(root / "clone/.git/cdock", trees=root / "clone/.cdock/worktrees")
        self.workspaces = self.restarted()
        self.commits = 0
        self.held: dict[int, str] = {}

    def restarted(self) -> Workspaces:
        return GitWorkspaces(self.place, url=f"file://{self.forge}")

    def main(self) -> str:
        return git_repos.git(self.forge, "rev-parse", "main")

    def advance_main(self) -> str:
        return git_repos.write(self.forge, {"news.txt": "from a colleague\n"}, branch="main")

    def push_elsewhere(self, branch: str) -> str:
        return git_repos.write(self.forge, {"else.txt": "from elsewhere\n"}, branch=branch, onto=self.main())

    def elsewhere(self) -> Workspaces:
        return GitWorkspaces(Place(self.root / "elsewhere"), url=f"file://{self.forge}")

    def write(self, branch: str, path: str, text: str) -> str:
        return git_repos.write(
            self.forge, {path: text}, branch=branch, onto=self.on_forge(branch) or self.main()
        )

    def on_forge(self, name: str) -> str:
        ref = name if name.startswith("refs/") else f"refs/heads/{name}"
        return git_repos.git(self.forge, "rev-parse", "--verify", "--quiet", ref, check=False)

    def contains(self, commit: str, ancestor: str) -> bool:
        return git_repos.git(self.place.mirror, "merge-base", ancestor, commit) == ancestor

    def publish(self, task: Task, commit: str, unfinished: str = "") -> None:
        claims = GitClaims(self.place, url=f"file://{self.forge}")
        claim = replace(claim_of(task.issue), task=task)
        held = self.held.get(task.issue) or claims.swap(task.issue, expected="", claim=claim)
        self.held[task.issue] = publish(
            claims,
            expected=held,
            claim=claim,
            branch=branch_of(task),
            commit=commit,
            unfinished=unfinished,
        )

    def agent(self, task: Task) -> Path:
        """The agent's own repository."""
        path = self.root / "agents" / task.id.name
        if not path.exists():
            (workspace,) = (w for w in self.workspaces.list() if w.task == task.id)
            objects = self.workspaces.objects
            git_repos.workspace(path, objects=objects, base=workspace.head, branch=branch_of(task))
        return path

    def agent_commits(self, task: Task) -> str:
        path = self.agent(task)
        self.commits += 1
        (path / "work.txt").write_text(f"step {self.commits}\n")
        git_repos.git(path, "add", "work.txt")
        git_repos.git(path, "commit", "--quiet", "-m", f"step {self.commits}")
        return git_repos.git(path, "rev-parse", "HEAD")

    def agent_commits_and_harvest(self, task: Task) -> str:
        """A new accepted commit."""
        commit = self.agent_commits(task)
        assert (
            self.workspaces.harvest(
                task.id, closes=task.issue, branch=branch_of(task), remote=self.remote(task)
            ).head
            == commit
        )
        return commit

    def agent_starts_over(self, task: Task) -> None:
        path = self.agent(task)
        git_repos.git(path, "checkout", "--quiet", "--orphan", "other")
        git_repos.git(path, "commit", "--quiet", "-m", "all mine")
        git_repos.git(path, "branch", "--force", branch_of(task))

    def agent_edits(self, task: Task, text: str) -> None:
        path = self.agent(task)
        (path / "draft.txt").write_text(f"{text}\n")
        self.snapshot(path)

    def agent_edits_nothing(self, task: Task) -> None:
        path = self.agent(task)
        (path / "draft.txt").unlink(missing_ok=True)
        git_repos.git(path, "update-ref", "-d", "refs/cdock/wip")

    def snapshot(self, path: Path) -> str:
        """What a run sets down of a workspace, as its runner does it."""
        index = {"GIT_INDEX_FILE": str(path / ".git/snapshot.index")}
        git_repos.git(path, "read-tree", "HEAD", env=index)
        git_repos.git(path, "add", "-A", env=index)
        tree = git_repos.git(path, "write-tree", env=index)
        commit = git_repos.commit_tree(path, tree, "HEAD", message="the agent's words; closes #7")
        git_repos.git(path, "update-ref", "refs/cdock/wip", commit)
        return commit

    def agent_rewrites(self, task: Task) -> str:
        path = self.agent(task)
        git_repos.git(path, "commit", "--quiet", "--amend", "-m", "better")
        return git_repos.git(path, "rev-parse", "HEAD")

    def agent_starts_again(self, task: Task) -> str:
        path = self.agent(task)
        git_repos.git(path, "reset", "--quiet", "--hard", self.main())
        return self.agent_commits(task)

    def remote(self, task: Task) -> Remote:
        return git_repos.remote(self.agent(task))

    def noted(self, task: Task) -> Mapping[str, object] | None:
        path = self.place.worktree(task.id) / ".cdock/state.json"
        if not path.exists():
            return None
        record: Mapping[str, object] = json.loads(path.read_text())
        return record

    def kept(self, task: Task) -> set[str]:
        wanted = f"refs/cdock/kept/{task.id.name}"
        return set(git_repos.git(self.place.store, "for-each-ref", "--format=%(objectname)", wanted).split())


class TestGitWorkspaces(WorkspacesContract, CarefulContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> CarefulSetting:
        return GitSetting(tmp_path)
