"""Landing on in-memory ports: the order, what is left out, what becomes of the rest."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.errors import Refused
from cdock.core.ids import TaskId
from cdock.core.landing import (
    Applied,
    Fate,
    Landing,
    Person,
    Work,
    merge_message,
    missing_before,
    needless,
    obstacle,
    ordered,
    squash_message,
    subject_of,
    summary,
)
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.reconciler.landing import land_commits, land_pulls, settle, with_pulls
from cdock.testing import MemoryForge, MemoryHub, MemoryMachine, MemoryWorkspaces
from cdock.testing.clock import MemoryClock

ME = Person("Maria", "maria@example.com")
NAMES = ("origin", "main")


def work(issue: int, *depends: int, onto: str = "", status: str = "in-review", ahead: int = 1) -> Work:
    return Work(
        issue=issue,
        title=f"Task {issue}",
        task=f"cdock.t{issue}.000000{issue % 10}",
        branch=f"cdock/t{issue}",
        status=status,
        depends=depends,
        onto=onto,
        tip=f"{issue:040x}",
        ahead=ahead,
    )


def test_what_others_build_upon_comes_first() -> None:
    works = [work(1, 3), work(2, onto="cdock/t1"), work(3), work(4, 99)]
    assert [each.issue for each in ordered(works)] == [3, 1, 2, 4]


@given(st.permutations(range(1, 9)), st.data())
def test_any_graph_is_landed_in_a_legal_order(order: list[int], data: st.DataObject) -> None:
    works = [
        work(number, *data.draw(st.sets(st.sampled_from(order[:place])) if place else st.just(set())))
        for place, number in enumerate(order)
    ]
    found = [each.issue for each in ordered(works)]
    assert sorted(found) == sorted(order)
    at = {number: place for place, number in enumerate(found)}
    assert all(at[before] < at[each.issue] for each in works for before in each.depends)
    assert ordered(works[::-1]) == ordered(works)


def test_a_circle_is_refused_by_its_path() -> None:
    with pytest.raises(Refused, match=r"#\d → #\d → #\d → #\d"):
        ordered([work(1, 2), work(2, 3), work(3, 1)])


@pytest.mark.parametrize(
    ("changes", "method", "why"),
    [
        ({}, "merge", ""),
        ({}, "pull", "no pull request"),
        ({"status": "cancelled"}, "pull", "is cancelled"),
        ({"status": "in-progress"}, "squash", "not in review"),
        ({"tip": ""}, "merge", "not on the forge"),
        ({"pull": PullRequest(7, "", "b", open=False)}, "pull", "closed"),
        ({"pull": PullRequest(7, "", "b", draft=True)}, "cherry-pick", "draft"),
        ({"pull": PullRequest(7, "", "b")}, "pull", ""),
    ],
)
def test_what_is_in_the_way(changes: dict[str, object], method: str, why: str) -> None:
    found = obstacle(replace(work(1), **changes), method=method)  # type: ignore[arg-type]
    assert why in found
    assert bool(found) == bool(why)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"status": "done"}, "it is done"),
        ({"ahead": 0}, "lacks nothing"),
        ({"tip": "", "ahead": 0}, ""),
        ({"pull": PullRequest(7, "", "b", merged=True, open=False)}, "merged already"),
    ],
)
def test_what_needs_no_landing(changes: dict[str, object], why: str) -> None:
    found = needless(replace(work(1), **changes))  # type: ignore[arg-type]
    assert why in found
    assert bool(found) == bool(why)


def test_what_comes_before_has_to_be_landed() -> None:
    below = work(1)
    assert missing_before(work(2, 1), [Landing(below, Fate.LANDED)], unsettled=[1]) == ""
    assert missing_before(work(2, 1), [Landing(below, Fate.EMPTY)], unsettled=[1]) == ""
    assert "#1" in missing_before(work(2, 1), [Landing(below, Fate.QUEUED)], unsettled=[1])
    assert "#1" in missing_before(work(2, onto="cdock/t1"), [Landing(below, Fate.SKIPPED)], unsettled=[])
    assert "#1" in missing_before(work(2, 1), [], unsettled=[1])
    assert missing_before(work(2, 1), [], unsettled=[2]) == ""


@pytest.mark.parametrize("title", ["fixes #7", "Closes owner/repo#3 now", "", "\x1b[31m"])
def test_messages_close_no_other_issue(title: str) -> None:
    hostile = replace(work(5), title=title)
    assert subject_of(hostile) in ("Task of issue #5", "[31m")
    for message in (merge_message(hostile), squash_message(hostile)):
        assert message.endswith("\n\nCloses #5\n")
        assert "#7" not in message
        assert "#3" not in message


def test_messages_name_the_work() -> None:
    told = replace(work(5), title="Add\n login", pull=PullRequest(8, "", "b"))
    assert squash_message(told) == "Add login (#8)\n\nCloses #5\n"
    assert merge_message(told).startswith("Merge branch 'cdock/t5'\n\nAdd login (#8)\n")


def test_a_summary_counts() -> None:
    assert summary([]) == "nothing to land"
    assert summary([Landing(work(1), Fate.LANDED), Landing(work(2), Fate.CONFLICT)]) == "1 landed, 1 conflict"


@dataclass
class Yard:
    """A forge of memory with issues, branches and their pull requests."""

    hub: MemoryHub = field(default_factory=MemoryHub)
    policy: Policy = field(default_factory=Policy)
    said: list[str] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forge = MemoryForge(self.hub)
        self.machine = MemoryMachine(self.hub)
        self.workspaces = MemoryWorkspaces(self.machine)

    @property
    def clock(self) -> MemoryClock:
        return self.hub.clock

    def finished(self, path: str, *, depends: Collection[int] = (), onto: str = "") -> Work:
        """A task in review; its work writes one file."""
        number = self.hub.open_issue(f"Write {path}")
        task = TaskId(f"t{number}", f"{number:07x}")
        tip = self.hub.commit(self.hub.branches[onto or "main"], {path: f"by {number}"})
        self.hub.branches[task.branch()] = tip
        self.forge.ensure_pull(head=task.branch(), title="x", body=f"Closes #{number}", onto=onto)
        made = Work(
            issue=number,
            title=f"Write {path}",
            task=str(task),
            branch=task.branch(),
            status="in-review",
            depends=tuple(depends),
            onto=onto,
            tip=tip,
            ahead=1,
        )
        self.works.append(made)
        return made

    def pull(self, one: Work) -> PullRequest:
        (found,) = (pull for pull in self.hub.pulls.values() if pull.head == one.branch)
        return self.hub.known(found.number)

    def land(self, *, wait: float = 0.0) -> dict[int, Landing]:
        works = with_pulls(self, ordered(self.works))
        done = land_pulls(
            self, Ground(self.hub), works, unsettled=(), names=NAMES, wait=wait, say=self.said.append
        )
        return {landing.work.issue: landing for landing in done}


@pytest.fixture
def yard() -> Yard:
    return Yard()


def fates(done: dict[int, Landing]) -> list[str]:
    return [done[number].fate.value for number in sorted(done)]


def test_pull_requests_are_merged_in_order(yard: Yard) -> None:
    first = yard.finished("a")
    second = yard.finished("b", depends=[first.issue], onto=first.branch)
    done = yard.land()
    assert fates(done) == ["landed", "landed"]
    assert yard.pull(first).merged
    assert yard.pull(second).merged
    main = yard.hub.branches["main"]
    assert all(yard.hub.contains(main, each.tip) for each in (first, second))
    assert not yard.hub.issues[second.issue].open, "it went onto the default branch, not onto the one below"


def test_a_conflict_is_named_and_the_rest_goes_on(yard: Yard) -> None:
    first, second, third = yard.finished("same"), yard.finished("same"), yard.finished("other")
    above = yard.finished("above", depends=[second.issue])
    done = yard.land()
    assert fates(done) == ["landed", "conflict", "landed", "skipped"]
    assert f"git push origin HEAD:{second.branch}" in done[second.issue].retry
    assert done[second.issue].retry[-1] == f"cdock land {second.issue}"
    assert f"#{second.issue}" in done[above.issue].why
    assert yard.pull(second).open
    assert {first.issue, third.issue} == {n for n, each in done.items() if each.fine}


def test_one_that_has_other_commits_by_now_is_left(yard: Yard) -> None:
    one = yard.finished("a")
    works = with_pulls(yard, [one])
    yard.hub.push(one.branch)
    (landing,) = land_pulls(
        yard, Ground(yard.hub), works, unsettled=(), names=NAMES, wait=0, say=yard.said.append
    )
    assert landing.fate is Fate.REFUSED
    assert yard.pull(one).open


def test_a_queue_is_waited_for(yard: Yard) -> None:
    one = yard.finished("a")
    above = yard.finished("b", depends=[one.issue])
    yard.hub.queued.add(yard.pull(one).number)
    assert fates(yard.land(wait=10)) == ["queued", "skipped"]
    forge, number = yard.forge, yard.pull(one).number
    looked = forge.look
    looks = 0

    def look(*args: object, **kwargs: object) -> object:
        nonlocal looks
        looks += 1
        if looks == 4:
            yard.hub.merge(number)
        return cast("Callable[..., object]", looked)(*args, **kwargs)

    forge.look = look  # type: ignore[method-assign, assignment]
    assert fates(yard.land(wait=60)) == ["landed", "landed"]
    assert yard.pull(above).merged


def test_empty_work_is_passed_over(yard: Yard) -> None:
    one = yard.finished("a")
    yard.works = [replace(one, ahead=0)]
    assert fates(yard.land()) == ["empty"]
    assert yard.pull(one).open


@dataclass
class Ground:
    """Commits of memory."""

    hub: MemoryHub

    def conflicts(self, work: Work) -> tuple[str, ...]:
        return self.hub.conflicts_between(self.hub.branches["main"], work.tip)

    def apply(self, work: Work, *, method: str, onto: str, without: Collection[str], by: Person) -> Applied:
        if files := self.hub.conflicts_between(onto, work.tip):
            return Applied("", files)
        if method == "merge":
            return Applied(self.hub.merged(onto, work.tip))
        changed = {
            path: text
            for path, text in self.hub.changed(work.tip, onto).items()
            if (path, text) not in self.hub.changed(onto, work.tip).items()
        }
        return Applied(self.hub.commit(onto, changed) if changed else onto)


def land_here(yard: Yard, method: str) -> dict[int, Landing]:
    works = with_pulls(yard, ordered(yard.works))
    start = yard.hub.branches["main"]
    after, done = land_commits(
        Ground(yard.hub), works, method=method, start=start, by=ME, unsettled=(), names=NAMES
    )
    assert yard.hub.branches["main"] == start, "nothing is pushed by this"
    assert all(one.commit == after for one in done[-1:] if one.fate is Fate.LANDED)
    yard.hub.branches["main"] = after
    settle(yard, done, others=works, method=method, default="main", say=yard.said.append)
    return {landing.work.issue: landing for landing in done}


@pytest.mark.parametrize("method", ["squash", "cherry-pick"])
def test_what_was_landed_in_another_shape_is_closed_by_us(yard: Yard, method: str) -> None:
    first = yard.finished("a")
    second = yard.finished("b", onto=first.branch)
    third = yard.finished("a")
    assert fates(land_here(yard, method)) == ["landed", "landed", "conflict"]
    for one in (first, second):
        assert not yard.hub.issues[one.issue].open
        assert not yard.hub.issues[one.issue].dropped
        assert "not needed any more" in yard.pull(one).remarks[-1].body
        assert one.branch not in yard.hub.branches
        assert yard.hub.kept_refs[f"refs/cdock/kept/{one.task.removeprefix('cdock.')}"] == one.tip
    assert yard.hub.issues[third.issue].open
    assert third.branch in yard.hub.branches


def test_settling_goes_on_where_it_was_interrupted(yard: Yard) -> None:
    one = yard.finished("a")
    works = with_pulls(yard, [one])
    start = yard.hub.branches["main"]
    after, _ = land_commits(
        Ground(yard.hub), works, method="squash", start=start, by=ME, unsettled=(), names=NAMES
    )
    yard.hub.branches["main"] = after
    assert yard.pull(one).open, "it was pushed, and then the machine went down"
    (landing,) = land_here(yard, "squash").values()
    assert (landing.fate, landing.commit) == (Fate.LANDED, after)
    assert one.branch not in yard.hub.branches


def test_a_branch_with_newer_commits_stays(yard: Yard) -> None:
    one = yard.finished("a")
    works = with_pulls(yard, [one])
    newer = yard.hub.push(one.branch)
    done = [Landing(works[0], Fate.LANDED, commit=yard.hub.branches["main"])]
    settle(yard, done, others=works, method="squash", default="main", say=yard.said.append)
    assert yard.hub.branches[one.branch] == newer
    assert any("newer commits" in line for line in yard.said)
