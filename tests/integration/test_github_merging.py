"""How pull requests are merged on a GitHub with queues and requirements, against a scripted server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.adapters.refusals import OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.pulls import PullRequest
from tests.github_script import LIMIT, Say, Script, Seen, scripted

PULL, MERGE, GRAPHQL = "/repos/maria/demo/pulls/9", "/repos/maria/demo/pulls/9/merge", "/api/graphql"
COMMIT, OTHER = "a" * 40, "b" * 40
ASKED = PullRequest(number=9, url="https://example.org/9", head="cdock/x.0b9b54d", commit=COMMIT)


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as script:
        yield script


@pytest.fixture
def forge(script: Script) -> Iterator[GitHubForge]:
    repository = parse_repository(f"{script.url}/maria/demo.git")
    forge = GitHubForge(repository, token="ghp_averysecretword", timeout=LIMIT)
    yield forge
    forge.close()


def row(**changes: Any) -> dict[str, Any]:
    """The pull request as GitHub shows it."""
    return {
        "number": 9,
        "node_id": "PR_nine",
        "html_url": "https://example.org/9",
        "state": "open",
        "merged": False,
        "draft": False,
        "body": "Words",
        "head": {"ref": "cdock/x.0b9b54d", "sha": COMMIT, "repo": {"id": 1}},
        "base": {"ref": "trunk", "sha": OTHER, "repo": {"id": 1}},
        "updated_at": "2026-01-01T12:00:00Z",
        "mergeable_state": "clean",
        "auto_merge": None,
        **changes,
    }


def refused(message: str, status: int = 405) -> Say:
    return Say(status, {"message": message})


def merge(forge: GitHubForge, method: str = "merge") -> bool:
    return forge.merge(ASKED, method=method)


class Graph:
    """Answers each GraphQL document by the name of its operation."""

    def __init__(self, script: Script, **answers: dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers = answers
        script.on("POST", GRAPHQL, self.answer)

    def answer(self, seen: Seen) -> Say:
        name = seen.body["query"].split("(")[0].split()[-1]
        self.asked.append((name, seen.body["variables"]))
        return Say(content=self.answers[name])


def no(message: str) -> dict[str, Any]:
    return {"data": None, "errors": [{"type": "UNPROCESSABLE", "message": message}]}


IDLE = {"data": {"node": {"isInMergeQueue": False, "autoMergeRequest": None}}}
LATER: dict[str, Any] = {"data": {"enablePullRequestAutoMerge": {"pullRequest": {"autoMergeRequest": {}}}}}
QUEUE_ONLY = "Repository rule violations found\n\nChanges must be made through the merge queue"


def test_a_merge_names_the_commit_and_the_way(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULL, Say(content=row()))
    script.on("PUT", MERGE, Say(content={"sha": OTHER, "merged": True, "message": "merged"}))
    assert merge(forge, "squash")
    (sent,) = script.sent("PUT", MERGE)
    assert sent.body == {"sha": COMMIT, "merge_method": "squash"}


@pytest.mark.parametrize(
    "changes", [{"state": "closed", "merged": True, "merged_at": "2026-01-01T12:00:00Z"}, {"auto_merge": {}}]
)
def test_what_is_settled_is_not_tried(script: Script, forge: GitHubForge, changes: dict[str, Any]) -> None:
    script.on("GET", PULL, Say(content=row(**changes)))
    if "auto_merge" in changes:
        script.on("GET", PULL, Say(content=row(auto_merge={"merge_method": "squash"})))
    assert merge(forge) is ("merged" in changes)
    assert script.sent("PUT") == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": "closed"}, "closed"),
        ({"draft": True}, "draft"),
        ({"head": {"ref": "cdock/x.0b9b54d", "sha": OTHER, "repo": {"id": 1}}}, "other commits"),
    ],
)
def test_what_may_not_be_merged_is_not_tried(
    script: Script, forge: GitHubForge, changes: dict[str, Any], says: str
) -> None:
    script.on("GET", PULL, Say(content=row(**changes)))
    with pytest.raises(Refused, match=says) as caught:
        merge(forge)
    assert caught.value.fix
    assert script.sent("PUT") == []


@pytest.mark.parametrize(
    ("answer", "after", "says"),
    [
        (refused("Pull Request is not mergeable"), {"mergeable_state": "dirty"}, "conflict"),
        (refused("Squash merges are not allowed on this repository."), {}, "Squash merges are not allowed"),
        (refused("Head branch was modified.", 409), {"head": {"sha": OTHER}}, "other commits"),
        (refused("At least 1 approving review is required"), {"mergeable_state": "behind"}, "approving"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(
    script: Script, forge: GitHubForge, answer: Say, after: dict[str, Any], says: str
) -> None:
    script.on("GET", PULL, Say(content=row()), Say(content=row(**after)))
    script.on("PUT", MERGE, answer)
    with pytest.raises(Refused, match=says) as caught:
        merge(forge)
    assert caught.value.fix
    assert "#9" in caught.value.message
    assert not isinstance(caught.value, NotPermitted)
    assert script.sent("POST", GRAPHQL) == []


def test_a_token_that_may_not_merge_is_told_so(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULL, Say(content=row()))
    script.on("PUT", MERGE, Say(403, {"message": "Resource not accessible by personal access token"}))
    with pytest.raises(NotPermitted):
        merge(forge)


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("Pull Request is not mergeable", "unknown"),
        ("Base branch was modified. Review and try the merge again.", "clean"),
    ],
)
def test_what_github_has_not_found_out_is_asked_again(
    script: Script, forge: GitHubForge, message: str, state: str
) -> None:
    script.on("GET", PULL, Say(content=row()), Say(content=row(mergeable_state=state)))
    script.on("PUT", MERGE, refused(message))
    with pytest.raises(Unavailable):
        merge(forge)


def test_somebody_else_may_be_faster(script: Script, forge: GitHubForge) -> None:
    merged = row(state="closed", merged=True, merged_at="2026-01-01T12:01:00Z")
    script.on("GET", PULL, Say(content=row()), Say(content=merged))
    script.on("PUT", MERGE, refused("Pull Request is not mergeable"))
    assert merge(forge)


def test_an_answer_that_was_lost_is_looked_for(script: Script, forge: GitHubForge) -> None:
    merged = row(state="closed", merged=True, merged_at="2026-01-01T12:01:00Z")
    script.on("GET", PULL, Say(content=row()), Say(content=merged))
    script.on("PUT", MERGE, Say(502, {"message": "Server Error"}))
    with pytest.raises(OutcomeUnknown):
        merge(forge)
    assert merge(forge)
    assert len(script.sent("PUT", MERGE)) == 1


def test_a_queue_takes_it_once(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULL, Say(content=row()))
    script.on("PUT", MERGE, refused(QUEUE_ONLY))
    graph = Graph(
        script,
        MergeStanding=IDLE,
        QueuePull={"data": {"enqueuePullRequest": {"mergeQueueEntry": {"state": "QUEUED"}}}},
    )
    assert merge(forge) is False
    assert graph.asked == [
        ("MergeStanding", {"pull": "PR_nine"}),
        ("QueuePull", {"pull": "PR_nine", "commit": COMMIT}),
    ]
    graph.answers["MergeStanding"] = {"data": {"node": {"isInMergeQueue": True, "autoMergeRequest": None}}}
    assert merge(forge) is False
    assert [name for name, _ in graph.asked].count("QueuePull") == 1


def test_what_is_not_ready_for_the_queue_goes_there_later(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULL, Say(content=row()))
    script.on("PUT", MERGE, refused(QUEUE_ONLY))
    graph = Graph(script, MergeStanding=IDLE, QueuePull=no("checks are pending"), MergePullLater=LATER)
    assert merge(forge, "squash") is False
    assert graph.asked[-1] == (
        "MergePullLater",
        {"pull": "PR_nine", "commit": COMMIT, "method": "SQUASH"},
    )


def test_what_lacks_a_review_is_merged_later_where_that_is_allowed(
    script: Script, forge: GitHubForge
) -> None:
    script.on("GET", PULL, Say(content=row()), Say(content=row(mergeable_state="blocked")))
    script.on(
        "PUT", MERGE, refused("At least 1 approving review is required by reviewers with write access.")
    )
    graph = Graph(script, MergePullLater=LATER)
    assert merge(forge) is False
    graph.answers["MergePullLater"] = no("Auto merge is not allowed for this repository")
    with pytest.raises(Refused) as caught:
        merge(forge)
    assert "At least 1 approving review" in caught.value.message
    assert "Auto merge is not allowed" in caught.value.message
    assert "auto-merge" in caught.value.fix
