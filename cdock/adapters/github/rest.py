"""The forge port on GitHub's REST API.

Every read is conditional and every `ensure_*` looks before it writes: at the picture of the last look where that is
certain, else at the forge. Text counts as ours only when our own account wrote it and its first line is our marker: a
person may use the same account, and anybody may copy a marker.
"""

import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.approvals import Approvals
from cdock.adapters.github.client import Client, Query
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.dependencies import Dependencies
from cdock.adapters.github.explaining import Explainer
from cdock.adapters.github.gate import Budget, gate_for
from cdock.adapters.github.home import Home
from cdock.adapters.github.hosts import Repository
from cdock.adapters.github.labelling import Labelling
from cdock.adapters.github.merging import Merging
from cdock.adapters.github.pulls import Pulls
from cdock.adapters.github.replying import Replies
from cdock.adapters.github.subissues import SubIssues
from cdock.adapters.github.tokens import Credential, Token
from cdock.adapters.github.watch import Watcher
from cdock.adapters.github.writers import WRITING, Writers
from cdock.adapters.recent import RecentCreations
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.issues import Approval, HelpIssue, Issue, Snapshot, Watch
from cdock.core.marker import Marker, parse_marker, speaks_for_cdock
from cdock.core.policy import Labels
from cdock.core.pulls import Check, PullRequest

Row = dict[str, Any]

OVERLAP = timedelta(minutes=10)
"""How far the clocks of this machine and of the forge may be apart when something of ours is looked for."""
SETTLE = 30.0
"""Seconds in which a write that was never answered may still come to light on GitHub's replicas."""
SWEEP = 720.0
"""Seconds between two safety sweeps."""


