"""A repository on the forge to test with: its people, their tokens, some commits, and a small REST client."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import requests

from tests.forge_server import ForgeServer

LIMIT = 30.0
OWNER, HELPER, STRANGER = "alice", "cdock-bot", "carol"

People = Mapping[str, str]
"""Login to token."""


@dataclass(frozen=True)
class Api:
    """REST as one person; paths are relative to `url`, which may have a prefix."""

    url: str
    token: str

    def call(
        self,
        expected: int,
        method: str,
        path: str,
        body: object = None,
        *,
        accept: str = "application/vnd.github+json",
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Any:
        """Send one request, insist on its status, and return the JSON value or the text of the answer."""
        answer = self.send(method, path, body, accept=accept, headers=headers, **query)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
        if "json" in answer.headers.get("Content-Type", ""):
            return answer.json() if answer.content else None
        return answer.text

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        accept: str = "application/vnd.github+json",
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> requests.Response:
        """Send one request, follow no redirect, and return the answer as it is."""
        sent = {"Authorization": f"Bearer {self.token}", "Accept": accept, **(headers or {})}
        return requests.request(
            method,
            f"{self.url}{path}",
            json=body,
            params={key: str(value) for key, value in query.items()},
            headers=sent,
            timeout=LIMIT,
            allow_redirects=False,
        )


@dataclass(frozen=True)
class Program:
    """An App with its key, and where it is installed."""

    id: int
    installation: int
    key: str
    url: str

    def alone(self) -> Api:
        """The App in its own name."""
        now = int(time.time())
        claims = {"iat": now - 60, "exp": now + 300, "iss": str(self.id)}
        return Api(self.url, jwt.encode(claims, self.key, algorithm="RS256"))


@dataclass(frozen=True)
class Ground:
    """One repository: the owner may do all, the helper may write, the stranger may look.

    `admin` runs a command of the forge's own, for what GitHub's REST interface cannot make.
    """

    name: str
    clone: Path
    owner: Api
    helper: Api
    stranger: Api
    admin: Callable[..., dict[str, Any]]

    def program(self, name: str) -> Program:
        """An App that is installed for the repository."""
        key = self.clone / ".git" / f"{name}.pem"
        made = self.admin("app", name, "--key", str(key), "--install", self.name)
        return Program(made["id"], made["installations"][0]["id"], key.read_text(), self.owner.url)

    @property
    def repo(self) -> str:
        """The path of the repository in the REST interface."""
        return f"/repos/{self.name}"

    def commit(self, branch: str, files: Mapping[str, str], *, start: str = "main") -> str:
        """Push one commit with these files on `branch`, made from `start` when it is new; returns its id."""
        known = git(self.clone, "branch", "--list", branch)
        git(self.clone, "switch", "--quiet", *([branch] if known else ["--create", branch, start]))
        for path, text in files.items():
            place = self.clone / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--message", f"Change {', '.join(files)}")
        git(self.clone, "push", "--quiet", "origin", branch)
        return git(self.clone, "rev-parse", "HEAD")


def make_people(forge: ForgeServer) -> People:
    """The owner, the helper and the stranger, each with a token; once per forge, for a command costs half a second."""
    forge.admin("user", OWNER)
    forge.admin("user", HELPER, "--bot")
    forge.admin("user", STRANGER)
    return {login: forge.admin("token", login)["token"] for login in (OWNER, HELPER, STRANGER)}


def make_ground(forge: ForgeServer, people: People, directory: Path, *, name: str, url: str) -> Ground:
    """A repository `alice/{name}` with a first commit on main; the clients speak to `url`, git to the forge."""
    full_name = f"{OWNER}/{name}"
    forge.admin("repo", full_name)
    forge.admin("role", full_name, HELPER, "write")
    git(directory, "init", "--quiet", "--initial-branch=main", ".")
    remote = forge.url.replace("://", f"://{OWNER}:{people[OWNER]}@")
    git(directory, "remote", "add", "origin", f"{remote}/{full_name}.git")
    (directory / "README.md").write_text("# Demo\n")
    (directory / "src").mkdir()
    (directory / "src" / "app.py").write_text("print('hello')\n")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "Begin")
    git(directory, "push", "--quiet", "origin", "main")
    clients = {login: Api(url, token) for login, token in people.items()}
    return Ground(full_name, directory, clients[OWNER], clients[HELPER], clients[STRANGER], forge.admin)


def git(directory: Path, *args: str) -> str:
    """Run git there with nobody's configuration, and return what it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    author = {"NAME": "Alice", "EMAIL": "alice@example.org"}
    environment = {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in author.items()},
    }
    done = subprocess.run(
        ["git", *args],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()
