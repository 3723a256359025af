"""What a `Forge` promises to those who work by plans: labels, stacks of pull requests, merges; and where it has them
parts, dependencies, reasons of closing, and who ticks boxes in comments."""

from __future__ import annotations

from typing import Protocol

import pytest

from cdock.core.choices import Choice, box
from cdock.core.errors import Refused, Unavailable
from cdock.core.issues import Comment, Issue, Watch
from tests.contract.forge_contract import ASKS, BRANCH, READY, Hub, issues_of, one_issue
from tests.contract.help_contract import HelpHub, tick
from tests.contract.pull_contract import PullHub, opened, pull_of

PLAN = "agent-plan"
ABOVE = "cdock/on-top.1111111"
GATE = "<!-- cdock:gate stage=1 -->"
BOXES = [Choice("approve", "Approve"), Choice("retry", "Retry what failed")]


class StackHub(PullHub, Protocol):
    """A `PullHub` where pull requests go to any branch."""

    def base_of(self, pull: int) -> str:
        """The branch a pull request goes to."""
        ...

    def is_merged(self, pull: int) -> bool: ...

    def repository_labels(self) -> set[str]:
        """The names of all labels that the repository has."""
        ...

    def conflict(self, branch: str) -> None:
        """Let the branch and the default one change `a.txt` in ways that do not fit."""
        ...


class PartsHub(HelpHub, StackHub, Protocol):
    """A hub whose issues hang together."""

    def drop(self, number: int, *, by: str) -> None:
        """Close an issue as not planned."""
        ...

    def delete_branch(self, branch: str) -> None: ...


def stacked(hub: StackHub) -> None:
    """Two branches, the second with more than the first."""
    hub.write(BRANCH, "a.txt", "one\n")
    hub.write(ABOVE, "b.txt", "two\n")


