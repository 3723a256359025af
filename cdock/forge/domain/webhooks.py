"""Webhooks of a repository: who wants to be told what, and where."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cdock.forge.domain import notices
from cdock.forge.domain.errors import Invalid, NotFound, invalid, missing
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, require, role_of
from cdock.forge.domain.users import User
from cdock.forge.store import Tx, moment_of

EVENTS: Final = frozenset(
    {
        "*",
        "branch_protection_configuration",
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "code_scanning_alert",
        "commit_comment",
        "create",
        "delete",
        "dependabot_alert",
        "deploy_key",
        "deployment",
        "deployment_protection_rule",
        "deployment_review",
        "deployment_status",
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "issue_comment",
        "issue_dependencies",
        "issues",
        "label",
        "member",
        "merge_group",
        "meta",
        "milestone",
        "package",
        "page_build",
        "ping",
        "project",
        "project_card",
        "project_column",
        "public",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
        "push",
        "registry_package",
        "release",
        "repository",
        "repository_advisory",
        "repository_import",
        "repository_ruleset",
        "repository_vulnerability_alert",
        "secret_scanning_alert",
        "secret_scanning_alert_location",
        "security_and_analysis",
        "star",
        "status",
        "sub_issues",
        "team_add",
        "watch",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    }
)
"""What one can ask for, as on GitHub. Only events of what the forge has are ever sent."""
MOST: Final = 20


@dataclass(frozen=True)
class Hook:
    """A webhook. `insecure_ssl` is `0` or `1`; `events` may be `*` for all."""

    id: int
    repo_id: int
    url: str
    content_type: str
    secret: str | None
    insecure_ssl: str
    events: tuple[str, ...]
    active: bool
    created: datetime
    updated: datetime

    def wants(self, event: str) -> bool:
        """Whether it is to be told of events of this kind."""
        return event == "ping" or "*" in self.events or event in self.events


def list_all(tx: Tx, repo: Repo, *, actor: User | None) -> list[Hook]:
    """The webhooks of a repository, oldest first. Needs admin rights; for others there are none (NotFound)."""
    _admin(tx, repo, actor)
    return of_repo(tx, repo.id)


def of_repo(tx: Tx, repo_id: int) -> list[Hook]:
    """The same for the forge itself."""
    return _load(tx.rows("SELECT * FROM hook WHERE repo_id = ? ORDER BY id", repo_id))


def find(tx: Tx, repo: Repo, hook_id: int, *, actor: User | None) -> Hook:
    """One webhook. Raises NotFound, also for who has no admin rights."""
    _admin(tx, repo, actor)
    return _one(tx.rows("SELECT * FROM hook WHERE repo_id = ? AND id = ?", repo.id, hook_id))


def by_id(tx: Tx, hook_id: int) -> Hook:
    """One webhook of whatever repository, for the forge itself. Raises NotFound."""
    return _one(tx.rows("SELECT * FROM hook WHERE id = ?", hook_id))


def create(
    tx: Tx,
    repo: Repo,
    url: str,
    *,
    actor: User | None,
    content_type: str = "form",
    secret: str | None = None,
    insecure_ssl: str = "0",
    events: Sequence[str] = ("push",),
    active: bool = True,
) -> Hook:
    """A new webhook; a ping is sent to it. Raises Invalid for an address that may not be called. Needs admin rights."""
    person = _admin(tx, repo, actor)
    known = of_repo(tx, repo.id)
    if any((hook.url, hook.content_type) == (url, content_type) for hook in known):
        raise invalid("Hook", "url", "Hook already exists on this repository")
    if len(known) >= MOST:
        raise invalid("Hook", "events", f"a repository cannot have more than {MOST} hooks")
    hook_id = tx.insert(
        "hook",
        repo_id=repo.id,
        url=_url(tx, url),
        content_type=_content_type(content_type),
        secret=secret or None,
        insecure_ssl=insecure_ssl,
        events=json.dumps(_events(events)),
        active=int(active),
        created=tx.stamp,
        updated=tx.stamp,
    )
    notices.tell(tx, repo, "ping", None, actor=person, hook_id=hook_id)
    return by_id(tx, hook_id)


def update(
    tx: Tx,
    repo: Repo,
    hook: Hook,
    *,
    actor: User | None,
    url: str | None = None,
    content_type: str | None = None,
    secret: str | None = None,
    insecure_ssl: str | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
) -> Hook:
    """Change what is given; an empty secret takes it away. Needs admin rights."""
    _admin(tx, repo, actor)
    tx.update(
        "hook",
        hook.id,
        url=hook.url if url is None else _url(tx, url),
        content_type=hook.content_type if content_type is None else _content_type(content_type),
        secret=hook.secret if secret is None else secret or None,
        insecure_ssl=hook.insecure_ssl if insecure_ssl is None else insecure_ssl,
        events=json.dumps(hook.events if events is None else _events(events)),
        active=int(hook.active if active is None else active),
        updated=tx.stamp,
    )
    return by_id(tx, hook.id)


def delete(tx: Tx, repo: Repo, hook: Hook, *, actor: User | None) -> None:
    """Remove a webhook with the record of what was sent to it. Needs admin rights."""
    _admin(tx, repo, actor)
    tx.run("DELETE FROM hook WHERE id = ?", hook.id)


def ping(tx: Tx, repo: Repo, hook: Hook, *, actor: User | None) -> None:
    """Send a ping. Needs admin rights."""
    person = _admin(tx, repo, actor)
    notices.tell(tx, repo, "ping", None, actor=person, hook_id=hook.id)


def allow_hosts(tx: Tx, names: Iterable[str]) -> None:
    """From now on these hosts may be called beside this machine, and no others."""
    tx.run("DELETE FROM hook_host")
    for name in {name.lower() for name in names}:
        tx.insert("hook_host", name=name)


def may_call(tx: Tx, url: str) -> bool:
    """Whether something may be sent to an address: to this machine, and to hosts that were allowed."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host:
        return False
    return is_loopback(host) or tx.row("SELECT 1 FROM hook_host WHERE name = ?", host) is not None


