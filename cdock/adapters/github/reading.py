"""Single reads that fill the picture: an issue, its comments, a list. Unchanged ones cost nothing.

What a read shows is noted first and the read counts as seen after that, so that an exception in between (a permission
that could not be read) loses no change.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from cdock.adapters import payload
from cdock.adapters.github import client, normalize
from cdock.adapters.github.client import PER_PAGE, Client, Poll, Query
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.edits import History, edits_in, edits_of, since_own
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.normalize import User
from cdock.adapters.github.picture import Picture
from cdock.adapters.github.polling import rows_of
from cdock.adapters.github.writers import Writers
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import Unavailable
from cdock.core.marker import speaks_for_cdock

log = logging.getLogger(__name__)


class Reader:
    """Reads things of one repository into a picture of it."""

    def __init__(
        self,
        client: Client,
        home: Home,
        writers: Writers,
        optional: OptionalFeatures,
        picture: Picture,
    ) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._optional = optional
        self._picture = picture

    def issue(self, number: int, *, anew: bool = False) -> bool:
        """Read one issue; whether it is there. A pull request is none, and one that was transferred is not ours."""
        path = self._home.path(f"issues/{number}")
        try:
            page = self._client.poll(path, anew=anew or self._picture.thread(number) is None)
        except Absent:
            self._picture.forget([number])
            return False
        if not page.changed:
            return True
        if not isinstance(page.content, dict):
            raise Unavailable(f"the forge sent no object for GET {path}", tried=f"GET {path}")
        if payload.is_pull(page.content) or not self._home.owns(page.content):
            self._picture.forget([number])
            return False
        self.note(page.content)
        page.commit()
        return True

    def note(self, row: Row) -> None:
        """Take over an issue's row."""
        known = self._picture.thread(payload.number_of(row))
        if known and known.issue.id != payload.id_of(row):
            # A number is given once, so this may be another repository under the old name.
            self._home.verify()
        self._picture.note_issue(row)

    def comments(self, number: int) -> None:
        """Read all comments of an issue that is in the picture."""
        thread = self._picture.thread(number)
        if thread is None:
            return
        # A full last page stays as it is when a comment is added behind it.
        full = bool(thread.said) and len(thread.said) % PER_PAGE == 0
        try:
            pages = self._pages(f"issues/{number}/comments", {}, anew=full or not thread.listed)
        except Absent:
            self.issue(number, anew=True)
            return
        there = None
        if pages is not None:
            there = {self.note_comment(number, row) for row in _rows(pages)}
        self._picture.complete(number, there)
        _commit(pages)

    def note_comment(self, number: int, row: Row, *, written: bool = False) -> int:
        """Take over a comment's row, finding out once whether its author may write; its id."""
        if not self._picture.known(number, row):
            mine = speaks_for_cdock(payload.body_of(row)) and self._writers.wrote(row)
            by_writer = not mine and self._writers.include(normalize.user_of(row))
            comment = normalize.comment_from_rest(row, mine=mine, by_writer=by_writer)
            self._picture.note_comment(number, comment, row, written=written)
        return payload.id_of(row)

    def labelled(self, label: str, *, anew: bool = False) -> frozenset[int] | None:
        """Read the open issues with a label; their numbers, or None when that list is as it was."""
        pages = self._pages("issues", {"labels": label, "state": "open"}, anew=anew)
        return self._note_all(pages)

    def helps(self, label: str) -> None:
        """Read the help issues we opened, whatever became of them."""
        query: Query = {"labels": label, "state": "all", "creator": self._writers.me()}
        self._note_all(self._pages("issues", query, anew=True))

    def branch(self, branch: str) -> None:
        """Read the pull requests of a branch."""
        owner = self._home.full_name.partition("/")[0]
        query: Query = {"head": f"{owner}:{branch}", "state": "all"}
        pages = self._pages("pulls", query, anew=not self._picture.pulls.knows(branch))
        if pages is not None:
            # GitHub ignores a `head` it cannot read and lists everything.
            self._picture.pulls.note_branch(
                branch, [r for r in _rows(pages) if normalize.head_of(r) == branch]
            )
        _commit(pages)

    def branches(self, branches: Collection[str]) -> None:
        """Read the pull requests of many branches: all of the repository's, while that is cheaper than one by one."""
        path = self._home.path("pulls")
        by_branch: dict[str, list[Row]] = {branch: [] for branch in branches}
        page = self._client.poll(path, {"state": "all", "per_page": PER_PAGE}, anew=True)
        for left in reversed(range(len(branches) // 10)):
            for row in rows_of(page, path):
                by_branch.get(normalize.head_of(row), []).append(row)
            if not page.next:
                for branch, rows in by_branch.items():
                    self._picture.pulls.note_branch(branch, rows)
                return
            if left:
                page = self._client.poll(page.next, anew=True)
        for branch in branches:
            self.branch(branch)

    @contextmanager
    def changing(self, issue: int) -> Iterator[None]:
        """After a write to `issue` that failed in a way that leaves doubt, it is read again before the next one."""
        try:
            yield
        except OutcomeUnknown:
            self._picture.doubt(issue)
            raise
        except Absent as error:
            self._picture.doubt(issue)
            self.require(issue, error)
            raise

    def require(self, issue: int, error: Absent) -> None:
        """Something of the issue was not found: if the issue itself is gone, say so, and look at it no more.

        Raises:
            Refused: it is gone.
        """
        if not self.issue(issue, anew=True):
            raise self._home.gone(issue) from error

    def closing(self, number: int) -> None:
        """Find out who closed an issue, and whether their word counts."""
        thread = self._picture.thread(number)
        if thread and thread.closer is None:
            self.issue(number, anew=True)
            thread = self._picture.thread(number)
        if thread and not thread.issue.open:
            closer = thread.closer or User("")
            self._picture.note_closer(number, closer, by_writer=self._writers.include(closer))

    def ticks(self, number: int) -> None:
        """Find out who changed the text of an issue, and whether the words of all of them count."""
        thread = self._picture.thread(number)
        if thread is None:
            return
        try:
            history = self._told(lambda: edits_of(self._client, self._home, number))
        except Unavailable as error:
            _put_off(number, error)
            return
        if history is None:
            self._picture.note_ticks(number, "", by_writer=False)
        elif history.text == thread.issue.body:
            by_writers = bool(history.edits) and all(map(self._writers.count, [e.by for e in history.edits]))
            last = history.edits[-1].by.login if history.edits else ""
            self._picture.note_ticks(number, last, by_writer=history.whole and by_writers)

    def ticks_in(self, number: int, comment: int) -> None:
        """Find out who changed the text of a comment of ours since we did, and whether all of them count."""
        thread = self._picture.thread(number)
        said = thread.said.get(comment) if thread else None
        if said is None:
            return
        node = said.node
        try:
            history = self._told(lambda: edits_in(self._client, node)) if node else None
        except Unavailable as error:
            _put_off(number, error)
            return
        if history is None:
            self._picture.note_ticks_in(number, comment, "", by_writer=False)
        elif history.text == said.comment.body:
            edits = since_own(history.edits, self._writers.is_me)
            by_writers = bool(edits) and all(map(self._writers.count, [e.by for e in edits]))
            last = edits[-1].by.login if edits else ""
            told = history.whole or (history.newest and len(edits) < len(history.edits))
            self._picture.note_ticks_in(number, comment, last, by_writer=told and by_writers)

    def _told(self, ask: Callable[[], History]) -> History | None:
        """Who changed a text; None where the host or the token does not tell."""
        return self._optional.attempt("see who ticks boxes", ask, otherwise=None)

    def _note_all(self, pages: list[Poll] | None) -> frozenset[int] | None:
        if pages is None:
            return None
        issues = [row for row in _rows(pages) if not payload.is_pull(row)]
        for row in issues:
            self.note(row)
        _commit(pages)
        return frozenset(map(payload.number_of, issues))

    def _pages(self, rest: str, query: Query, *, anew: bool) -> list[Poll] | None:
        """All pages of a list, or None when none of them has changed."""
        path = self._home.path(rest)
        page = self._client.poll(path, {**query, "per_page": PER_PAGE}, anew=anew)
        pages = [page]
        while page.next:
            if len(pages) == client.MOST_PAGES:
                raise Unavailable(
                    f"{self._home.host} sent more than {client.MOST_PAGES} pages for GET {path}",
                    tried=f"GET {path}",
                )
            page = self._client.poll(page.next, anew=anew)
            pages.append(page)
        if not any(page.changed for page in pages):
            return None
        if not all(page.changed for page in pages):
            return self._pages(rest, query, anew=True)
        return pages


def _put_off(issue: int, error: Unavailable) -> None:
    """Nothing else depends on it, and GraphQL has limits of its own: a tick is taken for nobody's until then."""
    log.debug("who ticked a box could not be read", extra={"issue": issue, "error": error.message})


def _rows(pages: list[Poll]) -> list[Row]:
    return [row for page in pages for row in rows_of(page, "a list")]


def _commit(pages: list[Poll] | None) -> None:
    for page in pages or ():
        page.commit()