class StackContract:
    """Labels, plans, stacks, merges."""

    @pytest.fixture
    def hub(self) -> StackHub:
        raise NotImplementedError

    def test_a_label_of_the_repository_is_made_once(self, hub: StackHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        hub.label(issue, "Stage-2", by=hub.writer)
        for name in ("stage-1", "stage-1", "Stage-2"):
            hub.forge.ensure_label(name)
        assert {name for name in hub.repository_labels() if "tage" in name} == {"stage-1", "Stage-2"}

    def test_plans_are_listed_like_ready_issues(self, hub: StackHub) -> None:
        ready = hub.open_issue("Add login", by=hub.writer, labels=[READY])
        plan = hub.open_issue("A goal", by=hub.writer, labels=[PLAN])
        done = hub.open_issue("Reached", by=hub.writer, labels=[PLAN])
        hub.close(done, by=hub.writer)
        watch = Watch(ready=READY, help=ASKS, plan=PLAN)
        assert [issue.number for issue in hub.forge.look(watch).issues] == [ready, plan]
        later = hub.open_issue("Another goal", by=hub.writer, labels=[PLAN])
        hub.close(plan, by=hub.writer)
        assert [issue.number for issue in hub.forge.look(watch).issues] == [ready, later]
        assert [issue.number for issue in issues_of(hub, (), ready=READY)] == [ready]

    def test_a_label_of_our_own_account_is_an_approval(self, hub: StackHub) -> None:
        issue = hub.open_issue("Add login", body="Please", by=hub.stranger)
        hub.label(issue, READY, by=hub.bot)
        approval = hub.forge.approval(issue, label=READY)
        assert (approval.by.removesuffix("[bot]"), approval.granted, approval.holds) == (hub.bot, True, True)

    def test_what_is_dropped_is_closed(self, hub: StackHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        for _ in range(2):
            hub.forge.ensure_closed(issue, dropped=True)
            assert not hub.is_open(issue)

    # ensure_pull(onto=), ensure_onto

    def test_a_pull_request_goes_onto_another_branch_until_it_is_moved(self, hub: StackHub) -> None:
        stacked(hub)
        pull = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="Words", onto=BRANCH)
        assert (hub.base_of(pull.number), pull.head, pull.open) == (BRANCH, ABOVE, True)
        assert pull_of(hub, ABOVE).number == pull.number
        for branch, base in (("", "main"), ("main", "main"), (BRANCH, BRANCH)):
            for _ in range(2):
                hub.forge.ensure_onto(pull_of(hub, ABOVE), branch=branch)
                assert hub.base_of(pull.number) == base
        assert hub.pulls() == [pull.number]

    def test_an_open_one_is_adopted_whatever_it_goes_to(self, hub: StackHub) -> None:
        stacked(hub)
        pull = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="Words", onto=BRANCH)
        for onto in ("", BRANCH, "main"):
            again = hub.forge.ensure_pull(head=ABOVE, title="Other", body="Other", onto=onto)
            assert (again.number, again.body) == (pull.number, "Words")
        assert (hub.pulls(), hub.base_of(pull.number)) == ([pull.number], BRANCH)

    def test_a_branch_that_is_not_there_takes_nothing(self, hub: StackHub) -> None:
        stacked(hub)
        with pytest.raises(Unavailable):
            hub.forge.ensure_pull(head=ABOVE, title="Add b", body="", onto="cdock/gone.2222222")
        pull = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="")
        with pytest.raises(Refused):
            hub.forge.ensure_onto(pull, branch="cdock/gone.2222222")
        assert hub.base_of(pull.number) == "main"

    def test_a_closed_one_stays_where_it_was_to_go(self, hub: StackHub) -> None:
        stacked(hub)
        pull = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="", onto=BRANCH)
        hub.close_pull(pull.number)
        hub.forge.ensure_onto(pull, branch="")
        assert hub.base_of(pull.number) == BRANCH

    # merge

    @pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
    def test_merging_twice_merges_once(self, hub: StackHub, method: str) -> None:
        issue = hub.open_issue("Add a", by=hub.writer)
        pull = opened(hub, body=f"Closes #{issue}\n")
        for _ in range(2):
            assert hub.forge.merge(pull, method=method)
            assert hub.is_merged(pull.number)
        shown = pull_of(hub)
        assert (shown.open, shown.merged) == (False, True)
        assert not one_issue(hub, issue).open

    def test_a_merge_shows_without_a_fresh_look(self, hub: StackHub) -> None:
        pull = opened(hub)
        assert hub.forge.merge(pull, method="merge")
        watch = Watch(ready="no such label", help=ASKS, branches=frozenset({BRANCH}))
        (shown,) = hub.forge.look(watch, fresh=False).pulls
        assert (shown.open, shown.merged) == (False, True)

    def test_other_commits_are_not_merged(self, hub: StackHub) -> None:
        pull = opened(hub)
        hub.write(BRANCH, "b.txt", "pushed by somebody\n")
        with pytest.raises(Refused) as caught:
            hub.forge.merge(pull, method="merge")
        assert caught.value.fix
        assert not hub.is_merged(pull.number)
        assert hub.forge.merge(pull_of(hub), method="merge")

    def test_a_conflict_is_not_merged(self, hub: StackHub) -> None:
        pull = opened(hub)
        hub.conflict(BRANCH)
        with pytest.raises(Refused) as caught:
            hub.forge.merge(pull_of(hub), method="squash")
        assert caught.value.fix
        assert not hub.is_merged(pull.number)

    def test_drafts_and_closed_ones_are_not_merged(self, hub: StackHub) -> None:
        pull = opened(hub, draft=True)
        with pytest.raises(Refused):
            hub.forge.merge(pull, method="merge")
        hub.close_pull(pull.number)
        with pytest.raises(Refused):
            hub.forge.merge(pull, method="merge")
        assert not hub.is_merged(pull.number)


