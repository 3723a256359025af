"""The Gitea adapter keeps the promises of `Forge` on a double of Gitea, and sends only what Gitea publishes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdock.core.issues import Watch
from cdock.core.pulls import Opinion
from tests.contract.forge_contract import ASKS, BRANCH, READY, ForgeContract, Hub, issues_of, one_issue
from tests.contract.gitea.double import Double
from tests.contract.gitea.fixtures import double, template
from tests.contract.gitea.hub import GiteaHub
from tests.contract.plan_contract import ABOVE, StackContract, StackHub, stacked
from tests.contract.pull_contract import MARKER, PullContract, PullHub, ThreadContract, opened, pull_of

__all__ = ["double", "template"]


class TestGiteaForge(ForgeContract, PullContract, ThreadContract, StackContract):
    """All promises but two: Gitea does not tell who changed a body after the label, and its threads take no answers."""

    @pytest.fixture
    def hub(self, double: Double) -> Iterator[PullHub]:
        hub = GiteaHub(double)
        yield hub
        hub.forge.close()

    def test_a_text_that_a_stranger_changed_after_the_label_is_not_approved(self, hub: Hub) -> None:
        """The promise is kept for titles, and for bodies from the first look after the label on."""
        for change, look in (({"body": "Mine coins"}, True), ({"title": "Mine coins"}, False)):
            issue = hub.open_issue("Add login", body="Please", by=hub.stranger)
            hub.label(issue, READY, by=hub.writer)
            if look:
                issues_of(hub, (), ready=READY)
            hub.edit(issue, by=hub.stranger, **change)
            approval = hub.forge.approval(issue, label=READY)
            assert (approval.granted, approval.edited_by, approval.holds) == (True, hub.stranger, False)
            hub.unlabel(issue, READY, by=hub.bot)
            assert hub.forge.approval(issue, label=READY).edited_by == hub.stranger
            hub.next_second()
            hub.label(issue, READY, by=hub.writer)
            again = hub.forge.approval(issue, label=READY)
            assert (again.edited_by, again.holds) == ("", True)

    def test_a_reply_is_given_once(self, hub: PullHub) -> None:
        """What is broken of that promise, as the documentation says: it stands in the conversation."""
        pull = opened(hub)
        hub.review(pull.number, Opinion.COMMENT, "", by=hub.writer, on=[("a.txt", 2, "Why?")])
        (thread,) = pull_of(hub).threads
        for _ in range(2):
            hub.forge.ensure_reply(pull, thread=thread.ref, marker=MARKER, body=f"{MARKER}\nDone")
        assert hub.comments_on(pull.number) == [(hub.bot, f"{MARKER}\nDone")]
        assert pull_of(hub).remarks == ()

    def test_what_lacks_a_review_is_left_to_gitea_once(self, hub: StackHub, double: Double) -> None:
        pull = opened(hub)
        double.site.lacking = "Does not have enough approvals"
        for _ in range(2):
            assert hub.forge.merge(pull, method="squash") is False
        assert not hub.is_merged(pull.number)
        assert double.site.scheduled == {pull.number}
        double.site.lacking = ""
        assert hub.forge.merge(pull, method="squash")

    def test_a_stack_is_found_by_a_process_that_knows_nothing(self, hub: GiteaHub) -> None:
        """Gitea shows pull requests by both their branches only, so those to others are looked for in a list."""
        stacked(hub)
        pull = hub.forge.ensure_pull(head=ABOVE, title="Add b", body="", onto=BRANCH)
        forge = hub.another_forge()
        watch = Watch(ready="no such label", help=ASKS, branches=frozenset({ABOVE, BRANCH}))
        assert [shown.number for shown in forge.look(watch).pulls] == [pull.number]
        assert forge.ensure_pull(head=ABOVE, title="Other", body="").number == pull.number
        forge.close()

    def test_a_body_that_changed_before_it_was_seen_is_taken_as_it_is(self, hub: Hub) -> None:
        """What is broken of that promise, as the documentation says."""
        issue = hub.open_issue("Add login", body="Please", by=hub.stranger)
        hub.label(issue, READY, by=hub.writer)
        hub.edit(issue, by=hub.stranger, body="Mine coins")
        unseen = hub.forge.approval(issue, label=READY)
        assert (unseen.edited_by, unseen.holds, unseen.blind) == ("", True, True)
        assert unseen.digest == one_issue(hub, issue).digest
