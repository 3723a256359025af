"""What a small Gitea knows: one repository, its people and what they did. No HTTP here.

It behaves as Gitea's sources do where a client can tell: one counter for comments and events, times in whole seconds,
label names that are no keys, a label filter that ignores names it does not know.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.git_repos import git

Row = dict[str, Any]

LEVELS = ("none", "read", "write", "admin", "owner")
REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #(\d+)", re.IGNORECASE)


@dataclass
class Issue:
    """An issue, or a pull request with `head` and `base`."""

    id: int
    number: int
    title: str
    body: str
    by: str
    created: int
    updated: int
    labels: list[int] = field(default_factory=list)
    closed: int = 0
    head: str = ""
    base: str = ""
    merged: int = 0


@dataclass
class Comment:
    """A comment (`kind` comment), or another entry of the timeline."""

    id: int
    issue: Issue
    by: str
    kind: str
    body: str
    created: int
    updated: int
    label: int = 0
    titles: tuple[str, str] = ("", "")
    hidden: bool = False
    """A reference from somewhere that the asking account may not see."""


@dataclass
class Review:
    """A review with its comments on lines."""

    id: int
    issue: Issue
    by: str
    state: str
    body: str
    commit: str
    created: int
    remarks: list[Remark] = field(default_factory=list)


@dataclass
class Remark:
    """A comment on a line, which `resolver` settled."""

    id: int
    by: str
    body: str
    path: str
    line: int
    created: int
    resolver: str = ""


@dataclass
class Status:
    """What somebody says about a commit."""

    id: int
    commit: str
    name: str
    state: str
    description: str
    url: str
    created: int


class Site:
    """One server with one repository. All methods are called with `lock` held, by the server or by a hub."""

    def __init__(self, bare: Path, *, owner: str, name: str) -> None:
        self.lock = threading.RLock()
        self.bare = bare
        self.owner, self.name = owner, name
        self.url = ""
        self.repository = 77
        self.default_branch = "main"
        self.organisation: dict[str, Any] | None = None
        self.people: dict[str, int] = {owner: 1}
        self.tokens: dict[str, str] = {}
        self.levels: dict[str, str] = {owner: "owner"}
        self.issues: list[Issue] = []
        self.comments: list[Comment] = []
        self.reviews: list[Review] = []
        self.statuses: list[Status] = []
        self.labels: dict[int, Row] = {}
        self.reactions: dict[tuple[int, str, str], int] = {}
        self.archived = False
        self.lacking = ""
        """What pull requests lack before they may be merged, as Gitea says it; empty for nothing."""
        self.scheduled: set[int] = set()
        """Pull requests that will be merged once they lack nothing."""
        self.allowed_reactions: Collection[str] = REACTIONS
        self.most = 50
        """Rows of a page at most, whatever is asked for."""
        self.now = int(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp())
        self._ids = itertools.count(1_000)
        self._numbers = itertools.count(1)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def add_person(self, login: str, level: str, *, token: str) -> None:
        self.people[login] = len(self.people) + 1
        self.tokens[token] = login
        self.levels[login] = level

    def level(self, login: str) -> int:
        return LEVELS.index(self.levels.get(login, "read" if login in self.people else "none"))

    def writes(self, login: str) -> bool:
        return self.level(login) >= LEVELS.index("write")

    def issue(self, number: int) -> Issue | None:
        return next((issue for issue in self.issues if issue.number == number), None)

    def open_issue(self, by: str, title: str, body: str = "", labels: Sequence[int] = ()) -> Issue:
        issue = Issue(next(self._ids), next(self._numbers), title, body, by, self.now, self.now)
        self.issues.append(issue)
        self.put_on(issue, by, labels)
        return issue

    def open_pull(self, by: str, title: str, body: str, *, head: str, base: str) -> Issue:
        pull = self.open_issue(by, title, body)
        pull.head, pull.base = head, base
        return pull

    def say(self, issue: Issue, by: str, body: str) -> Comment:
        return self._entry(issue, by, "comment", body=body)

    def put_on(self, issue: Issue, by: str, labels: Sequence[int]) -> None:
        for label in labels:
            if label in self.labels and label not in issue.labels:
                issue.labels.append(label)
                self._entry(issue, by, "label", body="1", label=label)

    def delete(self, it: Issue | Comment) -> None:
        """It is gone without a trace: nothing else says that it changed."""
        if isinstance(it, Issue):
            self.issues.remove(it)
        else:
            self.comments.remove(it)

    def take_off(self, issue: Issue, by: str, label: int) -> None:
        if label in issue.labels:
            issue.labels.remove(label)
            self._entry(issue, by, "label", body="", label=label)

    def edit(self, issue: Issue, by: str, *, title: str | None = None, body: str | None = None) -> None:
        if title and title != issue.title:
            self._entry(issue, by, "change_title", titles=(issue.title, title))
            issue.title = title
        if body is not None:
            # The history of a text is kept, and shown on the page only.
            issue.body, issue.updated = body, self.now

    def edit_comment(self, comment: Comment, body: str) -> None:
        comment.body, comment.updated = body, self.now

    def shut(self, issue: Issue, by: str) -> None:
        if not issue.closed:
            issue.closed = self.now
            self._entry(issue, by, "close")

    def reopen(self, issue: Issue, by: str) -> None:
        if issue.closed:
            issue.closed = 0
            self._entry(issue, by, "reopen")

    def merge(self, pull: Issue, by: str) -> None:
        pull.merged = pull.closed = self.now
        self._entry(pull, by, "merge_pull")
        for number in _CLOSES.findall(pull.body):
            if issue := self.issue(int(number)):
                self.shut(issue, by)

    def review(
        self, pull: Issue, by: str, state: str, body: str, on: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        review = Review(next(self._ids), pull, by, state, body, self.commit_at(pull.head), self.now)
        for path, line, text in on:
            review.remarks.append(Remark(next(self._ids), by, text, path, line, self.now))
        self.reviews.append(review)
        if state != "PENDING":
            self._entry(pull, by, "review")

    def answer(self, pull: Issue, by: str, body: str) -> None:
        """Answer the newest comment on a line, which makes no review of its own."""
        review = [each for each in self.reviews if each.issue is pull and each.remarks][-1]
        above = review.remarks[-1]
        review.remarks.append(Remark(next(self._ids), by, body, above.path, above.line, self.now))
        self._entry(pull, by, "code")

    def say_status(self, commit: str, name: str, state: str, description: str, url: str) -> None:
        self.statuses.append(Status(next(self._ids), commit, name, state, description, url, self.now))

    def mergeable(self, pull: Issue) -> bool:
        """Not while it is a draft, whatever the branches hold."""
        if pull.closed or re.match(r"\s*(?:WIP:|\[WIP\])", pull.title, re.IGNORECASE):
            return False
        return bool(git(self.bare, "merge-tree", "--write-tree", pull.base, pull.head, check=False))

    def commit_at(self, branch: str) -> str:
        """The commit of a branch; empty when there is none."""
        return git(self.bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False).strip()

    def refer(self, issue: Issue, by: str) -> None:
        """Somebody mentions the issue where the asking account may not look."""
        self._entry(issue, by, "issue_ref", hidden=True)

    def make_label(self, name: str, color: str, description: str = "") -> Row:
        number = next(self._ids)
        self.labels[number] = {
            "id": number, "name": name, "color": color.lstrip("#"), "description": description,
            "exclusive": False, "is_archived": False, "url": f"{self.url}/labels/{number}",
        }  # fmt: skip
        return self.labels[number]

    def label_called(self, name: str) -> int:
        """The oldest label of that name, made when there is none, as a person would do on the page."""
        there = [number for number, row in sorted(self.labels.items()) if row["name"] == name]
        return there[0] if there else int(self.make_label(name, "#cccccc")["id"])

    def has_branch(self, name: str) -> bool:
        found = git(self.bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", check=False)
        return bool(found)

    def _entry(self, issue: Issue, by: str, kind: str, **rest: Any) -> Comment:
        body = rest.pop("body", "")
        comment = Comment(next(self._ids), issue, by, kind, body, self.now, self.now, **rest)
        self.comments.append(comment)
        # Every entry of the timeline moves the issue's own time.
        issue.updated = self.now
        return comment
