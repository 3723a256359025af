"""What the next attempt of a task would be about. Read off what is seen and on record; nothing stores it."""

from dataclasses import dataclass, replace

from cdock.core.answers import answer
from cdock.core.feedback import asked, conflict, due, failed, handled
from cdock.core.issues import Answer
from cdock.core.policy import Policy
from cdock.core.runs import THEIRS
from cdock.core.speaking import meant_for_work, unheard
from cdock.core.task import Attempt, Cause, Outcome, Task
from cdock.core.wishes import WishKind
from cdock.core.world import Case, World

SENT_BACK = (Cause.REVIEW, Cause.CHECKS, Cause.CONFLICT, Cause.FINDINGS)
"""Causes that come round and round, and have a limit of rounds each."""
_RESUMED = (Outcome.CAPPED, Outcome.LIMITED, Outcome.YIELDED, Outcome.CANCELLED, Outcome.OVERTAKEN)
APPROVED = "APPROVED"
"""What a second agent's last words begin with when it has nothing to add."""


@dataclass(frozen=True)
class Errand:
    """Why an attempt is to start, and what it has to see to.

    `fresh`: in a new conversation even where the last one could go on. Whatever it is about, what people said and no
    agent has read comes along.
    """

    cause: Cause
    refs: tuple[str, ...] = ()
    text: str = ""
    fresh: bool = False
    answer: Answer | None = None

    @property
    def about_theirs(self) -> bool:
        """Whether the conflict is with what others pushed to the task's own branch."""
        return self.cause is Cause.CONFLICT and any(ref.startswith(THEIRS) for ref in self.refs)


def errand_of(case: Case, task: Task, world: World, policy: Policy) -> Errand | None:
    """What an attempt that starts now is about; None when there is nothing to do."""
    if task.running:
        return None
    if wish := case.wished(WishKind.ATTACH):
        return Errand(Cause.PERSON, refs=(wish.ref,))
    if said := answer(case, task):
        return Errand(Cause.ANSWER, answer=said)
    last = task.last
    if task.plans:
        return _planning(case, task, last)
    if last is None:
        return Errand(Cause.TASK)
    if last.round != task.round:
        # A person said go on: a limit was raised, or it is all to be tried again.
        return _again(case, task, last, world, policy)
    match last.outcome:
        case Outcome.SUCCEEDED:
            return _sent_back(case, task, world, policy)
        case Outcome.FULL if last.cause is not Cause.NOTES:
            return Errand(Cause.NOTES)
        case Outcome.HANDOFF | Outcome.FULL:
            # What a review asks for is asked of whoever goes on, or it would be seen to once more after that.
            return replace(_sent_back(case, task, world, policy) or Errand(Cause.HANDOFF), fresh=True)
        case Outcome.CAPPED | Outcome.NEEDS_HELP:
            return None
        case Outcome.OVERTAKEN if case.workspace and case.workspace.theirs and case.workspace.theirs.clash:
            return Errand(Cause.CONFLICT, refs=(case.workspace.theirs.ref,))
        case Outcome.LOST | Outcome.LIMITED | Outcome.YIELDED | Outcome.CANCELLED | Outcome.OVERTAKEN:
            return _sent_back(case, task, world, policy) or Errand(Cause.GO_ON)
        case _:
            return _sent_back(case, task, world, policy) or Errand(Cause.RETRY, fresh=True)


def _planning(case: Case, task: Task, last: Attempt | None) -> Errand | None:
    """A goal is broken down once, and again for each word of a person."""
    if last is None or last.round != task.round:
        return Errand(Cause.PLAN)
    match last.outcome:
        case Outcome.SUCCEEDED:
            return Errand(Cause.MESSAGE) if unheard(case, task) else None
        case Outcome.CAPPED | Outcome.NEEDS_HELP:
            return None
        case Outcome.HANDOFF | Outcome.FULL:
            return Errand(Cause.PLAN, fresh=True)
        case _:
            return Errand(Cause.PLAN)


def _again(case: Case, task: Task, last: Attempt, world: World, policy: Policy) -> Errand:
    back = _sent_back(case, task, world, policy)
    if back:
        return back
    return Errand(Cause.GO_ON) if last.outcome in _RESUMED else Errand(Cause.RETRY, fresh=True)


def _sent_back(case: Case, task: Task, world: World, policy: Policy) -> Errand | None:
    """What keeps work that was done once from being done: words of people, a second opinion, the pull request."""
    if not any(a.outcome is Outcome.SUCCEEDED for a in task.attempts):
        return None
    if meant_for_work(case, task):
        return Errand(Cause.MESSAGE)
    done = handled(task)
    if opinion := _opinion(task, policy):
        return opinion
    pull = case.pull
    if pull is None or not pull.open:
        return None
    wanted = asked(pull, done)
    if wanted and due(wanted, world, policy):
        return Errand(Cause.REVIEW, refs=tuple(one.ref for one in wanted))
    if wrong := failed(case, done):
        return Errand(Cause.CHECKS, refs=tuple(check.ref for check in wrong))
    # A stacked one is in conflict with what it is stacked upon; once that is merged it goes to the default branch.
    if policy.conflicts != "leave" and not task.onto and (ref := conflict(pull, done)):
        return Errand(Cause.CONFLICT, refs=(ref,))
    return None


def _opinion(task: Task, policy: Policy) -> Errand | None:
    """A second agent looks at each state of the work that passed, and what it finds is seen to."""
    good = [a for a in task.attempts if a.outcome is Outcome.SUCCEEDED]
    if not policy.reviewer or not good:
        return None
    newest, last = good[-1], task.attempts[-1]
    if newest.cause is not Cause.OPINION:
        if last.outcome is not Outcome.SUCCEEDED and last.cause is not Cause.OPINION:
            return None  # work that went on since is not finished, and must not count as done by a good word
        return Errand(Cause.OPINION, fresh=True)
    if newest.summary.lstrip("*_# \n").upper().startswith(APPROVED):
        return None
    return Errand(Cause.FINDINGS, refs=(f"opinion-{newest.number}",), text=newest.summary)


def rounds_of(task: Task, cause: Cause) -> int:
    """How often this cause sent an agent back since a person last answered."""
    return sum(
        a.cause is cause and a.outcome is Outcome.SUCCEEDED and a.round == task.round for a in task.attempts
    )


def worn_out(errand: Errand | None, task: Task, policy: Policy) -> bool:
    """Whether the rounds of this errand are used up."""
    return bool(errand and errand.cause in SENT_BACK and rounds_of(task, errand.cause) >= policy.rounds)
