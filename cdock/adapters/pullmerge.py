"""Why a pull request is not merged, in the words that are the same for every forge. Pure."""

from cdock.core.errors import Refused
from cdock.core.pulls import PullRequest


def refuse_other(asked: PullRequest, shown: PullRequest) -> None:
    """What is `shown` of an unmerged pull request must be what it was `asked` to be merged as.

    Raises:
        Refused: it is closed, a draft, or at another commit.
    """
    if not shown.open:
        raise not_merged(asked, "it was closed", fix="Open it again, or let its task be worked on anew.")
    if shown.commit != asked.commit:
        raise not_merged(
            asked,
            f"it has other commits by now ({shown.commit[:10]} instead of {asked.commit[:10]})",
            fix="Look at what was pushed, then merge again.",
        )
    if shown.draft:
        raise not_merged(asked, "it is a draft", fix="Say that it is ready for review, then merge again.")


def not_merged(pull: PullRequest, reason: str, *, fix: str) -> Refused:
    """The error for a merge that cannot be; `fix` is what to do about it."""
    return Refused(
        f"pull request #{pull.number} was not merged: {reason}", tried=tried_to_merge(pull), fix=fix
    )


def tried_to_merge(pull: PullRequest) -> str:
    """What was tried, for messages."""
    return f"merge pull request #{pull.number} at {pull.commit[:10]}"
