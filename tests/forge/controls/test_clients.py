"""What real clients make of faults: the reasons why ours must not be built on their defaults."""

from __future__ import annotations

import github
import pytest
from github import Auth, Github, GithubException
from github.Repository import Repository

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer

CREATE = {"method": "POST", "path": "*/issues"}


def _repo(ground: Ground, retry: github.GithubRetry | None) -> Repository:
    client = Github(
        base_url=ground.owner.base,
        auth=Auth.Token(ground.people.owner),
        retry=retry,
        timeout=2,
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
    )
    return client.get_repo(ground.name)


@pytest.mark.parametrize("kind", ["commit_then_502", "commit_then_reset"])
def test_a_client_that_repeats_makes_twins(controlled: ForgeServer, ground: Ground, kind: str) -> None:
    controlled.faults([{"kind": kind, "match": CREATE, "times": 1}])
    _repo(ground, github.GithubRetry(total=2, backoff_factor=0)).create_issue("twin")
    assert [issue["title"] for issue in ground.owner.read("/issues")] == ["twin", "twin"]
    sent = [entry["inner"] for entry in controlled.journal() if entry["body"] == {"title": "twin"}]
    assert sent[-2:] == [201, 201]


def test_one_that_does_not_learns_that_it_knows_nothing(controlled: ForgeServer, ground: Ground) -> None:
    controlled.faults([{"kind": "commit_then_502", "match": CREATE, "times": 1}])
    with pytest.raises(GithubException) as failed:
        _repo(ground, None).create_issue("single")
    assert failed.value.status == 502
    assert [issue["title"] for issue in ground.owner.read("/issues")] == ["single"]


def test_limits_are_told_apart(controlled: ForgeServer, ground: Ground) -> None:
    repo = _repo(ground, None)
    controlled.faults([{"kind": "secondary", "times": 1}, {"kind": "primary", "times": 1}])
    for _ in range(2):
        with pytest.raises(github.RateLimitExceededException) as limited:
            repo.create_issue("x")
        assert limited.value.status == 403
    assert repo.create_issue("x").number == 1
