"""What every `Forge` promises, as tests that know no particular forge.

    class TestMine(ForgeContract):
        @pytest.fixture
        def hub(self) -> Hub:
            return …

`Hub` is one fresh repository with its people; the forge under test acts as `hub.bot`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import pytest

from cdock.core.errors import NotPermitted, Refused
from cdock.core.issues import HelpIssue, Issue, Watch
from cdock.core.messages import is_ours
from cdock.core.policy import Labels
from cdock.core.pulls import PullRequest
from cdock.ports import Forge

READY = "agent-ready"
ASKS = "agent-help"
TASK = UUID("0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11")
OTHER = UUID("77777777-9f0d-4dd6-8f0a-6a3c3e9d4f11")
BRANCH = "cdock/add-login.0b9b54d"


class Hub(Protocol):
    """A fresh repository, and what people do and see there without cdock.

    `bot` and `writer` may write to it, `stranger` may only read, open issues and comment. Nothing here is cached.
    """

    @property
    def forge(self) -> Forge: ...

    @property
    def bot(self) -> str: ...

    @property
    def writer(self) -> str: ...

    @property
    def stranger(self) -> str: ...

    def open_issue(self, title: str, *, body: str = "", by: str, labels: Sequence[str] = ()) -> int:
        """Open an issue, then put labels on as the same person would; its number."""
        ...

    def label(self, number: int, name: str, *, by: str) -> None: ...

    def unlabel(self, number: int, name: str, *, by: str) -> None: ...

    def comment(self, number: int, body: str, *, by: str) -> None: ...

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        """Change the text of an issue."""
        ...

    def edit_comment(self, number: int, body: str, *, by: str) -> None:
        """Change the text of the newest comment."""
        ...

    def close(self, number: int, *, by: str) -> None: ...

    def reopen(self, number: int, *, by: str) -> None: ...

    def push(self, branch: str) -> None:
        """Give the branch a new commit that the default branch does not have."""
        ...

    def merge(self, pull: int) -> None: ...

    def close_pull(self, pull: int) -> None: ...

    def demote_bot(self) -> None:
        """From now on `bot` may only read, open issues and comment."""
        ...

    def next_second(self) -> None:
        """Return in a later second of the forge's clock."""
        ...

    def labels_on(self, number: int) -> frozenset[str]: ...

    def comments_on(self, number: int) -> list[tuple[str, str]]:
        """Author and body of each comment, oldest first."""
        ...

    def is_open(self, number: int) -> bool: ...

    def issues(self) -> list[int]:
        """The numbers of all issues, pull requests left out."""
        ...

    def pulls(self) -> list[int]:
        """The numbers of all pull requests."""
        ...


def status_marker(task: UUID = TASK) -> str:
    """The first line of a status comment."""
    return f"<!-- cdock:status task={task} id=cdock.add-login.{task.hex[:7]} -->"


def said_marker(op: UUID = OTHER) -> str:
    """The first line of what a person said through cdock."""
    return f"<!-- cdock:said op={op} -->"


def say(hub: Hub, since: datetime) -> Issue:
    """Make sure the issue is there that a person asked for while the forge was away."""
    return hub.forge.ensure_issue(
        marker=said_marker(),
        title="Add login",
        body=f"{said_marker()}\nPlease",
        labels=[READY],
        since=since,
    )


def help_marker(issue: int, *, task: UUID = TASK, round_: int = 1) -> str:
    """The first line of a help issue."""
    return f"<!-- cdock:help task={task} round={round_} issue={issue} -->"


