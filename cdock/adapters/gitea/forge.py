"""The forge port on the REST API of Gitea and Forgejo.

Every `ensure_*` looks at the forge before it writes. Text counts as ours only when our own account wrote it and its
first line is our marker: a person may use the same account, and anybody may copy a marker.
"""

import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from cdock.adapters import payload
from cdock.adapters.gate import FREE, Budget, shared_gate
from cdock.adapters.gitea import normalize
from cdock.adapters.gitea.client import Client, Row
from cdock.adapters.gitea.following import Follower
from cdock.adapters.gitea.home import Home
from cdock.adapters.gitea.labels import RepositoryLabels
from cdock.adapters.gitea.pulls import Pulls
from cdock.adapters.gitea.sights import Sights
from cdock.adapters.gitea.timeline import Timeline
from cdock.adapters.gitea.watch import Watcher
from cdock.adapters.gitea.writers import WRITING, Writers
from cdock.adapters.marked import carries, help_of
from cdock.adapters.recent import RecentCreations
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.issues import Approval, HelpIssue, Issue, Snapshot, Watch
from cdock.core.marker import Marker, parse_marker, speaks_for_cdock
from cdock.core.policy import Labels
from cdock.core.pulls import Check, PullRequest

OVERLAP = timedelta(minutes=10)
"""How far the clocks of this machine and of the forge may be apart when something of ours is looked for."""
SETTLE = 30.0
"""Seconds in which a write that was never answered may still come to light."""
SWEEP = 720.0
"""Seconds between two looks at everything."""


