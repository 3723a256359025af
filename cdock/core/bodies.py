"""Whole texts on the forge: the status comment, the help issue, the pull request, replies in its threads.

Nothing in them changes by itself as time goes by, so an unchanged one is never written again.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cdock.core import choices
from cdock.core.answers import question_of
from cdock.core.asking import Asking, Reason
from cdock.core.attempts import CAP_NAMES, in_round
from cdock.core.budgets import most_cost, most_lines, most_turns, share_of
from cdock.core.choices import Choice
from cdock.core.error_line import error_line
from cdock.core.marker import Marker
from cdock.core.messages import help_marker, pull_marker, status_marker
from cdock.core.options import options_of
from cdock.core.policy import Policy
from cdock.core.quoting import code, fenced, inline, title_of, visible
from cdock.core.task import Attempt, Cap, Cause, Outcome, Status, Task
from cdock.core.theirs import pushed_past
from cdock.core.waiting import Waiting, with_a_person
from cdock.core.world import Case

ROWS = 20
"""Attempts shown in a table; with more, the oldest are only counted, so that the text fits into GitHub's 65,536."""
EVIDENCE = 3_000
"""Characters shown of what the acceptance commands printed."""

_HEADLINES: Mapping[Status, str] = {
    Status.READY: "○ **Waiting to start**",
    Status.CLAIMED: "◔ **Claimed**, the next attempt is about to start",
    Status.IN_PROGRESS: "▶ **In progress**",
    Status.NEEDS_HELP: "**?** **Needs your help**",
    Status.FAILED: "✗ **Stuck**, a help issue is about to open",
    Status.IN_REVIEW: "◉ **In review**",
    Status.DONE: "✓ **Done**",
    Status.CANCELLED: "■ **Ended without a merge**",
    Status.WAITING: "■ **Waiting**",
    Status.PLANNED: "▶ **Under way**",
}

_OUTCOMES: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "✓ succeeded",
    Outcome.FAILED: "✗ failed",
    Outcome.TIMED_OUT: "✗ timed out",
    Outcome.STALLED: "✗ stalled",
    Outcome.CAPPED: "■ reached a limit (not counted)",
    Outcome.NEEDS_HELP: "? asked for help",
    Outcome.HANDOFF: "→ handed over",
    Outcome.FULL: "→ its memory was full",
    Outcome.LIMITED: "… provider's limit (not counted)",
    Outcome.YIELDED: "↔ with a person",
    Outcome.OVERTAKEN: "↷ overtaken (not counted)",
    Outcome.CANCELLED: "■ stopped",
    Outcome.LOST: "! lost (not counted)",
}

_CAUSES: Mapping[Cause, str] = {
    Cause.REVIEW: "a review",
    Cause.CHECKS: "failed checks",
    Cause.CONFLICT: "a conflict",
    Cause.FINDINGS: "findings of a second agent",
    Cause.OPINION: "a second opinion",
    Cause.MESSAGE: "a message",
    Cause.PERSON: "a person at the terminal",
}


def status_comment(
    case: Case, task: Task, status: Status, policy: Policy, *, waiting: Waiting | None = None
) -> str:
    """The sticky comment: what is true now."""
    lines = [str(status_marker(task)), f"{_headline(task, status)}{_what_next(case, status)}", ""]
    branch = "" if task.plans else f" · branch `{task.id.branch(policy.branch_prefix)}`"
    lines.append(f"Task `{task.id}`{branch}")
    if task.attempts:
        lines += ["", *_table(task.attempts)]
    cost = sum(attempt.cost for attempt in task.attempts)
    if cost:
        lines += ["", f"Cost so far: ${cost:.2f}"]
    if theirs := pushed_past(case, task):
        lines += ["", theirs]
    if waiting:
        until = f" Until {waiting.until:%Y-%m-%d %H:%M} UTC." if waiting.until else ""
        lines += ["", f"{waiting.why}{until} {waiting.unblocks}"]
    if passed_over := options_of(case.issue, policy).passed_over:
        lines += ["", f"Not configured here, and passed over: {', '.join(map(inline, passed_over))}."]
    if status is Status.CANCELLED and case.issue.open:
        lines += ["", f"The branch is kept. Add the label `{policy.labels.ready}` to start anew."]
    return "\n".join(lines) + "\n"


def _headline(task: Task, status: Status) -> str:
    if status is Status.IN_PROGRESS and with_a_person(task):
        return "↔ **With a person**, who has the agent's terminal"
    return _HEADLINES.get(status, status.value)


def _what_next(case: Case, status: Status) -> str:
    if status is Status.NEEDS_HELP and case.help:
        return f": answer in #{case.help.number} and the same agent goes on"
    if status in (Status.IN_REVIEW, Status.DONE) and case.pull:
        return f": #{case.pull.number}"
    return ""


