"""The documents that cdock sends, carried out: what they read, what they change, who loses when two are at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forge.graphql.asking import Answer, ask, change, in_repo
from tests.forge.ground import Clone, Ground

DOCUMENTS = Path(__file__).parents[2] / "contract" / "graphql" / "documents"
ZERO = "0" * 40


def _ours(ground: Ground, name: str, /, *, token: str | None = None, **variables: Any) -> Answer:
    return ask(ground, (DOCUMENTS / f"{name}.graphql").read_text(), token=token, **variables)


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    return ground.seeded(tmp_path / "clone")


def _pull(ground: Ground, clone: Clone, **fields: Any) -> dict[str, Any]:
    oid = clone.branch("topic", {"a.txt": "one\ntwo\n"}, "Add a")
    answer = ground.writer.post("/pulls", {"title": "Add a", "head": "topic", "base": "main", **fields})
    assert answer.status_code == 201, answer.text
    return {**answer.json(), "oid": oid}


def test_who_approved_an_issue_and_what_changed_since(ground: Ground) -> None:
    number = ground.stranger.issue("First", body="do it")
    ground.triager.post(f"/issues/{number}/labels", ["ready"])
    ground.triager.delete(f"/issues/{number}/labels/ready")
    ground.owner.post(f"/issues/{number}/labels", ["ready"])
    ground.stranger.patch(f"/issues/{number}", {"title": "Second", "body": "do something else"})
    issue = _ours(ground, "approval", number=number).data["repository"]["issue"]
    stored = ground.owner.read(f"/issues/{number}")
    assert (issue["title"], issue["body"]) == ("Second", "do something else")
    assert (issue["author"], issue["editor"]) == ({"login": "sam"}, {"login": "sam"})
    assert issue["lastEditedAt"] == stored["updated_at"]
    happened = issue["timelineItems"]["nodes"]
    assert [(one["__typename"], one["actor"]["login"]) for one in happened] == [
        ("LabeledEvent", "tina"),
        ("UnlabeledEvent", "tina"),
        ("LabeledEvent", "Olivia"),
        ("RenamedTitleEvent", "sam"),
    ]
    assert happened[0]["label"] == {"name": "ready"}
    assert (happened[3]["previousTitle"], happened[3]["currentTitle"]) == ("First", "Second")
    events = ground.owner.read(f"/issues/{number}/events")
    assert [one["createdAt"] for one in happened] == [one["created_at"] for one in events]


def test_an_untouched_issue_was_never_edited(ground: Ground) -> None:
    number = ground.owner.issue()
    ground.owner.patch(f"/issues/{number}", {"state": "closed"})
    issue = _ours(ground, "approval", number=number).data["repository"]["issue"]
    assert (issue["lastEditedAt"], issue["editor"], issue["timelineItems"]["nodes"]) == (None, None, [])


def test_each_version_of_a_text_is_told_with_who_wrote_it(ground: Ground) -> None:
    number = ground.stranger.issue("First", body="do it")
    asked = (
        f"issue(number:{number}){{lastEditedAt createdAt userContentEdits(first:100){{totalCount "
        "nodes{editedAt diff editor{login}}}}"
    )
    assert in_repo(ground, asked)["issue"]["userContentEdits"] == {"totalCount": 0, "nodes": []}
    ground.stranger.patch(f"/issues/{number}", {"body": "do it well"})
    ground.triager.patch(f"/issues/{number}", {"title": "Second"})
    ground.triager.patch(f"/issues/{number}", {"body": "do it very well"})
    issue = in_repo(ground, asked)["issue"]
    nodes = issue["userContentEdits"]["nodes"]
    assert [(node["editor"]["login"], node["diff"]) for node in nodes] == [
        ("tina", "do it very well"),
        ("sam", "do it well"),
        ("sam", "do it"),
    ]
    assert (nodes[0]["editedAt"], nodes[-1]["editedAt"]) == (issue["lastEditedAt"], issue["createdAt"])


def test_each_version_of_a_comment_is_told_with_who_wrote_it(ground: Ground) -> None:
    number = ground.stranger.issue("First")
    said = ground.writer.post(f"/issues/{number}/comments", {"body": "- [ ] go"}).json()
    asked = (
        "query($id:ID!){node(id:$id){... on IssueComment{body createdAt lastEditedAt editor{login} "
        "userContentEdits(first:100){totalCount nodes{editedAt diff editor{login}}}}}}"
    )
    assert ask(ground, asked, id=said["node_id"]).data["node"]["userContentEdits"]["totalCount"] == 0
    ground.owner.patch(f"/issues/comments/{said['id']}", {"body": "- [x] go"})
    ground.writer.patch(f"/issues/comments/{said['id']}", {"body": "gone"})
    comment = ask(ground, asked, id=said["node_id"]).data["node"]
    assert [(n["editor"]["login"], n["diff"]) for n in comment["userContentEdits"]["nodes"]] == [
        ("wendy", "gone"),
        ("Olivia", "- [x] go"),
        ("wendy", "- [ ] go"),
    ]
    assert (comment["editor"]["login"], comment["body"]) == ("wendy", "gone")
    assert ground.owner.delete(f"/issues/comments/{said['id']}").status_code == 204


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (
            "enqueuePullRequest(input:{pullRequestId:$pull,expectedHeadOid:$oid})",
            "Merge queue is not enabled",
        ),
        ("enablePullRequestAutoMerge(input:{pullRequestId:$pull,expectedHeadOid:$oid})", "not allowed"),
    ],
)
def test_nothing_is_merged_later(ground: Ground, clone: Clone, mutation: str, said: str) -> None:
    pull = _pull(ground, clone)
    document = f"mutation($pull:ID!,$oid:GitObjectID!){{{mutation}{{clientMutationId}}}}"
    error = ask(ground, document, pull=pull["node_id"], oid=pull["oid"]).error
    assert (error["type"], said in error["message"]) == ("UNPROCESSABLE", True)
    error = ask(ground, document, pull=pull["node_id"], oid=ZERO).error
    assert "Head branch was modified" in error["message"]


def test_a_label_that_was_deleted_is_still_told(ground: Ground) -> None:
    number = ground.owner.issue(labels=["gone"])
    ground.owner.delete("/labels/gone")
    issue = _ours(ground, "approval", number=number).data["repository"]["issue"]
    assert [one["label"]["name"] for one in issue["timelineItems"]["nodes"]] == ["gone"]


def test_several_changes_in_one_document(ground: Ground) -> None:
    number = ground.owner.issue(labels=["old"])
    ground.owner.post("/labels", {"name": "new"})
    status = ground.owner.post(f"/issues/{number}/comments", {"body": "working"}).json()
    made = _ours(
        ground,
        "several",
        issue=ground.owner.read(f"/issues/{number}")["node_id"],
        comment=status["node_id"],
        add=[ground.owner.read("/labels/new")["node_id"]],
        remove=[ground.owner.read("/labels/old")["node_id"]],
        said="hello",
        status="done",
    ).data
    comments = ground.owner.read(f"/issues/{number}/comments")
    assert [one["body"] for one in comments] == ["done", "hello"]
    said = made["say"]["commentEdge"]["node"]
    assert (said["id"], said["databaseId"]) == (comments[1]["node_id"], comments[1]["id"])
    assert made["status"]["issueComment"]["id"] == status["node_id"]
    assert [one["name"] for one in ground.owner.read(f"/issues/{number}")["labels"]] == ["new"]


def test_the_poll(ground: Ground, clone: Clone) -> None:
    issue = ground.owner.issue()
    pull = _pull(ground, clone, body=f"Closes #{issue}")
    number = pull["number"]
    assert _ours(ground, "poll").data["repository"]["pullRequests"]["nodes"] == []
    ground.owner.post(f"/issues/{number}/labels", ["cdock"])
    ground.owner.post(
        f"/pulls/{number}/reviews",
        {
            "event": "REQUEST_CHANGES",
            "body": "see there",
            "comments": [{"path": "a.txt", "line": 2, "side": "RIGHT", "body": "why?"}],
        },
    )
    (shown,) = _ours(ground, "poll").data["repository"]["pullRequests"]["nodes"]
    assert (shown["number"], shown["id"], shown["headRefOid"]) == (number, pull["node_id"], pull["oid"])
    assert (shown["mergeable"], shown["mergeStateStatus"], shown["reviewDecision"]) == (
        "MERGEABLE",
        "CLEAN",
        None,
    )
    assert shown["closingIssuesReferences"]["nodes"] == [{"number": issue}]
    (review,) = shown["reviews"]["nodes"]
    assert (review["state"], review["body"], review["author"]["login"]) == (
        "CHANGES_REQUESTED",
        "see there",
        "Olivia",
    )
    assert review["fullDatabaseId"] == str(ground.owner.read(f"/pulls/{number}/reviews")[0]["id"])
    (thread,) = shown["reviewThreads"]["nodes"]
    assert (thread["isResolved"], thread["isOutdated"], thread["path"], thread["line"]) == (
        False,
        False,
        "a.txt",
        2,
    )
    assert [one["body"] for one in thread["comments"]["nodes"]] == ["why?"]


def test_threads_are_answered_and_settled(ground: Ground, clone: Clone) -> None:
    pull = _pull(ground, clone)
    number = pull["number"]
    thread = change(
        ground,
        "addPullRequestReviewThread",
        "thread{id path line}",
        pullRequestId=pull["node_id"],
        path="a.txt",
        line=1,
        body="hm",
    ).data["addPullRequestReviewThread"]["thread"]
    assert ground.writer.read(f"/pulls/{number}/comments") == []  # it is pending
    change(
        ground,
        "submitPullRequestReview",
        "pullRequestReview{state}",
        pullRequestId=pull["node_id"],
        event="COMMENT",
    )
    assert [one["body"] for one in ground.writer.read(f"/pulls/{number}/comments")] == ["hm"]
    writer = ground.people.writer
    answer = change(
        ground,
        "addPullRequestReviewThreadReply",
        "comment{body replyTo{body}}",
        token=writer,
        pullRequestReviewThreadId=thread["id"],
        body="done",
    ).data
    assert answer["addPullRequestReviewThreadReply"]["comment"] == {"body": "done", "replyTo": {"body": "hm"}}
    stranger = change(
        ground, "resolveReviewThread", "thread{id}", token=ground.people.stranger, threadId=thread["id"]
    )
    assert stranger.error["type"] == "FORBIDDEN"
    payload = "thread{isResolved resolvedBy{login}}"
    settled = change(ground, "resolveReviewThread", payload, token=writer, threadId=thread["id"]).data
    assert settled["resolveReviewThread"]["thread"] == {"isResolved": True, "resolvedBy": {"login": "wendy"}}
    again = change(ground, "unresolveReviewThread", payload, token=writer, threadId=thread["id"]).data
    assert again["unresolveReviewThread"]["thread"] == {"isResolved": False, "resolvedBy": None}


def test_what_checks_say(ground: Ground, clone: Clone) -> None:
    pull = _pull(ground, clone)

    def rollup() -> Any:
        shown = _ours(ground, "checks", number=pull["number"]).data["repository"]["pullRequest"]
        (commit,) = shown["commits"]["nodes"]
        assert commit["commit"]["oid"] == pull["oid"]
        return commit["commit"]["statusCheckRollup"]

    assert rollup() is None
    ground.writer.post(f"/statuses/{pull['oid']}", {"state": "pending", "context": "ci"})
    assert rollup()["state"] == "PENDING"
    ground.writer.post(
        f"/statuses/{pull['oid']}", {"state": "failure", "context": "ci", "target_url": "http://x/"}
    )
    assert rollup() == {
        "state": "FAILURE",
        "contexts": {
            "nodes": [
                {"__typename": "StatusContext", "context": "ci", "state": "FAILURE", "targetUrl": "http://x/"}
            ]
        },
    }


def test_drafts_are_toggled(ground: Ground, clone: Clone) -> None:
    pull = _pull(ground, clone, draft=True)
    made = _ours(ground, "drafts", pull=pull["node_id"], token=ground.people.writer).data
    assert made == {"ready": {"pullRequest": {"isDraft": False}}, "draft": {"pullRequest": {"isDraft": True}}}
    events = [one["event"] for one in ground.owner.read(f"/issues/{pull['number']}/events")]
    assert events[-2:] == ["ready_for_review", "convert_to_draft"]


def test_a_comment_is_hidden_and_shown_again(ground: Ground) -> None:
    number = ground.owner.issue()
    comment = ground.writer.post(f"/issues/{number}/comments", {"body": "old"}).json()["node_id"]
    hidden = _ours(ground, "hide", comment=comment, token=ground.people.writer).data
    assert hidden["minimizeComment"]["minimizedComment"] == {
        "isMinimized": True,
        "minimizedReason": "outdated",
    }
    document = "query($id:ID!){node(id:$id){... on IssueComment{body isMinimized minimizedReason}}}"
    assert ask(ground, document, id=comment).data["node"] == {
        "body": "old",
        "isMinimized": True,
        "minimizedReason": "outdated",
    }
    stranger = ground.people.stranger
    refused = change(ground, "unminimizeComment", "clientMutationId", token=stranger, subjectId=comment)
    assert refused.error["type"] == "FORBIDDEN"
    change(ground, "unminimizeComment", "clientMutationId", subjectId=comment)
    assert ask(ground, document, id=comment).data["node"]["isMinimized"] is False


def test_a_branch_for_an_issue(ground: Ground, clone: Clone) -> None:
    number = ground.owner.issue("Add OAuth: login & more")
    issue = ground.owner.read(f"/issues/{number}")["node_id"]
    oid = clone.git("rev-parse", "main")
    made = _ours(ground, "branch", issue=issue, oid=oid, name="topic").data["createLinkedBranch"][
        "linkedBranch"
    ]
    assert made["ref"] == {"name": "topic"}
    assert ground.owner.read("/git/ref/heads/topic")["object"]["sha"] == oid
    named = change(ground, "createLinkedBranch", "linkedBranch{ref{name}}", issueId=issue, oid=oid).data
    assert named["createLinkedBranch"]["linkedBranch"]["ref"]["name"] == f"{number}-add-oauth-login-more"
    selection = f"issue(number:{number}){{linkedBranches(first:9){{nodes{{id ref{{name target{{oid}}}}}}}}}}"
    links = in_repo(ground, selection)["issue"]["linkedBranches"]["nodes"]
    assert [link["ref"]["target"]["oid"] for link in links] == [oid, oid]
    stranger = ground.people.stranger
    refused = change(
        ground, "createLinkedBranch", "clientMutationId", token=stranger, issueId=issue, oid=oid, name="mine"
    )
    assert refused.error["type"] == "FORBIDDEN"
    change(ground, "deleteLinkedBranch", "clientMutationId", linkedBranchId=links[0]["id"])
    clone.git("push", "-q", "origin", f":{links[1]['ref']['name']}")
    assert in_repo(ground, selection)["issue"]["linkedBranches"]["nodes"] == []
    assert ground.owner.get("/git/ref/heads/topic").status_code == 200


def _claim(clone: Clone, message: str) -> str:
    tree = clone.git("mktree", stdin="")
    oid = clone.git("commit-tree", tree, "-m", message)
    clone.git("push", "-q", "origin", f"{oid}:refs/tags/kept-{oid[:7]}")
    return oid


def test_refs_are_moved_together_or_not_at_all(ground: Ground, clone: Clone) -> None:
    repository = ground.owner.read("")["node_id"]
    one, two, three = (_claim(clone, text) for text in ("one", "two", "three"))
    first, second = "refs/cdock/claims/1", "refs/cdock/claims/2"

    def move(*updates: tuple[str, str | None, str], force: bool = True, token: str | None = None) -> Answer:
        given = [
            {"name": name, "afterOid": after, "force": force} | ({"beforeOid": before} if before else {})
            for name, before, after in updates
        ]
        return _ours(ground, "claims", token=token, repository=repository, updates=given)

    def at(name: str) -> str | None:
        found = ground.owner.get(f"/git/ref/{name.removeprefix('refs/')}")
        return str(found.json()["object"]["sha"]) if found.status_code == 200 else None

    assert move((first, ZERO, one)).data
    assert (at(first), at(second)) == (one, None)
    # Somebody else has it: not taken, and neither is what came along.
    lost = move((second, ZERO, two), (first, ZERO, two)).error
    assert lost["type"] == "UNPROCESSABLE"
    assert (at(first), at(second)) == (one, None)
    # A claim has no parent, so it moves by force only, and from where it is expected only.
    assert "not a fast forward" in move((first, one, two), force=False).error["message"]
    assert move((first, three, two)).error["type"] == "UNPROCESSABLE"
    assert move((first, one, two), (second, ZERO, three)).data
    assert (at(first), at(second)) == (two, three)
    assert move((first, two, ZERO), (second, None, one)).data
    assert (at(first), at(second)) == (None, one)
    assert move((second, one, two), token=ground.people.stranger).error["type"] == "FORBIDDEN"
    assert move((second, one, "1" * 40)).error["type"] == "UNPROCESSABLE"
    assert move(("refs/heads/main", None, ZERO)).error["type"] == "UNPROCESSABLE"
    assert move((second, one, two), (second, one, three)).error["type"] == "UNPROCESSABLE"
    assert in_repo(ground, f'ref(qualifiedName:"{second}"){{name}}') == {"ref": None}
    assert in_repo(ground, f'object(oid:"{one}"){{__typename oid}}')["object"] == {
        "__typename": "Commit",
        "oid": one,
    }