class GitHubForge:
    """The `Forge` of one repository, acting as the account the token belongs to.

    `timeout` in seconds is for connecting and for each silence of the server. `budget` for writes and `settle`, in
    seconds, are what GitHub needs; the embedded forge on this machine needs neither. A `token` may be what gives it.
    `sweep` is the number of seconds between two safety sweeps. The words of bots in `trusted` count, and those of
    people with one of the `roles`. `clock`, in seconds, is for what is asked at a pace.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        token: str | Credential,
        timeout: float = 15.0,
        budget: Budget | None = None,
        settle: float | None = None,
        sweep: float = SWEEP,
        trusted: Collection[str] = (),
        roles: Collection[str] = WRITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        local = repository.host.loopback
        credential = Token(token) if isinstance(token, str) else token
        gate = gate_for(repository.host, account=credential.account, budget=budget)
        self._client = Client(repository.host, credential=credential, gate=gate, timeout=timeout)
        self._recent = RecentCreations(settle=(0.0 if local else SETTLE) if settle is None else settle)
        self._home = Home(self._client, repository.full_name)
        self._writers = Writers(self._client, self._home, trusted=trusted, roles=roles)
        optional = OptionalFeatures(clock=clock)
        self._watcher = Watcher(self._client, self._home, self._writers, optional, sweep=sweep, clock=clock)
        self._labelling = Labelling(self._client, self._home, self._watcher)
        self._pulls = Pulls(self._client, self._home, self._watcher, optional)
        self._replies = Replies(self._client, self._home, self._writers, self._watcher, self._recent)
        self._explainer = Explainer(self._client, self._home, optional)
        reader = self._watcher.reader
        self._sub_issues = SubIssues(self._client, self._home, reader, optional)
        self._dependencies = Dependencies(self._client, self._home, reader, optional)
        self._merging = Merging(self._client, self._home, self._watcher)
        self._approvals = Approvals(self._client, self._home, self._writers)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """See `Forge.look`. A held issue that was deleted, or moved to another repository, is left out."""
        return self._watcher.look(watch, fresh=fresh)

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge.approval`. Where the host has no GraphQL, only a changed title shows in `edited_by`."""
        return self._approvals.read(issue, label=label)

    def acknowledge(self, comment: int) -> None:
        """See `Forge.acknowledge`."""
        self._client.write(
            "POST", self._home.path(f"issues/comments/{comment}/reactions"), {"content": "eyes"}
        )

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """See `Forge.ensure_issue`."""
        wanted = _marker(marker)
        key = ("issue", str(wanted))
        row = self._find_issue(wanted, since=since) or self._recent.row(key)
        if row is None:
            row = self._create_issue(key, {"title": title, "body": body, "labels": sorted(labels)})
        issue = normalize.issue_from_rest(row)
        missing = sorted({name for name in labels if not issue.wears(name)})
        if missing:
            # Without push access GitHub leaves labels out of a new issue and says nothing.
            self._labelling.add(issue.number, missing)
        return issue

    def login(self) -> str:
        """Whose token this is."""
        return self._client.login()

    def may_push(self) -> bool:
        """Whether the token's account may write to the repository."""
        permissions = self._home.verify().get("permissions") or {}
        return bool(permissions.get("push"))

    def missing_labels(self, labels: Labels) -> tuple[str, ...]:
        """Names of the state labels that the repository lacks."""
        return tuple(look.name for look in self._labelling.lacking(labels))

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """See `Forge.ensure_repository_labels`."""
        self._client.login()  # asked first: a token without a user would fail only in the middle of a task
        return tuple(look.name for look in self._labelling.lacking(labels) if self._labelling.create(look))

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """See `Forge.ensure_labels`. Never sets the whole list: that would undo what a person just did."""
        wrong, missing = self._labels_to_change(issue, add=add, remove=remove)
        self._labelling.change(issue, add=missing, remove=wrong)

    def _labels_to_change(
        self, issue: int, *, add: Collection[str], remove: Collection[str]
    ) -> tuple[list[str], list[str]]:
        present = {name.casefold() for name in self._known(issue).labels}
        wrong = sorted(name for name in set(remove) - set(add) if name.casefold() in present)
        return wrong, sorted(name for name in set(add) if name.casefold() not in present)

    def ensure_shown(
        self, issue: int, *, add: Collection[str], remove: Collection[str], marker: str, body: str
    ) -> None:
        """See `Forge.ensure_shown`. A transition costs one write where labels and comment are known to GraphQL."""
        wrong, missing = self._labels_to_change(issue, add=add, remove=remove)
        thread = self._watcher.thread(issue)
        listed = self._own_comments(issue, _marker(marker)) if thread and thread.complete else {}
        oldest = min(listed, default=0)
        if oldest and not payload.same_text(listed[oldest], body):
            at_once = self._labelling.change_and_edit
            if at_once(issue, add=missing, remove=wrong, comment=oldest, body=body):
                return
        self._labelling.change(issue, add=missing, remove=wrong)
        self.ensure_comment(issue, marker=marker, body=body)

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """See `Forge.ensure_comment`. Comments of others with our marker are left alone."""
        wanted = _marker(marker)
        key = ("comment", issue, str(wanted))
        listed = self._own_comments(issue, wanted)
        made = None if listed else self._recent.row(key)
        if made is not None:
            listed = {payload.id_of(made): payload.body_of(made)}
        if not listed:
            with self._watcher.reader.changing(issue):
                row = self._create(key, self._home.path(f"issues/{issue}/comments"), {"body": body})
        else:
            # Of twins the oldest is kept up to date.
            number = min(listed)
            if payload.same_text(listed[number], body):
                return
            row = self._edit_comment(issue, number, body, key=key)
            if made is not None:
                self._recent.made(key, row)
        self._watcher.wrote(issue, row)

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """See `Forge.ensure_help`. The one returned comes without comments."""
        wanted = _marker(marker)
        key = ("help", issue, str(wanted))
        made = self._find_help(issue, wanted)
        if made is None:
            row = self._recent.row(key)
            if row is None:
                row = self._create_issue(key, {"title": title, "body": body, "labels": [label]})
            made = normalize.issue_from_rest(row)
        if not made.wears(label):
            # Without push access GitHub leaves labels out of a new issue and says nothing.
            self._labelling.add(made.number, [label])
        found = normalize.help_of(made)
        if found is None:
            raise Refused(
                f"the help issue #{made.number} does not begin with its marker", tried=f"ask about #{issue}"
            )
        if made.open:
            self._sub_issues.ensure(made.id, parent=issue)
        return found

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        return self._pulls.ensure(head=head, title=title, body=body, draft=draft, onto=onto)

    def ensure_pull_shown(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge.ensure_pull_shown`. Where there are no drafts, only the text is changed."""
        self._pulls.show(pull, body=body, draft=draft)

    def ensure_reply(self, pull: PullRequest, *, thread: str, marker: str, body: str) -> None:
        """See `Forge.ensure_reply`. A thread that was deleted needs none."""
        self._replies.ensure(pull, thread=thread, marker=_marker(marker), body=body)

    def explain_check(self, check: Check) -> str:
        """See `Forge.explain_check`."""
        return self._explainer.explain(check)

    def ensure_closed(self, issue: int, *, dropped: bool = False) -> None:
        """See `Forge.ensure_closed`."""
        if not self._known(issue).open:
            return
        body = {"state": "closed", "state_reason": "not_planned" if dropped else "completed"}
        with self._watcher.reader.changing(issue):
            row = self._client.write_row("PATCH", self._home.path(f"issues/{issue}"), body)
        if payload.is_open(row):
            raise NotPermitted(
                f"issue #{issue} stayed open although {self._client.host} accepted its closing",
                fix="Give the token's account write access to the repository.",
            )
        self._watcher.note(row)

    def ensure_label(self, name: str) -> None:
        """See `Forge.ensure_label`."""
        self._labelling.ensure(name)

    def ensure_part(self, child: Issue, *, of: int) -> None:
        """See `Forge.ensure_part`. One more than GitHub allows is left out."""
        self._sub_issues.ensure_among(child.id, parent=of)

    def ensure_blocked(self, issue: int, *, by: Issue) -> None:
        """See `Forge.ensure_blocked`. One more than GitHub allows is left out."""
        self._dependencies.ensure(issue, by=by.id)

    def ensure_onto(self, pull: PullRequest, *, branch: str) -> None:
        """See `Forge.ensure_onto`. One that is closed by now is left as it is."""
        self._pulls.put_onto(pull, branch=branch)

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """See `Forge.merge`."""
        return self._merging.merge(pull, method=method)

    # What is there.

    def _known(self, number: int) -> Issue:
        """The issue as the last look showed it, or as it is when that is not certain."""
        if thread := self._watcher.thread(number):
            return thread.issue
        row = self._client.find(self._home.path(f"issues/{number}"))
        if row is None or payload.is_pull(row) or not self._home.owns(row):
            raise self._home.gone(number)
        self._watcher.note(row)
        return normalize.issue_from_rest(row)

    def _own_comments(self, issue: int, wanted: Marker) -> dict[int, str]:
        """The texts of our comments with this marker, by id."""
        thread = self._watcher.thread(issue)
        if thread and thread.complete:
            return {
                c.id: c.body
                for c in thread.comments()
                if normalize.carries(c.body, wanted) and normalize.same_login(c.author, self._client.login())
            }
        return {
            payload.id_of(row): payload.body_of(row)
            for row in self._rows(f"issues/{issue}/comments")
            if normalize.carries(payload.body_of(row), wanted) and self._writers.wrote(row)
        }

    def _find_issue(self, wanted: Marker, *, since: datetime) -> Row | None:
        """Our issue with this marker, among those made since a little before `since`."""
        for row in self._own_issues():
            if normalize.issue_from_rest(row).created_at < since - OVERLAP:
                return None
            if self._writers.wrote(row) and normalize.carries(payload.body_of(row), wanted):
                return row
        return None

    def _find_help(self, issue: int, wanted: Marker) -> Issue | None:
        """Our help issue, found without its label, which GitHub may have dropped or a person removed."""
        me = self._client.login()
        if self._watcher.recent:
            for thread in self._watcher.picture.threads():
                known = thread.issue
                if normalize.carries(known.body, wanted) and normalize.same_login(known.author, me):
                    return known
        found = None
        for row in self._own_issues():
            if payload.number_of(row) <= issue:
                # Help issues are younger than what they are about, so all that follow are too old.
                break
            text = payload.body_of(row)
            if self._writers.wrote(row) and speaks_for_cdock(text) and normalize.carries(text, wanted):
                found = normalize.issue_from_rest(row)
        return found

    def _own_issues(self) -> Iterator[Row]:
        """All issues our account opened, newest first."""
        query = {"state": "all", "creator": self._client.login(), "sort": "created", "direction": "desc"}
        return (row for row in self._rows("issues", query) if not payload.is_pull(row))

    def _rows(self, rest: str, query: Query | None = None) -> Iterator[Row]:
        return self._client.rows(self._home.path(rest), query)

    # Writing.

    def _edit_comment(self, issue: int, number: int, body: str, *, key: tuple[object, ...]) -> Row:
        try:
            with self._watcher.reader.changing(issue):
                return self._client.write_row(
                    "PATCH", self._home.path(f"issues/comments/{number}"), {"body": body}, may_wait=True
                )
        except Absent as error:
            self._recent.forget(key)
            raise Unavailable(
                f"our comment on issue #{issue} vanished while it was edited", fix="cdock looks again."
            ) from error

    def _create(self, key: tuple[object, ...], path: str, body: Row) -> Row:
        try:
            row = self._client.write_row("POST", path, body)
        except OutcomeUnknown:
            self._recent.unknown(key)
            raise
        self._recent.made(key, row)
        return row

    def _create_issue(self, key: tuple[object, ...], body: Row) -> Row:
        row = self._create(key, self._home.path("issues"), body)
        self._watcher.note(row)
        return row


def _marker(text: str) -> Marker:
    marker = parse_marker(text)
    if marker is None:
        raise ValueError(f"not a marker of ours: {text!r}")
    return marker
