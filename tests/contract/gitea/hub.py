"""See `Hub`: people act on the double's site directly, the forge under test by HTTP alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdock.adapters.gitea.forge import GiteaForge
from cdock.core.pulls import Opinion
from tests.contract.gitea.double import Double
from tests.contract.gitea.state import Issue, Site
from tests.git_repos import git, write

BOT, WRITER, STRANGER, OWNER = "cdock-bot", "maria", "mallory", "acme"
TOKEN = "averysecretgiteatoken"
LIMIT = 20.0


STATES = {
    Opinion.APPROVED: "APPROVED",
    Opinion.CHANGES: "REQUEST_CHANGES",
    Opinion.COMMENT: "COMMENT",
}


class GiteaHub:
    """One repository of one double. The bot administers it, as the adapter needs. See `PullHub`, too."""

    bot, writer, stranger = BOT, WRITER, STRANGER

    def __init__(self, double: Double, **options: Any) -> None:
        self.double = double
        self.site = site = double.site
        site.add_person(BOT, "admin", token=TOKEN)
        site.add_person(WRITER, "write", token="maria's token")
        site.add_person(STRANGER, "read", token="mallory's token")
        self._passed = 0.0
        self.forge = self.another_forge(**options)

    def another_forge(self, **options: Any) -> GiteaForge:
        """A forge of the same account that knows nothing yet."""
        options = {"timeout": LIMIT, "settle": 0.0, "token": lambda: TOKEN, "account": "bot", **options}
        options.setdefault("clock", lambda: time.monotonic() + self._passed)
        return GiteaForge(self.site.url, self.site.full_name, **options)

    def open_issue(self, title: str, *, body: str = "", by: str, labels: Sequence[str] = ()) -> int:
        with self.site.lock:
            issue = self.site.open_issue(by, title, body)
            for name in labels:
                self.label(issue.number, name, by=by)
            return issue.number

    def label(self, number: int, name: str, *, by: str) -> None:
        with self.site.lock:
            self.site.put_on(self.issue(number), by, [self.site.label_called(name)])

    def unlabel(self, number: int, name: str, *, by: str) -> None:
        with self.site.lock:
            self.site.take_off(self.issue(number), by, self.site.label_called(name))

    def comment(self, number: int, body: str, *, by: str) -> None:
        with self.site.lock:
            self.site.say(self.issue(number), by, body)

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        with self.site.lock:
            self.site.edit(self.issue(number), by, title=title, body=body)

    def edit_comment(self, number: int, body: str, *, by: str) -> None:
        with self.site.lock:
            newest = [c for c in self.site.comments if c.issue.number == number and c.kind == "comment"][-1]
            self.site.edit_comment(newest, body)

    def close(self, number: int, *, by: str) -> None:
        with self.site.lock:
            self.site.shut(self.issue(number), by)

    def reopen(self, number: int, *, by: str) -> None:
        with self.site.lock:
            self.site.reopen(self.issue(number), by)

    def push(self, branch: str) -> None:
        write(
            self.site.bare, {"work.txt": branch}, branch=branch, onto=git(self.site.bare, "rev-parse", "main")
        )

    def write(self, branch: str, path: str, text: str) -> str:
        with self.site.lock:
            known = git(self.site.bare, "branch", "--list", branch)
            write(
                self.site.bare,
                {path: text},
                branch=branch,
                onto=git(self.site.bare, "rev-parse", branch if known else "main"),
            )
            for pull in self.site.issues:
                if pull.head == branch and not pull.closed:
                    pull.updated = self.site.now
            return self.site.commit_at(branch)

    def review(
        self, pull: int, opinion: Opinion, body: str, *, by: str, on: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        with self.site.lock:
            self.site.review(self.issue(pull), by, STATES[opinion], body, on)

    def draft_review(self, pull: int, body: str, *, by: str, on: Sequence[tuple[str, int, str]]) -> None:
        with self.site.lock:
            self.site.review(self.issue(pull), by, "PENDING", body, on)

    def answer(self, pull: int, body: str, *, by: str) -> None:
        with self.site.lock:
            self.site.answer(self.issue(pull), by, body)

    def resolve(self, pull: int, *, by: str) -> None:
        with self.site.lock:
            self.site.reviews[-1].remarks[-1].resolver = by

    def say_status(self, commit: str, name: str, state: str, *, description: str = "", url: str = "") -> None:
        with self.site.lock:
            self.site.say_status(commit, name, state, description, url)

    def text_of_pull(self, pull: int) -> tuple[str, bool]:
        issue = self.issue(pull)
        return issue.body, issue.title.startswith("WIP: ")

    def said_on_lines(self, pull: int) -> list[tuple[str, str]]:
        with self.site.lock:
            reviews = [each for each in self.site.reviews if each.issue.number == pull]
            return [(remark.by, remark.body) for review in reviews for remark in review.remarks]

    def later(self) -> None:
        self._passed += 60.0

    def merge(self, pull: int) -> None:
        with self.site.lock:
            self.site.merge(self.issue(pull), WRITER)

    def close_pull(self, pull: int) -> None:
        self.close(pull, by=WRITER)

    def base_of(self, pull: int) -> str:
        return self.issue(pull).base

    def is_merged(self, pull: int) -> bool:
        return bool(self.issue(pull).merged)

    def repository_labels(self) -> set[str]:
        with self.site.lock:
            return {row["name"] for row in self.site.labels.values()}

    def conflict(self, branch: str) -> None:
        self.write(branch, "a.txt", "ours\n")
        self.write("main", "a.txt", "theirs\n")

    def demote_bot(self) -> None:
        with self.site.lock:
            self.site.levels[BOT] = "read"

    def next_second(self) -> None:
        with self.site.lock:
            self.site.now += 1

    def labels_on(self, number: int) -> frozenset[str]:
        with self.site.lock:
            return frozenset(self.site.labels[label]["name"] for label in self.issue(number).labels)

    def comments_on(self, number: int) -> list[tuple[str, str]]:
        with self.site.lock:
            said = [c for c in self.site.comments if c.issue.number == number and c.kind == "comment"]
            return [(each.by, each.body) for each in said]

    def is_open(self, number: int) -> bool:
        return not self.issue(number).closed

    def issues(self) -> list[int]:
        return [issue.number for issue in self.site.issues if not issue.head]

    def pulls(self) -> list[int]:
        return [issue.number for issue in self.site.issues if issue.head]

    def issue(self, number: int) -> Issue:
        """The issue itself."""
        issue = self.site.issue(number)
        assert issue is not None, f"no issue {number}"
        return issue


def fresh_site(path: Path, *, template: Path) -> Site:
    """A site of an owner who is a person; its repository is a copy of `template`."""
    shutil.copytree(template, path / "demo.git")
    return Site(path / "demo.git", owner=OWNER, name="demo")
