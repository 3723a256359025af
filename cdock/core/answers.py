"""What people answered: comments on a help issue, its closing, or the word to go on."""

from cdock.core import messages
from cdock.core.commands import DECIDE, go_on, parse_command
from cdock.core.model import Answer, HelpIssue, Task
from cdock.core.world import Case


def answer(case: Case, task: Task) -> Answer | None:
    """What a person said to the help issue of this round."""
    found = help_of(case, task)
    return (answer_of(found) or go_on(case, task)) if found else None


def earlier_answer(case: Case, task: Task) -> Answer | None:
    """The answer that opened the present round: later attempts of the round must know it too."""
    found = case.help if case.help and case.help.round == task.round - 1 else None
    return answer_of(found) if found else None


def help_of(case: Case, task: Task) -> HelpIssue | None:
    """The help issue of the present round."""
    return case.help if case.help and case.help.round == task.round else None


def answer_of(help_issue: HelpIssue) -> Answer | None:
    """What a person with write access said to a help issue: all their comments, or its closing without any."""
    said = [
        comment
        for comment in help_issue.comments
        if comment.by_writer and not messages.is_ours(comment) and messages.visible(comment.body)
        if parse_command(comment, issue=help_issue.number) is None
    ]
    if said:
        text = "\n\n".join(messages.visible(comment.body) for comment in said)
        return Answer(text=text, author=said[-1].author, ref=f"comment-{said[-1].id}")
    if not help_issue.open and help_issue.closed_by_writer:
        return Answer(text=DECIDE, author=help_issue.closed_by, ref=f"closed-{help_issue.number}")
    return None
