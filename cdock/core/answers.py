"""What people answered: comments on a help issue, boxes ticked in it, its closing, or the word to go on."""

from dataclasses import replace

from cdock.core import messages, quoting
from cdock.core.budgets import share_of
from cdock.core.choices import MORE, STOP, agent_in, words_of
from cdock.core.commands import DECIDE, go_on, parse_command
from cdock.core.issues import Answer, HelpIssue
from cdock.core.policy import Policy
from cdock.core.task import Allowance, Cap, Cause, Outcome, Task
from cdock.core.world import Case


def answer(case: Case, task: Task) -> Answer | None:
    """What a person said to the help issue of this round."""
    found = help_of(case, task)
    return (answer_of(found, task) or go_on(case, task)) if found else None


def earlier_answer(case: Case, task: Task) -> Answer | None:
    """The answer that opened the present round: later attempts of the round must know it too."""
    found = case.help if case.help and case.help.round == task.round - 1 else None
    said = answer_of(found, task) if found else None
    # Closing one whose round ended by a command is our own doing; words are a person's, whatever else they did.
    taken = any(a.round == task.round and a.cause is Cause.ANSWER for a in task.attempts)
    return said if said and (taken or said.ref.startswith("comment-")) else None


def help_of(case: Case, task: Task) -> HelpIssue | None:
    """The help issue of the present round."""
    return case.help if case.help and case.help.round == task.round else None


def answer_of(help_issue: HelpIssue, task: Task) -> Answer | None:
    """What a person with write access said to a help issue: comments and ticks, or its closing without any."""
    said = [
        comment
        for comment in help_issue.comments
        if comment.by_writer and not messages.is_ours(comment) and quoting.visible(comment.body)
        if parse_command(comment, issue=help_issue.number) is None
    ]
    keys = help_issue.ticked if help_issue.ticked_by_writer else ()
    if said or keys:
        texts = [quoting.visible(comment.body) for comment in said]
        chosen = words_of(keys, question_of(task, help_issue.round))
        text = "\n\n".join(part for part in (chosen, *texts) if part) or DECIDE
        author = said[-1].author if said else help_issue.ticked_by
        ref = f"comment-{said[-1].id}" if said else f"tick-{help_issue.number}-{'-'.join(keys)}"
        return Answer(text=text, author=author, ref=ref, choices=keys)
    if not help_issue.open and help_issue.closed_by_writer:
        return Answer(text=DECIDE, author=help_issue.closed_by, ref=f"closed-{help_issue.number}")
    return None


def question_of(task: Task, round_: int) -> str:
    """The question that the help issue of a round asks; empty when it was no question."""
    asked = (
        a.error for a in reversed(task.attempts) if a.round == round_ and a.outcome is Outcome.NEEDS_HELP
    )
    return next(asked, "")


def granted(task: Task, said: Answer, policy: Policy) -> Task:
    """The task with what the answer allows, in the round that it opens."""
    cap = task.last.cap if task.last and task.last.outcome is Outcome.CAPPED else None
    allowed = _more(task, cap, policy) if MORE in said.choices else task.allowed
    agent = agent_in(said.choices)
    chosen = agent if agent in policy.agents else ""
    return replace(
        task,
        round=task.round + 1,
        allowed=replace(allowed, attempts=0),
        agent=chosen or task.agent,
        model="" if chosen else task.model,
        question="",
        stopped=STOP in said.choices,
        paused=False,
    )


def _more(task: Task, cap: Cap | None, policy: Policy) -> Allowance:
    """As much again as was given at first of what the task ran out of."""
    allowed, share = task.allowed, share_of(cap, task, policy)
    match cap:
        case Cap.TURNS:
            return replace(allowed, turns=allowed.turns + int(share))
        case Cap.COST:
            return replace(allowed, cost=allowed.cost + share)
        case Cap.LINES:
            return replace(allowed, lines=allowed.lines + int(share))
        case _:
            return allowed
