"""The claims contract on real git: a bare repository as forge, and the embedded forge over HTTP."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.core.task import Task
from tests import git_repos
from tests.contract.claims_contract import CarefulContract, CarefulSetting, ClaimsContract
from tests.forge_server import ForgeServer

_numbers = count(1)


class GitSetting(CarefulSetting):
    """Two clones' places beside one forge. A person reaches it at `person_url`, cdock at `url` with `token`."""

    def __init__(self, root: Path, *, url: str, person_url: str, token: str = "") -> None:
        self.person_url = person_url
        self.place = Place(root / "here")
        self.place.prepare()
        self.here = GitClaims(self.place, url=url, token=token)
        self.there = GitClaims(Place(root / "there"), url=url, token=token)

    def accepted(self, task: Task, *, on: str = "") -> str:
        git_repos.git(self.place.store, "fetch", "-q", self.person_url, "+main:refs/heads/start")
        onto = on or git_repos.git(self.place.store, "rev-parse", "refs/heads/start")
        text = f"more than {on}, in step {next(_numbers)}\n"
        return git_repos.write(self.place.store, {"work.txt": text}, branch="accepted", onto=onto)

    def unfinished(self, task: Task, *, on: str) -> str:
        text = f"half of step {next(_numbers)}\n"
        return git_repos.write(self.place.store, {"work.txt": text}, branch="unfinished", onto=on)

    def side(self, issue: int) -> str:
        shown = git_repos.git(self.place.root, "ls-remote", self.person_url, f"refs/cdock/wip/{issue}")
        return shown.partition("\t")[0]

    def branch(self, name: str) -> str:
        shown = git_repos.git(self.place.root, "ls-remote", self.person_url, f"refs/heads/{name}")
        return shown.partition("\t")[0]

    def push_by_person(self, branch: str) -> str:
        git_repos.git(self.place.store, "fetch", "-q", self.person_url, f"+{branch}:refs/heads/person")
        commit = git_repos.write(self.place.store, {"note.txt": "by hand\n"}, branch="person")
        git_repos.git(self.place.store, "push", "-q", self.person_url, f"{commit}:refs/heads/{branch}")
        return commit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    with ForgeServer(tmp_path_factory.mktemp("forge")) as running:
        yield running


class TestOverFiles(ClaimsContract, CarefulContract):
    @pytest.fixture
    def setting(self, tmp_path: Path) -> CarefulSetting:
        url = f"file://{git_repos.bare(tmp_path / 'forge.git')}"
        return GitSetting(tmp_path, url=url, person_url=url)


class TestOverHttp(ClaimsContract, CarefulContract):
    @pytest.fixture
    def setting(self, tmp_path: Path, server: ForgeServer) -> CarefulSetting:
        name = f"maria/claims-{next(_numbers)}"
        server.admin("repo", name)
        token = str(server.admin("token", "maria")["token"])
        url = f"{server.url}/{name}.git"
        person_url = url.replace("http://", f"http://maria:{token}@")
        first = git_repos.bare(tmp_path / "first.git")
        git_repos.git(first, "push", "-q", person_url, "main")
        return GitSetting(tmp_path, url=url, person_url=person_url, token=token)