class ForgeContract:
    """Subclass it and give it a `hub`."""

    @pytest.fixture
    def hub(self) -> Hub:
        raise NotImplementedError

    # list_issues

    def test_open_issues_with_the_label_are_listed(self, hub: Hub) -> None:
        wanted = hub.open_issue("Add login", body="Line 1\nLine 2", by=hub.writer, labels=[READY, "bug"])
        hub.open_issue("Other", by=hub.writer, labels=["bug"])
        closed = hub.open_issue("Closed", by=hub.writer, labels=[READY])
        hub.close(closed, by=hub.writer)
        (issue,) = issues_of(hub, (), ready=READY)
        assert (issue.number, issue.title, issue.body) == (wanted, "Add login", "Line 1\nLine 2")
        assert (issue.author, issue.open, issue.labels) == (hub.writer, True, frozenset({READY, "bug"}))
        assert issue.url
        assert issue.created_at.tzinfo is UTC

    def test_ids_are_no_numbers(self, hub: Hub) -> None:
        numbers = [hub.open_issue(f"Issue {n}", by=hub.writer, labels=[READY]) for n in range(3)]
        issues = issues_of(hub, (), ready=READY)
        assert [issue.number for issue in issues] == numbers
        assert not {issue.id for issue in issues} & set(numbers)

    def test_a_held_issue_is_listed_without_label_and_closed(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer, labels=[READY])
        hub.unlabel(held, READY, by=hub.writer)
        (issue,) = issues_of(hub, {held}, ready=READY)
        assert (issue.number, issue.open, issue.labels) == (held, True, frozenset())
        hub.close(held, by=hub.writer)
        (issue,) = issues_of(hub, {held}, ready=READY)
        assert not issue.open
        assert issues_of(hub, (), ready=READY) == ()

    def test_a_held_issue_with_the_label_is_listed_once(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer, labels=[READY])
        hub.comment(held, "Hello", by=hub.writer)
        (issue,) = issues_of(hub, {held}, ready=READY)
        assert [comment.body for comment in issue.comments] == ["Hello"]

    def test_changes_are_seen_at_the_next_look(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer)
        for n in range(3):
            hub.comment(held, f"Words {n}", by=hub.writer)
            (issue,) = issues_of(hub, {held}, ready=READY)
            assert [comment.body for comment in issue.comments] == [f"Words {i}" for i in range(n + 1)]
        hub.label(held, "bug", by=hub.writer)
        assert one_issue(hub, held).labels == {"bug"}

    def test_nothing_new_is_the_same_object(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer, labels=[READY])
        hub.comment(held, "Words", by=hub.writer)
        watch = Watch(ready=READY, help=ASKS, held=frozenset({held}), asking=frozenset({held}))
        first = hub.forge.look(watch)
        assert hub.forge.look(watch) is first
        assert hub.forge.look(watch, fresh=False) is first

    def test_our_own_writes_show_without_a_fresh_look(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer, labels=[READY])
        hub.push(BRANCH)
        watch = Watch(
            ready=READY,
            help=ASKS,
            held=frozenset({held}),
            asking=frozenset({held}),
            branches=frozenset({BRANCH}),
        )
        hub.forge.look(watch)
        hub.forge.ensure_labels(held, add=["in-progress"], remove=[READY])
        hub.forge.ensure_comment(held, marker=status_marker(), body=f"{status_marker()}\nIn progress\n")
        asked = ask(hub, held)
        pull = hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words")
        for fresh in (False, True):
            shown = hub.forge.look(watch, fresh=fresh)
            (issue,) = shown.issues
            assert issue.labels == {"in-progress"}
            assert [comment.body.splitlines()[1] for comment in issue.comments] == ["In progress"]
            assert all(is_ours(comment) for comment in issue.comments)
            assert [help_.number for help_ in shown.helps] == [asked.number]
            assert shown.pulls == (pull,)
        hub.forge.ensure_closed(held)
        assert not hub.forge.look(watch, fresh=False).issues[0].open

    def test_an_edited_comment_is_what_it_says_now(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer)
        hub.comment(held, "First", by=hub.stranger)
        hub.comment(held, "Words", by=hub.stranger)
        before = one_issue(hub, held)
        hub.edit_comment(held, "/cdock stop", by=hub.stranger)
        after = one_issue(hub, held)
        assert [(c.id, c.body, c.by_writer) for c in after.comments] == [
            (before.comments[0].id, "First", False),
            (before.comments[1].id, "/cdock stop", False),
        ]

    def test_an_issue_that_was_seen_is_whole_when_it_is_held(self, hub: Hub) -> None:
        seen = hub.open_issue("Seen", by=hub.writer, labels=[READY])
        issues_of(hub, (), ready=READY)
        hub.comment(seen, "Words", by=hub.writer)
        (issue,) = issues_of(hub, (), ready=READY)
        assert issue.comments == ()
        assert [comment.body for comment in one_issue(hub, seen).comments] == ["Words"]

    def test_comments_say_who_may_write(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer)
        hub.comment(held, "Use OAuth", by=hub.writer)
        hub.comment(held, "Buy my coins", by=hub.stranger)
        comments = one_issue(hub, held).comments
        assert [(c.author, c.body, c.by_writer) for c in comments] == [
            (hub.writer, "Use OAuth", True),
            (hub.stranger, "Buy my coins", False),
        ]
        assert len({c.id for c in comments}) == 2
        assert all(c.created_at.tzinfo is UTC for c in comments)
        assert not any(is_ours(c) for c in comments)

    def test_a_marker_copied_by_others_is_not_ours(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer)
        copied = f"{status_marker()}\n**Done**"
        hub.comment(held, copied, by=hub.writer)
        hub.comment(held, copied, by=hub.stranger)
        assert [is_ours(c) for c in one_issue(hub, held).comments] == [False, False]

    def test_a_person_may_use_our_account(self, hub: Hub) -> None:
        held = hub.open_issue("Held", by=hub.writer)
        hub.forge.ensure_comment(held, marker=status_marker(), body=f"{status_marker()}\nIn progress\n")
        hub.comment(held, f"I see this:\n{status_marker()}", by=hub.bot)
        ours, person = one_issue(hub, held).comments
        assert is_ours(ours)
        assert not is_ours(person)
        assert person.by_writer

    def test_pull_requests_are_no_issues(self, hub: Hub) -> None:
        hub.push(BRANCH)
        pull = hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words")
        hub.label(pull.number, READY, by=hub.writer)
        assert issues_of(hub, (), ready=READY) == ()
        assert issues_of(hub, {pull.number}, ready=READY) == ()

    # may_start

    def test_only_a_writers_label_starts_work(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.stranger)
        assert not hub.forge.approval(issue, label=READY).granted
        hub.label(issue, "bug", by=hub.writer)
        assert not hub.forge.approval(issue, label=READY).granted
        hub.label(issue, READY, by=hub.writer)
        assert hub.forge.approval(issue, label=READY).granted

    def test_a_label_that_was_taken_off_again_starts_nothing(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer, labels=[READY])
        assert hub.forge.approval(issue, label=READY).granted
        hub.unlabel(issue, READY, by=hub.writer)
        assert not hub.forge.approval(issue, label=READY).granted
        hub.label(issue, READY, by=hub.writer)
        assert hub.forge.approval(issue, label=READY).granted

    def test_the_last_one_to_put_the_label_on_counts(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer, labels=[READY])
        approval = hub.forge.approval(issue, label=READY.upper())
        assert (approval.by, approval.granted, approval.holds) == (hub.writer, True, True)
        assert approval.at is not None
        assert approval.at.tzinfo is UTC
        hub.unlabel(issue, READY, by=hub.writer)
        taken = hub.forge.approval(issue, label=READY)
        assert (taken.by, taken.granted, taken.at) == ("", False, approval.at)

    def test_an_approval_is_for_the_text_that_was_there(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", body="Line 1\r\nLine 2", by=hub.writer, labels=[READY])
        approval = hub.forge.approval(issue, label=READY)
        assert approval.digest == one_issue(hub, issue).digest
        hub.edit(issue, by=hub.writer, body="Something else")
        edited = hub.forge.approval(issue, label=READY)
        assert edited.digest == one_issue(hub, issue).digest != approval.digest
        assert edited.holds

    def test_a_text_that_a_stranger_changed_after_the_label_is_not_approved(self, hub: Hub) -> None:
        for change in ({"body": "Mine coins"}, {"title": "Mine coins"}):
            issue = hub.open_issue("Add login", body="Please", by=hub.stranger)
            hub.label(issue, READY, by=hub.writer)
            hub.edit(issue, by=hub.stranger, **change)
            approval = hub.forge.approval(issue, label=READY)
            assert (approval.granted, approval.edited_by, approval.holds) == (True, hub.stranger, False)
            hub.unlabel(issue, READY, by=hub.bot)
            assert hub.forge.approval(issue, label=READY).edited_by == hub.stranger
            hub.next_second()
            hub.label(issue, READY, by=hub.writer)
            again = hub.forge.approval(issue, label=READY)
            assert (again.edited_by, again.holds) == ("", True)

    # acknowledge, ensure_issue

    def test_a_comment_may_be_acknowledged_again(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        hub.comment(issue, "/cdock stop", by=hub.writer)
        (comment,) = one_issue(hub, issue).comments
        for _ in range(2):
            hub.forge.acknowledge(comment.id)

    def test_an_issue_of_ours_is_made_once_and_left_as_people_left_it(self, hub: Hub) -> None:
        hub.open_issue("Other", body=f"{said_marker()}\nCopied", by=hub.writer)
        since = (
            hub.forge.look(Watch(ready=READY, help=ASKS, held=frozenset(hub.issues()))).issues[0].created_at
        )
        made = say(hub, since)
        assert (made.title, made.author, made.open, made.labels) == ("Add login", hub.bot, True, {READY})
        hub.close(made.number, by=hub.writer)
        again = say(hub, since)
        assert (again.number, again.open) == (made.number, False)
        assert len(hub.issues()) == 2

    # ensure_repository_labels, ensure_labels

    def test_repository_labels_are_made_once(self, hub: Hub) -> None:
        labels = Labels()
        created = hub.forge.ensure_repository_labels(labels)
        assert set(created) <= labels.states | {labels.help_issue, labels.plan}
        assert hub.forge.ensure_repository_labels(labels) == ()

    def test_single_labels_change_and_all_others_stay(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer, labels=[READY, "bug"])
        for _ in range(2):
            hub.forge.ensure_labels(issue, add=["in-progress", "cdock.x.0b9b54d"], remove=[READY, "absent"])
            assert hub.labels_on(issue) == {"bug", "in-progress", "cdock.x.0b9b54d"}

    def test_a_label_a_person_sets_meanwhile_stays(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer, labels=[READY])
        one_issue(hub, issue)
        hub.label(issue, "urgent", by=hub.writer)
        hub.forge.ensure_labels(issue, add=["in-progress"], remove=[READY])
        assert hub.labels_on(issue) == {"urgent", "in-progress"}

    def test_an_account_that_may_not_label_is_told_so(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer, labels=[READY])
        hub.demote_bot()
        with pytest.raises(NotPermitted) as caught:
            hub.forge.ensure_labels(issue, add=["in-progress"], remove=[])
        assert caught.value.fix
        assert hub.labels_on(issue) == {READY}

    def test_a_dropped_help_label_is_told_and_makes_no_second_issue(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        hub.demote_bot()
        before = len(hub.issues())
        for _ in range(2):
            with pytest.raises(NotPermitted):
                ask(hub, issue)
        assert len(hub.issues()) <= before + 1

    # ensure_comment

    def test_our_comment_is_written_once_and_edited_in_place(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        marker = status_marker()
        first, second = f"{marker}\nIn progress\n", f"{marker}\nDone\n"
        for body in (first, first, second, second):
            hub.forge.ensure_comment(issue, marker=marker, body=body)
            ((author, shown),) = hub.comments_on(issue)
            assert (author, shown.strip()) == (hub.bot, body.strip())

    def test_a_status_is_shown_whole_and_again_at_no_cost(self, hub: Hub) -> None:
        issue = hub.open_issue("Show", by=hub.writer, labels=[READY])
        hub.label(issue, "first", by=hub.writer)
        hub.unlabel(issue, "first", by=hub.writer)
        one_issue(hub, issue)
        for state, before, words in (
            ("first", READY, "one"),
            ("second", "first", "two"),
            ("first", "second", "three"),
        ):
            hub.label(issue, "of a person", by=hub.writer)
            body = f"{status_marker()}\n{words}"
            for _ in range(2):
                hub.forge.ensure_shown(issue, add={state}, remove={before}, marker=status_marker(), body=body)
            assert hub.labels_on(issue) == {state, "of a person"}
            assert hub.comments_on(issue) == [(hub.bot, body)]
            seen = one_issue(hub, issue)
            assert seen.labels == {state, "of a person"}
            assert [comment.body for comment in seen.comments] == [body]

    def test_comments_of_others_with_our_marker_are_left_alone(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        copied = f"{status_marker()}\nHa"
        hub.comment(issue, copied, by=hub.stranger)
        hub.comment(issue, copied, by=hub.writer)
        for _ in range(2):
            hub.forge.ensure_comment(issue, marker=status_marker(), body=f"{status_marker()}\nDone\n")
        shown = [(author, body.strip()) for author, body in hub.comments_on(issue)]
        assert shown == [
            (hub.stranger, copied),
            (hub.writer, copied),
            (hub.bot, f"{status_marker()}\nDone"),
        ]

    def test_each_marker_has_its_own_comment(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        for marker in (status_marker(TASK), status_marker(OTHER), status_marker(TASK)):
            hub.forge.ensure_comment(issue, marker=marker, body=f"{marker}\nWords\n")
        assert len(hub.comments_on(issue)) == 2

    def test_our_comment_is_found_behind_many_others(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        for n in range(103):
            hub.comment(issue, f"Words {n}", by=hub.writer)
        for word in ("One", "Two"):
            body = f"{status_marker()}\n{word}\n"
            hub.forge.ensure_comment(issue, marker=status_marker(), body=body)
        assert [author for author, _ in hub.comments_on(issue)].count(hub.bot) == 1
        comments = one_issue(hub, issue).comments
        assert len(comments) == 104
        assert comments[-1].body.strip() == f"{status_marker()}\nTwo"

    # ensure_help, list_helps

    def test_help_is_asked_for_once(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        first, second = ask(hub, issue), ask(hub, issue)
        assert first.number == second.number != issue
        assert (first.open, first.task, first.round) == (True, TASK, 1)
        assert first.url
        assert hub.labels_on(first.number) == {ASKS}
        assert hub.issues() == [issue, first.number]
        (listed,) = helps(hub, issue)
        assert (listed.number, listed.open, listed.task, listed.round) == (first.number, True, TASK, 1)
        assert listed.comments == ()

    def test_each_round_has_its_own_help_issue(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        numbers = [ask(hub, issue, round_=round_).number for round_ in (1, 2, 1, 2)]
        assert numbers == [numbers[0], numbers[1]] * 2
        assert [help_.round for help_ in helps(hub, issue)] == [1, 2]

    def test_an_answered_help_issue_is_listed_with_what_was_said(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        number = ask(hub, issue).number
        hub.comment(number, "Me too", by=hub.stranger)
        hub.comment(number, "Use OAuth\nplease", by=hub.writer)
        hub.close(number, by=hub.writer)
        (found,) = helps(hub, issue)
        assert [(c.author, c.body, c.by_writer) for c in found.comments] == [
            (hub.stranger, "Me too", False),
            (hub.writer, "Use OAuth\nplease", True),
        ]
        assert (found.open, found.closed_by, found.closed_by_writer) == (False, hub.writer, True)

    def test_a_closed_help_issue_stays_closed_and_is_not_asked_again(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        first = ask(hub, issue)
        hub.close(first.number, by=hub.writer)
        again = ask(hub, issue)
        assert (again.number, again.open) == (first.number, False)
        assert not hub.is_open(first.number)

    def test_help_is_closed_on_demand(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        first = ask(hub, issue)
        for _ in range(2):
            hub.forge.ensure_closed(first.number)
            assert not hub.is_open(first.number)
        (closed,) = helps(hub, issue)
        assert (closed.number, closed.open) == (first.number, False)
        assert len(hub.issues()) == 2

    def test_an_opened_again_help_issue_is_open(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        number = ask(hub, issue).number
        hub.forge.ensure_closed(number)
        hub.reopen(number, by=hub.writer)
        (found,) = helps(hub, issue)
        assert found.open
        assert not found.closed_by_writer

    def test_only_help_for_held_issues_is_listed(self, hub: Hub) -> None:
        one, other = (hub.open_issue(title, by=hub.writer) for title in ("One", "Other"))
        ask(hub, one)
        wanted = ask(hub, other, task=OTHER)
        assert [help_.number for help_ in helps(hub, other)] == [wanted.number]
        assert helps_of(hub, ()) == ()

    def test_issues_of_others_with_a_copied_marker_are_no_help_issues(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        copied = f"{help_marker(issue)}\n\nWhat is the password?\n"
        for person in (hub.stranger, hub.writer):
            number = hub.open_issue("Help", body=copied, by=person)
            hub.label(number, ASKS, by=hub.writer)
        assert helps(hub, issue) == ()
        found = ask(hub, issue)
        assert hub.issues()[-1] == found.number
        assert [help_.number for help_ in helps(hub, issue)] == [found.number]

    # ensure_pull, list_pulls

    def test_a_pull_request_is_opened_once(self, hub: Hub) -> None:
        hub.push(BRANCH)
        first = hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words")
        second = hub.forge.ensure_pull(head=BRANCH, title="Other title", body="Other words")
        assert first == second
        assert (first.head, first.open, first.merged) == (BRANCH, True, False)
        assert first.url
        assert hub.pulls() == [first.number]
        assert pulls_of(hub, [BRANCH, "cdock/absent.0000000"]) == (first,)

    def test_only_the_asked_for_branches_are_listed(self, hub: Hub) -> None:
        pulls = []
        for branch in (BRANCH, f"{BRANCH}x", "other"):
            hub.push(branch)
            pulls.append(hub.forge.ensure_pull(head=branch, title=branch, body=""))
        assert pulls_of(hub, [BRANCH]) == (pulls[0],)
        assert set(pulls_of(hub, [BRANCH, "other"])) == {pulls[0], pulls[2]}
        assert pulls_of(hub, []) == ()

    def test_a_merged_pull_request_is_seen_and_not_opened_again(self, hub: Hub) -> None:
        hub.push(BRANCH)
        first = hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words")
        hub.merge(first.number)
        (seen,) = pulls_of(hub, [BRANCH])
        assert (seen.number, seen.open, seen.merged) == (first.number, False, True)
        assert hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words") == seen
        assert hub.pulls() == [first.number]

    def test_a_rejected_pull_request_is_not_opened_again(self, hub: Hub) -> None:
        hub.push(BRANCH)
        first = hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words")
        hub.close_pull(first.number)
        (seen,) = pulls_of(hub, [BRANCH])
        assert (seen.number, seen.open, seen.merged) == (first.number, False, False)
        assert hub.forge.ensure_pull(head=BRANCH, title="Add login", body="Words") == seen

    def test_merging_closes_the_named_issue(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        hub.push(BRANCH)
        pull = hub.forge.ensure_pull(head=BRANCH, title="Add login", body=f"Closes #{issue}\n")
        hub.merge(pull.number)
        assert not one_issue(hub, issue).open

    # ensure_closed

    def test_closing_twice_closes_once(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        for _ in range(2):
            hub.forge.ensure_closed(issue)
            assert not hub.is_open(issue)

    def test_an_account_that_may_not_close_is_told_so(self, hub: Hub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        hub.demote_bot()
        with pytest.raises(Refused):
            hub.forge.ensure_closed(issue)
        assert hub.is_open(issue)


def issues_of(hub: Hub, held: Collection[int], *, ready: str) -> tuple[Issue, ...]:
    """The issues the forge shows."""
    return hub.forge.look(Watch(ready=ready, help=ASKS, held=frozenset(held))).issues


def helps_of(hub: Hub, held: Collection[int]) -> tuple[HelpIssue, ...]:
    """The help issues the forge shows for these issues."""
    asking = frozenset(held)
    return hub.forge.look(Watch(ready="no such label", help=ASKS, held=asking, asking=asking)).helps


def pulls_of(hub: Hub, branches: Collection[str]) -> tuple[PullRequest, ...]:
    """The pull requests the forge shows for these branches."""
    return hub.forge.look(Watch(ready="no such label", help=ASKS, branches=frozenset(branches))).pulls


def one_issue(hub: Hub, number: int) -> Issue:
    """The issue as the forge lists it when it is held."""
    (found,) = issues_of(hub, {number}, ready="no such label")
    return found


def helps(hub: Hub, issue: int) -> tuple[HelpIssue, ...]:
    """The help issues of this issue, by round."""
    return tuple(sorted(helps_of(hub, {issue}), key=lambda help_: help_.round))


def ask(hub: Hub, issue: int, *, task: UUID = TASK, round_: int = 1) -> HelpIssue:
    """Make sure the help issue of this round is there."""
    marker = help_marker(issue, task=task, round_=round_)
    return hub.forge.ensure_help(
        issue=issue,
        marker=marker,
        title="Help wanted: Add login",
        body=f"{marker}\n\nWhich provider?\n",
        label=ASKS,
    )