def is_loopback(host: str) -> bool:
    """Whether a host name or address always means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # Names below localhost are not asked for: not every resolver keeps them on the machine.
        return host == "localhost"


def _url(tx: Tx, url: str) -> str:
    if not url.strip():
        raise missing("Hook", "url")
    if not may_call(tx, url):
        raise invalid(
            "Hook",
            "url",
            f"url is not on this machine, and this forge calls no other: use http://127.0.0.1:PORT/… or start it "
            f"with --allow-hooks {urlsplit(url).hostname or 'HOST'}"
            if "://" in url
            else "url must begin with http:// or https://",
        )
    return url


def _content_type(name: str) -> str:
    if name not in {"json", "form"}:
        raise invalid("Hook", "content_type", "content_type must be json or form")
    return name


def _events(names: Sequence[str]) -> list[str]:
    unknown = [name for name in names if name not in EVENTS]
    if unknown:
        raise Invalid(f"These events are not supported by this hook: {', '.join(unknown)}")
    return list(dict.fromkeys(names))


def _admin(tx: Tx, repo: Repo, actor: User | None) -> User:
    if actor is not None and role_of(tx, repo, actor) < Role.ADMIN:
        raise NotFound
    return require(tx, repo, actor, Role.ADMIN)


def _one(rows: Sequence[sqlite3.Row]) -> Hook:
    if not rows:
        raise NotFound
    return _load(rows)[0]


def _load(rows: Iterable[sqlite3.Row]) -> list[Hook]:
    return [
        Hook(
            id=row["id"],
            repo_id=row["repo_id"],
            url=row["url"],
            content_type=row["content_type"],
            secret=row["secret"],
            insecure_ssl=row["insecure_ssl"],
            events=tuple(json.loads(row["events"])),
            active=bool(row["active"]),
            created=moment_of(row["created"]),
            updated=moment_of(row["updated"]),
        )
        for row in rows
    ]
