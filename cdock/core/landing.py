"""Landing finished work: in which order, what can be landed at all, and how it is told. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from cdock.core.errors import Refused
from cdock.core.pulls import PullRequest
from cdock.core.quoting import closed_by, seen

METHODS = ("pull", "merge", "squash", "cherry-pick")
TITLE_LIMIT = 200
"""Characters of an issue's title in the message of a commit."""


@dataclass(frozen=True)
class Person:
    """Whose commits they are."""

    name: str
    email: str


@dataclass(frozen=True)
class Applied:
    """The commit that work came to on top of another one; `conflicts` are files of which people have to decide."""

    commit: str
    conflicts: tuple[str, ...] = ()


class Fate(StrEnum):
    """What became of a piece of work."""

    LANDED = "landed"
    QUEUED = "queued"  # the forge merges it when it may
    EMPTY = "empty"  # the default branch lacks nothing of it
    CONFLICT = "conflict"
    REFUSED = "refused"
    SKIPPED = "skipped"  # not tried


@dataclass(frozen=True)
class Work:
    """The work of one task as it is on the forge: its branch at `tip`, `ahead` commits that the default one lacks.

    `depends` are the issues that come first, `onto` the branch that its pull request is stacked on.
    """

    issue: int
    title: str
    task: str
    branch: str
    status: str
    depends: tuple[int, ...] = ()
    onto: str = ""
    tip: str = ""
    """Empty when there is no such branch."""
    ahead: int = 0
    pull: PullRequest | None = None


@dataclass(frozen=True)
class Landing:
    """A piece of work and what became of it; `commit` is where the default branch was afterwards, if it is known."""

    work: Work
    fate: Fate
    why: str = ""
    retry: tuple[str, ...] = ()
    """Commands by which a person can go on, in order."""
    commit: str = ""

    @property
    def fine(self) -> bool:
        """Whether nobody need see to it."""
        return self.fate in (Fate.LANDED, Fate.EMPTY)


def ordered(works: Collection[Work]) -> tuple[Work, ...]:
    """What others build upon first; else in the order of the issues.

    Raises:
        Refused: some of them come after one another.
    """
    by_issue = {work.issue: work for work in works}
    sorter = TopologicalSorter({work.issue: _before(work, works) for work in works})
    try:
        sorter.prepare()
    except CycleError as error:
        path = " → ".join(f"#{number}" for number in error.args[1])
        raise Refused(
            f"these come after one another: {path}",
            code="CD461",
            tried="finding the order to land them in",
            fix="take one of the dependencies out of its issue, or land them one by one",
        ) from error
    found: list[Work] = []
    ready: list[int] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()])
        number, *ready = ready
        found.append(by_issue[number])
        sorter.done(number)
    return tuple(found)


def _before(work: Work, works: Collection[Work]) -> set[int]:
    """The issues among `works` that have to be landed before `work`."""
    return {
        other.issue
        for other in works
        if other is not work and (other.issue in work.depends or other.branch == work.onto)
    }


def needless(work: Work) -> str:
    """Why there is nothing to land of this; empty when there is."""
    if work.pull and work.pull.merged:
        return "its pull request is merged already"
    if work.status == "done":
        return "it is done"
    return "" if work.ahead or not work.tip else "the default branch lacks nothing of it"


def obstacle(work: Work, *, method: str) -> str:
    """Why this cannot be landed by `method`, whatever becomes of the others; empty when nothing is in the way."""
    pull = work.pull
    if not work.tip:
        return "its branch is not on the forge"
    if work.status != "in-review":
        return f"it is {work.status}, not in review"
    if pull and pull.draft:
        return "its pull request is a draft"
    if method == "pull":
        if pull is None:
            return "it has no pull request"
        if not pull.open:
            return "its pull request is closed"
    return ""


def missing_before(work: Work, landings: Collection[Landing], *, unsettled: Collection[int]) -> str:
    """Which other work has to be landed before this one and is not; empty when it may be tried.

    `unsettled` are the issues of tasks that are not at their end.
    """
    fates = {landing.work.issue: landing for landing in landings}
    for landing in landings:
        if landing.work.branch == work.onto and not landing.fine:
            return f"it builds upon #{landing.work.issue}, which is {landing.fate}"
    for number in work.depends:
        if number in fates:
            if not fates[number].fine:
                return f"it comes after #{number}, which is {fates[number].fate}"
        elif number in unsettled:
            return f"it comes after #{number}, which is not landed"
    return ""


def not_tried(
    work: Work, landings: Collection[Landing], *, method: str, unsettled: Collection[int]
) -> Landing | None:
    """What there is to say of work that is not even tried after `landings`; None when it is.

    `unsettled` are the issues of tasks that are not at their end.
    """
    if why := needless(work):
        return Landing(work, Fate.EMPTY, why)
    why = obstacle(work, method=method) or missing_before(work, landings, unsettled=unsettled)
    return Landing(work, Fate.SKIPPED, why) if why else None


def subject_of(work: Work) -> str:
    """One line about the work, fit for the message of a commit: it closes no issue but its own."""
    title = " ".join(seen(work.title).split())[:TITLE_LIMIT]
    where = f" (#{work.pull.number})" if work.pull else ""
    if not title or closed_by(title, own=work.issue):
        return f"Task of issue #{work.issue}{where}"
    return f"{title}{where}"


def merge_message(work: Work) -> str:
    """The message of a commit that merges the branch."""
    return f"Merge branch '{work.branch}'\n\n{subject_of(work)}\n\nCloses #{work.issue}\n"


def squash_message(work: Work) -> str:
    """The message of a commit that stands for the whole branch."""
    return f"{subject_of(work)}\n\nCloses #{work.issue}\n"


def retry_by_hand(work: Work, *, remote: str, default: str) -> tuple[str, ...]:
    """How a person sees to a conflict; the branch is the task's own, so its pull request follows."""
    return (
        f"git fetch {remote} && git switch --detach {remote}/{work.branch}",
        f"git merge {remote}/{default}",
        f"git push {remote} HEAD:{work.branch}",
        f"cdock land {work.issue}",
    )


def summary(landings: Sequence[Landing]) -> str:
    """`3 landed, 1 conflict`, in the order of the fates."""
    counts = [(fate, sum(landing.fate is fate for landing in landings)) for fate in Fate]
    return ", ".join(f"{count} {fate}" for fate, count in counts if count) or "nothing to land"