class PartsContract:
    """Parts, dependencies, reasons of closing, ticks in comments."""

    @pytest.fixture
    def hub(self) -> PartsHub:
        raise NotImplementedError

    def test_a_part_is_one_of_its_plan_and_of_no_other(self, hub: PartsHub) -> None:
        plan, other = (hub.open_issue(title, by=hub.writer) for title in ("A goal", "Other"))
        parts = [whole(hub, hub.open_issue(f"Task {n}", by=hub.writer)) for n in range(3)]
        for _ in range(2):
            for part in parts:
                hub.forge.ensure_part(part, of=plan)
        assert [hub.parent_of(part.number) for part in parts] == [plan] * 3
        hub.set_parent(parts[0].number, other)
        hub.forge.ensure_part(parts[0], of=plan)
        assert hub.parent_of(parts[0].number) == other

    def test_what_was_linked_before_is_left_as_it_is(self, hub: PartsHub) -> None:
        """A person, or this process in an earlier life, was faster."""
        plan, other = (hub.open_issue(title, by=hub.writer) for title in ("A goal", "Other"))
        first, second, third = (whole(hub, hub.open_issue(f"Task {n}", by=hub.writer)) for n in range(3))
        hub.set_parent(first.number, plan)
        hub.set_parent(second.number, other)
        hub.block(second.number, by=first.number)
        for part in (first, second, third):
            hub.forge.ensure_part(part, of=plan)
        assert [hub.parent_of(part.number) for part in (first, second, third)] == [plan, other, plan]
        for blocker in (first, third):
            hub.forge.ensure_blocked(second.number, by=blocker)
        assert blocked_by(hub, second.number) == 2

    def test_a_dependency_counts_until_it_is_closed(self, hub: PartsHub) -> None:
        first, second = (whole(hub, hub.open_issue(f"Task {n}", by=hub.writer)) for n in range(2))
        for _ in range(2):
            hub.forge.ensure_blocked(second.number, by=first)
        assert blocked_by(hub, second.number) == 1
        assert blocked_by(hub, first.number) == 0
        hub.close(first.number, by=hub.writer)
        assert blocked_by(hub, second.number) == 0

    def test_an_issue_says_whether_it_was_dropped(self, hub: PartsHub) -> None:
        done, dropped, theirs = (hub.open_issue(f"Task {n}", by=hub.writer) for n in range(3))
        hub.forge.ensure_closed(done)
        hub.forge.ensure_closed(dropped, dropped=True)
        hub.drop(theirs, by=hub.writer)
        shown = {issue.number: issue for issue in issues_of(hub, {done, dropped, theirs}, ready=READY)}
        assert {number: issue.dropped for number, issue in shown.items()} == {
            done: False,
            dropped: True,
            theirs: True,
        }
        hub.forge.ensure_closed(dropped)
        hub.reopen(theirs, by=hub.writer)
        assert one_issue(hub, dropped).dropped
        assert not one_issue(hub, theirs).dropped

    def test_what_is_stacked_on_a_merged_branch_goes_to_the_default_one(self, hub: PartsHub) -> None:
        stacked(hub)
        below = hub.forge.ensure_pull(head=BRANCH, title="Add a", body="")
        above = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="", onto=BRANCH)
        assert hub.forge.merge(pull_of(hub), method="merge")
        hub.delete_branch(BRANCH)
        shown = pull_of(hub, ABOVE)
        assert (shown.open, hub.base_of(above.number)) == (True, "main")
        hub.forge.ensure_onto(shown, branch="")
        assert hub.forge.merge(shown, method="merge")
        assert hub.is_merged(below.number)
        assert hub.is_merged(above.number)

    # Boxes in comments

    def test_boxes_that_nobody_ticked_say_nothing_of_who_edited(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        hub.edit_comment(issue, f"{text}\n\nA note", by=hub.writer)
        assert ticks(comment_of(hub, issue)) == ("", False)

    def test_a_box_in_a_comment_that_a_writer_ticked_counts(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        assert ticks(comment_of(hub, issue)) == ("", False)
        hub.edit_comment(issue, tick(text, "approve").replace("\n", "\r\n"), by=hub.writer)
        found = comment_of(hub, issue)
        assert ("[x] Approve" in found.body, *ticks(found)) == (True, hub.writer, True)

    def test_a_person_may_tick_in_a_comment_by_our_account(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        hub.edit_comment(issue, tick(text, "approve"), by=hub.bot)
        found = comment_of(hub, issue)
        assert (found.ticked_by.removesuffix("[bot]"), found.ticked_by_writer) == (hub.bot, True)

    def test_a_writers_edit_of_a_comment_does_not_cover_a_strangers(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        by_a_former_writer(hub, issue, tick(text, "approve"))
        hub.edit_comment(issue, f"{tick(text, 'approve')}\n\nA note", by=hub.writer)
        assert ticks(comment_of(hub, issue)) == (hub.writer, False)

    def test_what_was_edited_before_we_wrote_it_anew_is_over(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        by_a_former_writer(hub, issue, tick(text, "approve"))
        assert not comment_of(hub, issue).ticked_by_writer
        hub.next_second()
        hub.forge.ensure_comment(issue, marker=GATE, body=f"{text}\n\nAnother time")
        assert ticks(comment_of(hub, issue)) == ("", False)
        hub.next_second()
        hub.edit_comment(issue, tick(f"{text}\n\nAnother time", "retry"), by=hub.writer)
        assert ticks(comment_of(hub, issue)) == (hub.writer, True)

    def test_ticks_in_comments_of_others_are_nobodys(self, hub: PartsHub) -> None:
        issue = hub.open_issue("A goal", by=hub.writer)
        hub.comment(issue, tick(gate(), "approve"), by=hub.stranger)
        hub.edit_comment(issue, f"{tick(gate(), 'approve')}\n", by=hub.stranger)
        assert ticks(comment_of(hub, issue)) == ("", False)

    def test_nothing_new_about_ticks_is_the_same_object(self, hub: PartsHub) -> None:
        issue, text = asked(hub)
        hub.edit_comment(issue, tick(text, "approve"), by=hub.writer)
        watch = Watch(ready=READY, help=ASKS, held=frozenset({issue}))
        first = hub.forge.look(watch)
        assert hub.forge.look(watch) is first
        assert hub.forge.look(watch, fresh=False) is first


def whole(hub: Hub, number: int) -> Issue:
    """The issue as the forge shows it."""
    return one_issue(hub, number)


def blocked_by(hub: PartsHub, number: int) -> int:
    """How many open issues it waits for, once anything on it has changed: the list of changes need not tell before."""
    hub.next_second()
    hub.comment(number, "Anything new?", by=hub.writer)
    return one_issue(hub, number).blocked_by


def gate() -> str:
    """A text of ours with boxes."""
    return "\n".join([GATE, "", "Go on?", "", *(box(choice, shown=choice.text) for choice in BOXES)])


def asked(hub: PartsHub) -> tuple[int, str]:
    """An issue on which we have a comment with boxes, seen once, and the comment's text."""
    issue, text = hub.open_issue("A goal", by=hub.writer), gate()
    one_issue(hub, issue)
    hub.forge.ensure_comment(issue, marker=GATE, body=text)
    assert ticks(comment_of(hub, issue)) == ("", False)
    return issue, text


def by_a_former_writer(hub: PartsHub, issue: int, text: str) -> None:
    """Only who may write can edit our comment, so this one loses that right afterwards."""
    hub.allow(hub.stranger, write=True)
    hub.edit_comment(issue, text, by=hub.stranger)
    hub.allow(hub.stranger, write=False)


def comment_of(hub: PartsHub, issue: int) -> Comment:
    """The one comment of an issue."""
    (comment,) = one_issue(hub, issue).comments
    return comment


def ticks(comment: Comment) -> tuple[str, bool]:
    """Who ticked boxes in it, and whether that counts."""
    return comment.ticked_by, comment.ticked_by_writer
