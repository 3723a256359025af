"""What moves an issue to the top of those sorted by change, seen with a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdock.forge.domain import comments, issuelist, issues, labels, marks, reactions, repos, roles, users
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.store import Store, Tx

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        self.now += timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with Store(tmp_path, now=clock) as store:
        yield store


@pytest.fixture
def repo(store: Store) -> Repo:
    with store.write() as tx:
        found, _ = repos.ensure(tx, "alice", "proj")
        return found


def _seeded(tx: Tx, repo: Repo) -> Issue:
    issue = issues.create(tx, repo, "one", actor=repo.owner, labels=["old"])
    comments.create(tx, repo, issue, "first", actor=repo.owner)
    return issues.find(tx, repo, issue.number)


Change = Callable[[Tx, Repo, Issue, User], object]

BUMPING: dict[str, Change] = {
    "title": lambda tx, repo, issue, me: issues.edit(tx, repo, issue, actor=me, title="two"),
    "body": lambda tx, repo, issue, me: issues.edit(tx, repo, issue, actor=me, body="two"),
    "close": lambda tx, repo, issue, me: issues.close(tx, repo, issue, actor=me),
    "comment": lambda tx, repo, issue, me: comments.create(tx, repo, issue, "x", actor=me),
    "label": lambda tx, repo, issue, me: marks.add_labels(tx, repo, issue.id, ["new"], actor=me),
    "unlabel": lambda tx, repo, issue, me: marks.remove_label(tx, repo, issue.id, "old", actor=me),
    "assign": lambda tx, repo, issue, me: marks.assign(tx, repo, issue.id, ["alice"], actor=me),
}
SILENT: dict[str, Change] = {
    "reaction": lambda tx, repo, issue, me: reactions.ensure(
        tx, repo, "issue", issue.id, actor=me, content="eyes"
    ),
    "same title": lambda tx, repo, issue, me: issues.edit(tx, repo, issue, actor=me, title=issue.title),
    "same label": lambda tx, repo, issue, me: marks.add_labels(tx, repo, issue.id, ["OLD"], actor=me),
    "comment edited": lambda tx, repo, issue, me: comments.edit(
        tx, repo, comments.of_issue(tx, issue)[0], "edited", actor=me
    ),
    "label renamed": lambda tx, repo, _, me: labels.update(
        tx, repo, labels.find(tx, repo, "old"), actor=me, name="older"
    ),
}


@pytest.mark.parametrize("name", [*BUMPING, *SILENT])
def test_bumps(store: Store, repo: Repo, clock: Clock, name: str) -> None:
    with store.write() as tx:
        issue = _seeded(tx, repo)
    clock.tick()
    with store.write() as tx:
        (BUMPING | SILENT)[name](tx, repo, issue, repo.owner)
    with store.read() as tx:
        updated = issues.find(tx, repo, issue.number).updated
    assert updated == (clock.now if name in BUMPING else START)


def test_since_and_order_by_change(store: Store, repo: Repo, clock: Clock) -> None:
    with store.write() as tx:
        one, two = (issues.create(tx, repo, title, actor=repo.owner) for title in ("one", "two"))
    clock.tick()
    with store.write() as tx:
        issues.edit(tx, repo, one, actor=repo.owner, title="one!")
    with store.read() as tx:
        query = issuelist.Query(sort="updated", since=clock.now)
        assert [issue.number for issue in issuelist.list_page(tx, repo, query, limit=9).issues] == [1]
        query = issuelist.Query(sort="updated")
        page = issuelist.list_page(tx, repo, query, limit=1)
        assert [issue.number for issue in page.issues] == [1]
        page = issuelist.list_page(tx, repo, query, limit=1, after=page.after)
        assert [issue.number for issue in page.issues] == [two.number]
        assert page.after is None


def test_an_edited_comment_is_marked_and_comes_back_with_since(
    store: Store, repo: Repo, clock: Clock
) -> None:
    with store.write() as tx:
        issue = _seeded(tx, repo)
        comments.create(tx, repo, issue, "second", actor=repo.owner)
        sam = users.ensure(tx, "sam")
        roles.set_role(tx, repo, sam, roles.Role.WRITE)
    clock.tick()
    with store.write() as tx:
        first = comments.of_issue(tx, issue)[0]
        assert not first.edited
        comments.edit(tx, repo, first, "changed", actor=sam)
    with store.read() as tx:
        changed = comments.of_issue(tx, issue, since=clock.now)
        assert [(comment.id, comment.body) for comment in changed] == [(first.id, "changed")]
        assert changed[0].editor is not None
        assert changed[0].editor.login == "sam"
        newest, total = comments.of_repo(tx, repo, sort="updated", descending=True, limit=1)
        assert (newest[0].id, total) == (first.id, 2)
