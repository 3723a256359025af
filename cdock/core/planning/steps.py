"""The next step of a plan in the loop: while it is talked about, and once its tasks are issues."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cdock.core import quoting
from cdock.core.actions import Action, HearDecision, PublishPlan, ReleaseTasks, ShowGate
from cdock.core.commands import Command
from cdock.core.planning.gates import APPROVE, NOBODY, Decision, decision, gate_due
from cdock.core.planning.parts import (
    SETTLED,
    STUCK,
    State,
    at_rest,
    stages_in,
    states_of,
    to_come,
    to_release,
)
from cdock.core.planning.telling import proposed
from cdock.core.policy import Policy
from cdock.core.task import Status, Task
from cdock.core.waiting import Waiting, WaitKind
from cdock.core.world import Case, Part


def over(parts: tuple[Part, ...], policy: Policy) -> bool:
    """Whether nothing of a plan is left to do."""
    return all(state in SETTLED for state in states_of(parts, policy).values())


def status_of_published(task: Task, parts: tuple[Part, ...], policy: Policy) -> Status:
    """The state of a plan whose tasks are issues, and that goes on."""
    return Status.WAITING if decision_wanted(task, parts, policy) else Status.PLANNED


def decision_wanted(task: Task, parts: tuple[Part, ...], policy: Policy) -> Waiting | None:
    """What a person has to decide, or to say, before the plan goes on."""
    if _stopped(task):
        return Waiting(
            WaitKind.HUMAN,
            "A person stopped it: no further task is let start.",
            "Comment `/cdock resume` on its issue. Tasks that were let start go on by themselves.",
        )
    states = states_of(parts, policy)
    stage = task.opened
    if not stage or not at_rest(parts, states, stage=stage):
        return None
    stuck = _stuck(states)
    if not stuck and not (policy.gates and to_come(parts, states, stage=stage)):
        return None
    return Waiting(
        WaitKind.HUMAN,
        f"Stage {stage} of {stages_in(parts)} is finished.",
        f"Tick a box in the comment on it, comment `/cdock approve`, or run `cdock approve {task.issue}`.",
    )


def _stuck(states: Mapping[str, State]) -> bool:
    return any(state in STUCK or state is State.HELD for state in states.values())


def _stopped(task: Task) -> bool:
    return task.stopped or task.paused


def next_of_published(
    case: Case, task: Task, parts: tuple[Part, ...], policy: Policy, *, now: datetime
) -> Action | None:
    """The next step of a plan whose tasks are issues."""
    states = states_of(parts, policy)
    if _stopped(task):
        due = gate_due(case.issue, task, parts, states)
        return ShowGate(case, *due) if due else None
    if task.opened == 0:
        # Publishing it was the approval of its first stage.
        return HearDecision(case, Decision(0, (APPROVE,), NOBODY))
    if chosen := decision(case.issue, task, now=now, policy=policy):
        return HearDecision(case, chosen)
    if ready := to_release(parts, states, opened=task.opened, released=task.released):
        return ReleaseTasks(case, ready)
    next_ = to_come(parts, states, stage=task.opened) and at_rest(parts, states, stage=task.opened)
    if next_ and not policy.gates and not _stuck(states):
        return HearDecision(case, Decision(task.opened, (APPROVE,), NOBODY))
    if due := gate_due(case.issue, task, parts, states):
        return ShowGate(case, *due)
    return None


def last_words(case: Case, task: Task, policy: Policy) -> ShowGate | None:
    """What is left to say of a plan that is over; None for what is none."""
    if case.parts is None:
        return None
    due = gate_due(case.issue, task, case.parts, states_of(case.parts, policy))
    return ShowGate(case, *due) if due else None


def next_of_talk(case: Case, task: Task) -> PublishPlan | None:
    """The next step of a plan that a person approved; None while it is talked about."""
    return PublishPlan(case) if task.agreed and not task.running else None


def reply_wanted(task: Task, policy: Policy) -> Waiting:
    """What a proposal waits for."""
    return Waiting(
        WaitKind.HUMAN,
        "The agent's proposal waits for you.",
        "Reply in a comment to change it, or comment `/cdock approve` to make it issues.",
    )


def approve(command: Command, case: Case, task: Task, policy: Policy) -> tuple[Task, str]:
    """The task as `/cdock approve` leaves it, and one line to reply; empty when there is nothing to say."""
    if not task.plans:
        return task, "Only a plan can be approved: work is approved by merging its pull request."
    if case.parts is None:
        return _publish(case, task)
    stage, states = task.opened, states_of(case.parts, policy)
    said = command.argument.removeprefix("stage").strip(" -")
    if said and said != str(stage):
        return task, f"Stage {stage} is the one that is open, not {quoting.inline(said, limit=20)}."
    if not to_come(case.parts, states, stage=stage):
        return task, f"No stage after stage {stage} has anything to start: nothing is left to approve."
    if not at_rest(case.parts, states, stage=stage):
        return task, f"Stage {stage} is not finished yet: its gate opens when nothing of it is going on."
    return replace(task, opened=stage + 1, stopped=False, paused=False), ""


def _publish(case: Case, task: Task) -> tuple[Task, str]:
    if task.running:
        return task, "The agent is changing the plan: its next proposal can be approved."
    last = task.last
    if last is None or not task.succeeded or not proposed(case.issue, task, last.number):
        return task, "There is no plan yet that could be approved: reply to what the agent says."
    return replace(task, agreed=last.number, stopped=False, paused=False), ""