def _table(attempts: Sequence[Attempt]) -> list[str]:
    left_out = len(attempts) - ROWS
    lines = [f"{left_out} earlier attempts are not shown.", ""] if left_out > 0 else []
    lines += ["| Attempt | Agent | Outcome | What happened |", "| --- | --- | --- | --- |"]
    return lines + [_row(attempt) for attempt in attempts[-ROWS:]]


# What has ended stays as it is, and the comments of all issues are compared in every tick.
@lru_cache(maxsize=4_096)
def _row(attempt: Attempt) -> str:
    outcome = _OUTCOMES[attempt.outcome] if attempt.outcome else "▶ running"
    # The last line of a failure is the one that names it, the first of a summary the one that sums up.
    summed_up = next((line for line in attempt.summary.splitlines() if line.strip()), "")
    line = error_line(attempt.error) if attempt.error else summed_up
    about = f"after {_CAUSES[attempt.cause]}" if attempt.cause in _CAUSES else ""
    happened = ": ".join(filter(None, (about, inline(line))))
    model = f" ({inline(attempt.model, limit=40)})" if attempt.model else ""
    return f"| {attempt.number} | {attempt.agent}{model} | {outcome} | {happened} |"


def help_title(task: Task) -> str:
    """The title of a help issue."""
    return title_of(f"Help wanted: {task.title}")


def help_body(task: Task, reason: Reason, policy: Policy, *, repository: str = "") -> str:
    """The help issue: the question, what was tried, and how to answer. `repository` is the address of its pages."""
    last = task.last
    lines = [str(help_marker(task)), ""]
    if reason.asking is Asking.REQUEST:
        lines += [f"About #{task.issue}, a person wants to know:", "", fenced(task.question)]
    elif reason.asking is Asking.QUESTION and last is not None:
        lines += [f"The agent working on #{task.issue} asks:", "", fenced(last.error)]
    else:
        lines += [f"The agent working on #{task.issue} {why_asked(task, reason, policy)}.", ""]
        if last is not None and reason.asking is not Asking.CAP:
            lines += ["### The error", "", fenced(last.error or "no error text")]
    tried = in_round(task)
    if tried:
        lines += ["", "### What was tried", "", *_table(tried)]
    if last is not None and last.summary:
        lines += ["", "### What it said last", "", fenced(last.summary, limit=2_000)]
    if repository and last is not None and last.head:
        branch = task.id.branch(policy.branch_prefix)
        lines += ["", f"[What is done so far]({repository}/compare/{task.base[:40]}...{branch})"]
    lines += ["", "### How to answer", ""]
    boxes = choices_of(task, reason, policy)
    if boxes:
        lines += ["Tick one:", "", *(choices.box(choice, shown=inline(choice.text)) for choice in boxes), ""]
    if share_of(reason.cap, task, policy):
        lines += [
            "Only that box, or `/cdock budget`, raises the limit: without it the agent stops again at once.",
            "",
        ]
    lines += [
        "Or write a comment here: the same agent reads it and goes on where it stopped. `/cdock resume` does the same "
        "without words, and closing this issue without a comment lets it decide by itself. "
        "Only answers of people who may write to this repository count.",
        "",
    ]
    about = f"Task `{task.id}`"
    if last is not None and last.fingerprint:
        about += f" · error fingerprint `{last.fingerprint}`"
        about += f" · class `{inline(last.kind, limit=60)}`" if last.kind else ""
    return "\n".join([*lines, about]) + "\n"


def choices_of(task: Task, reason: Reason, policy: Policy) -> tuple[Choice, ...]:
    """What a person can tick in the help issue of the present round."""
    if reason.asking is Asking.QUESTION:
        options = choices.options_in(question_of(task, task.round))
        return (*options, Choice(choices.DECIDE, "Decide by yourself")) if options else ()
    if reason.asking is Asking.REQUEST:
        return ()
    found = [Choice(choices.MORE, _more(task, reason, policy))]
    if reason.asking is not Asking.CAP:
        used = task.last.agent if task.last else policy.agent
        found += [
            Choice(f"{choices.AGENT}{name}", f"Go on with {name}")
            for name in policy.agents
            if name != used and re.fullmatch(r"[a-z0-9._-]{1,50}", name)
        ]
    return (*found, Choice(choices.STOP, "Stop here and keep the work"))


def _more(task: Task, reason: Reason, policy: Policy) -> str:
    share = share_of(reason.cap, task, policy)
    match reason.cap:
        case Cap.TURNS:
            return f"Allow {share:.0f} turns more"
        case Cap.COST:
            return f"Allow ${share:.2f} more"
        case Cap.LINES:
            return f"Allow {share:.0f} lines more"
        case _:
            return "Try again, with what was learnt"


