"""The claims contract on real git: a bare repository as forge, and the embedded forge over HTTP."""

from pathlib import Path

import pytest

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.core.model import Task
from tests import git_repos
from tests.contract.claims_contract import ClaimsContract, ClaimsSetting


class GitSetting(ClaimsSetting):
    """Two clones' places beside one bare repository; `url` is how they reach it."""

    def __init__(self, root: Path, forge: Path, *, url: str, token: str = "") -> None:
        self.forge = forge
        self.place = Place(root / "here")
        self.place.prepare()
        self.here = GitClaims(self.place, url=url, token=token)
        self.there = GitClaims(Place(root / "there"), url=url, token=token)

    def accepted(self, task: Task, *, on: str = "") -> str:
        git_repos.git(self.place.store, "fetch", "-q", str(self.forge), "+main:refs/heads/start")
        onto = on or git_repos.git(self.place.store, "rev-parse", "refs/heads/start")
        return git_repos.write(
            self.place.store, {"work.txt": f"more than {on}\n"}, branch="accepted", onto=onto
        )

    def branch(self, name: str) -> str:
        return git_repos.git(
            self.forge, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", check=False
        )

    def push_by_person(self, branch: str) -> str:
        return git_repos.write(self.forge, {"note.txt": "by hand\n"}, branch=branch)


class TestOverFiles(ClaimsContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> ClaimsSetting:
        forge = git_repos.bare(tmp_path / "forge.git")
        return GitSetting(tmp_path, forge, url=f"file://{forge}")
