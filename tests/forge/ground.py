"""A repository of its own for each test, the people around it, and their clones."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.forge_server import ForgeServer

LIMIT = 30.0
_names = itertools.count(1)


class Api:
    """The REST interface as one person sees it; paths are below the repository unless they start with `//`."""

    def __init__(self, forge: ForgeServer, token: str | None, repo: str = "") -> None:
        self.base = f"{forge.url}/api/v3"
        self.token = token
        self.repo = repo
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept"] = "application/vnd.github+json"
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def url(self, path: str) -> str:
        if path.startswith("http"):
            return path
        return f"{self.base}{path[1:]}" if path.startswith("//") else f"{self.base}/repos/{self.repo}{path}"

    def ask(self, method: str, path: str, json: Any = None, **given: Any) -> requests.Response:
        return self.session.request(method, self.url(path), json=json, timeout=LIMIT, **given)

    def get(self, path: str, **given: Any) -> requests.Response:
        return self.ask("GET", path, **given)

    def read(self, path: str, **query: Any) -> Any:
        """The JSON of a successful GET."""
        answer = self.get(path, params=query)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def post(self, path: str, json: Any = None) -> requests.Response:
        return self.ask("POST", path, json)

    def patch(self, path: str, json: Any = None) -> requests.Response:
        return self.ask("PATCH", path, json)

    def put(self, path: str, json: Any = None) -> requests.Response:
        return self.ask("PUT", path, json)

    def delete(self, path: str, json: Any = None) -> requests.Response:
        return self.ask("DELETE", path, json)

    def issue(self, title: str = "Something", **fields: Any) -> int:
        """Open an issue and give its number."""
        answer = self.post("/issues", {"title": title, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])


@dataclass
class People:
    """Tokens of everybody; what they may do is said per repository."""

    owner: str
    writer: str
    triager: str
    stranger: str


@dataclass
class Ground:
    """A repository with its people, each as an `Api` below it."""

    forge: ForgeServer
    name: str
    people: People
    owner: Api = field(init=False)
    writer: Api = field(init=False)
    triager: Api = field(init=False)
    stranger: Api = field(init=False)
    nobody: Api = field(init=False)

    def __post_init__(self) -> None:
        for who in ("owner", "writer", "triager", "stranger"):
            setattr(self, who, Api(self.forge, getattr(self.people, who), self.name))
        self.nobody = Api(self.forge, None, self.name)

    def remote(self, token: str | None) -> str:
        """The address to clone from, with a token in it."""
        who = f"x:{token}@" if token else ""
        return f"http://{who}127.0.0.1:{self.forge.port}/{self.name}.git"

    def clone(self, path: Path, *, token: str | None = None) -> Clone:
        """A new, empty work tree whose `origin` is this repository, as the writer unless told otherwise."""
        clone = Clone(path)
        clone.git("init", "-q", "-b", "main")
        clone.git("remote", "add", "origin", self.remote(token or self.people.writer))
        return clone

    def seeded(self, path: Path) -> Clone:
        """A work tree with one commit, pushed."""
        clone = self.clone(path)
        clone.commit({"README.md": "# hello\n", "src/app.py": "one\ntwo\nthree\n"}, "first")
        clone.git("push", "-q", "origin", "main")
        return clone


class Clone:
    """A work tree driven by the real git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def run(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run git and give what came of it."""
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Wendy Writer"), ("EMAIL", "wendy@example.org"))
        }
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.devnull,
                "LC_ALL": "C",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_TERMINAL_PROMPT": "0",
                "NO_PROXY": "*",
                **who,
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def git(self, *args: str, stdin: str = "") -> str:
        """Run git, expect success, give its output."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes], message: str) -> str:
        """Write files, commit them, and give the commit."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def branch(
        self, name: str, files: Mapping[str, str | bytes], message: str, *, start: str = "main"
    ) -> str:
        """A new branch with one commit, pushed; gives the commit."""
        self.git("checkout", "-q", "-B", name, start)
        oid = self.commit(files, message)
        self.git("push", "-q", "origin", name)
        return oid


def new_ground(forge: ForgeServer, people: People, *, private: bool = False) -> Ground:
    """A new repository of the owner, with the others in their roles."""
    name = f"Place-{next(_names)}"
    ground = Ground(forge, f"Olivia/{name}", people)
    assert ground.owner.post("//user/repos", {"name": name, "private": private}).status_code == 201
    for login, role in (("wendy", "push"), ("tina", "triage")):
        assert ground.owner.put(f"/collaborators/{login}", {"permission": role}).status_code == 204
    return ground
