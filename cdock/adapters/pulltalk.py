"""What is said about a pull request comes apart from its row: how the two are put together. Pure."""

from dataclasses import replace

from cdock.core.pulls import PullRequest


def with_talk(pull: PullRequest, before: PullRequest) -> PullRequest:
    """The pull request of a new row with what was said about it, as long as it is open."""
    if not pull.open:
        return pull
    kept = replace(pull, remarks=before.remarks, reviews=before.reviews, threads=before.threads)
    if pull.commit != before.commit:
        # What is known of checks and conflicts is about another commit.
        return kept
    return replace(kept, conflicting=before.conflicting, checks=before.checks)