class GiteaForge:
    """The `Forge` of one repository, acting as the account the token belongs to.

    `web` is the server's address (`https://HOST`), `repository` is `OWNER/NAME`, and `token` gives the token that is
    good now; `account` stands for whose it is without telling it. `timeout` in seconds is for connecting and for each
    silence of the server. `settle` and `sweep` are in seconds, see `SETTLE` and `SWEEP`. The words of accounts in
    `trusted` count, and those of people with one of the `roles`; to ask for these the account has to be an
    administrator of the repository. `clock`, in seconds, is for what is read at a pace.

    What Gitea cannot: it tells nobody who edited an issue's body, so approvals are blind. A body that is another than
    at first sight after the label counts as edited by the issue's author, unless they may write (see `sights`). What
    was edited before that sight, or before this process began, is not seen until there is a task that remembers.
    """

    def __init__(
        self,
        web: str,
        repository: str,
        *,
        token: Callable[[], str],
        account: str,
        timeout: float = 15.0,
        budget: Budget = FREE,
        settle: float = SETTLE,
        sweep: float = SWEEP,
        trusted: Collection[str] = (),
        roles: Collection[str] = WRITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        gate = shared_gate(web, account=account, budget=budget)
        self._client = Client(web, token=token, gate=gate, timeout=timeout)
        self._recent = RecentCreations(settle=settle)
        self._home = Home(self._client, repository)
        self._labels = RepositoryLabels(self._client, self._home)
        self._writers = Writers(self._client, self._home, trusted=trusted, roles=roles)
        sights = Sights()
        self._timeline = Timeline(self._client, self._home, self._writers, sights)
        self._pulls = Pulls(self._client, self._home)
        self._watcher = Watcher(
            self._client,
            self._home,
            self._writers,
            self._timeline,
            self._pulls,
            Follower(self._client, self._home, self._writers, self._pulls, clock=clock),
            sights,
            sweep=sweep,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def login(self) -> str:
        """Whose token this is."""
        return self._client.login()

    def may_push(self) -> bool:
        """Whether the token's account may write to the repository."""
        self._home.verify()
        return self._home.may_push

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """See `Forge.look`. A held issue that was deleted, or moved to another repository, is left out."""
        return self._watcher.look(watch, fresh=fresh)

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge.approval`. A body that changed after it was first seen counts as edited by the issue's author."""
        return self._timeline.approval(issue, label=label)

    def acknowledge(self, comment: int) -> None:
        """See `Forge.acknowledge`."""
        path = self._home.path(f"issues/comments/{comment}/reactions")
        self._client.write("POST", path, {"content": "eyes"}, may_wait=True)

    def missing_labels(self, labels: Labels) -> tuple[str, ...]:
        """Names of the state labels that issues of the repository cannot wear yet."""
        return tuple(look.name for look in self._labels.lacking(labels))

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """See `Forge.ensure_repository_labels`. What the organisation has is not made again."""
        lacking = self._labels.lacking(labels)
        for look in lacking:
            self._labels.make(look)
        return tuple(look.name for look in lacking)

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """See `Forge.ensure_labels`. Never sets the whole list: that would undo what a person just did."""
        path = self._home.path(f"issues/{issue}/labels")
        try:
            worn = normalize.label_ids(self._client.whole(path))
        except Absent as error:
            raise self._home.gone(issue) from error
        present = {name.casefold() for name in worn}
        missing = {name for name in add if name.casefold() not in present}
        if missing:
            worn = self._add_labels(issue, missing)
        unwanted = {name.casefold() for name in remove} - {name.casefold() for name in add}
        for name in sorted(name for name in worn if name.casefold() in unwanted):
            self._client.write("DELETE", f"{path}/{worn[name]}", may_wait=True)
            worn = {kept: number for kept, number in worn.items() if kept != name}
            self._watcher.note_labels(issue, worn)

    def ensure_shown(
        self, issue: int, *, add: Collection[str], remove: Collection[str], marker: str, body: str
    ) -> None:
        """See `Forge.ensure_shown`."""
        self.ensure_labels(issue, add=add, remove=remove)
        self.ensure_comment(issue, marker=marker, body=body)

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """See `Forge.ensure_comment`. Comments of others with our marker are left alone."""
        wanted = _marker(marker)
        key = ("comment", issue, str(wanted))
        listed = self._own_comments(issue, wanted)
        if not listed and (made := self._recent.row(key)):
            listed = {payload.id_of(made): payload.body_of(made)}
        if not listed:
            row = self._create(key, self._home.path(f"issues/{issue}/comments"), {"body": body})
        else:
            # Of twins the oldest is kept up to date.
            number = min(listed)
            if payload.same_text(listed[number], body):
                return
            row = self._edit_comment(issue, number, body, key=key)
        self._watcher.note_comment(issue, row)

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """See `Forge.ensure_issue`."""
        wanted = _marker(marker)
        key = ("issue", str(wanted))
        row = self._find_issue(wanted, since=since) or self._recent.row(key)
        return self._whole(
            row or self._create_issue(key, title=title, body=body, labels=labels), labels=labels
        )

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """See `Forge.ensure_help`. The one returned comes without comments."""
        wanted = _marker(marker)
        key = ("help", issue, str(wanted))
        row = self._find_help(issue, wanted) or self._recent.row(key)
        row = row or self._create_issue(key, title=title, body=body, labels=[label])
        found = help_of(self._whole(row, labels=[label]))
        if found is None:
            raise Refused(
                f"the help issue #{payload.number_of(row)} does not begin with its marker",
                tried=f"ask about #{issue}",
            )
        return found

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        """See `Forge.ensure_pull`. A closed or merged one of this branch is returned as it is: a person decided."""
        return self._pulls.ensure(head=head, title=title, body=body, draft=draft, onto=onto)

    def ensure_pull_shown(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge.ensure_pull_shown`. The title says whether it is a draft."""
        self._pulls.show(pull, body=body, draft=draft)

    def ensure_reply(self, pull: PullRequest, *, thread: str, marker: str, body: str) -> None:
        """See `Forge.ensure_reply`. Gitea takes no replies from programs: this one stands in the conversation."""
        self.ensure_comment(pull.number, marker=marker, body=body)

    def explain_check(self, check: Check) -> str:
        """See `Forge.explain_check`. A commit status has nothing but what `check` holds."""
        return ""

    def ensure_closed(self, issue: int, *, dropped: bool = False) -> None:
        """See `Forge.ensure_closed`. Gitea knows one way of being closed: `Issue.dropped` is never true there."""
        path = self._home.path(f"issues/{issue}")
        row = self._client.find(path)
        if row is None or payload.is_pull(row):
            raise self._home.gone(issue)
        if not payload.is_open(row):
            return
        row = self._client.write_row("PATCH", path, {"state": "closed"})
        if payload.is_open(row):
            raise NotPermitted(
                f"issue #{issue} stayed open although {self._client.host} accepted its closing",
                fix="Give the token's account write access to the repository.",
            )
        self._watcher.note(row)

    def ensure_label(self, name: str) -> None:
        """See `Forge.ensure_label`."""
        self._labels.ids([name])

    def ensure_part(self, child: Issue, *, of: int) -> None:
        """See `Forge.ensure_part`. Gitea has no sub-issues."""

    def ensure_blocked(self, issue: int, *, by: Issue) -> None:
        """See `Forge.ensure_blocked`. Nothing is said to Gitea.

        It closes no issue that waits for an open one, not even when its pull request is merged.
        """

    def ensure_onto(self, pull: PullRequest, *, branch: str) -> None:
        """See `Forge.ensure_onto`. One that is closed by now is left as it is."""
        self._pulls.put_onto(pull, branch=branch)

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """See `Forge.merge`. What lacks checks or reviews is merged by Gitea once it has them."""
        return self._pulls.merge(pull, method=method)

    # What is there.

    def _own_comments(self, issue: int, wanted: Marker) -> dict[int, str]:
        """The texts of our comments with this marker, by id."""
        try:
            rows = self._client.whole(self._home.path(f"issues/{issue}/comments"))
        except Unavailable:
            # For the comments of an issue that is not there Gitea answers with a fault of its own.
            if self._client.find(self._home.path(f"issues/{issue}")) is None:
                raise self._home.gone(issue) from None
            raise
        return {
            payload.id_of(row): payload.body_of(row)
            for row in rows
            if carries(payload.body_of(row), wanted) and self._writers.wrote(row)
        }

    def _find_issue(self, wanted: Marker, *, since: datetime) -> Row | None:
        """Our issue with this marker, among those made since a little before `since`."""
        for row in self._own_issues():
            if payload.moment_of(row, "created_at") < since - OVERLAP:
                return None
            if carries(payload.body_of(row), wanted):
                return row
        return None

    def _find_help(self, issue: int, wanted: Marker) -> Row | None:
        """Our help issue, found without its label, which a person may have removed. Of twins the oldest."""
        found = None
        for row in self._own_issues():
            if payload.number_of(row) <= issue:
                # Help issues are younger than what they are about, so all that follow are too old.
                break
            text = payload.body_of(row)
            if speaks_for_cdock(text) and carries(text, wanted):
                found = row
        return found

    def _own_issues(self) -> Iterator[Row]:
        """All issues our account opened, newest first: Gitea's only order for this list."""
        query = {"state": "all", "type": "issues", "created_by": self._client.login()}
        rows = self._client.rows(self._home.path("issues"), query)
        return (row for row in rows if self._writers.wrote(row) and not payload.is_pull(row))

    # Writing.

    def _whole(self, row: Row, *, labels: Collection[str]) -> Issue:
        """The issue of a row, once it wears these labels.

        Without write access Gitea leaves labels out of a new issue and says nothing.
        """
        issue = normalize.issue_from_rest(row)
        missing = {name for name in labels if not issue.wears(name)}
        if missing:
            self._add_labels(issue.number, missing)
        return issue

    def _create_issue(
        self, key: tuple[object, ...], *, title: str, body: str, labels: Collection[str]
    ) -> Row:
        wanted = {"title": title, "body": body, "labels": self._labels.ids(labels)}
        row = self._create(key, self._home.path("issues"), wanted)
        self._watcher.note(row)
        return row

    def _create(self, key: tuple[object, ...], path: str, body: Row) -> Row:
        try:
            row = self._client.write_row("POST", path, body)
        except OutcomeUnknown:
            self._recent.unknown(key)
            raise
        self._recent.made(key, row)
        return row

    def _edit_comment(self, issue: int, number: int, body: str, *, key: tuple[object, ...]) -> Row:
        path = self._home.path(f"issues/comments/{number}")
        try:
            row = self._client.write_row("PATCH", path, {"body": body}, may_wait=True)
        except Absent as error:
            self._recent.forget(key)
            raise Unavailable(
                f"our comment on issue #{issue} vanished while it was edited", fix="cdock looks again."
            ) from error
        self._recent.made(key, row)
        return row

    def _add_labels(self, issue: int, names: Collection[str]) -> dict[str, int]:
        """Put labels on; all that the issue wears then."""
        body = {"labels": self._labels.ids(names)}
        answer = self._client.write("POST", self._home.path(f"issues/{issue}/labels"), body, may_wait=True)
        worn = normalize.label_ids(answer or ())
        there = {name.casefold() for name in worn}
        if dropped := sorted(name for name in names if name.casefold() not in there):
            # Deleted in the meantime; it is made anew at the next try.
            self._labels.forget()
            raise Unavailable(
                f"{self._client.host} left out {', '.join(dropped)} on issue #{issue}",
                fix="cdock looks again.",
            )
        self._watcher.note_labels(issue, worn)
        return worn


def _marker(text: str) -> Marker:
    marker = parse_marker(text)
    if marker is None:
        raise ValueError(f"not a marker of ours: {text!r}")
    return marker
