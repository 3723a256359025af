"""The door to the forge of memory."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from cdock.core.choices import ticked
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.issues import Approval, Comment, HelpIssue, Issue, Snapshot, Watch
from cdock.core.marker import parse_marker
from cdock.core.policy import Labels
from cdock.core.pulls import Check, PullRequest
from cdock.testing.clock import Faults
from cdock.testing.hub import MemoryHub


@dataclass
class MemoryForge:
    """See `Forge`."""

    hub: MemoryHub
    faults: Faults = field(default_factory=Faults)
    last: Snapshot = field(default_factory=Snapshot)

    def look(self, watch: Watch, *, fresh: bool = True) -> Snapshot:
        """See `Forge`."""
        self.faults.before("forge")
        issues = tuple(
            self._issue(issue, whole=number in watch.held)
            for number, issue in sorted(self.hub.issues.items())
            if number in watch.held or (issue.open and _is_wanted(issue, watch))
        )
        helps = tuple(
            found
            for issue in self.hub.issues.values()
            if issue.wears(watch.help) and issue.author == self.hub.bot
            if (found := self._help(issue, watch.asking))
        )
        newest = {pull.head: number for number, pull in self.hub.pulls.items() if pull.head in watch.branches}
        pulls = tuple(self._pull(number) for number in sorted(newest.values()))
        snapshot = Snapshot(issues=issues, helps=helps, pulls=pulls)
        self.last = snapshot if snapshot != self.last else self.last
        return self.last

    def _issue(self, issue: Issue, *, whole: bool) -> Issue:
        return replace(
            issue,
            comments=tuple(map(self._comment, issue.comments)) if whole else (),
            blocked_by=self.hub.blocked_by(issue.number),
        )

    def _comment(self, comment: Comment) -> Comment:
        """The comment with who ticked the boxes in it, where it is ours and there are ticks."""
        editors = self.hub.reworded.get(comment.id, [])
        if not (comment.mine and editors and ticked(comment.body)):
            return comment
        by_writers = all(map(self._counts, editors))
        return replace(comment, ticked_by=editors[-1], ticked_by_writer=by_writers)

    def _counts(self, person: str) -> bool:
        return person in self.hub.writers or person == self.hub.bot

    def _pull(self, number: int) -> PullRequest:
        """The pull request as it is shown: of a closed one nothing that was said about it."""
        pull = self.hub.known(number)
        if not pull.open:
            return replace(pull, remarks=(), reviews=(), threads=(), checks=())
        return replace(pull, remarks=tuple(remark for remark in pull.remarks if not remark.mine))

    def _help(self, issue: Issue, held: Collection[int]) -> HelpIssue | None:
        marker = parse_marker(issue.body)
        if marker is None or marker.kind != "help" or int(marker.fields["issue"]) not in held:
            return None
        closer = self.hub.closed_by.get(issue.number, "")
        keys = ticked(issue.body)
        editors = [by for by, _ in self.hub.edits.get(issue.number, ())] if keys else []
        return HelpIssue(
            number=issue.number,
            url=issue.url,
            open=issue.open,
            task=UUID(marker.fields["task"]),
            round=int(marker.fields["round"]),
            comments=issue.comments,
            closed_by=closer,
            closed_by_writer=closer in self.hub.writers,
            created_at=issue.created_at,
            ticked=keys,
            ticked_by=editors[-1] if editors else "",
            ticked_by_writer=bool(editors) and self.hub.writers.issuperset(editors),
        )

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge`."""
        self.faults.before("forge")
        there = self.hub.issues[issue]
        by = self.hub.labelled_by.get((issue, label.casefold()), "") if there.wears(label) else ""
        at, moment = self.hub.allowed_at.get((issue, label.casefold()), (0, None))
        later = (by for by, edited in self.hub.edits.get(issue, ()) if edited > at)
        return Approval(
            by=by,
            granted=bool(by) and self._counts(by),
            at=moment,
            digest=there.digest,
            edited_by=next((by for by in later if not self._counts(by)), ""),
        )

    def acknowledge(self, comment: int) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self.hub.seen.add(comment)
        self.faults.after()

    def _permit(self, what: str) -> None:
        if self.hub.bot not in self.hub.writers:
            raise NotPermitted(f"{self.hub.bot} may not {what}", fix="give the account write access")

    def ensure_repository_labels(self, labels: Labels) -> tuple[str, ...]:
        """See `Forge`; labels need no creation here."""
        self.faults.before("forge")
        return ()

    def ensure_labels(self, issue: int, *, add: Collection[str], remove: Collection[str]) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label issues")
        for label in add:
            if not self.hub.issues[issue].wears(label):
                self.hub.label(issue, label, by=self.hub.bot)
        for label in remove:
            self.hub.unlabel(issue, label)
        self.faults.after()

    def ensure_comment(self, issue: int, *, marker: str, body: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        hub = self.hub
        there = hub.pulls[issue].remarks if issue in hub.pulls else hub.issues[issue].comments
        ours = next((said for said in there if said.author == hub.bot and said.body.startswith(marker)), None)
        if ours:
            hub.reword(issue, ours.id, body)
        elif issue in hub.pulls:
            hub.say(issue, body, by=hub.bot)
        else:
            hub.comment(issue, body, by=hub.bot)
        self.faults.after()

    def ensure_shown(
        self, issue: int, *, add: Collection[str], remove: Collection[str], marker: str, body: str
    ) -> None:
        """See `Forge`."""
        self.ensure_labels(issue, add=add, remove=remove)
        self.ensure_comment(issue, marker=marker, body=body)

    def ensure_issue(
        self, *, marker: str, title: str, body: str, labels: Collection[str], since: datetime
    ) -> Issue:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label issues")
        issues = self.hub.issues.values()
        found = next((i for i in issues if i.author == self.hub.bot and i.body.startswith(marker)), None)
        if found is None:
            number = self.hub.open_issue(title, body=body, by=self.hub.bot, labels=tuple(labels))
            found = self.hub.issues[number]
        self.faults.after()
        return found

    def ensure_help(self, *, issue: int, marker: str, title: str, body: str, label: str) -> HelpIssue:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("label a help issue")
        issues = self.hub.issues.values()
        found = next((i for i in issues if i.author == self.hub.bot and i.body.startswith(marker)), None)
        if found is None:
            number = self.hub.open_issue(title, body=body, by=self.hub.bot, labels=[label])
            self.hub.parents[number] = issue
        else:
            number = found.number
        self.faults.after()
        made = self._help(self.hub.issues[number], [issue])
        assert made is not None, "the marker of a help issue was not understood"  # noqa: S101
        return made

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("open pull requests")
        if head not in self.hub.branches:
            raise Refused(f"no branch {head}", fix="push it first")
        there = [number for number, pull in self.hub.pulls.items() if pull.head == head]
        if there:
            return self._pull(there[-1])
        if onto and onto not in self.hub.branches:
            raise Unavailable(f"no branch {onto}", fix="look again")
        number = next(iter(self.hub.numbers))
        self.hub.bases[number] = onto or "main"
        url = f"memory://pulls/{number}"
        self.hub.pulls[number] = PullRequest(number=number, url=url, head=head, draft=draft, body=body)
        for line in body.splitlines():
            if line.startswith("Closes #"):
                self.hub.closes[number] = int(line.removeprefix("Closes #"))
        self.faults.after()
        return self._pull(number)

    def ensure_pull_shown(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("edit pull requests")
        there = self.hub.pulls[pull.number]
        if there.open:
            self.hub.pulls[pull.number] = replace(there, body=body, draft=draft)
        self.faults.after()

    def ensure_reply(self, pull: PullRequest, *, thread: str, marker: str, body: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("reply in a review")
        threads = self.hub.pulls[pull.number].threads
        said = (r for there in threads if there.ref == thread for r in there.remarks)
        if not any(r.mine and r.body.startswith(marker) for r in said):
            self.hub.remark(pull.number, thread, body, by=self.hub.bot)
        self.faults.after()

    def explain_check(self, check: Check) -> str:
        """See `Forge`; checks say no more here than their summaries."""
        self.faults.before("forge")
        return ""

    def ensure_closed(self, issue: int, *, dropped: bool = False) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("close issues")
        self.hub.close(issue, by=self.hub.bot, dropped=dropped)
        self.faults.after()

    def ensure_label(self, name: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self.hub.labels.add(self.hub.spelled.setdefault(name.casefold(), name))
        self.faults.after()

    def ensure_part(self, child: Issue, *, of: int) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self.hub.parents.setdefault(self._number(child), of)
        self.faults.after()

    def ensure_blocked(self, issue: int, *, by: Issue) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self.hub.block(issue, by=self._number(by))
        self.faults.after()

    def _number(self, issue: Issue) -> int:
        """The number of an issue that is known by its id, as forges know it where issues hang together."""
        return next(number for number, there in self.hub.issues.items() if there.id == issue.id)

    def ensure_onto(self, pull: PullRequest, *, branch: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        base = branch or "main"
        if base not in self.hub.branches:
            raise Refused(f"no branch {base}", fix="push it first")
        if self.hub.known(pull.number).open:
            self.hub.bases[pull.number] = base
        self.faults.after()

    def merge(self, pull: PullRequest, *, method: str) -> bool:
        """See `Forge`. One that is `queued` at the hub is left to it."""
        self.faults.before("forge")
        self._permit("merge")
        there = self.hub.known(pull.number)
        if there.merged:
            return True
        if not there.open or there.draft or there.conflicting or there.commit != pull.commit:
            raise Refused(f"pull request #{pull.number} cannot be merged", fix="look at it")
        if pull.number in self.hub.queued:
            return False
        self.hub.merge(pull.number, by=self.hub.bot)
        self.faults.after()
        return True

    def close(self) -> None:
        """See `Forge`."""


def _is_wanted(issue: Issue, watch: Watch) -> bool:
    return issue.wears(watch.ready) or (bool(watch.plan) and issue.wears(watch.plan))
