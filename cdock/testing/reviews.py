"""What people do to the pull requests of memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cdock.core.marker import speaks_for_cdock
from cdock.core.pulls import Check, CheckState, Opinion, PullRequest, Remark, Review, Thread
from cdock.testing.history import MemoryHistory
from cdock.testing.people import MemoryIssues


@dataclass
class MemoryPulls(MemoryHistory, MemoryIssues):
    """The pull requests of one repository, with all that is said about them; what is hidden from whom is elsewhere."""

    pulls: dict[int, PullRequest] = field(default_factory=dict)
    bases: dict[int, str] = field(default_factory=dict)
    """The branches that pull requests go to, where that is not `main`."""
    queued: set[int] = field(default_factory=set)
    """Pull requests that will be merged when they may be."""
    closes: dict[int, int] = field(default_factory=dict)
    """The issues that pull requests close when they are merged."""
    begun: dict[int, list[str]] = field(default_factory=dict)
    """Reviews that are not submitted, which only their authors see."""
    statuses: dict[str, dict[str, Check]] = field(default_factory=dict)
    """What checks say about commits, by name."""

    def known(self, number: int) -> PullRequest:
        """The pull request with what follows from its branches; a closed one is as it was when it closed."""
        pull = self.pulls[number]
        if pull.open:
            commit, target = self.branches.get(pull.head, ""), self.branches[self.base_of(number)]
            checks = self.statuses.get(commit, {})
            self.pulls[number] = replace(
                pull,
                commit=commit,
                target=target,
                checks=tuple(checks[name] for name in sorted(checks)),
                conflicting=self.conflict_between(commit, target),
            )
        return self.pulls[number]

    def base_of(self, pull: int) -> str:
        """The branch a pull request goes to; once that is gone, where that one went to, in the end `main`."""
        base = self.bases.get(pull, "main")
        if base in self.branches:
            return base
        below = [number for number, there in self.pulls.items() if there.head == base and number != pull]
        self.bases[pull] = self.base_of(below[-1]) if below else "main"
        return self.bases[pull]

    def merge(self, pull: int, *, by: str = "maria") -> None:
        """Somebody merges a pull request; the issue it closes closes, when it went to `main`."""
        commit, base = self.known(pull).commit, self.base_of(pull)
        target = self.branches[base]
        self.branches[base] = commit if self.contains(commit, target) else self.merged(target, commit)
        self._change(pull, open=False, merged=True)
        self.queued.discard(pull)
        if pull in self.closes and base == "main":
            self.close(self.closes[pull], by=by)

    def close_pull(self, pull: int) -> None:
        """Somebody closes a pull request without merging it."""
        self.known(pull)
        self._change(pull, open=False)

    def rewrite(self, pull: int, body: str) -> None:
        """Somebody changes the text of a pull request."""
        self._change(pull, body=body)

    def say(self, pull: int, body: str, *, by: str = "maria") -> None:
        """Somebody says something in the conversation of a pull request."""
        self._change(pull, remarks=(*self.pulls[pull].remarks, self._remark(body, by=by)))

    def reword(self, number: int, comment: int, body: str, *, by: str = "") -> None:
        """A comment on an issue, or in the conversation of a pull request, gets another text."""
        if number in self.pulls:
            said = self.pulls[number].remarks
            self._change(number, remarks=tuple(replace(r, body=body) if r.id == comment else r for r in said))
        else:
            super().reword(number, comment, body, by=by)

    def review(
        self,
        pull: int,
        body: str = "",
        *,
        by: str = "maria",
        opinion: Opinion = Opinion.CHANGES,
        about: Sequence[str] = (),
        on: Sequence[tuple[str, int, str]] = (),
    ) -> None:
        """Somebody reviews a pull request, with remarks on lines (path, line, text); `about` are some on any lines."""
        there = self.known(pull)
        review = Review(opinion, self._remark(body, by=by), commit=there.commit)
        lines = (*(("a.py", n, text) for n, text in enumerate(about, start=1)), *on)
        threads = tuple(
            Thread(f"thread-{self._next()}", path, n, resolved=False, remarks=(self._remark(text, by=by),))
            for path, n, text in lines
        )
        self._change(pull, reviews=(*there.reviews, review), threads=(*there.threads, *threads))

    def begin_review(self, pull: int, body: str) -> None:
        """Somebody begins a review and does not submit it."""
        self.begun.setdefault(pull, []).append(body)

    def remark(self, pull: int, thread: str, body: str, *, by: str = "maria") -> None:
        """Somebody answers in a thread."""
        self._change_thread(
            pull, thread, lambda there: replace(there, remarks=(*there.remarks, self._remark(body, by=by)))
        )

    def resolve(self, pull: int, thread: str) -> None:
        """Somebody settles a thread."""
        self._change_thread(pull, thread, lambda there: replace(there, resolved=True))

    def check(self, pull: int, name: str, state: CheckState, summary: str = "") -> None:
        """A check on the newest commit of a pull request ends, or begins."""
        self.say_status(self.known(pull).commit, name, state, summary=summary)
        self.known(pull)

    def say_status(
        self, commit: str, name: str, state: CheckState, *, summary: str = "", url: str = ""
    ) -> None:
        """Something is said about a commit, in place of what was said by this name."""
        made = Check(f"check-{self._next()}", name, state, summary=summary, url=url)
        self.statuses.setdefault(commit, {})[name] = made

    def conflict(self, pull: int) -> None:
        """Somebody changes on `main` what the pull request changes too."""
        work = self.since(self.known(pull).commit, self.branches["main"])
        path = next(iter(self.changes[work[-1]]))
        self.write("main", path, f"{self._next()}")
        self.known(pull)

    def _remark(self, body: str, *, by: str) -> Remark:
        mine = by == self.bot and speaks_for_cdock(body)
        return Remark(
            id=9_000_000 + self._next(),
            author=by,
            body=body,
            created_at=self.clock.now(),
            mine=mine,
            by_writer=by in self.writers and not mine,
        )

    def _change(self, pull: int, **changes: Any) -> None:
        self.pulls[pull] = replace(self.pulls[pull], **changes)

    def _change_thread(self, pull: int, ref: str, change: Callable[[Thread], Thread]) -> None:
        threads = tuple(change(each) if each.ref == ref else each for each in self.pulls[pull].threads)
        self._change(pull, threads=threads)
