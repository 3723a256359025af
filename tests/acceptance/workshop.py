"""A whole place to work in: the embedded forge, a clone of a repository on it, and the real `cdock` command."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.contract.graphql.published import violations
from tests.contract.openapi.contract import load_contract
from tests.forge_server import ForgeServer

LIMIT = 240.0
PERSON, BOT, STRANGER = "maria", "cdock-bot", "mallory"


class Workshop:
    """Everything in one directory; `cdock` runs as a person would run it, in a process of its own."""

    def __init__(self, folder: Path, *, name: str = "hello") -> None:
        self.folder = folder
        self.forge = ForgeServer(folder / "forge").start("--test-controls")
        self.repository = f"{PERSON}/{name}"
        self.clone = folder / name
        for login, flags in ((PERSON, ()), (BOT, ("--bot",)), (STRANGER, ())):
            self.forge.admin("user", login, *flags)
        self.forge.admin("repo", self.repository)
        self.forge.admin("role", self.repository, BOT, "write")
        self.tokens = {who: self.forge.admin("token", who)["token"] for who in (PERSON, BOT, STRANGER)}
        self.extra_env: dict[str, str] = {}
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """Where git finds the repository."""
        return f"{self.forge.url}/{self.repository}.git"

    def close(self) -> None:
        """End all that was started."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.forge.stop()
        assert self.unpublished() == [], "cdock asked for what GitHub does not publish"

    def unpublished(self) -> list[str]:
        """What is wrong with the requests of cdock's account, by GitHub's published descriptions."""
        contract = load_contract()
        found: list[str] = []
        documents: set[str] = set()
        journal = self.forge.data_dir / "journal.jsonl"
        for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else ():
            asked = json.loads(line)
            if asked["login"] != BOT:
                continue
            body = asked["body"]
            if asked["interface"] == "graphql" and isinstance(body, dict):
                documents.add(body["query"])
            elif asked["interface"] == "rest":
                url = f"{asked['path']}?{asked['query']}" if asked["query"] else asked["path"]
                sent = json.dumps(body).encode() if body is not None else None
                found += [str(wrong) for wrong in contract.request(asked["method"], url, sent)]
        return found + [wrong for document in documents for wrong in violations(document)]

    # The clone.

    def write(self, files: Mapping[str, str]) -> None:
        """Put files into the clone."""
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git in the clone, as the person."""
        basic = base64.b64encode(f"{PERSON}:{self.tokens[PERSON]}".encode()).decode()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.forge.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            "GIT_AUTHOR_NAME": "Maria",
            "GIT_AUTHOR_EMAIL": "maria@localhost",
            "GIT_COMMITTER_NAME": "Maria",
            "GIT_COMMITTER_EMAIL": "maria@localhost",
        }
        done = subprocess.run(
            ("git", *words),
            cwd=cwd or self.clone,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"git {words}: {done.stderr}"
        return done.stdout.strip()

    def start_repository(self, files: Mapping[str, str]) -> None:
        """A first commit with these files, pushed; the clone's state directory is ignored."""
        self.clone.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", self.url)
        self.write({".gitignore": "/.cdock/*\n__pycache__/\n", **files})
        self.git("add", ".")
        self.git("commit", "-q", "-m", "Begin")
        self.git("push", "-q", "origin", "main")

    # People, on the forge.

    def api(self, method: str, path: str, body: Any = None, *, who: str = PERSON) -> Any:
        """Ask the forge's API about the repository, as `who`."""
        answer = requests.request(
            method,
            f"{self.forge.url}/api/v3/repos/{self.repository}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
            timeout=30,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def open_issue(self, title: str, *, body: str = "", ready: bool = True) -> int:
        """A person opens an issue, and labels it."""
        number = int(self.api("POST", "/issues", {"title": title, "body": body})["number"])
        if ready:
            self.api("POST", f"/issues/{number}/labels", {"labels": ["agent-ready"]})
        return number

    def labels(self, number: int) -> set[str]:
        """The labels an issue wears."""
        return {label["name"] for label in self.api("GET", f"/issues/{number}")["labels"]}

    def comments(self, number: int) -> list[dict[str, Any]]:
        """The comments of an issue."""
        found: list[dict[str, Any]] = self.api("GET", f"/issues/{number}/comments")
        return found

    def pulls(self) -> list[dict[str, Any]]:
        """All pull requests."""
        found: list[dict[str, Any]] = self.api("GET", "/pulls?state=all")
        return found

    def claims(self) -> str:
        """The claim refs on the forge."""
        return self.git("ls-remote", "origin", "refs/cdock/claims/*")

    # The command.

    @property
    def env(self) -> dict[str, str]:
        """A clean environment: nothing of the person who runs the tests."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "CDOCK_HOME": str(self.home),
            "CDOCK_TOKEN": self.tokens[BOT],
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **self.extra_env,
        }

    def cdock(
        self, *words: str, limit: float = LIMIT, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            (sys.executable, "-P", "-m", "cdock", *words),
            cwd=cwd or self.clone,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    def poller(self, *words: str) -> subprocess.Popen[bytes]:
        """Start `cdock run` in the background; its words go to `poller.log`."""
        return self.start("run", *words)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command in the background; its words go to `poller.log`."""
        with (self.folder / "poller.log").open("ab") as out:
            process = subprocess.Popen(
                (sys.executable, "-P", "-m", "cdock", *words),
                cwd=self.clone,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    @property
    def said(self) -> str:
        """What pollers printed."""
        path = self.folder / "poller.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, as a crash would."""
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ctrl-C."""
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, self.said

    @property
    def state(self) -> Path:
        """Where cdock keeps what it believes of the clone."""
        return self.clone / ".git" / "cdock"

    @property
    def home(self) -> Path:
        """Where cdock keeps what belongs to the person."""
        return self.folder / "cdock-home"

    def mirror(self) -> dict[str, Any]:
        """The mirror; empty before anything was done."""
        path = self.clone / ".cdock" / "state.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"tasks": []}
        return found

    def task(self) -> dict[str, Any]:
        """The only task of the mirror."""
        (task,) = self.mirror()["tasks"]
        found: dict[str, Any] = task
        return found

    def until(self, what: str, holds: Callable[[], object], *, limit: float = LIMIT) -> None:
        """Wait for something to become true.

        Raises AssertionError with what the poller said when it does not in time.
        """
        end = time.monotonic() + limit
        while not holds():
            assert time.monotonic() < end, f"{what} did not happen within {limit:g} s\n{self.said}"
            time.sleep(0.1)


def scripted(script: Mapping[str, Any], *, more: str = "") -> dict[str, str]:
    """Files that make the scripted agent play `script` for every task, quickly and without a sandbox."""
    return {
        "cdock.toml": (
            '[agent]\ndefault = "scripted"\n'
            '[agent.scripted]\nscript = "script.json"\n'
            '[runner]\nkind = "local"\n'
            '[budget]\nbackoff = "0s"\n'
            '[poll]\ninterval = "1s"\nharvest_every = "1s"\npush_every = "1s"\n' + more
        ),
        "script.json": json.dumps({"tasks": {"*": script}}),
    }
