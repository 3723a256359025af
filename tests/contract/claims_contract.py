"""What every implementation of `Claims` promises."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cdock.core.errors import CdockError, ClaimLost, Overtaken, Refused
from cdock.core.ids import task_id
from cdock.core.task import Attempt, Claim, Move, Task
from cdock.ports import Claims

UUID_ONE = UUID("a7b2c8d0-0000-4000-8000-000000000001")
BRANCH = "cdock/add-login.a7b2c8d"


def claim_of(issue: int = 42, *, holder: str = "here", seq: int = 0) -> Claim:
    """A claim with a task that has a history."""
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    attempt = Attempt(number=1, round=1, agent="claude", started_at=now, error="täpäs\n\x00!", tokens=7)
    task = Task(
        id=task_id("add-login", UUID_ONE),
        uuid=UUID_ONE,
        issue=issue,
        title="Add login — “now”",
        created_at=now,
        attempts=(attempt,),
    )
    return Claim(issue=issue, oid="", holder=holder, process="life-1", seq=seq, ttl=900.0, task=task)


def publish(
    claims: Claims,
    *,
    expected: str,
    claim: Claim,
    branch: str = "",
    commit: str = "",
    unfinished: str = "",
    rewritten: bool = False,
) -> str:
    """Move one claim, with its branch; the error of it is raised."""
    move = Move(
        replace(claim, oid=expected),
        branch=branch,
        commit=commit,
        unfinished=unfinished,
        rewritten=rewritten,
    )
    done = claims.publish([move])
    assert list(done) == [claim.issue]
    result = done[claim.issue]
    if isinstance(result, CdockError):
        raise result
    return result


class ClaimsSetting(ABC):
    """Two pollers that see one forge, and a forge to look at."""

    here: Claims
    there: Claims

    @abstractmethod
    def accepted(self, task: Task, *, on: str = "") -> str:
        """A new accepted commit of the task on this machine, after the commit `on` or the default branch."""

    @abstractmethod
    def branch(self, name: str) -> str:
        """The commit of a branch on the forge; empty when there is none."""

    @abstractmethod
    def push_by_person(self, branch: str) -> str:
        """A person pushes a commit of their own to the branch; that commit."""


class ClaimsContract:
    """Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> ClaimsSetting:
        raise NotImplementedError

    def test_no_claims_at_first(self, setting: ClaimsSetting) -> None:
        assert setting.here.list() == ()

    def test_a_claim_is_seen_by_others_as_it_was_written(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        oid = setting.here.swap(42, expected="", claim=claim)
        assert oid
        assert setting.there.list() == (replace(claim, oid=oid),)
        assert setting.here.list() == (replace(claim, oid=oid),)

    def test_claims_of_several_issues(self, setting: ClaimsSetting) -> None:
        setting.here.swap(7, expected="", claim=claim_of(7))
        setting.there.swap(42, expected="", claim=claim_of(42, holder="there"))
        assert [(c.issue, c.holder) for c in setting.here.list()] == [(7, "here"), (42, "there")]

    def test_an_issue_is_claimed_once(self, setting: ClaimsSetting) -> None:
        setting.here.swap(42, expected="", claim=claim_of())
        with pytest.raises(ClaimLost):
            setting.there.swap(42, expected="", claim=claim_of(holder="there"))
        assert [c.holder for c in setting.there.list()] == ["here"]

    def test_equal_content_does_not_share_a_claim(self, setting: ClaimsSetting) -> None:
        setting.here.swap(42, expected="", claim=claim_of())
        with pytest.raises(ClaimLost):
            setting.there.swap(42, expected="", claim=claim_of())

    def test_renewal_moves_the_claim(self, setting: ClaimsSetting) -> None:
        first = setting.here.swap(42, expected="", claim=claim_of())
        second = setting.here.swap(42, expected=first, claim=claim_of(seq=1))
        assert second not in ("", first)
        assert [(c.oid, c.seq) for c in setting.there.list()] == [(second, 1)]

    def test_takeover_then_renewal_is_lost(self, setting: ClaimsSetting) -> None:
        first = setting.here.swap(42, expected="", claim=claim_of())
        taken = setting.there.swap(42, expected=first, claim=claim_of(holder="there"))
        with pytest.raises(ClaimLost):
            setting.here.swap(42, expected=first, claim=claim_of(seq=1))
        assert [c.oid for c in setting.here.list()] == [taken]

    def test_release(self, setting: ClaimsSetting) -> None:
        oid = setting.here.swap(42, expected="", claim=claim_of())
        assert setting.here.swap(42, expected=oid, claim=None) == ""
        assert setting.there.list() == ()
        assert setting.there.swap(42, expected="", claim=claim_of(holder="there"))

    def test_a_successor_is_not_released(self, setting: ClaimsSetting) -> None:
        first = setting.here.swap(42, expected="", claim=claim_of())
        taken = setting.there.swap(42, expected=first, claim=claim_of(holder="there"))
        with pytest.raises(ClaimLost):
            setting.here.swap(42, expected=first, claim=None)
        assert [c.oid for c in setting.here.list()] == [taken]

    def test_a_renewal_after_release_is_lost(self, setting: ClaimsSetting) -> None:
        first = setting.here.swap(42, expected="", claim=claim_of())
        setting.there.swap(42, expected=first, claim=None)
        with pytest.raises(ClaimLost):
            setting.here.swap(42, expected=first, claim=claim_of(seq=1))
        assert setting.here.list() == ()

    def test_publish_moves_claim_and_branch(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        commit = setting.accepted(claim.task)
        first = setting.here.swap(42, expected="", claim=claim)
        second = publish(
            setting.here, expected=first, claim=replace(claim, seq=1), branch=BRANCH, commit=commit
        )
        assert second not in ("", first)
        assert setting.branch(BRANCH) == commit
        assert [(c.oid, c.seq) for c in setting.there.list()] == [(second, 1)]

    def test_publish_goes_on(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        oid = setting.here.swap(42, expected="", claim=claim)
        commit = ""
        for _ in range(2):
            commit = setting.accepted(claim.task, on=commit)
            oid = publish(setting.here, expected=oid, claim=claim, branch=BRANCH, commit=commit)
        assert setting.branch(BRANCH) == commit

    def test_publishing_the_same_commit_again_is_a_heartbeat(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        commit = setting.accepted(claim.task)
        first = setting.here.swap(42, expected="", claim=claim)
        second = publish(setting.here, expected=first, claim=claim, branch=BRANCH, commit=commit)
        third = publish(setting.here, expected=second, claim=claim, branch=BRANCH, commit=commit)
        assert third not in (first, second)
        assert setting.branch(BRANCH) == commit

    def test_a_robbed_holder_publishes_nothing(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        commit = setting.accepted(claim.task)
        first = setting.here.swap(42, expected="", claim=claim)
        taken = setting.there.swap(42, expected=first, claim=claim_of(holder="there"))
        with pytest.raises(ClaimLost):
            publish(setting.here, expected=first, claim=claim, branch=BRANCH, commit=commit)
        assert setting.branch(BRANCH) == ""
        assert [c.oid for c in setting.here.list()] == [taken]

    def test_commits_of_a_person_on_the_branch_are_not_overwritten(self, setting: ClaimsSetting) -> None:
        claim = claim_of()
        commit = setting.accepted(claim.task)
        first = setting.here.swap(42, expected="", claim=claim)
        second = publish(setting.here, expected=first, claim=claim, branch=BRANCH, commit=commit)
        theirs = setting.push_by_person(BRANCH)
        with pytest.raises(Overtaken):
            publish(
                setting.here,
                expected=second,
                claim=claim,
                branch=BRANCH,
                commit=setting.accepted(claim.task, on=commit),
            )
        assert setting.branch(BRANCH) == theirs
        assert [c.oid for c in setting.here.list()] == [second]

    def test_many_claims_move_at_once(self, setting: ClaimsSetting) -> None:
        claims = {number: claim_of(number) for number in (7, 8, 42)}
        first = {n: setting.here.swap(n, expected="", claim=claim) for n, claim in claims.items()}
        commit = setting.accepted(claims[42].task)
        moves = [Move(replace(claims[n], oid=first[n], seq=1)) for n in (7, 8)]
        moves.append(Move(replace(claims[42], oid=first[42], seq=1), branch=BRANCH, commit=commit))
        done = setting.here.publish(moves)
        assert {c.issue: c.oid for c in setting.there.list()} == done
        assert not set(done.values()) & set(first.values())
        assert setting.branch(BRANCH) == commit

    def test_a_lost_claim_does_not_keep_the_others_from_moving(self, setting: ClaimsSetting) -> None:
        claims = {number: claim_of(number) for number in (7, 8, 42)}
        first = {n: setting.here.swap(n, expected="", claim=claim) for n, claim in claims.items()}
        commit = setting.accepted(claims[42].task)
        taken = setting.there.swap(8, expected=first[8], claim=claim_of(8, holder="there"))
        moves = [Move(replace(claims[n], oid=first[n])) for n in (7, 8)]
        moves.append(Move(replace(claims[42], oid=first[42]), branch=BRANCH, commit=commit))
        done = setting.here.publish(moves)
        assert isinstance(done[8], ClaimLost)
        now = {c.issue: c.oid for c in setting.there.list()}
        assert now == {7: done[7], 8: taken, 42: done[42]}
        assert setting.branch(BRANCH) == commit

    def test_a_branch_that_went_on_does_not_keep_the_others_from_moving(self, setting: ClaimsSetting) -> None:
        claims = {number: claim_of(number) for number in (7, 42)}
        first = {n: setting.here.swap(n, expected="", claim=claim) for n, claim in claims.items()}
        commit = setting.accepted(claims[42].task)
        second = publish(setting.here, expected=first[42], claim=claims[42], branch=BRANCH, commit=commit)
        theirs = setting.push_by_person(BRANCH)
        next_one = setting.accepted(claims[42].task, on=commit)
        mine = Move(replace(claims[42], oid=second), branch=BRANCH, commit=next_one)
        done = setting.here.publish([mine, Move(replace(claims[7], oid=first[7]))])
        assert isinstance(done[42], Overtaken)
        assert {c.issue: c.oid for c in setting.there.list()} == {7: done[7], 42: second}
        assert setting.branch(BRANCH) == theirs

    def test_no_moves_are_no_push(self, setting: ClaimsSetting) -> None:
        assert setting.here.publish([]) == {}


class CarefulSetting(ClaimsSetting):
    """The same with unfinished work beside claims."""

    @abstractmethod
    def unfinished(self, task: Task, *, on: str) -> str:
        """New unfinished work on this machine, on top of the commit `on`."""

    @abstractmethod
    def side(self, issue: int) -> str:
        """The unfinished work that the forge keeps beside the claim of the issue; empty when there is none."""


class CarefulContract:
    """What `Claims` promises about unfinished and rewritten work. Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> CarefulSetting:
        raise NotImplementedError

    def published(self, setting: CarefulSetting) -> tuple[Claim, str, str]:
        """A claim with one commit on its branch and unfinished work: the claim, the commit, the work."""
        claim = claim_of()
        commit = setting.accepted(claim.task)
        wip = setting.unfinished(claim.task, on=commit)
        first = setting.here.swap(42, expected="", claim=claim)
        oid = publish(setting.here, expected=first, claim=claim, branch=BRANCH, commit=commit, unfinished=wip)
        return replace(claim, oid=oid), commit, wip

    def test_unfinished_work_goes_along(self, setting: CarefulSetting) -> None:
        _, commit, wip = self.published(setting)
        assert (setting.branch(BRANCH), setting.side(42)) == (commit, wip)

    def test_unfinished_work_goes_without_a_branch_too(self, setting: CarefulSetting) -> None:
        claim = claim_of()
        wip = setting.unfinished(claim.task, on=setting.accepted(claim.task))
        first = setting.here.swap(42, expected="", claim=claim)
        publish(setting.here, expected=first, claim=claim, unfinished=wip)
        assert setting.side(42) == wip

    def test_unfinished_work_is_replaced(self, setting: CarefulSetting) -> None:
        claim, commit, _ = self.published(setting)
        wip = setting.unfinished(claim.task, on=commit)
        publish(setting.here, expected=claim.oid, claim=claim, unfinished=wip)
        assert setting.side(42) == wip

    def test_a_heartbeat_leaves_unfinished_work_alone(self, setting: CarefulSetting) -> None:
        claim, _, wip = self.published(setting)
        oid = publish(setting.here, expected=claim.oid, claim=claim)
        assert setting.side(42) == wip
        setting.here.swap(42, expected=oid, claim=claim)
        assert setting.side(42) == wip

    def test_finished_work_leaves_nothing_unfinished(self, setting: CarefulSetting) -> None:
        claim, commit, _ = self.published(setting)
        after = setting.accepted(claim.task, on=commit)
        publish(setting.here, expected=claim.oid, claim=claim, branch=BRANCH, commit=after)
        assert (setting.branch(BRANCH), setting.side(42)) == (after, "")

    def test_a_robbed_holder_leaves_nothing_unfinished_behind(self, setting: CarefulSetting) -> None:
        claim, commit, wip = self.published(setting)
        setting.there.swap(42, expected=claim.oid, claim=claim_of(holder="there"))
        with pytest.raises(ClaimLost):
            publish(
                setting.here,
                expected=claim.oid,
                claim=claim,
                unfinished=setting.unfinished(claim.task, on=commit),
            )
        assert setting.side(42) == wip

    def test_a_released_claim_takes_unfinished_work_along(self, setting: CarefulSetting) -> None:
        claim, commit, _ = self.published(setting)
        assert setting.here.swap(42, expected=claim.oid, claim=None) == ""
        assert (setting.here.list(), setting.side(42), setting.branch(BRANCH)) == ((), "", commit)

    def test_another_holder_releases_it_too(self, setting: CarefulSetting) -> None:
        claim, _, wip = self.published(setting)
        oid = setting.there.swap(42, expected=claim.oid, claim=claim_of(holder="there"))
        with pytest.raises(ClaimLost):
            setting.here.swap(42, expected=claim.oid, claim=None)
        assert setting.side(42) == wip
        setting.there.swap(42, expected=oid, claim=None)
        assert (setting.there.list(), setting.side(42)) == ((), "")

    def test_rewritten_work_replaces_what_we_pushed(self, setting: CarefulSetting) -> None:
        claim, _, _ = self.published(setting)
        other = setting.accepted(claim.task)
        with pytest.raises(Refused):
            publish(setting.here, expected=claim.oid, claim=claim, branch=BRANCH, commit=other)
        oid = publish(
            setting.here, expected=claim.oid, claim=claim, branch=BRANCH, commit=other, rewritten=True
        )
        assert setting.branch(BRANCH) == other
        assert [c.oid for c in setting.there.list()] == [oid]

    def test_rewritten_work_does_not_replace_what_a_person_pushed(self, setting: CarefulSetting) -> None:
        claim, _, wip = self.published(setting)
        theirs = setting.push_by_person(BRANCH)
        other = setting.accepted(claim.task)
        with pytest.raises(Refused):
            publish(
                setting.here, expected=claim.oid, claim=claim, branch=BRANCH, commit=other, rewritten=True
            )
        assert (setting.branch(BRANCH), setting.side(42)) == (theirs, wip)
        assert [c.oid for c in setting.here.list()] == [claim.oid]