def why_asked(task: Task, reason: Reason, policy: Policy) -> str:
    """The rest of a sentence that begins with "The agent": why a person is asked."""
    match reason.asking:
        case Asking.QUESTION:
            return "asks a question"
        case Asking.REQUEST:
            return "waits, because a person wants another one to be asked"
        case Asking.SAME_ERROR:
            return f"is stuck: the same error came back {reason.count} times"
        case Asking.SAME_CLASS:
            return f"is stuck: {reason.count} attempts failed in the same way, though not by the same words"
        case Asking.ATTEMPTS:
            return f"is stuck: {reason.count} attempts failed"
        case Asking.HANDOFFS:
            return f"is stuck: its last {reason.count} attempts only handed over to the next"
        case Asking.ROUNDS:
            about = _CAUSES.get(reason.cause, "") if reason.cause else ""
            return f"went round {reason.count} times after {about}, and there is more of it"
        case Asking.CAP:
            return f"was stopped and its work is kept: {_cap(task, reason.cap, policy)}"
        case _:
            return "is stuck: something outside the agent ended its last attempts"


def _cap(task: Task, cap: Cap | None, policy: Policy) -> str:
    match cap:
        case Cap.TURNS:
            return f"all {most_turns(task, policy)} turns of this task are used up"
        case Cap.COST:
            spent = sum(attempt.cost for attempt in task.attempts)
            return f"${spent:.2f} of the ${most_cost(task, policy):.2f} for this task are spent"
        case Cap.LINES:
            return f"its change is larger than {most_lines(task, policy)} lines"
        case _:
            return f"{CAP_NAMES[cap]} is used up" if cap else "a limit was reached"


def pull_title(task: Task) -> str:
    """The title of the pull request."""
    return title_of(task.title)


def pull_body(task: Task, policy: Policy) -> str:
    """The pull request's living text; its closing keyword is the only one in it.

    It tells of ended attempts only, so that it is written when one ends and not when one begins.
    """
    ended = [attempt for attempt in task.attempts if attempt.outcome]
    good = next(
        (a for a in reversed(ended) if a.outcome is Outcome.SUCCEEDED and a.cause is not Cause.OPINION), None
    )
    lines = [str(pull_marker(task)), f"Closes #{task.issue}", ""]
    if good is not None and good.summary:
        lines += ["### What the agent says", "", fenced(good.summary, limit=3_000), ""]
    lines += _acceptance(ended[-1] if ended else None, good, task.acceptance(policy))
    opinion = next((a for a in reversed(ended) if a.cause is Cause.OPINION and a.summary), None)
    if opinion is not None:
        lines += [
            f"### What {inline(opinion.agent, limit=40)} says about it",
            "",
            fenced(opinion.summary, limit=3_000),
            "",
        ]
    if len(ended) > 1:
        lines += ["### Attempts", "", *_table(ended), ""]
    lines += [
        "Reviews here are read by the agent, and it answers in their threads. "
        "`/cdock stop`, `/cdock retry` and `/cdock help` work in comments. "
        "This text is kept up to date; take its hidden first line away to make it yours.",
        "",
    ]
    cost = sum(attempt.cost for attempt in ended)
    spending = f" · ${cost:.2f}" if cost else ""
    count = len(ended)
    lines.append(f"Task `{task.id}` · {count} attempt{'s' if count != 1 else ''}{spending}")
    return "\n".join(lines) + "\n"


def _acceptance(last: Attempt | None, good: Attempt | None, commands: tuple[str, ...]) -> list[str]:
    if not commands:
        return ["No acceptance commands are configured: nothing was verified but that there are commits.", ""]
    passed = good is not None and last is not None and last.outcome is Outcome.SUCCEEDED
    lines = ["### Acceptance", ""]
    lines += [f"- [{'x' if passed else ' '}] {code(command)}" for command in commands]
    evidence = next((a.evidence for a in (last, good) if a is not None and a.evidence), "")
    if evidence:
        lines += [
            "",
            "<details><summary>What they printed</summary>",
            "",
            fenced(evidence, limit=EVIDENCE),
            "",
            "</details>",
        ]
    return [*lines, ""]


def thread_marker(task: Task, remark: int) -> Marker:
    """The marker of the reply to a remark in a review."""
    return Marker("reply", {"task": str(task.uuid), "to": str(remark)})


def thread_reply(task: Task, remark: int, words: str, *, commit: str) -> str:
    """The reply in a thread: what the agent says it did."""
    said = visible(words)
    lines = [str(thread_marker(task, remark))]
    lines += [fenced(said, limit=2_000)] if said else ["Seen to."]
    return "\n".join([*lines, *(["", f"In `{commit[:12]}`."] if commit else [])]) + "\n"
