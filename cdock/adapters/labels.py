"""How the labels of cdock look when it creates them; an existing label keeps its looks."""

from dataclasses import dataclass

from cdock.core.policy import Labels


@dataclass(frozen=True)
class LabelLook:
    """A label to create: `color` in six hex digits, `description` at most 100 characters (GitHub's limit)."""

    name: str
    color: str
    description: str


PLAIN_COLOR = "ededed"
"""Of labels that are made on the way, such as a task's own, or that of a stage."""


def label_looks(labels: Labels) -> tuple[LabelLook, ...]:
    """All labels cdock shows, in the order a task meets them."""
    return (
        LabelLook(labels.ready, "0e8a16", "A coding agent may start on this"),
        LabelLook(labels.in_progress, "1d76db", "A coding agent is at work"),
        LabelLook(labels.needs_help, "d93f0b", "The agent waits for an answer on its help issue"),
        LabelLook(labels.waiting, "c5def5", "Stopped by a person; the work is kept"),
        LabelLook(labels.in_review, "8250df", "A pull request waits for review"),
        LabelLook(labels.done, "6e7781", "The pull request was merged"),
        LabelLook(labels.failed, "b60205", "The agent could not do it"),
        LabelLook(labels.help_issue, "fbca04", "A coding agent asks a question here"),
        LabelLook(labels.plan, "5319e7", "A goal to be broken down into tasks, or that was"),
    )
