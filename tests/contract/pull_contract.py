"""What every `Forge` promises about open pull requests, in parts, for not every forge can do all of it.

class TestMyPulls(PullContract, ThreadContract):
    @pytest.fixture
    def hub(self) -> PullHub:
        return …
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest

from cdock.core.issues import Watch
from cdock.core.pulls import CheckState, Opinion, PullRequest, Thread
from tests.contract.forge_contract import ASKS, BRANCH, Hub

MARKER = "<!-- cdock:reply task=0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11 to=1 -->"


class PullHub(Hub, Protocol):
    """A `Hub` on which people look at pull requests."""

    def write(self, branch: str, path: str, text: str) -> str:
        """Commit a file on a branch, which begins at the default branch when it is new; the commit."""
        ...

    def review(
        self, pull: int, opinion: Opinion, body: str, *, by: str, on: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        """Submit a review with comments on lines: path, line, text."""
        ...

    def draft_review(self, pull: int, body: str, *, by: str, on: Sequence[tuple[str, int, str]]) -> None:
        """Begin a review that is not submitted."""
        ...

    def answer(self, pull: int, body: str, *, by: str) -> None:
        """Answer in the newest thread."""
        ...

    def resolve(self, pull: int, *, by: str) -> None:
        """Settle the newest thread."""
        ...

    def say_status(self, commit: str, name: str, state: str, *, description: str = "", url: str = "") -> None:
        """Say something about a commit: pending, success, failure or error."""
        ...

    def text_of_pull(self, pull: int) -> tuple[str, bool]:
        """Its text, and whether it is a draft."""
        ...

    def said_on_lines(self, pull: int) -> list[tuple[str, str]]:
        """Author and text of all comments in threads, oldest first."""
        ...

    def later(self) -> None:
        """A minute passes for the forge under test."""
        ...


def pull_of(hub: Hub, branch: str = BRANCH) -> PullRequest:
    """The pull request of a branch as the forge shows it."""
    (found,) = hub.forge.look(watch_of(branch)).pulls
    return found


def watch_of(branch: str = BRANCH) -> Watch:
    """Looks at the pull requests of a branch and at nothing else."""
    return Watch(ready="no such label", help=ASKS, branches=frozenset({branch}))


def opened(hub: PullHub, *, draft: bool = False, body: str = "Words") -> PullRequest:
    """A pull request that changes a file of three lines, seen once."""
    hub.write(BRANCH, "a.txt", "one\ntwo\nthree\n")
    hub.forge.ensure_pull(head=BRANCH, title="Add a", body=body, draft=draft)
    shown = pull_of(hub)
    # Changes within one second of a forge's clock may look like none, and are seen a little later.
    hub.next_second()
    return shown


class PullContract:
    """Drafts, texts, conversation, reviews, statuses and conflicts."""

    @pytest.fixture
    def hub(self) -> PullHub:
        raise NotImplementedError

    def test_a_draft_is_opened_shown_and_made_ready(self, hub: PullHub) -> None:
        pull = opened(hub, draft=True)
        assert (pull.draft, pull.body, pull.open) == (True, "Words", True)
        for body, draft in (
            ("New words", True),
            ("Last words", False),
            ("Last words", True),
            ("More", False),
        ):
            for _ in range(2):
                hub.forge.ensure_pull_shown(pull_of(hub), body=body, draft=draft)
                assert hub.text_of_pull(pull.number) == (body, draft)
            shown = pull_of(hub)
            assert (shown.body, shown.draft) == (body, draft)

    def test_an_open_pull_request_is_adopted_as_it_is(self, hub: PullHub) -> None:
        pull = opened(hub, draft=True)
        again = hub.forge.ensure_pull(head=BRANCH, title="Other", body="Other", draft=False)
        assert (again.number, again.draft, again.body) == (pull.number, True, "Words")

    def test_a_text_that_a_person_changed_is_written_again(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.edit(pull.number, by=hub.writer, body="Of a person")
        assert pull_of(hub).body == "Of a person"
        hub.forge.ensure_pull_shown(pull, body="Words", draft=False)
        assert hub.text_of_pull(pull.number) == ("Words", False)

    def test_a_closed_pull_request_is_left_as_it_is(self, hub: PullHub) -> None:
        pull = opened(hub, draft=True)
        hub.close_pull(pull.number)
        closed = pull_of(hub)
        assert not closed.open
        hub.forge.ensure_pull_shown(closed, body="Other", draft=False)
        assert hub.text_of_pull(pull.number) == ("Words", True)

    def test_it_says_what_it_stands_at_and_goes_to(self, hub: PullHub) -> None:
        pull = opened(hub)
        first = pull.commit
        assert len(first) == len(pull.target) == 40
        second = hub.write(BRANCH, "b.txt", "b\n")
        assert pull_of(hub).commit == second != first
        base = hub.write("main", "c.txt", "c\n")
        hub.later()
        assert pull_of(hub).target == base

    def test_nothing_new_about_it_is_the_same_object(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.comment(pull.number, "Nice", by=hub.writer)
        hub.review(pull.number, Opinion.COMMENT, "Hm", by=hub.writer)
        hub.say_status(pull.commit, "build", "success")
        hub.later()
        first = hub.forge.look(watch_of())
        for _ in range(3):
            assert hub.forge.look(watch_of()) is first
        hub.later()
        assert hub.forge.look(watch_of()) is first
        assert hub.forge.look(watch_of(), fresh=False) is first

    def test_its_conversation_is_shown_without_ours(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.comment(pull.number, "Please rename it", by=hub.writer)
        hub.comment(pull.number, "Buy my coins", by=hub.stranger)
        hub.comment(pull.number, f"{MARKER}\nDone", by=hub.bot)
        hub.comment(pull.number, f"{MARKER}\nCopied", by=hub.stranger)
        shown = [(r.author, r.body, r.by_writer, r.mine) for r in pull_of(hub).remarks]
        assert shown == [
            (hub.writer, "Please rename it", True, False),
            (hub.stranger, "Buy my coins", False, False),
            (hub.stranger, f"{MARKER}\nCopied", False, False),
        ]
        hub.edit_comment(pull.number, "Buy none", by=hub.stranger)
        hub.next_second()
        hub.comment(pull.number, "Last", by=hub.writer)
        assert [r.body for r in pull_of(hub).remarks][-2:] == ["Buy none", "Last"]

    def test_a_person_may_speak_by_our_account(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.comment(pull.number, "Please rename it", by=hub.bot)
        (remark,) = pull_of(hub).remarks
        assert (remark.author.removesuffix("[bot]"), remark.mine, remark.by_writer) == (hub.bot, False, True)

    def test_reviews_are_shown_with_the_commit_they_are_about(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.review(pull.number, Opinion.CHANGES, "Please rename it", by=hub.writer)
        hub.review(pull.number, Opinion.COMMENT, "I do not like it", by=hub.stranger)
        first, second = pull_of(hub).reviews
        assert (first.opinion, first.remark.body, first.remark.by_writer) == (
            Opinion.CHANGES, "Please rename it", True,
        )  # fmt: skip
        assert (second.opinion, second.remark.author, second.remark.by_writer) == (
            Opinion.COMMENT, hub.stranger, False,
        )  # fmt: skip
        assert first.commit == second.commit == pull.commit
        hub.write(BRANCH, "b.txt", "b\n")
        hub.review(pull.number, Opinion.APPROVED, "", by=hub.writer)
        hub.later()
        third = pull_of(hub).reviews[-1]
        assert (third.opinion, third.remark.body) == (Opinion.APPROVED, "")
        assert third.commit == pull_of(hub).commit != first.commit

    def test_the_newest_status_of_each_name_counts(self, hub: PullHub) -> None:
        pull = opened(hub)
        for name, state in (
            ("build", "pending"),
            ("lint", "error"),
            ("docs", "success"),
            ("build", "failure"),
        ):
            hub.say_status(
                pull.commit, name, state, description=f"{name}: {state}", url="https://ci.example/1"
            )
        hub.later()
        checks = pull_of(hub).checks
        assert [(c.name, c.state, c.summary, c.url) for c in checks] == [
            ("build", CheckState.FAILED, "build: failure", "https://ci.example/1"),
            ("docs", CheckState.PASSED, "docs: success", "https://ci.example/1"),
            ("lint", CheckState.FAILED, "lint: error", "https://ci.example/1"),
        ]
        assert len({check.ref for check in checks}) == 3
        hub.say_status(pull.commit, "build", "failure", description="build: failure")
        hub.later()
        assert pull_of(hub).checks[0].ref != checks[0].ref
        assert hub.forge.explain_check(checks[0]) == ""

    def test_checks_of_an_older_commit_are_not_shown(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.say_status(pull.commit, "build", "failure")
        hub.later()
        assert pull_of(hub).checks
        hub.write(BRANCH, "b.txt", "b\n")
        assert pull_of(hub).checks == ()
        hub.later()
        assert pull_of(hub).checks == ()

    def test_a_conflict_is_seen_and_its_end_too(self, hub: PullHub) -> None:
        pull = opened(hub)
        assert not pull.conflicting
        base = hub.write("main", "a.txt", "other\n")
        for _ in range(2):
            hub.later()
            shown = pull_of(hub)
        assert (shown.conflicting, shown.target) == (True, base)
        hub.write(BRANCH, "a.txt", "other\n")
        hub.later()
        assert pull_of(hub).number == pull.number

    def test_a_merged_one_says_nothing_more(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.review(pull.number, Opinion.COMMENT, "Hm", by=hub.writer)
        assert pull_of(hub).reviews
        hub.merge(pull.number)
        merged = pull_of(hub)
        assert (merged.merged, merged.reviews, merged.checks) == (True, (), ())


class ThreadContract:
    """Conversations on lines."""

    @pytest.fixture
    def hub(self) -> PullHub:
        raise NotImplementedError

    def test_threads_are_shown_with_all_their_remarks(self, hub: PullHub) -> None:
        pull = opened(hub)
        on = [("a.txt", 2, "Why two?"), ("a.txt", 3, "Why three?")]
        hub.review(pull.number, Opinion.CHANGES, "See below", by=hub.writer, on=on)
        hub.answer(pull.number, "Because", by=hub.stranger)
        shown = pull_of(hub)
        assert [(t.path, t.line, t.resolved) for t in shown.threads] == [
            ("a.txt", 2, False),
            ("a.txt", 3, False),
        ]
        assert [[(r.author, r.body, r.by_writer) for r in t.remarks] for t in shown.threads] == [
            [(hub.writer, "Why two?", True)],
            [(hub.writer, "Why three?", True), (hub.stranger, "Because", False)],
        ]
        assert len({thread.ref for thread in shown.threads}) == 2
        assert [review.opinion for review in shown.reviews] == [Opinion.CHANGES]

    def test_a_settled_thread_says_so(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.review(pull.number, Opinion.COMMENT, "", by=hub.writer, on=[("a.txt", 2, "Why?")])
        assert not only_thread(hub).resolved
        hub.resolve(pull.number, by=hub.writer)
        # Not every forge shows in a list that one was settled.
        hub.later()
        assert only_thread(hub).resolved

    def test_what_was_not_submitted_is_not_shown(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.draft_review(pull.number, "Not yet", by=hub.bot, on=[("a.txt", 2, "Not yet")])
        hub.later()
        shown = pull_of(hub)
        assert (shown.reviews, shown.threads) == ((), ())

    def test_a_reply_is_given_once(self, hub: PullHub) -> None:
        pull = opened(hub)
        hub.review(pull.number, Opinion.COMMENT, "", by=hub.writer, on=[("a.txt", 2, "Why?")])
        hub.answer(pull.number, f"{MARKER}\nCopied", by=hub.stranger)
        thread = only_thread(hub)
        for _ in range(2):
            hub.forge.ensure_reply(pull_of(hub), thread=thread.ref, marker=MARKER, body=f"{MARKER}\nDone")
            hub.forge.ensure_reply(pull, thread=thread.ref, marker=MARKER, body=f"{MARKER}\nDone")
        assert hub.said_on_lines(pull.number) == [
            (hub.writer, "Why?"),
            (hub.stranger, f"{MARKER}\nCopied"),
            (hub.bot, f"{MARKER}\nDone"),
        ]
        last = only_thread(hub).remarks[-1]
        assert (last.mine, last.by_writer, last.body) == (True, False, f"{MARKER}\nDone")
        hub.answer(pull.number, "Thanks", by=hub.writer)
        assert [r.mine for r in only_thread(hub).remarks] == [False, False, True, False]
        other = MARKER.replace("to=1", "to=2")
        hub.forge.ensure_reply(pull, thread=thread.ref, marker=other, body=f"{other}\nYou are welcome")
        assert len(hub.said_on_lines(pull.number)) == 5


def only_thread(hub: Hub) -> Thread:
    """The one thread of the pull request."""
    (found,) = pull_of(hub).threads
    return found
