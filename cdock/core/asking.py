"""Whether a person has to be asked, and why: the agent asked, a budget is spent, or it goes round and round."""

from dataclasses import dataclass
from enum import StrEnum

from cdock.core.attempts import HANDOFF_LIMIT, LOST_LIMIT, charged, in_a_row, most_attempts
from cdock.core.errands import Errand, worn_out
from cdock.core.failure_class import UNKNOWN
from cdock.core.policy import Policy
from cdock.core.task import Cap, Cause, Outcome, Task


class Asking(StrEnum):
    """Why a person is asked."""

    QUESTION = "question"  # of the agent
    REQUEST = "request"  # of a person, who wants another one to be asked
    SAME_ERROR = "same-error"
    SAME_CLASS = "same-class"
    ATTEMPTS = "attempts"
    LOST = "lost"
    HANDOFFS = "handoffs"
    CAP = "cap"
    ROUNDS = "rounds"


@dataclass(frozen=True)
class Reason:
    """Why, with what it is about: how often, which limit, or what sent the agent back."""

    asking: Asking
    count: int = 0
    cap: Cap | None = None
    cause: Cause | None = None

    @property
    def stuck(self) -> bool:
        """Whether trying again with what was learnt is an answer: nobody asked a question."""
        return self.asking not in (Asking.QUESTION, Asking.REQUEST)


def reason_to_ask(task: Task, errand: Errand | None, policy: Policy) -> Reason | None:
    """Why no further attempt starts without a person; None when it may. Counts are of the present round.

    An allowance of attempts that a person gave counts attempts only, whatever their errors.
    """
    if task.question:
        return Reason(Asking.REQUEST)
    last = task.last
    if last is None:
        return None
    if last.round == task.round:
        if last.outcome is Outcome.NEEDS_HELP:
            return Reason(Asking.QUESTION)
        if last.outcome is Outcome.CAPPED:
            return Reason(Asking.CAP, cap=last.cap)
    if worn_out(errand, task, policy):
        return Reason(Asking.ROUNDS, count=policy.rounds, cause=errand.cause if errand else None)
    return _used_up(task, policy)


def _used_up(task: Task, policy: Policy) -> Reason | None:
    tried = charged(task)
    if not task.allowed.attempts:
        for print_ in {a.fingerprint for a in tried if a.fingerprint}:
            count = sum(a.fingerprint == print_ for a in tried)
            if count >= policy.tries:
                return Reason(Asking.SAME_ERROR, count=count)
        for kind in {a.kind for a in tried} - {"", UNKNOWN}:
            count = sum(a.kind == kind for a in tried)
            if count >= policy.class_tries:
                return Reason(Asking.SAME_CLASS, count=count)
    if len(tried) >= most_attempts(task, policy):
        return Reason(Asking.ATTEMPTS, count=len(tried))
    if (lost := in_a_row(task, Outcome.LOST)) >= LOST_LIMIT:
        return Reason(Asking.LOST, count=lost)
    if (handed := in_a_row(task, Outcome.HANDOFF)) >= HANDOFF_LIMIT:
        return Reason(Asking.HANDOFFS, count=handed)
    return None
