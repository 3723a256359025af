"""What a look shows because of its labels, the same for every forge. Pure."""

from cdock.core.issues import Issue, Watch


def starting(watch: Watch) -> tuple[str, ...]:
    """The labels whose open issues are wanted."""
    return tuple(label for label in (watch.ready, watch.plan) if label)


def is_listed(issue: Issue, watch: Watch) -> bool:
    """Whether an issue is wanted for a label it wears."""
    return issue.open and any(issue.wears(label) for label in starting(watch))
