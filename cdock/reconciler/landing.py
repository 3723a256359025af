"""Land finished work: through pull requests, or as commits of the default branch that are pushed at once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from cdock.core.errors import CdockError, Refused, Unavailable
from cdock.core.ids import parse_task_id
from cdock.core.issues import Watch
from cdock.core.landing import (
    Applied,
    Fate,
    Landing,
    Person,
    Work,
    not_tried,
    retry_by_hand,
)
from cdock.core.marker import Marker
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.ports import Clock, Forge, Workspaces

WAYS = ("merge", "squash", "rebase")
"""How a pull request is merged: the first of these that the repository allows."""
STEP = 2.0
"""Seconds between two looks at the forge."""
PATIENCE = 60.0
"""Seconds in which a forge has to find out whether a pull request can be merged, or that a push merged it."""
NAMED = 10
"""Files in conflict that are named."""

Say = Callable[[str], None]


class Yard(Protocol):
    """What landing needs of a house."""

    @property
    def forge(self) -> Forge: ...

    @property
    def workspaces(self) -> Workspaces: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def policy(self) -> Policy: ...


class Ground(Protocol):
    """Where commits for the default branch are made."""

    def apply(self, work: Work, *, method: str, onto: str, without: Collection[str], by: Person) -> Applied:
        """The work on top of `onto`; `onto` itself where it brings nothing. Raises `Refused` when that cannot be."""
        ...

    def conflicts(self, work: Work) -> tuple[str, ...]:
        """The files in which the work is in conflict with the default branch as it is now."""
        ...


def with_pulls(yard: Yard, works: Sequence[Work]) -> tuple[Work, ...]:
    """The same with their pull requests as the forge shows them now."""
    pulls = _look(yard, works)
    return tuple(replace(work, pull=pulls.get(work.branch)) for work in works)


def land_pulls(
    yard: Yard,
    ground: Ground,
    works: Sequence[Work],
    *,
    unsettled: Collection[int],
    names: tuple[str, str],
    wait: float,
    say: Say,
) -> tuple[Landing, ...]:
    """Merge the pull requests of `works` one after the other; for one that is only queued, wait up to `wait` seconds.

    `unsettled` are issues of tasks that are not at their end. `names` are those of the remote and of the default
    branch, for the commands that people are told.
    """
    done: list[Landing] = []
    for work in works:
        landing = not_tried(work, done, method="pull", unsettled=unsettled)
        if landing is None:
            say(f"#{work.issue} {work.title}")
            landing = _land_pull(yard, ground, work, names=names, wait=wait)
        done.append(landing)
    return tuple(done)


def land_commits(
    ground: Ground,
    works: Sequence[Work],
    *,
    method: str,
    start: str,
    by: Person,
    unsettled: Collection[int],
    names: tuple[str, str],
) -> tuple[str, tuple[Landing, ...]]:
    """What the default branch comes to with `works` on top of the commit `start`, and what became of each.

    Nothing is pushed. What is in conflict is left out, and the rest goes on without it.
    """
    at, done = start, list[Landing]()
    for work in works:
        landing = not_tried(work, done, method=method, unsettled=unsettled)
        if landing is None:
            landing = _apply(ground, work, done, method=method, onto=at, by=by, names=names)
            at = landing.commit or at
        done.append(landing)
    return at, tuple(done)


def settle(
    yard: Yard, landings: Sequence[Landing], *, others: Sequence[Work], method: str, default: str, say: Say
) -> None:
    """Close what was landed past its pull request: the issue as completed, then the pull request with its branch.

    A merge is noticed by the forge itself, which gets the time for it. The branch goes in one push with the ref that
    keeps its commits, and the forge closes the pull request for that; one with newer commits than were landed stays.
    Pull requests of `others` that go to the branch are put onto the default one first. What fails is said, and is
    done by the next call.
    """
    landed = [landing for landing in landings if landing.fate is Fate.LANDED]
    works = [landing.work for landing in landed]
    pulls = _noticed(yard, works) if method == "merge" else _look(yard, works)
    for landing in landed:
        try:
            _settle(yard, landing, pulls.get(landing.work.branch), others=others, default=default, say=say)
        except CdockError as error:
            say(f"#{landing.work.issue} is landed, and not closed yet: {error.message}")


def _land_pull(yard: Yard, ground: Ground, work: Work, *, names: tuple[str, str], wait: float) -> Landing:
    pull = work.pull
    assert pull is not None, "tried only with one"  # noqa: S101 - for the type checker
    try:
        if work.onto:
            yard.forge.ensure_onto(pull, branch="")
        merged = _merge(yard, pull)
    except CdockError as error:
        return _not_merged(ground, work, error, names=names)
    return Landing(work, Fate.LANDED) if merged else _waited_for(yard, work, wait=wait)


def _merge(yard: Yard, pull: PullRequest) -> bool:
    """Merge it as the repository allows; False when it was queued."""
    end = yard.clock.elapsed() + PATIENCE
    ways = list(WAYS)
    while True:
        try:
            return yard.forge.merge(pull, method=ways[0])
        except Refused as error:
            # A setting of the repository, which no command but this one asks for; the forge's words name it.
            if len(ways) == 1 or "not allowed on this repository" not in error.message:
                raise
            ways.pop(0)
        except Unavailable:
            # After a merge below it the forge has to look at it anew.
            if yard.clock.elapsed() >= end or yard.clock.sleep(STEP):
                raise


def _not_merged(ground: Ground, work: Work, error: CdockError, *, names: tuple[str, str]) -> Landing:
    again = (f"cdock land {work.issue}",)
    if isinstance(error, Unavailable):
        return Landing(work, Fate.REFUSED, error.message, again)
    try:
        files = ground.conflicts(work)
    except CdockError:
        files = ()
    if files:
        return _in_conflict(work, files, names=names)
    return Landing(work, Fate.REFUSED, " ".join(part for part in (error.message, error.fix) if part), again)


def _in_conflict(work: Work, files: Sequence[str], *, names: tuple[str, str]) -> Landing:
    remote, default = names
    retry = retry_by_hand(work, remote=remote, default=default)
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return Landing(work, Fate.CONFLICT, f"{', '.join(files[:NAMED])}{more}", retry)


def _waited_for(yard: Yard, work: Work, *, wait: float) -> Landing:
    end = yard.clock.elapsed() + wait
    while True:
        try:
            shown = _look(yard, [work]).get(work.branch)
        except Unavailable:
            shown = work.pull
        if shown and shown.merged:
            return Landing(work, Fate.LANDED)
        if shown and not shown.open:
            return Landing(
                work, Fate.REFUSED, "it left the queue and was closed", (f"cdock land {work.issue}",)
            )
        if yard.clock.elapsed() >= end or yard.clock.sleep(STEP):
            why = "the forge merges it when its requirements are met"
            return Landing(work, Fate.QUEUED, why, (f"cdock land {work.issue}",))


def _apply(
    ground: Ground,
    work: Work,
    done: Sequence[Landing],
    *,
    method: str,
    onto: str,
    by: Person,
    names: tuple[str, str],
) -> Landing:
    # What the ones below were landed from is there already, in another shape.
    below = [landing.work.tip for landing in done if landing.fate is Fate.LANDED]
    try:
        applied = ground.apply(work, method=method, onto=onto, without=below, by=by)
    except CdockError as error:
        return Landing(work, Fate.REFUSED, error.message, (f"cdock land {work.issue}",))
    if applied.conflicts:
        return _in_conflict(work, applied.conflicts, names=names)
    if applied.commit == onto:
        open_still = work.pull is not None and work.pull.open
        return Landing(
            work,
            Fate.LANDED if open_still else Fate.EMPTY,
            "all that it changes is there already",
            commit=onto,
        )
    return Landing(work, Fate.LANDED, commit=applied.commit)


def _look(yard: Yard, works: Sequence[Work]) -> dict[str, PullRequest]:
    """The newest pull request of each branch."""
    if not works:
        return {}
    labels = yard.policy.labels
    shown = yard.forge.look(
        Watch(
            ready=labels.ready,
            help=labels.help_issue,
            held=frozenset(work.issue for work in works),
            branches=frozenset(work.branch for work in works),
        )
    )
    return {pull.head: pull for pull in sorted(shown.pulls, key=lambda pull: pull.number)}


def _noticed(yard: Yard, works: Sequence[Work]) -> dict[str, PullRequest]:
    """The pull requests, once the forge has noticed that they are merged, or had the time for that."""
    end = yard.clock.elapsed() + PATIENCE
    while True:
        pulls = _look(yard, works)
        unnoticed = any(pull.open for pull in pulls.values())
        if not unnoticed or yard.clock.elapsed() >= end or yard.clock.sleep(STEP):
            return pulls


def _settle(
    yard: Yard,
    landing: Landing,
    pull: PullRequest | None,
    *,
    others: Sequence[Work],
    default: str,
    say: Say,
) -> None:
    work = landing.work
    yard.forge.ensure_closed(work.issue)
    if pull is None or not pull.open:
        return
    if pull.commit != work.tip:
        say(
            f"#{work.issue}: its pull request #{pull.number} has newer commits than were landed, and stays open"
        )
        return
    yard.forge.ensure_comment(
        pull.number,
        marker=str(Marker("landed", {"issue": str(work.issue)})),
        body=f"{Marker('landed', {'issue': str(work.issue)})}\n"
        f"Its work is on `{default}` as of {landing.commit}, so this pull request is not needed any more.",
    )
    for other in others:
        if other.onto == work.branch and other.pull and other.pull.open:
            yard.forge.ensure_onto(other.pull, branch="")
    if task := parse_task_id(work.task):
        yard.workspaces.retire(task, branch=work.branch)
