"""Slash commands: what people with write access say to cdock in comments, and what follows from it for a task.

A command is the first line of a comment, `/cdock VERB [ARGUMENT]`, not quoted and not in a code block. Commands are
obeyed in the order of their comments; `Task.heard` remembers how far, so each has its effect once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cdock.core import messages, quoting
from cdock.core.issues import Answer, Comment
from cdock.core.policy import Policy
from cdock.core.pulls import Remark
from cdock.core.task import Cap, Outcome, Status, Task
from cdock.core.world import Case

BUDGET_LIMIT = 100
"""Attempts that one `/cdock budget` may allow."""
AMOUNT_LIMIT = 1_000_000
"""The most of anything else."""
DECIDE = "Nobody has more to add: decide by yourself, note the decision, and go on."
"""What an agent is told when a person lets it go on without an answer."""

_LINE = re.compile(r"/cdock(?:[ \t]+(?P<verb>\S+)(?:[ \t]+(?P<argument>.*?))?)?[ \t]*")


class Verb(StrEnum):
    """What can be asked for."""

    RETRY = "retry"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    BUDGET = "budget"
    AGENT = "agent"
    APPROVE = "approve"
    HELP = "help"


USAGE: Mapping[Verb, str] = {
    Verb.RETRY: "start again with a fresh budget",
    Verb.STOP: "end the running attempt and wait",
    Verb.PAUSE: "let the running attempt end, start no other",
    Verb.RESUME: "go on",
    Verb.BUDGET: "`N`: allow N attempts before asking; `N turns`, `N lines` or `$N` more of these",
    Verb.AGENT: "`NAME`: use another agent from the next attempt on",
    Verb.APPROVE: "of a plan: make issues of the proposal, or start the next stage",
    Verb.HELP: "show this",
}


@dataclass(frozen=True)
class Command:
    """One command. `verb` is None when it is none we know; `issue` is where the comment stands."""

    verb: Verb | None
    argument: str
    comment: int
    author: str
    issue: int


def parse_command(comment: Comment, *, issue: int) -> Command | None:
    """The command in a comment, or None when it holds none."""
    # What readers do not see is no command either; blanks at the start of the line would make it a code block.
    line = quoting.visible(comment.body, strip=False).lstrip("\n").partition("\n")[0]
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    word = (found["verb"] or Verb.HELP).lower()
    verb = Verb(word) if word in set(Verb) else None
    argument = found["argument"] or "" if verb else word
    return Command(verb, argument=argument, comment=comment.id, author=comment.author, issue=issue)


def pending(case: Case, task: Task) -> Command | None:
    """The oldest command that was not obeyed yet."""
    return min(
        (c for c, _ in _said(case, task) if c.comment > task.heard), key=lambda c: c.comment, default=None
    )


def go_on(case: Case, task: Task) -> Answer | None:
    """A `/cdock resume` said since the open question of the task was asked, as an answer to it."""
    asked = case.help.created_at if case.help else None
    for command, comment in _said(case, task):
        if command.verb is Verb.RESUME and asked is not None and comment.created_at >= asked:
            return Answer(text=DECIDE, author=command.author, ref=f"comment-{command.comment}")
    return None


def _said(case: Case, task: Task) -> Iterator[tuple[Command, Comment]]:
    """All commands for this task by people who may give them."""
    places = [(case.issue.number, case.issue.comments)]
    if case.help and case.help.task == task.uuid:
        places.append((case.help.number, case.help.comments))
    if case.pull:
        places.append((case.pull.number, tuple(map(_comment, case.pull.remarks))))
    for number, comments in places:
        for comment in comments:
            late = task.approved_at is None or comment.created_at >= task.approved_at
            theirs = late and comment.by_writer and not messages.is_ours(comment)
            if theirs and (command := parse_command(comment, issue=number)):
                yield command, comment


def _comment(remark: Remark) -> Comment:
    return Comment(
        id=remark.id,
        author=remark.author,
        body=remark.body,
        created_at=remark.created_at,
        mine=remark.mine,
        by_writer=remark.by_writer,
    )


def obey(command: Command, case: Case, task: Task, *, status: Status, policy: Policy) -> tuple[Task, str]:
    """The task as the command leaves it, and one line to reply; empty when there is nothing to say."""
    heard = replace(task, heard=command.comment)
    if command.verb is None:
        return heard, f"There is no command {quoting.inline(command.argument, limit=40)}. {usage()}"
    if command.verb is not Verb.HELP and status in (Status.DONE, Status.CANCELLED):
        return heard, f"The work on this has ended: add the label `{policy.labels.ready}` to start anew."
    return _OBEY[command.verb](command, heard, status, policy)


def usage() -> str:
    """All commands on one line."""
    return "Commands: " + "; ".join(f"`/cdock {verb}` {text}" for verb, text in USAGE.items()) + "."


def _retry(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    if task.running:
        return task, "An attempt is running: `/cdock stop` ends it, then `/cdock retry` starts again."
    if status is Status.IN_REVIEW:
        return task, "Its pull request is open: close that, then start anew."
    return again(task), ""


def _stop(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    if status is Status.IN_REVIEW:
        return task, "Nothing is running: its pull request waits for a review."
    return replace(task, stopped=True), ""


def _pause(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    return replace(task, paused=True), ""


def _resume(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    # Where a question is open, the command is its answer as well: see `go_on`.
    last = task.last
    if last and last.outcome is Outcome.LIMITED and last.round == task.round:
        return again(task), ""
    return replace(task, stopped=False, paused=False), ""


def _budget(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    found = _AMOUNT.fullmatch(command.argument)
    amount = float(found["dollars"] or found["number"]) if found else 0.0
    unit = _unit(task, found["unit"] if found else None, dollars=bool(found and found["dollars"]))
    most = BUDGET_LIMIT if unit == "attempts" else AMOUNT_LIMIT
    whole = unit == "cost" or amount.is_integer()
    if not whole or not 0 < amount <= most:
        return task, (
            f"A budget is a number of attempts from 1 to {BUDGET_LIMIT}, such as `/cdock budget 5`, or what is allowed "
            "in addition: `/cdock budget 50 turns`, `/cdock budget 500 lines`, `/cdock budget $5`."
        )
    before = task.allowed
    given = {
        "attempts": replace(before, attempts=int(amount)),
        "turns": replace(before, turns=before.turns + int(amount)),
        "lines": replace(before, lines=before.lines + int(amount)),
        "cost": replace(before, cost=before.cost + amount),
    }
    allowed = replace(task, allowed=given[unit])
    return (again(allowed) if status is Status.NEEDS_HELP else allowed), ""


_AMOUNT = re.compile(
    r"(?:\$ ?(?P<dollars>[0-9]{1,7}(?:\.[0-9]{1,2})?)|(?P<number>[0-9]{1,7})(?: (?P<unit>attempts?|turns?|lines?))?)",
    re.ASCII,
)
_OF_CAP = {Cap.TURNS: "turns", Cap.COST: "cost", Cap.LINES: "lines"}


def _unit(task: Task, said: str | None, *, dollars: bool) -> str:
    """What a budget is of: what was said, else what the task ran out of, else attempts."""
    if dollars:
        return "cost"
    if said:
        return said.rstrip("s") + "s"
    last = task.last
    cap = last.cap if last and last.outcome is Outcome.CAPPED and last.round == task.round else None
    return _OF_CAP.get(cap, "attempts") if cap else "attempts"


def _agent(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    if command.argument not in policy.agents:
        known = ", ".join(f"`{name}`" for name in policy.agents)
        said = quoting.inline(command.argument, limit=40) or "nothing"
        return task, f"No agent is called {said}; configured are: {known}."
    return replace(task, agent=command.argument, model=""), ""


def _help(command: Command, task: Task, status: Status, policy: Policy) -> tuple[Task, str]:
    return task, usage()


def again(task: Task) -> Task:
    """The task in a new round: what was tried before is no longer counted."""
    return replace(task, round=task.round + 1, stopped=False, paused=False, question="")


_OBEY: Mapping[Verb, Callable[[Command, Task, Status, Policy], tuple[Task, str]]] = {
    Verb.RETRY: _retry,
    Verb.STOP: _stop,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.BUDGET: _budget,
    Verb.AGENT: _agent,
    Verb.HELP: _help,
}
