"""The forge port on GitHub's REST API.

Every read is conditional and every `ensure_*` looks before it writes. Text counts as ours only when our own account
wrote it and its first line is our marker: a person may use the same account, and anybody may copy a marker.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client, Query
from cdock.adapters.github.faults import Absent, OutcomeUnknown
from cdock.adapters.github.gate import Budget, gate_for
from cdock.adapters.github.hosts import Repository
from cdock.adapters.github.labels import LabelLook, label_looks
from cdock.adapters.github.recent import RecentCreations
from cdock.adapters.github.tokens import Credential, Token
from cdock.adapters.github.writers import Writers
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.messages import Marker, parse_marker, speaks_for_cdock
from cdock.core.model import Approval, Comment, HelpIssue, Issue, PullRequest, Snapshot, Watch
from cdock.core.policy import Labels

Row = dict[str, Any]

OVERLAP = timedelta(minutes=10)
"""How far the clocks of this machine and of the forge may be apart when something of ours is looked for."""
SETTLE = 30.0
"""Seconds in which a write that was never answered may still come to light on GitHub's replicas."""


class GitHubForge:
    """The `Forge` of one repository, acting as the account the token belongs to.

    `timeout` in seconds is for connecting and for each silence of the server. `budget` for writes and `settle`, in
    seconds, are what GitHub needs; the embedded forge on this machine needs neither. A `token` may be what gives it.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        token: str | Credential,
        timeout: float = 15.0,
        budget: Budget | None = None,
        settle: float | None = None,
    ) -> None:
        local = repository.host.loopback
        credential = Token(token) if isinstance(token, str) else token
        gate = gate_for(repository.host, account=credential.account, budget=budget)
        self._client = Client(repository.host, credential=credential, gate=gate, timeout=timeout)
        self._recent = RecentCreations(settle=(0.0 if local else SETTLE) if settle is None else settle)
        self._writers = Writers(self._client)
        self._asked_for = repository.full_name
        self._pin_lock = threading.Lock()
        self._pinned = ""
        self._pinned_at = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """See `Forge.look`."""
        return Snapshot(
            issues=self._list_issues(ready=watch.ready, held=watch.held),
            helps=self._list_helps(label=watch.help, held=watch.asking),
            pulls=self._list_pulls(watch.branches),
        )

    def _list_issues(self, *, ready: str, held: Collection[int]) -> tuple[Issue, ...]:
        """A held issue that was deleted, or moved to another repository, is left out."""
        rows = self._rows("issues", {"labels": ready, "state": "open"})
        listed = (normalize.issue_from_rest(row) for row in rows if not normalize.is_pull(row))
        found = {issue.number: issue for issue in listed}
        for number in set(held):
            found.pop(number, None)
            row = self._issue(number)
            if row is not None:
                found[number] = normalize.issue_from_rest(row, comments=self._comments(number))
        return tuple(found[number] for number in sorted(found))

    def _list_helps(self, *, label: str, held: Collection[int]) -> tuple[HelpIssue, ...]:
        if not held:
            return ()
        rows = self._rows("issues", {"labels": label, "state": "all", "creator": self._me()})
        wanted = [row for row in rows if self._is_ours(row) and normalize.helped_issue(row) in held]
        helps = (self._help(row) for row in wanted)
        return tuple(sorted((h for h in helps if h is not None), key=lambda help_: help_.number))

    def _list_pulls(self, branches: Collection[str]) -> tuple[PullRequest, ...]:
        rows = (self._newest_pull(branch) for branch in sorted(set(branches)))
        return tuple(normalize.pull_from_rest(row) for row in rows if row is not None)

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge.approval`. A label alone proves nothing: a form can set it for anybody who opens an issue."""
        row = self._issue_or_refuse(issue)
        digest = normalize.issue_from_rest(row).digest
        last = None
        for event in self._rows(f"issues/{issue}/events"):  # oldest first
            if normalize.labelled(event, label):
                last = event
            elif normalize.labelled(event, label, event="unlabeled"):
                last = None  # somebody changed their mind since the list was read
        if last is None:
            return Approval(digest=digest)
        by = normalize.actor_of(last)
        return Approval(by=by, granted=self._may_write(by), digest=digest)

    def acknowledge(self, comment: int) -> None:
        """See `Forge.acknowledge`."""
        self._client.write("POST", self._path(f"issues/comments/{comment}/reactions"), {"content": "eyes"})

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """See `Forge.ensure_issue`."""
        wanted = _marker(marker)
        key = ("issue", str(wanted))
        row = self._find_issue(wanted, since=since) or self._recent.row(key)
        if row is None:
            row = self._create(
                key, self._path("issues"), {"title": title, "body": body, "labels": sorted(labels)}
            )
        missing = sorted({name for name in labels if not normalize.issue_from_rest(row).wears(name)})
        if missing:
            # Without push access GitHub leaves labels out of a new issue and says nothing.
            self._add_labels(normalize.number_of(row), missing)
        return normalize.issue_from_rest(row)

    def _find_issue(self, wanted: Marker, *, since: datetime) -> Row | None:
        """Our issue with this marker, among those made since a little before `since`."""
        query = {"state": "all", "creator": self._me(), "sort": "created", "direction": "desc"}
        for row in self._rows("issues", query):
            if normalize.issue_from_rest(row).created_at < since - OVERLAP:
                return None
            if not normalize.is_pull(row) and self._is_mine(row) and normalize.carries(row, wanted):
                return row
        return None

    def login(self) -> str:
        """Whose token this is."""
        return self._me()

    def may_push(self) -> bool:
        """Whether the token's account may write to the repository."""
        permissions = self._repository().get("permissions") or {}
        return bool(permissions.get("push"))

    def missing_labels(self, labels: Labels) -> tuple[str, ...]:
        """Names of the state labels that the repository lacks."""
        return tuple(look.name for look in self._lacking(labels))

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """See `Forge.ensure_repository_labels`."""
        self._me()  # asked first: a token without a user would fail only in the middle of a task
        created = []
        for look in self._lacking(labels):
            body = {"name": look.name, "color": look.color, "description": look.description}
            try:
                self._client.write("POST", self._path("labels"), body)
            except Refused as error:
                if "already_exists" not in error.message:
                    raise
            else:
                created.append(look.name)
        return tuple(created)

    def _lacking(self, labels: Labels) -> tuple[LabelLook, ...]:
        there = {str(row.get("name")).casefold() for row in self._rows("labels")}
        wanted = {look.name.casefold(): look for look in label_looks(labels)}
        return tuple(look for name, look in wanted.items() if name not in there)

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """See `Forge.ensure_labels`. Never sets the whole list: that would undo what a person just did."""
        present = {name.casefold() for name in normalize.labels_of(self._issue_or_refuse(issue))}
        missing = sorted(name for name in set(add) if name.casefold() not in present)
        if missing:
            self._add_labels(issue, missing)
        for name in sorted(set(remove) - set(add)):
            if name.casefold() in present:
                try:
                    self._client.write("DELETE", self._path(f"issues/{issue}/labels/{quote(name, safe='')}"))
                except Absent:
                    continue

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """See `Forge.ensure_comment`."""
        wanted = _marker(marker)
        key = ("comment", issue, str(wanted))
        listed = [
            row
            for row in self._rows(f"issues/{issue}/comments")
            if self._is_mine(row) and normalize.carries(row, wanted)
        ]
        # Of twins the oldest is kept up to date.
        row = min(listed, key=normalize.id_of) if listed else self._recent.row(key)
        if row is None:
            self._create(key, self._path(f"issues/{issue}/comments"), {"body": body})
        elif not _same_text(row.get("body"), body):
            try:
                changed = self._client.write_row(
                    "PATCH", self._path(f"issues/comments/{normalize.id_of(row)}"), {"body": body}
                )
            except Absent as error:
                self._recent.forget(key)
                raise Unavailable(
                    f"our comment on issue #{issue} vanished while it was edited", fix="cdock looks again."
                ) from error
            if not listed:
                self._recent.made(key, changed)

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """See `Forge.ensure_help`. The one returned comes without comments."""
        wanted = _marker(marker)
        key = ("help", issue, str(wanted))
        row = self._find_help(issue, wanted) or self._recent.row(key)
        if row is None:
            row = self._create(key, self._path("issues"), {"title": title, "body": body, "labels": [label]})
        number = normalize.number_of(row)
        if label.casefold() not in {name.casefold() for name in normalize.labels_of(row)}:
            # Without push access GitHub leaves labels out of a new issue and says nothing.
            self._add_labels(number, [label])
        found = normalize.help_from_rest(row)
        if found is None:
            raise Refused(
                f"the help issue #{number} does not begin with its marker", tried=f"ask about #{issue}"
            )
        return found

    def ensure_pull(self, *, head: str, title: str, body: str) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        row = self._newest_pull(head)
        if row is None:
            base = self._repository()["default_branch"]
            try:
                row = self._client.write_row(
                    "POST", self._path("pulls"), {"title": title, "head": head, "base": base, "body": body}
                )
            except Refused as error:
                row = self._after_refusal(error, head=head)
        return normalize.pull_from_rest(row)

    def ensure_closed(self, issue: int) -> None:
        """See `Forge.ensure_closed`."""
        if normalize.is_open(self._issue_or_refuse(issue)):
            self._close(issue)

    def _repository(self) -> Row:
        row = self._client.read(f"/repos/{self._pinned or self._asked_for}")
        if not row.get("full_name") or not row.get("default_branch"):
            raise Unavailable(
                f"{self._client.host} sent no usable description of {self._asked_for}",
                fix="Check the host in the settings: it does not speak GitHub's REST API there.",
            )
        return row

    def _full_name(self) -> str:
        """The repository's present name. It is asked for once, and again whenever the server says something moved."""
        with self._pin_lock:
            if not self._pinned or self._pinned_at != self._client.redirects:
                self._pinned = self._repository()["full_name"]
                self._pinned_at = self._client.redirects
            return self._pinned

    def _path(self, rest: str) -> str:
        return f"/repos/{self._full_name()}/{rest}"

    def _rows(self, rest: str, query: Query | None = None) -> Iterator[Row]:
        return self._client.rows(self._path(rest), query)

    def _me(self) -> str:
        return self._client.login()

    def _is_mine(self, row: Row) -> bool:
        return normalize.same_login(normalize.author_of(row), self._me())

    def _is_ours(self, row: Row) -> bool:
        return self._is_mine(row) and speaks_for_cdock(normalize.body_of(row))

    def _may_write(self, login: str) -> bool:
        return self._writers.include(login, repository=self._full_name())

    def _issue(self, number: int) -> Row | None:
        row = self._client.find(self._path(f"issues/{number}"))
        if row is None or normalize.is_pull(row):
            return None
        # A transferred issue answers from its new home, where it is none of our business.
        home = "/".join(str(row.get("repository_url", "")).split("/")[-2:])
        return row if home.casefold() == self._full_name().casefold() else None

    def _issue_or_refuse(self, number: int) -> Row:
        row = self._issue(number)
        if row is None:
            raise Refused(
                f"issue #{number} is not in {self._full_name()} any more",
                fix="It was deleted or moved; `cdock` forgets it once its work is removed.",
            )
        return row

    def _comments(self, number: int) -> tuple[Comment, ...]:
        comments = []
        for row in self._rows(f"issues/{number}/comments"):
            mine = self._is_ours(row)
            by_writer = not mine and self._may_write(normalize.author_of(row))
            comments.append(normalize.comment_from_rest(row, mine=mine, by_writer=by_writer))
        return tuple(comments)

    def _help(self, row: Row) -> HelpIssue | None:
        number = normalize.number_of(row)
        if not normalize.is_open(row):
            # Lists do not tell who closed an issue.
            row = self._issue(number) or row
        closer = normalize.closer_of(row)
        by_writer = not normalize.is_open(row) and self._may_write(closer)
        return normalize.help_from_rest(row, comments=self._comments(number), closed_by_writer=by_writer)

    def _find_help(self, issue: int, wanted: Marker) -> Row | None:
        """Our help issue, found without its label, which GitHub may have dropped or a person removed."""
        query = {"state": "all", "creator": self._me(), "sort": "created", "direction": "desc"}
        found = None
        for row in self._rows("issues", query):
            if normalize.number_of(row) <= issue:
                # Help issues are younger than what they are about, so all that follow are too old.
                break
            if not normalize.is_pull(row) and self._is_ours(row) and normalize.carries(row, wanted):
                found = row
        return found

    def _newest_pull(self, branch: str) -> Row | None:
        owner = self._full_name().partition("/")[0]
        # GitHub ignores a `head` it cannot read and lists everything, so the branch is looked at again.
        rows = self._rows("pulls", {"head": f"{owner}:{branch}", "state": "all"})
        own = [row for row in rows if normalize.head_of(row) == branch]
        return max(own, key=lambda row: (normalize.is_open(row), normalize.number_of(row)), default=None)

    def _after_refusal(self, error: Refused, *, head: str) -> Row:
        said = error.message.lower()
        if "already exists" in said:
            if row := self._newest_pull(head):
                return row
            raise Unavailable(
                f"the pull request of {head} does not show yet", fix="cdock looks again."
            ) from error
        if "head invalid" in said:
            raise Unavailable(
                f"{self._client.host} does not know the branch {head} yet",
                fix="cdock looks again after the push.",
            ) from error
        raise error

    def _create(self, key: tuple[object, ...], path: str, body: Row) -> Row:
        try:
            row = self._client.write_row("POST", path, body)
        except OutcomeUnknown:
            self._recent.unknown(key)
            raise
        if not isinstance(row, dict):
            raise Unavailable(
                f"{self._client.host} did not show what POST {path} created", tried=f"POST {path}"
            )
        self._recent.made(key, row)
        return row

    def _close(self, number: int) -> Row:
        body = {"state": "closed", "state_reason": "completed"}
        row = self._client.write_row("PATCH", self._path(f"issues/{number}"), body)
        if normalize.is_open(row):
            raise NotPermitted(
                f"issue #{number} stayed open although {self._client.host} accepted its closing",
                fix="Give the token's account write access to the repository.",
            )
        return row

    def _add_labels(self, issue: int, names: Sequence[str]) -> None:
        answer = self._client.write("POST", self._path(f"issues/{issue}/labels"), {"labels": [*names]})
        there = {name.casefold() for name in normalize.labels_of({"labels": answer})}
        dropped = [name for name in names if name.casefold() not in there]
        if dropped:
            raise NotPermitted(
                f"{self._client.host} silently left out {', '.join(dropped)} on issue #{issue}",
                tried=f"label issue #{issue}",
                fix="Give the token's account write access to the repository (Issues: write).",
            )


def _marker(text: str) -> Marker:
    marker = parse_marker(text)
    if marker is None:
        raise ValueError(f"not a marker of ours: {text!r}")
    return marker


def _same_text(shown: object, wanted: str) -> bool:
    """Whether an edit would change what is there; line endings and space at the end do not count."""
    return (
        isinstance(shown, str) and normalize.lines_of(shown).rstrip() == normalize.lines_of(wanted).rstrip()
    )
