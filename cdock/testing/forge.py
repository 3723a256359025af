"""The doors to the forge of memory: `Forge` and `Claims`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from cdock.core.choices import ticked
from cdock.core.errors import CdockError, ClaimLost, NotPermitted, Refused
from cdock.core.messages import parse_marker
from cdock.core.model import Approval, Claim, HelpIssue, Issue, Move, Snapshot, Watch
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
            issue if number in watch.held else replace(issue, comments=())
            for number, issue in sorted(self.hub.issues.items())
            if number in watch.held or (issue.open and issue.wears(watch.ready))
        )
        helps = tuple(
            found
            for issue in self.hub.issues.values()
            if issue.wears(watch.help) and issue.author == self.hub.bot
            if (found := self._help(issue, watch.asking))
        )
        newest = {
            pull.head: self._shown(pull) for pull in self.hub.pulls.values() if pull.head in watch.branches
        }
        pulls = tuple(sorted(newest.values(), key=lambda pull: pull.number))
        snapshot = Snapshot(issues=issues, helps=helps, pulls=pulls)
        self.last = snapshot if snapshot != self.last else self.last
        return self.last

    def _shown(self, pull: PullRequest) -> PullRequest:
        """The pull request with what follows from its branches; checks are those of its newest commit."""
        commit = self.hub.branches.get(pull.head, "")
        moved = commit != pull.commit
        known = replace(
            pull,
            commit=commit,
            target=self.hub.branches["main"],
            checks=() if moved and pull.commit else pull.checks,
            conflicting=pull.conflicting and not self.hub.contains(commit, self.hub.branches["main"]),
        )
        self.hub.pulls[pull.number] = known
        return known

    def _help(self, issue: Issue, held: Collection[int]) -> HelpIssue | None:
        marker = parse_marker(issue.body)
        if marker is None or marker.kind != "help" or int(marker.fields["issue"]) not in held:
            return None
        closer = self.hub.closed_by.get(issue.number, "")
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
            ticked=ticked(issue.body),
            ticked_by=self.hub.edited_by.get(issue.number, ("", 0))[0],
            ticked_by_writer=self.hub.edited_by.get(issue.number, ("", 0))[0] in self.hub.writers,
        )

    def approval(self, issue: int, *, label: str) -> Approval:
        """See `Forge`."""
        self.faults.before("forge")
        there = self.hub.issues[issue]
        by = self.hub.labelled_by.get((issue, label.casefold()), "") if there.wears(label) else ""
        at, moment = self.hub.allowed_at.get((issue, label.casefold()), (0, None))
        editor, edited = self.hub.edited_by.get(issue, ("", 0))
        strange = edited > at and editor not in self.hub.writers
        return Approval(
            by=by,
            granted=by in self.hub.writers,
            at=moment,
            digest=there.digest,
            edited_by=editor if strange else "",
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
        comments = self.hub.issues[issue].comments
        ours = next((c for c in comments if c.author == self.hub.bot and c.body.startswith(marker)), None)
        if ours is None:
            self.hub.comment(issue, body, by=self.hub.bot)
        else:
            edited = tuple(replace(c, body=body) if c is ours else c for c in comments)
            self.hub._edit(issue, comments=edited)
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
        else:
            number = found.number
        self.faults.after()
        made = self._help(self.hub.issues[number], [issue])
        assert made is not None, "the marker of a help issue was not understood"  # noqa: S101
        return made

    def ensure_pull(self, *, head: str, title: str, body: str, draft: bool = False) -> PullRequest:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("open pull requests")
        if head not in self.hub.branches:
            raise Refused(f"no branch {head}", fix="push it first")
        there = [pull for pull in self.hub.pulls.values() if pull.head == head]
        if there:
            return self._shown(there[-1])
        number = next(iter(self.hub.numbers))
        commit = self.hub.branches[head]
        url = f"memory://pulls/{number}"
        pull = PullRequest(number=number, url=url, head=head, draft=draft, body=body, commit=commit)
        self.hub.pulls[number] = pull
        for line in body.splitlines():
            if line.startswith("Closes #"):
                self.hub.closes[number] = int(line.removeprefix("Closes #"))
        self.faults.after()
        return self._shown(pull)

    def ensure_pull_shown(self, pull: PullRequest, *, body: str, draft: bool) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("edit pull requests")
        self.hub.pulls[pull.number] = replace(self.hub.pulls[pull.number], body=body, draft=draft)
        self.faults.after()

    def ensure_reply(self, pull: PullRequest, *, thread: str, marker: str, body: str) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("reply in a review")
        there = next(t for t in self.hub.pulls[pull.number].threads if t.ref == thread)
        if not any(r.mine and r.body.startswith(marker) for r in there.remarks):
            self.hub.remark(pull.number, thread, body, by=self.hub.bot)
        self.faults.after()

    def explain_check(self, check: Check) -> str:
        """See `Forge`."""
        self.faults.before("forge")
        return check.summary

    def ensure_closed(self, issue: int) -> None:
        """See `Forge`."""
        self.faults.before("forge")
        self._permit("close issues")
        self.hub.close(issue, by=self.hub.bot)
        self.faults.after()

    def close(self) -> None:
        """See `Forge`."""


@dataclass
class MemoryClaims:
    """See `Claims`."""

    hub: MemoryHub
    faults: Faults = field(default_factory=Faults)

    def list(self) -> tuple[Claim, ...]:
        """See `Claims`."""
        self.faults.before("claims")
        return tuple(self.hub.refs[issue] for issue in sorted(self.hub.refs))

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """See `Claims`."""
        self.faults.before("claims")
        self._fence(issue, expected)
        oid = self._move(issue, claim)
        self.faults.after()
        return oid

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """See `Claims`."""
        self.faults.before("claims")
        done: dict[int, str | CdockError] = {}
        for move in moves:
            try:
                done[move.claim.issue] = self._publish(move)
            except CdockError as error:
                done[move.claim.issue] = error
        self.faults.after()
        return done

    def _publish(self, move: Move) -> str:
        self._fence(move.claim.issue, move.claim.oid)
        there = self.hub.branches.get(move.branch) if move.branch else None
        if there and not move.rewritten and not self.hub.contains(move.commit, there):
            raise Refused(f"{move.branch} has other commits on the forge", fix="look at the branch")
        oid = self._move(move.claim.issue, move.claim)
        if move.branch:
            self.hub.branches[move.branch] = move.commit
        if move.unfinished:
            self.hub.unfinished[move.claim.issue] = move.unfinished
        return oid

    def _fence(self, issue: int, expected: str) -> None:
        there = self.hub.refs.get(issue)
        if (there.oid if there else "") != expected:
            raise ClaimLost(f"the claim of #{issue} moved")

    def _move(self, issue: int, claim: Claim | None) -> str:
        if claim is None:
            self.hub.refs.pop(issue, None)
            return ""
        oid = f"claim-{self.hub._next()}"
        # What only means something in one process is not written down.
        self.hub.refs[issue] = replace(claim, oid=oid, seen_at=0.0)
        return oid
