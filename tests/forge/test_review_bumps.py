"""What about reviews moves a pull request to the top of those sorted by change, with a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdock.forge.domain import (
    apps,
    checks,
    contents,
    pulls,
    refmoves,
    repos,
    reviewcomments,
    reviewers,
    reviews,
    roles,
    threads,
    users,
)
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.reviewcomments import ReviewComment
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.roles import Role
from cdock.forge.domain.threads import Anchor, Thread
from cdock.forge.domain.users import User
from cdock.forge.store import Store, Tx

START = datetime(2026, 1, 1, tzinfo=UTC)


class Scene:
    """A pull request of ann's with an approval and a comment by ben, and time that stands still until told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ann, self.ben = self._people()
        self.repo = self._repo()

    def _people(self) -> tuple[User, User]:
        with self.store.write() as tx:
            return users.ensure(tx, "ann"), users.ensure(tx, "ben")

    def _repo(self) -> Repo:
        with self.store.write() as tx:
            repo, _ = repos.ensure(tx, "ann", "tools")
            roles.set_role(tx, repo, self.ben, Role.WRITE)
            made = contents.write(
                tx, repo, "a.txt", b"1\n", actor=self.ann, message="first", branch=None, known=None
            )
            refmoves.create(tx, repo, "refs/heads/work", made.commit, actor=self.ann)
            contents.write(
                tx, repo, "b.txt", b"2\n", actor=self.ann, message="second", branch="work", known=None
            )
            pull = pulls.create(tx, repo, "Change", actor=self.ann, head="work", base="main")
            reviews.create(tx, repo, pull, actor=self.ben, event="APPROVE")
            reviews.comment(tx, repo, pull, Anchor("b.txt", line=1), "why?", actor=self.ben)
            return repo

    def pull(self, tx: Tx) -> Pull:
        return pulls.find(tx, self.repo, 1)

    def approval(self, tx: Tx) -> Review:
        return reviews.of_pull(tx, self.pull(tx), viewer=None)[0]

    def thread(self, tx: Tx) -> Thread:
        return threads.of_pull(tx, self.repo, self.pull(tx), viewer=None)[0]

    def said(self, tx: Tx) -> ReviewComment:
        return self.thread(tx).comments[0]


@pytest.fixture
def now() -> list[datetime]:
    return [START]


@pytest.fixture
def scene(tmp_path: Path, now: list[datetime]) -> Iterator[Scene]:
    with Store(tmp_path, now=lambda: now[0]) as store:
        yield Scene(store)


Deed = Callable[[Scene, Tx], object]

BUMPS: dict[str, Deed] = {
    "review": lambda s, tx: reviews.create(tx, s.repo, s.pull(tx), actor=s.ben, event="APPROVE"),
    "edit a review": lambda s, tx: reviews.edit(tx, s.repo, s.pull(tx), s.approval(tx), "words", actor=s.ben),
    "dismiss": lambda s, tx: reviews.dismiss(tx, s.repo, s.pull(tx), s.approval(tx), "why", actor=s.ann),
    "comment": lambda s, tx: reviews.comment(
        tx, s.repo, s.pull(tx), Anchor("b.txt", line=1), "x", actor=s.ben
    ),
    "reply": lambda s, tx: reviews.reply(tx, s.repo, s.pull(tx), s.thread(tx), "x", actor=s.ann),
    "edit a comment": lambda s, tx: reviewcomments.edit(tx, s.repo, s.said(tx), "x", actor=s.ben),
    "delete a comment": lambda s, tx: reviewcomments.delete(tx, s.repo, s.said(tx), actor=s.ben),
    "resolve": lambda s, tx: threads.resolve(tx, s.repo, s.thread(tx), actor=s.ann),
    "ask": lambda s, tx: reviewers.request(tx, s.repo, s.pull(tx), ["ben"], actor=s.ann),
    "draft": lambda s, tx: pulls.set_draft(tx, s.repo, s.pull(tx), draft=True, actor=s.ann),
}


