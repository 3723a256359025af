"""Reviews, comments on lines and requests for review over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forge.ground import Api, Clone, Ground

TEXT = "".join(f"line {number}\n" for number in range(1, 31))


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    """A work tree of the writer's; `a.txt` has thirty lines on `main`."""
    clone = ground.clone(tmp_path / "clone")
    clone.commit({"a.txt": TEXT, "b.txt": "b\n"}, "first")
    clone.git("push", "-q", "origin", "main")
    return clone


@pytest.fixture
def number(ground: Ground, clone: Clone) -> int:
    """A pull request of the writer's that changes line 10 and drops line 20."""
    changed = TEXT.replace("line 10\n", "ten\n").replace("line 20\n", "")
    clone.branch("work", {"a.txt": changed}, "change")
    answer = ground.writer.post("/pulls", {"title": "Change", "head": "work", "base": "main"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def _review(api: Api, number: int, **fields: Any) -> dict[str, Any]:
    answer = api.post(f"/pulls/{number}/reviews", fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _comment(ground: Ground, api: Api, number: int, **fields: Any) -> dict[str, Any]:
    head = ground.owner.read(f"/pulls/{number}")["head"]["sha"]
    body = {"body": "why?", "commit_id": head, "path": "a.txt", **fields}
    answer = api.post(f"/pulls/{number}/comments", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _problems(answer: Any) -> Any:
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"]


def test_a_review(ground: Ground, number: int) -> None:
    pull = ground.owner.read(f"/pulls/{number}")
    review = _review(ground.owner, number, event="REQUEST_CHANGES", body="not yet")
    assert (review["state"], review["body"], review["user"]["login"]) == (
        "CHANGES_REQUESTED",
        "not yet",
        "Olivia",
    )
    assert (review["commit_id"], review["author_association"]) == (pull["head"]["sha"], "OWNER")
    assert review["html_url"].endswith(f"/pull/{number}#pullrequestreview-{review['id']}")
    approval = _review(ground.triager, number, event="APPROVE")
    assert (approval["state"], approval["body"]) == ("APPROVED", "")
    _review(ground.stranger, number, event="COMMENT", body="hello")
    listed = ground.nobody.read(f"/pulls/{number}/reviews")
    assert [one["state"] for one in listed] == ["CHANGES_REQUESTED", "APPROVED", "COMMENTED"]
    assert ground.nobody.read(f"/pulls/{number}/reviews/{review['id']}") == listed[0]
    assert ground.nobody.post(f"/pulls/{number}/reviews", {"event": "APPROVE"}).status_code == 401
    assert ground.owner.get(f"/pulls/{number}/reviews/1").status_code == 404


def test_ones_own_pull_request_can_only_be_commented(ground: Ground, number: int) -> None:
    def errors(**fields: Any) -> Any:
        return _problems(ground.writer.post(f"/pulls/{number}/reviews", fields))

    assert errors(event="APPROVE") == ["Can not approve your own pull request"]
    assert errors(event="REQUEST_CHANGES", body="x") == ["Can not request changes on your own pull request"]
    assert _review(ground.writer, number, event="COMMENT", body="note")["state"] == "COMMENTED"


def test_what_cannot_be_said(ground: Ground, number: int) -> None:
    def errors(**fields: Any) -> Any:
        return _problems(ground.owner.post(f"/pulls/{number}/reviews", fields))

    assert errors(event="COMMENT")
    assert errors(event="REQUEST_CHANGES", body=" ")
    assert errors(event="CHANGES_REQUESTED", body="x")
    assert errors(event="COMMENT", body="x", commit_id="0" * 40)
    assert errors(event="COMMENT", comments=[{"path": "a.txt", "line": 1, "body": "far away"}])
    assert errors(event="COMMENT", comments=[{"path": "b.txt", "line": 1, "body": "not changed"}])
    # Nothing of a refused review is kept.
    assert ground.owner.read(f"/pulls/{number}/reviews") == []
    assert ground.owner.read(f"/pulls/{number}/comments") == []


def test_a_pending_review_is_ones_own(ground: Ground, number: int) -> None:
    pending = _review(
        ground.owner, number, body="so far", comments=[{"path": "a.txt", "line": 10, "body": "hm"}]
    )
    assert (pending["state"], "submitted_at" in pending) == ("PENDING", False)
    path = f"/pulls/{number}/reviews/{pending['id']}"
    assert [one["id"] for one in ground.owner.read(f"/pulls/{number}/reviews")] == [pending["id"]]
    assert ground.writer.read(f"/pulls/{number}/reviews") == []
    assert ground.writer.get(path).status_code == 404
    assert ground.writer.read(f"/pulls/{number}/comments") == []
    assert ground.writer.read("/pulls/comments") == []
    assert [one["body"] for one in ground.owner.read("/pulls/comments")] == ["hm"]
    assert ground.owner.read(f"/pulls/{number}")["review_comments"] == 0
    assert "reviewed" not in [one["event"] for one in ground.owner.read(f"/issues/{number}/timeline")]
    assert _problems(ground.owner.post(f"/pulls/{number}/reviews", {"event": "APPROVE"})) == [
        "User can only have one pending review per pull request"
    ]
    assert ground.writer.post(f"{path}/events", {"event": "COMMENT"}).status_code == 404
    sent = ground.owner.post(f"{path}/events", {"event": "COMMENT", "body": "done"})
    assert (sent.status_code, sent.json()["state"], sent.json()["body"]) == (200, "COMMENTED", "done")
    assert [one["body"] for one in ground.writer.read(f"{path}/comments")] == ["hm"]
    assert _problems(ground.owner.post(f"{path}/events", {"event": "APPROVE"}))
    assert ground.owner.delete(path).status_code == 422
    second = _review(ground.owner, number, comments=[{"path": "a.txt", "line": 10, "body": "oops"}])
    assert ground.owner.delete(f"/pulls/{number}/reviews/{second['id']}").json()["state"] == "PENDING"
    assert len(ground.owner.read(f"/pulls/{number}/comments")) == 1


def test_a_review_is_edited_by_its_author(ground: Ground, number: int) -> None:
    path = f"/pulls/{number}/reviews/{_review(ground.owner, number, event='APPROVE')['id']}"
    assert ground.owner.put(path, {"body": "fine"}).json()["body"] == "fine"
    assert ground.writer.put(path, {"body": "mine"}).status_code == 403


def test_dismissal(ground: Ground, number: int) -> None:
    review = _review(ground.owner, number, event="APPROVE")
    path = f"/pulls/{number}/reviews/{review['id']}/dismissals"
    assert ground.triager.put(path, {"message": "no"}).status_code == 403
    assert _problems(ground.writer.put(path, {}))
    answer = ground.writer.put(path, {"message": "it changed", "event": "DISMISS"})
    assert (answer.status_code, answer.json()["state"]) == (200, "DISMISSED")
    assert _problems(ground.writer.put(path, {"message": "again"})) == [
        "Can not dismiss a dismissed pull request review"
    ]
    event = ground.owner.read(f"/issues/{number}/events")[-1]
    assert event["event"] == "review_dismissed"
    assert event["dismissed_review"] == {
        "state": "approved",
        "review_id": review["id"],
        "dismissal_message": "it changed",
    }


def test_the_timeline(ground: Ground, number: int) -> None:
    ground.writer.post(f"/pulls/{number}/requested_reviewers", {"reviewers": ["Olivia"]})
    review = _review(ground.owner, number, event="APPROVE")
    timeline = ground.owner.read(f"/issues/{number}/timeline")
    assert [one["event"] for one in timeline] == ["committed", "review_requested", "reviewed"]
    shown = timeline[-1]
    assert (shown["id"], shown["state"], shown["user"]["login"]) == (review["id"], "approved", "Olivia")
    assert (shown["commit_id"], shown["body"]) == (review["commit_id"], None)
    assert timeline[1]["requested_reviewer"]["login"] == "Olivia"
    assert timeline[1]["review_requester"]["login"] == "wendy"
    listed = ground.owner.read(f"/issues/{number}/events")
    assert [one["event"] for one in listed] == ["review_requested"]


def test_requests_for_review(ground: Ground, number: int) -> None:
    path = f"/pulls/{number}/requested_reviewers"
    answer = ground.writer.post(path, {"reviewers": ["olivia", "TINA", "tina"]})
    assert answer.status_code == 201
    assert [one["login"] for one in answer.json()["requested_reviewers"]] == ["Olivia", "tina"]
    assert [one["login"] for one in ground.nobody.read(path)["users"]] == ["Olivia", "tina"]
    for logins in (["wendy"], ["sam"], ["nobody-at-all"], ["Olivia", "sam"]):
        assert ground.writer.post(path, {"reviewers": logins}).status_code == 422
    assert ground.stranger.post(path, {"reviewers": ["tina"]}).status_code == 403
    answer = ground.writer.delete(path, {"reviewers": ["tina", "sam"]})
    assert (answer.status_code, len(answer.json()["requested_reviewers"])) == (200, 1)
    _review(ground.owner, number, event="COMMENT", body="looked")
    assert ground.owner.read(path) == {"users": [], "teams": []}
    kinds = [one["event"] for one in ground.owner.read(f"/issues/{number}/events")]
    assert kinds == ["review_requested", "review_requested", "review_request_removed"]


def test_a_comment_on_a_line(ground: Ground, number: int) -> None:
    comment = _comment(ground, ground.owner, number, line=10, side="RIGHT")
    assert (comment["line"], comment["side"], comment["position"], comment["path"]) == (
        10,
        "RIGHT",
        5,
        "a.txt",
    )
    assert comment["diff_hunk"].startswith("@@ -7,7 +7,7 @@")
    assert comment["diff_hunk"].endswith("-line 10\n+ten")
    assert comment["commit_id"] == comment["original_commit_id"]
    assert "in_reply_to_id" not in comment
    assert comment["html_url"].endswith(f"/pull/{number}#discussion_r{comment['id']}")
    # It belongs to a review of its own.
    (review,) = ground.owner.read(f"/pulls/{number}/reviews")
    assert (review["id"], review["state"], review["body"]) == (
        comment["pull_request_review_id"],
        "COMMENTED",
        "",
    )
    gone = _comment(ground, ground.stranger, number, line=20, side="LEFT")
    assert (gone["line"], gone["side"]) == (20, "LEFT")
    span = _comment(ground, ground.owner, number, line=11, start_line=10, start_side="RIGHT")
    assert (span["start_line"], span["line"], span["start_side"]) == (10, 11, "RIGHT")
    older = _comment(ground, ground.owner, number, position=5)
    assert (older["line"], older["side"]) == (10, "RIGHT")
    whole = _comment(ground, ground.owner, number, subject_type="file")
    assert whole["subject_type"] == "file"
    assert ground.owner.read(f"/pulls/{number}")["review_comments"] == 5
    assert ground.nobody.read(f"/pulls/comments/{comment['id']}") == comment


def test_lines_that_are_not_in_the_diff(ground: Ground, number: int) -> None:
    head = ground.owner.read(f"/pulls/{number}")["head"]["sha"]

    def errors(**fields: Any) -> Any:
        body = {"body": "x", "commit_id": head, "path": "a.txt", **fields}
        return _problems(ground.owner.post(f"/pulls/{number}/comments", body))[0]

    assert errors(line=1)["message"] == "pull_request_review_thread.line must be part of the diff"
    assert errors(line=20, side="MIDDLE")["field"] == "pull_request_review_thread.side"
    assert errors(path="b.txt", line=1)["field"] == "pull_request_review_thread.path"
    assert errors(line=10, start_line=10)["field"] == "pull_request_review_thread.start_line"
    assert errors(line=22, start_line=10)["field"] == "pull_request_review_thread.start_line"
    assert errors(position=500)["field"] == "pull_request_review_thread.position"
    assert errors(line=10, body=" ")["code"] == "missing_field"
    assert errors() == {"resource": "PullRequestReviewComment", "field": "line", "code": "missing_field"}


def test_replies_go_to_the_first_comment(ground: Ground, number: int) -> None:
    first = _comment(ground, ground.owner, number, line=10)
    path = f"/pulls/{number}/comments"
    answer = ground.writer.post(f"{path}/{first['id']}/replies", {"body": "because"})
    assert answer.status_code == 201
    reply = answer.json()
    assert (reply["in_reply_to_id"], reply["line"], reply["path"]) == (first["id"], 10, "a.txt")
    assert ground.writer.post(f"{path}/{reply['id']}/replies", {"body": "x"}).status_code == 404
    assert ground.writer.post(f"{path}/1/replies", {"body": "x"}).status_code == 404
    again = ground.owner.post(path, {"body": "ok", "in_reply_to": first["id"]})
    assert (again.status_code, again.json()["in_reply_to_id"]) == (201, first["id"])
    assert [one["body"] for one in ground.owner.read(path)] == ["why?", "because", "ok"]


def test_a_comment_follows_its_line_until_the_line_is_gone(ground: Ground, clone: Clone, number: int) -> None:
    kept = _comment(ground, ground.owner, number, line=10)
    left = _comment(ground, ground.owner, number, line=20, side="LEFT")
    changed = TEXT.replace("line 10\n", "ten\n").replace("line 20\n", "")
    head = clone.commit({"a.txt": f"new\n{changed}"}, "shift")
    clone.git("push", "-q", "origin", "work")
    moved = ground.owner.read(f"/pulls/comments/{kept['id']}")
    assert (moved["line"], moved["original_line"]) == (11, 10)
    assert (moved["commit_id"], moved["original_commit_id"]) == (head, kept["commit_id"])
    clone.commit({"a.txt": changed.replace("ten\n", "TEN\n")}, "change it")
    clone.git("push", "-q", "origin", "work")
    outdated = ground.owner.read(f"/pulls/comments/{kept['id']}")
    assert (outdated["line"], outdated["position"], outdated["original_line"]) == (None, None, 10)
    assert outdated["commit_id"] == kept["commit_id"]
    assert outdated["diff_hunk"] == kept["diff_hunk"]
    assert ground.owner.read(f"/pulls/comments/{left['id']}")["line"] == 20


def test_comments_are_changed_and_removed(ground: Ground, number: int) -> None:
    first = _comment(ground, ground.stranger, number, line=10)
    reply = ground.owner.post(f"/pulls/{number}/comments/{first['id']}/replies", {"body": "r"}).json()
    path = f"/pulls/comments/{first['id']}"
    assert ground.triager.patch(path, {"body": "x"}).status_code == 403
    assert ground.stranger.patch(path, {"body": "better\r\n"}).json()["body"] == "better\r\n"
    assert ground.triager.delete(path).status_code == 403
    assert ground.writer.delete(path).status_code == 204
    assert ground.writer.get(path).status_code == 404
    assert "in_reply_to_id" not in ground.owner.read(f"/pulls/comments/{reply['id']}")


def test_the_list_of_the_repository(ground: Ground, number: int) -> None:
    ids = [_comment(ground, ground.owner, number, line=line)["id"] for line in (10, 11, 12)]
    assert [one["id"] for one in ground.owner.read("/pulls/comments")] == ids
    newest = ground.owner.read("/pulls/comments", sort="created", direction="desc")
    assert [one["id"] for one in newest] == ids[::-1]
    ground.owner.patch(f"/pulls/comments/{ids[0]}", {"body": "changed"})
    changed = ground.owner.read(f"/pulls/comments/{ids[0]}")["updated_at"]
    assert ids[0] in [one["id"] for one in ground.owner.read("/pulls/comments", since=changed)]
    assert ground.owner.read("/pulls/comments", since="2999-01-01T00:00:00Z") == []
    answer = ground.owner.get("/pulls/comments?per_page=2")
    assert (len(answer.json()), "next" in answer.links) == (2, True)
    # The direction counts only where a sort is asked for.
    unsorted = ground.owner.read("/pulls/comments", direction="desc")
    assert [one["id"] for one in unsorted] == ids


def test_a_locked_conversation(ground: Ground, number: int) -> None:
    ground.owner.put(f"/issues/{number}/lock")
    answer = ground.stranger.post(f"/pulls/{number}/reviews", {"event": "COMMENT", "body": "x"})
    assert answer.status_code == 403
    assert _review(ground.owner, number, event="APPROVE")["state"] == "APPROVED"


def test_updating_a_branch(ground: Ground, clone: Clone, number: int) -> None:
    clone.git("checkout", "-q", "main")
    clone.commit({"c.txt": "c\n"}, "meanwhile")
    clone.git("push", "-q", "origin", "main")
    head = ground.owner.read(f"/pulls/{number}")["head"]["sha"]
    path = f"/pulls/{number}/update-branch"
    assert ground.writer.put(path, {"expected_head_sha": "0" * 40}).status_code == 422
    assert ground.writer.put(path, {"expected_head_sha": head}).status_code == 202
    after = ground.owner.read(f"/pulls/{number}")
    assert after["head"]["sha"] != head
    assert ground.owner.read(f"/compare/main...{after['head']['sha']}")["behind_by"] == 0
    assert ground.writer.put(path, {}).status_code == 422
