"""What a `Forge` promises about help issues and dependencies where it has sub-issues and tells who changed a text."""

from __future__ import annotations

from typing import Protocol

import pytest

from cdock.core.choices import Choice, box
from cdock.core.issues import HelpIssue
from tests.contract.forge_contract import ASKS, READY, Hub, ask, help_marker, helps, issues_of, one_issue

BOXES = [Choice("decide", "Decide yourself"), Choice("stop", "Stop"), Choice("more", "Go on")]


class HelpHub(Hub, Protocol):
    """A `Hub` whose issues hang together."""

    def parent_of(self, number: int) -> int:
        """The issue that this one is a part of; 0 when there is none."""
        ...

    def set_parent(self, number: int, parent: int) -> None:
        """A person makes an issue a part of another one, whatever it was a part of before."""
        ...

    def block(self, number: int, by: int) -> None:
        """Let an issue wait for another one."""
        ...

    def allow(self, person: str, *, write: bool) -> None:
        """Whether somebody may write to the repository from now on."""
        ...


def asked(hub: Hub, issue: int) -> str:
    """Ask for help with boxes; the text of the help issue."""
    marker = help_marker(issue)
    body = "\n".join([marker, "", "Which one?", "", *(box(choice, shown=choice.text) for choice in BOXES)])
    hub.forge.ensure_help(issue=issue, marker=marker, title="Help wanted", body=body, label=ASKS)
    return body


def tick(text: str, key: str) -> str:
    """The text with a box ticked."""
    lines = text.splitlines()
    return "\n".join(line.replace("[ ]", "[x]") if f"choice {key} " in line else line for line in lines)


class HelpContract:
    """Sub-issues, boxes, dependencies."""

    @pytest.fixture
    def hub(self) -> HelpHub:
        raise NotImplementedError

    def test_a_help_issue_is_a_part_of_what_it_is_about(self, hub: HelpHub) -> None:
        issue, other = (hub.open_issue(title, by=hub.writer) for title in ("Add login", "Other"))
        number = ask(hub, issue).number
        assert hub.parent_of(number) == issue
        hub.set_parent(number, other)
        assert ask(hub, issue).number == number
        assert hub.parent_of(number) == other

    def test_boxes_that_nobody_ticked_say_nothing(self, hub: HelpHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        text = asked(hub, issue)
        number = only_help(hub, issue).number
        hub.edit(number, by=hub.writer, body=f"{text}\n\nA note")
        found = only_help(hub, issue)
        assert (found.ticked, found.ticked_by, found.ticked_by_writer) == ((), "", False)

    def test_a_box_that_a_writer_ticked_counts(self, hub: HelpHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        text = asked(hub, issue)
        number = only_help(hub, issue).number
        hub.edit(number, by=hub.writer, body=tick(text, "stop").replace("\n", "\r\n"))
        found = only_help(hub, issue)
        assert (found.ticked, found.ticked_by, found.ticked_by_writer) == (("stop",), hub.writer, True)
        hub.edit(number, by=hub.writer, body=tick(tick(text, "stop"), "decide"))
        found = only_help(hub, issue)
        assert (found.ticked, found.ticked_by_writer) == (("decide", "stop"), True)
        hub.edit(number, by=hub.writer, body=text)
        assert only_help(hub, issue).ticked == ()

    def test_a_person_may_tick_by_our_account(self, hub: HelpHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        text = asked(hub, issue)
        hub.edit(only_help(hub, issue).number, by=hub.bot, body=tick(text, "more"))
        found = only_help(hub, issue)
        assert (found.ticked, found.ticked_by_writer) == (("more",), True)

    def test_a_writers_edit_does_not_cover_a_strangers(self, hub: HelpHub) -> None:
        issue = hub.open_issue("Add login", by=hub.writer)
        text = asked(hub, issue)
        number = only_help(hub, issue).number
        # Only who may write can edit our issue, so this one loses that right afterwards.
        hub.allow(hub.stranger, write=True)
        hub.edit(number, by=hub.stranger, body=tick(text, "stop"))
        hub.allow(hub.stranger, write=False)
        hub.edit(number, by=hub.writer, body=f"{tick(text, 'stop')}\n\nA note")
        found = only_help(hub, issue)
        assert (found.ticked, found.ticked_by, found.ticked_by_writer) == (("stop",), hub.writer, False)

    def test_an_edit_of_a_writer_does_not_cover_a_strangers_after_the_label(self, hub: HelpHub) -> None:
        issue = hub.open_issue("Add login", body="Please", by=hub.stranger)
        hub.label(issue, READY, by=hub.writer)
        hub.next_second()
        hub.edit(issue, by=hub.stranger, body="Mine coins")
        hub.edit(issue, by=hub.writer, body="Mine coins. (spelling mended)")
        approval = hub.forge.approval(issue, label=READY)
        assert (approval.granted, approval.edited_by, approval.holds) == (True, hub.stranger, False)
        hub.unlabel(issue, READY, by=hub.writer)
        hub.next_second()
        hub.label(issue, READY, by=hub.writer)
        assert hub.forge.approval(issue, label=READY).holds

    def test_open_blockers_are_counted(self, hub: HelpHub) -> None:
        first, second, waiting = (hub.open_issue(t, by=hub.writer, labels=[READY]) for t in ("1", "2", "3"))
        assert one_issue(hub, waiting).blocked_by == 0
        hub.block(waiting, by=first)
        hub.block(waiting, by=second)
        hub.close(second, by=hub.writer)
        hub.next_second()
        hub.comment(waiting, "Waiting", by=hub.writer)
        assert {i.number: i.blocked_by for i in issues_of(hub, {waiting}, ready=READY)}[waiting] == 1
        hub.close(first, by=hub.writer)
        assert one_issue(hub, waiting).blocked_by == 0


def only_help(hub: Hub, issue: int) -> HelpIssue:
    """The one help issue of an issue."""
    (found,) = helps(hub, issue)
    return found
