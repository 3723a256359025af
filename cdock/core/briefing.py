"""What an agent is told at the start of an attempt: the values that its prompt may name."""

import re

from cdock.core import quoting
from cdock.core.attempts import in_round
from cdock.core.errands import Errand
from cdock.core.goal import goal_of
from cdock.core.issues import Answer
from cdock.core.policy import Policy
from cdock.core.runs import Theirs, Workspace
from cdock.core.speaking import for_agents, listens, spoken, unheard
from cdock.core.task import Attempt, Cause, Outcome, Task
from cdock.core.world import Case

LESSONS = 5
"""Earlier failures that are told."""
_TEACHING = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.STALLED)

TEMPLATES = {
    Cause.ANSWER: "answer",
    Cause.MESSAGE: "message",
    Cause.NOTES: "notes",
    Cause.GO_ON: "go-on",
    Cause.REVIEW: "review",
    Cause.CHECKS: "checks",
    Cause.CONFLICT: "conflict",
    Cause.FINDINGS: "findings",
    Cause.OPINION: "opinion",
}
"""The template that goes on in a conversation, by cause; in a new one it follows the task's own."""


def prompt_values(
    case: Case,
    task: Task,
    workspace: Workspace,
    policy: Policy,
    *,
    errand: Errand,
    answer: Answer | None,
    requests: str = "",
) -> dict[str, object]:
    """What a prompt template may name. `requests` is what a review, a check or a second agent wants, in full."""
    issue = case.issue
    title = " ".join(quoting.visible(issue.title).split())
    earlier = in_round(task)
    last = task.last
    failures = lessons(task)
    lesson = last.error if last and last.round == task.round and last.outcome in _TEACHING else ""
    return {
        "prompt": goal_of(issue.body) or title,
        "task": {
            "id": str(task.id),
            "title": title,
            "description": quoting.visible(issue.body),
            "branch": task.id.branch(policy.branch_prefix),
            "issue": issue.number,
            "base": workspace.base,
        },
        "cause": errand.cause.value,
        "attempt": len(earlier) + 1,
        "tries": policy.tries,
        "lesson": lesson,
        "lessons": failures[:-1] if lesson else failures,
        "handoff": last.error if last and last.outcome is Outcome.HANDOFF else "",
        "interrupted": last.outcome.value if last and last.outcome else "",
        "has_work": workspace.has_work,
        "answer": answer.text if answer else "",
        "said": [{"author": c.author, "text": quoting.visible(c.body)} for c in for_agents(case, task)],
        "message": spoken(unheard(case, task)) if listens(errand.cause) else "",
        "requests": requests,
        "pushed": _pushed(workspace.theirs),
        "conflicts": policy.conflicts,
        "acceptance": list(task.acceptance(policy)),
    }


def _pushed(theirs: Theirs | None) -> dict[str, object] | None:
    """What others pushed meanwhile; None when they did not."""
    if theirs is None:
        return None
    return {"commit": theirs.commit, "dropped": theirs.dropped, "clash": theirs.clash}


def lessons(task: Task) -> list[dict[str, object]]:
    """What earlier attempts taught, the newest last: short, and whatever round they were of."""
    failed = [a for a in task.attempts if a.outcome in _TEACHING]
    return [_lesson(a) for a in failed[-LESSONS:]]


def _lesson(attempt: Attempt) -> dict[str, object]:
    return {
        "attempt": attempt.number,
        "agent": attempt.agent,
        "outcome": attempt.outcome.value if attempt.outcome else "",
        "error": attempt.error.strip()[-400:],
        "said": attempt.summary.strip()[-300:],
    }


_REPLY = re.compile(r"^\[?(?P<name>[A-Z]\d{1,3})\]?[:. ]+(?P<words>.*)$")


def replies_in(text: str) -> dict[str, str]:
    """What an agent says to each request, by its name (`R1`): a line that begins with it, and those that follow."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if start := _REPLY.match(line):
            name = start["name"]
            found[name] = [start["words"]]
        elif name:
            found[name].append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}
