"""A real server with the real application on a loopback port, and people who visit it."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import requests
import uvicorn

from cdock.forge.app import build_app
from cdock.forge.domain import logins, pushes, refs, repos, users
from cdock.forge.domain.refs import RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Store
from cdock.forge.web.pages import routes

START_LIMIT = 20.0


class Visitor:
    """Somebody with a browser without JavaScript."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html"

    def get(self, path: str, *, expect: int = 200, **options: object) -> str:
        answer = self.look(path, **options)
        assert answer.status_code == expect, (path, answer.status_code, words(answer.text))
        return answer.text

    def look(self, path: str, **options: object) -> requests.Response:
        return self.session.get(self.url + path, timeout=20, **options)  # type: ignore[arg-type]

    def post(self, path: str, *, page: str = "", expect: int = 303, **fields: object) -> requests.Response:
        """Send a form with the token of the session, as found on a page."""
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(page or "/"))
        data = {"csrf": token[1] if token else "", **fields}
        answer = self.session.post(self.url + path, data=data, timeout=20, allow_redirects=False)
        assert answer.status_code == expect, (path, answer.status_code, words(answer.text))
        return answer

    def login(self, code: str) -> Visitor:
        assert self.look(f"/_login?code={code}").status_code == 200
        return self


@dataclass
class Site:
    """The running forge, with its store at hand so that a test can prepare what it needs."""

    store: Store
    url: str
    repo: Repo
    visitors: list[Visitor] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/{self.repo.full_name}"

    def code(self, login: str) -> str:
        with self.store.write() as tx:
            return logins.create_code(tx, users.find(tx, login))

    def visitor(self, login: str = "") -> Visitor:
        """Somebody logged in, or a stranger."""
        visitor = Visitor(self.url)
        self.visitors.append(visitor)
        return visitor.login(self.code(login)) if login else visitor

    def close(self) -> None:
        """Everybody leaves."""
        for visitor in self.visitors:
            visitor.session.close()

    def push(
        self, branch: str, files: dict[str, str | bytes], *, message: str = "Change", onto: str = ""
    ) -> str:
        """One commit on a branch, with what the forge does after a push; gives its id."""
        place = self.store.data_dir / "clone"
        if not place.exists():
            git("clone", "-q", str(self.repo.git_dir), str(place), at=self.store.data_dir)
        git("fetch", "-q", "origin", at=place)
        start = refs.branch_oid(self.repo, onto or branch)
        git("checkout", "-q", *(["-B", branch, start] if start else ["--orphan", branch]), at=place)
        for name, content in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        git("add", "-A", at=place)
        git("commit", "-q", "-m", message, at=place)
        before = refs.branch_oid(self.repo, branch) or refs.ZERO
        git("push", "-q", "origin", branch, at=place)
        after = refs.branch_oid(self.repo, branch) or refs.ZERO
        with self.store.write() as tx:
            update = RefUpdate(f"refs/heads/{branch}", before, after)
            pushes.apply(tx, repos.by_id(tx, self.repo.id), [update], actor=users.find(tx, "ada"))
        return after


def words(html: str) -> str:
    """What a page says, without tags and surplus white space."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def git(*args: str, at: Path) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *who, *args], cwd=at, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """The application on a free port, in a thread of this process."""
    app = build_app(store, pages=routes(store))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    limit = time.monotonic() + START_LIMIT
    while not server.started:
        assert thread.is_alive(), "the server ended at once"
        assert time.monotonic() < limit, "the server did not start"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_LIMIT)
        listener.close()