def _check(scene: Scene, tx: Tx) -> None:
    app = apps.ensure(tx, "tester", owner=scene.ann, public_key="")
    apps.install(tx, app, scene.ann, [scene.repo])
    checks.create(tx, scene.repo, "tests", scene.pull(tx).head_oid, actor=app.bot)


NO_BUMPS: dict[str, Deed] = {
    "a review that waits": lambda s, tx: reviews.create(tx, s.repo, s.pull(tx), actor=s.ben, body="so far"),
    "the same words": lambda s, tx: reviewcomments.edit(tx, s.repo, s.said(tx), "why?", actor=s.ben),
    "nobody to ask": lambda s, tx: reviewers.unrequest(tx, s.repo, s.pull(tx), ["ben"], actor=s.ann),
    "not resolved": lambda s, tx: threads.unresolve(tx, s.repo, s.thread(tx), actor=s.ann),
    "a check": _check,
}


@pytest.mark.parametrize("deed", BUMPS)
def test_what_moves_it(scene: Scene, now: list[datetime], deed: str) -> None:
    now[0] += timedelta(minutes=1)
    with scene.store.write() as tx:
        BUMPS[deed](scene, tx)
    with scene.store.read() as tx:
        assert scene.pull(tx).issue.updated == now[0]


@pytest.mark.parametrize("deed", NO_BUMPS)
def test_what_does_not_move_it(scene: Scene, now: list[datetime], deed: str) -> None:
    now[0] += timedelta(minutes=1)
    with scene.store.write() as tx:
        NO_BUMPS[deed](scene, tx)
    with scene.store.read() as tx:
        assert scene.pull(tx).issue.updated == START


def test_opinions_are_the_last_word_of_each_reviewer(scene: Scene) -> None:
    with scene.store.write() as tx:
        pull = scene.pull(tx)
        eve = users.ensure(tx, "eve")
        reviews.create(tx, scene.repo, pull, actor=eve, event="REQUEST_CHANGES", body="no")
        reviews.create(tx, scene.repo, pull, actor=eve, event="COMMENT", body="hm")
        assert [(one.author.login, one.state) for one in reviews.opinions(tx, pull)] == [
            ("ben", "APPROVED"),
            ("eve", "CHANGES_REQUESTED"),
        ]
        reviews.create(tx, scene.repo, pull, actor=eve, event="APPROVE")
        given = reviews.opinions(tx, pull)
        assert [one.state for one in given] == ["APPROVED", "APPROVED"]
        reviews.dismiss(tx, scene.repo, pull, given[-1], "too fast", actor=scene.ann)
        # Without what was dismissed, what was said before it counts again.
        assert [one.state for one in reviews.opinions(tx, pull)] == ["APPROVED", "CHANGES_REQUESTED"]


def test_a_repository_goes_with_its_reviews(scene: Scene) -> None:
    with scene.store.write() as tx:
        _check(scene, tx)
        repos.delete(tx, scene.repo, actor=scene.ann)
    with scene.store.read() as tx:
        for table in ("review", "review_thread", "review_comment", "check_run", "installation_repo"):
            assert tx.rows(f"SELECT 1 FROM {table}") == []  # noqa: S608


def test_where_a_check_stands_with_statuses(scene: Scene) -> None:
    with scene.store.write() as tx:
        oid = scene.pull(tx).head_oid
        assert checks.rollup(tx, scene.repo, oid).state is None
        _check(scene, tx)
        assert checks.rollup(tx, scene.repo, oid).state == "PENDING"
        bot = users.find(tx, "tester[bot]")
        for conclusion, state in (("neutral", "SUCCESS"), ("timed_out", "FAILURE"), ("success", "SUCCESS")):
            checks.create(tx, scene.repo, "tests", oid, actor=bot, conclusion=conclusion)
            assert checks.rollup(tx, scene.repo, oid).state == state
        assert len(checks.rollup(tx, scene.repo, oid).runs) == 1
        assert len(checks.of_commit(tx, scene.repo, oid, latest_only=False)) == 4
