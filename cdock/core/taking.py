"""Which issues are claimed next: those that somebody wants done, as far as there is room and nobody is in the way."""

from collections.abc import Iterable

from cdock.core.actions import Action, TakeClaim
from cdock.core.depending import finished
from cdock.core.form import brief_of
from cdock.core.overlap import Files
from cdock.core.policy import Policy
from cdock.core.slots import Slots
from cdock.core.waiting import early
from cdock.core.world import Case


def claim_if_free(case: Case, policy: Policy, slots: Slots) -> tuple[Action, ...]:
    """The claim of an issue, if there is room for it and nobody changes the files that it would change."""
    if case.claim is not None or policy.overlap == "ignore":
        return (TakeClaim(case),) if slots.claim() else ()
    if slots.claims <= 0:
        return ()
    files = wanted_files(case)
    beside = slots.meets(files)
    if (beside and policy.overlap == "serialise") or not slots.claim():
        return ()
    slots.change(files)
    return (TakeClaim(case, beside),)


def wanted_files(case: Case) -> Files:
    """What an issue that nobody has claimed would change, by its text."""
    brief = brief_of(case.issue.body)
    return Files(case.issue.number, brief.files, batch=brief.batch)


def files_of(cases: Iterable[Case]) -> tuple[Files, ...]:
    """What is being changed: by all that are claimed and not done, whoever holds them."""
    return tuple(
        Files(
            case.issue.number,
            case.claim.task.brief.files,
            case.workspace.paths if case.workspace else frozenset(),
            case.claim.task.brief.batch,
        )
        for case in cases
        if case.claim and not case.claim.task.plans and not finished(case.claim) and case.issue.open
        # What waits for others changes nothing yet, and one of them may wait for these files.
        if not early(case, case.claim.task)
    )


def startable(case: Case, policy: Policy) -> bool:
    """Whether somebody wants an issue to be worked on that nobody holds; others are only looked at."""
    issue, labels = case.issue, policy.labels
    return issue.open and (issue.wears(labels.ready) or issue.wears(labels.plan))
