"""What goes wrong with git: silence, refusal, a connection lost within a pack, a ref that somebody else moves first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.types import Message

from cdock.forge import command, git
from cdock.forge.controls.asked import Asked
from cdock.forge.controls.exchange import Exchange
from cdock.forge.controls.faults import BadRule, Rule, kind
from cdock.forge.controls.kinds.broken import FOREVER
from cdock.forge.controls.reply import text_reply
from cdock.forge.domain import pushes, repos
from cdock.forge.domain.refs import ZERO, RefUpdate

_BY_NAME: Final = re.compile(r"/repos/([^/]+)/([^/]+)/.*")
_PLAIN: Final = "text/plain; charset=utf-8"


@kind("git_hang", interface="git", seconds=FOREVER)
async def git_hang(exchange: Exchange, rule: Rule) -> None:
    """Nothing is done, nothing is said. Ends with the rule, too."""
    await exchange.hang(rule.args["seconds"], until=rule.over)


@kind("git_503", interface="git", status=503)
async def git_503(exchange: Exchange, rule: Rule) -> None:
    """Refused for now."""
    await exchange.say(text_reply(int(rule.args["status"]), b"Service Unavailable\n", _PLAIN))


@kind("git_reset_midpack", interface="git", applies=lambda asked: asked.pack, bytes=None)
async def git_reset_midpack(exchange: Exchange, rule: Rule) -> None:
    """The connection breaks after so many bytes of what is fetched or pushed; a push changes nothing then."""
    if exchange.asked.service == "git-receive-pack":
        await _break_push(exchange, rule.args["bytes"])
    else:
        await _break_fetch(exchange, rule.args["bytes"])


def _moves_refs(asked: Asked) -> bool:
    return asked.changes and (asked.service == "git-receive-pack" or "/git/refs" in asked.path)


def _names_ref(args: Mapping[str, Any]) -> None:
    if not str(args["ref"]).startswith("refs/"):
        raise BadRule("ref_race needs args.ref, such as refs/heads/main")


@kind("ref_race", interface="any", applies=_moves_refs, check=_names_ref, ref=None, to=None)
async def ref_race(exchange: Exchange, rule: Rule) -> None:
    """Somebody else moves `ref` after the client has looked and before it pushes: to the commit `to`, away (`to` is
    `delete`), or to a new commit on top. The push then goes its way."""
    await run_in_threadpool(_move, exchange, str(rule.args["ref"]), rule.args["to"])
    await exchange.proceed()


async def _break_push(exchange: Exchange, after: int | None) -> None:
    length = exchange.asked.headers.get("content-length", "")
    # Halfway; git sends what is longer than a megabyte in chunks and does not say how long it is.
    left = after if after is not None else (int(length) // 2 if length.isdigit() else 1 << 19)
    receive = exchange.receive

    async def receiving() -> Message:
        nonlocal left
        if left <= 0:
            await exchange.reset()
            return {"type": "http.disconnect"}
        message = await receive()
        body = message.get("body", b"")[:left]
        left -= len(body)
        return {**message, "body": body, "more_body": True} if message["type"] == "http.request" else message

    async def nothing(_: Message) -> None:
        pass

    await exchange.app(exchange.scope, receiving, nothing)


async def _break_fetch(exchange: Exchange, after: int | None) -> None:
    left = 512 if after is None else after
    broken = False

    async def sending(message: Message) -> None:
        nonlocal left, broken
        if broken:
            return
        if message["type"] == "http.response.start":
            exchange.inner = message["status"]
            await exchange.send(message)
            return
        body = message.get("body", b"")
        if len(body) < left and message.get("more_body"):
            left -= len(body)
            await exchange.send(message)
            return
        broken = True
        await exchange.send({"type": "http.response.body", "body": body[:left], "more_body": True})
        await exchange.reset()

    await exchange.app(exchange.scope, exchange.receive, sending)


def _move(exchange: Exchange, ref: str, to: str | None) -> None:
    asked = exchange.asked
    match = git.PATH.fullmatch(asked.path) or _BY_NAME.fullmatch(asked.path)
    if match is None:
        raise LookupError(f"{asked.path} is not below a repository's name")
    with exchange.store.write() as tx:
        repo = repos.find(tx, match[1], match[2], actor=repos.FORGE)
        found = command.git(repo.git_dir, "rev-parse", "--verify", "-q", ref, accept=(0, 1))
        old = found.decode().strip() or ZERO
        if to == "delete":
            command.git(repo.git_dir, "update-ref", "-d", ref)
            new = ZERO
        else:
            new = to or _another(repo, old)
            command.git(repo.git_dir, "update-ref", ref, new)
        pushes.apply(tx, repo, [RefUpdate(ref, old, new)], actor=repo.owner)


def _another(repo: repos.Repo, old: str) -> str:
    """A commit that nobody has, with nothing changed, on top of the old one."""
    if old == ZERO:
        tree = command.git_text(repo.git_dir, "mktree", stdin=b"")
        return command.git_text(repo.git_dir, "commit-tree", tree, "-m", "Moved by somebody else")
    tree = f"{old}^{{tree}}"
    return command.git_text(repo.git_dir, "commit-tree", tree, "-p", old, "-m", "Moved by somebody else")
