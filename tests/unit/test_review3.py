"""What a second pair of eyes found in the queue: strangers, outages and waits that came together badly."""

from typing import Any

import pytest

from cdock.adapters.github import normalize
from cdock.adapters.github.picture import Picture

BRANCH = "cdock/add-login.1a2b3c4"
HERE, FORK = {"id": 1, "full_name": "maria/demo"}, {"id": 2, "full_name": "mallory/demo"}


def pull_row(number: int, *, home: Any = HERE, state: str = "open") -> dict[str, Any]:
    return {
        "number": number, "html_url": "u", "state": state, "merged_at": None, "updated_at": "2026-01-01T12:00:00Z",
        "head": {"ref": BRANCH, "repo": home}, "base": {"ref": "main", "repo": HERE},
    }  # fmt: skip


# A pull request of a stranger


@pytest.mark.parametrize("home", [FORK, None], ids=["fork", "deleted fork"])
def test_a_branch_of_a_fork_is_not_ours_whatever_it_is_called(home: Any) -> None:
    """Whoever opened and closed such a pull request would end the work on our issue."""
    picture = Picture()
    picture.note_branch(BRANCH, [pull_row(3)])
    assert not picture.note_pull(pull_row(9, home=home, state="closed"))
    assert not picture.note_pull(pull_row(10, home=home))
    found = picture.newest_pull(BRANCH)
    assert found is not None
    assert found.number == 3
    assert normalize.head_of(pull_row(10, home=home)) == ""
    assert normalize.head_of(pull_row(3)) == BRANCH
