"""Git over smart HTTP: `git http-backend` as a child per request, both ways streamed.

A raw ASGI application on purpose. A push in chunks must have exactly one reader of `receive`; responses of Starlette
read from it too, to see a client leave, and would swallow parts of the push.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cdock.forge import command, hooks
from cdock.forge.auth import BadCredentials, login_of
from cdock.forge.domain import access, repos
from cdock.forge.domain.errors import Forbidden, Moved, NotFound
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, role_of
from cdock.forge.domain.users import User
from cdock.forge.store import Store, Tx

log = logging.getLogger(__name__)
T = TypeVar("T")

PATH: Final = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
LIMIT: Final = 3600.0
"""Seconds after which a transfer is given up."""
CHUNK: Final = 1 << 16


class Refusal(Exception):
    """Git is told this and nothing else."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class GitTransport:
    """The ASGI application for the paths that `PATH` matches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        query = scope["query_string"].decode("latin-1")
        try:
            match = PATH.fullmatch(scope["path"])
            if match is None:
                raise Refusal(HTTPStatus.NOT_FOUND, "Not Found\n")
            name = match[3]
            service = name if name != "info/refs" else parse_qs(query).get("service", [""])[0]
            if service not in {"git-upload-pack", "git-receive-pack"}:
                raise Refusal(HTTPStatus.FORBIDDEN, "Please upgrade your git client.\n")
            if scope["method"] != ("GET" if name == "info/refs" else "POST"):
                raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed.\n")
            push = service == "git-receive-pack"
            repo, user = await run_in_threadpool(
                self._admit, match[1], match[2], headers.get("authorization", ""), push=push
            )
        except Refusal as refusal:
            await _refuse(send, refusal)
            return
        env = _cgi(scope["method"], query, headers, repo=repo, path=name, user=user)
        pushed = push and name == "git-receive-pack"
        async with asyncio.timeout(LIMIT):
            await self._run(env, receive, send, repo=repo if pushed else None)

    def _admit(self, owner: str, name: str, header: str, *, push: bool) -> tuple[Repo, User | None]:
        """The repository, and who asks; raises Refusal as GitHub does."""
        with self._store.read() as tx:
            try:
                login = login_of(tx, header)
            except BadCredentials as error:
                raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid username or token.\n") from error
            user = login.user if login else None
            try:
                repo = _found(tx, owner, name, user)
            except NotFound as error:
                if user is None:
                    # It may be private: who logs in learns more.
                    raise Refusal(HTTPStatus.UNAUTHORIZED, "Repository not found.\n") from error
                raise Refusal(HTTPStatus.NOT_FOUND, "Repository not found.\n") from error
            if push and user is None:
                raise Refusal(HTTPStatus.UNAUTHORIZED, "No anonymous write access.\n")
            if push and role_of(tx, repo, user) < Role.WRITE:
                login_name = user.login if user else ""
                text = f"Permission to {repo.full_name}.git denied to {login_name}.\n"
                raise Refusal(HTTPStatus.FORBIDDEN, text)
            contents = ("contents", "write" if push else "read")
            if login and not _token_allows(login, contents, repo):
                raise Refusal(HTTPStatus.FORBIDDEN, "Write access to repository not granted.\n")
            if push and repo.settings["archived"]:
                raise Refusal(HTTPStatus.FORBIDDEN, "This repository was archived so it is read-only.\n")
            return repo, user

    async def _run(self, env: Mapping[str, str], receive: Receive, send: Send, *, repo: Repo | None) -> None:
        child = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
        out = _open(child.stdout)
        feeding = asyncio.create_task(_feed(receive, child))
        complaint = asyncio.create_task(_open(child.stderr).read())
        try:
            status, headers = await _head(out)
            if repo is None:
                await send({"type": "http.response.start", "status": status, "headers": headers})
                while chunk := await out.read(CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            else:
                # The report of a push is short. It is held back until its consequences are stored: who then asks for
                # the pull request sees what was pushed.
                report = await out.read()
                await child.wait()
                await run_in_threadpool(hooks.drain, self._store, repo.id)
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": report})
        except BaseException:
            _kill(child)
            raise
        finally:
            feeding.cancel()
            code = await child.wait()
            said = (await complaint).decode(errors="replace")
        if code != 0:
            log.warning("git http-backend ended with %s: %s", code, said.strip()[-2000:])


async def _feed(receive: Receive, child: asyncio.subprocess.Process) -> None:
    """The one reader of the request: gives its body to the child, then watches whether the client stays."""
    fed = _open(child.stdin)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            _kill(child)
            return
        # A child that has heard enough closes its end; the rest of the body is read and dropped.
        with contextlib.suppress(ConnectionError):
            if body := message.get("body"):
                fed.write(body)
                await fed.drain()
            if not message.get("more_body"):
                fed.close()


def _open(pipe: T | None) -> T:
    if pipe is None:
        raise RuntimeError("git http-backend was started without pipes")
    return pipe


def _kill(child: asyncio.subprocess.Process) -> None:
    """End the child with the git commands that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


async def _head(out: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Status and headers of a CGI answer."""
    status = 200
    headers: list[tuple[bytes, bytes]] = []
    while line := (await out.readline()).rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.strip().lower(), value.strip()))
    # Without a single header the child died before it could answer.
    return (status, headers) if headers else (500, [(b"content-type", b"text/plain")])


def _cgi(
    method: str, query: str, headers: Headers, *, repo: Repo, path: str, user: User | None
) -> dict[str, str]:
    given = {
        "GIT_PROJECT_ROOT": str(repo.git_dir.parent.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo.git_dir.parent.name}/{repo.git_dir.name}/{path}",
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    for variable, header in (
        ("CONTENT_LENGTH", "content-length"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ):
        if header in headers:
            given[variable] = headers[header]
    if user is not None:
        given["REMOTE_USER"] = user.login
    return command.environment(given)


def _token_allows(login: Login, wanted: access.Permission, repo: Repo) -> bool:
    try:
        access.check(login, wanted, repo)
        access.check_scopes(login, write=wanted[1] == "write", repo=repo)
    except (Forbidden, NotFound):
        return False
    return True


def _found(tx: Tx, owner: str, name: str, user: User | None) -> Repo:
    """Git follows a renamed repository without being told."""
    try:
        return repos.find(tx, owner, name, actor=user)
    except Moved as moved:
        return repos.by_id(tx, moved.repo_id, actor=user)


async def _refuse(send: Send, refusal: Refusal) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-cache")]
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Basic realm="GitHub"'))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.text.encode()})
