"""Issues, labels, comments over REST: one test per behaviour that look-alikes get wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.forge.ground import Ground


def _names(labels: list[dict[str, Any]]) -> list[str]:
    return [label["name"] for label in labels]


def _kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


# People


def test_roles_in_both_vocabularies(ground: Ground) -> None:
    for login, permission, role in (
        ("Olivia", "admin", "admin"),
        ("wendy", "write", "write"),
        ("tina", "read", "triage"),
        ("sam", "read", "read"),
    ):
        answer = ground.owner.read(f"/collaborators/{login}/permission")
        assert (answer["permission"], answer["role_name"]) == (permission, role)
        assert answer["user"]["role_name"] == role
    assert ground.owner.put("/collaborators/wendy", {"permission": "maintain"}).status_code == 204
    assert ground.owner.read("/collaborators/wendy/permission")["permission"] == "write"
    assert ground.owner.get("/collaborators/never-heard/permission").status_code == 404


def test_a_stranger_of_a_private_repository_has_none(private_ground: Ground) -> None:
    answer = private_ground.owner.read("/collaborators/sam/permission")
    assert (answer["permission"], answer["role_name"]) == ("none", "none")


def test_collaborators(ground: Ground) -> None:
    assert ground.writer.get("/collaborators/tina").status_code == 204
    assert ground.writer.get("/collaborators/sam").status_code == 404
    assert ground.stranger.get("/collaborators/tina").status_code == 403
    assert ground.writer.put("/collaborators/sam").status_code == 403
    assert ground.owner.put("/collaborators/sam").status_code == 204
    assert ground.owner.read("/collaborators/sam/permission")["role_name"] == "write"
    assert ground.owner.delete("/collaborators/sam").status_code == 204
    assert ground.owner.get("/collaborators/sam").status_code == 404


def test_assignees(ground: Ground) -> None:
    assert [user["login"] for user in ground.owner.read("/assignees")] == ["Olivia", "tina", "wendy"]
    assert ground.owner.get("/assignees/WENDY").status_code == 204
    assert ground.owner.get("/assignees/sam").status_code == 404
    number = ground.owner.issue()
    answer = ground.owner.post(f"/issues/{number}/assignees", {"assignees": ["wendy", "sam", "never-heard"]})
    assert answer.status_code == 201
    assert [user["login"] for user in answer.json()["assignees"]] == ["wendy"]
    assert answer.json()["assignee"]["login"] == "wendy"
    answer = ground.owner.delete(f"/issues/{number}/assignees", {"assignees": ["wendy"]})
    assert (answer.status_code, answer.json()["assignees"]) == (200, [])
    events = ground.owner.read(f"/issues/{number}/events")
    assert _kinds(events) == ["assigned", "unassigned"]
    assert events[0]["assignee"]["login"] == "wendy"
    assert events[0]["assigner"]["login"] == "Olivia"


# Issues


def test_an_issue(ground: Ground) -> None:
    text = "first\r\nsecond <!-- hidden: 1 -->\r\n"
    answer = ground.writer.post(
        "/issues", {"title": "T", "body": text, "labels": ["a"], "assignees": ["wendy"]}
    )
    assert answer.status_code == 201
    issue = answer.json()
    assert answer.headers["Location"] == issue["url"]
    assert ground.owner.read(f"/issues/{issue['number']}") == issue
    assert issue["body"] == text
    assert (issue["state"], issue["state_reason"], issue["comments"]) == ("open", None, 0)
    assert issue["user"]["login"] == "wendy"
    assert issue["author_association"] == "COLLABORATOR"
    assert "pull_request" not in issue
    assert issue["id"] > 1_000_000
    for key in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", issue[key])
    assert ground.owner.get("/issues/999").status_code == 404


def test_a_stranger_opens_issues_and_marks_are_dropped_in_silence(ground: Ground) -> None:
    answer = ground.stranger.post(
        "/issues", {"title": "x", "labels": ["bug"], "assignees": ["wendy"], "milestone": 9}
    )
    assert answer.status_code == 201
    assert (answer.json()["labels"], answer.json()["assignees"], answer.json()["milestone"]) == ([], [], None)
    assert ground.owner.read("/labels") == []


def test_what_a_stranger_cannot_do(ground: Ground) -> None:
    number = ground.owner.issue(labels=["bug"])
    for method, path, body in (
        ("POST", f"/issues/{number}/labels", {"labels": ["x"]}),
        ("PUT", f"/issues/{number}/labels", {"labels": []}),
        ("DELETE", f"/issues/{number}/labels/bug", None),
        ("PATCH", f"/issues/{number}", {"state": "closed"}),
        ("PATCH", f"/issues/{number}", {"title": "mine"}),
        ("POST", "/labels", {"name": "x"}),
        ("PUT", f"/issues/{number}/lock", None),
        ("POST", f"/issues/{number}/assignees", {"assignees": ["sam"]}),
        ("PATCH", "", {"description": "mine"}),
    ):
        assert ground.stranger.ask(method, path, body).status_code == 403, (method, path)
    issue = ground.owner.read(f"/issues/{number}")
    assert (issue["state"], _names(issue["labels"])) == ("open", ["bug"])


def test_authors_edit_and_close_their_own_but_set_no_marks(ground: Ground) -> None:
    number = ground.stranger.issue("mine")
    answer = ground.stranger.patch(
        f"/issues/{number}", {"title": "better", "state": "closed", "labels": ["bug"]}
    )
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["state"], answer.json()["labels"]) == (
        "better",
        "closed",
        [],
    )
    assert ground.stranger.patch(f"/issues/{number}", {"state": "open"}).status_code == 200
    ground.owner.patch(f"/issues/{number}", {"state": "closed"})
    assert ground.stranger.patch(f"/issues/{number}", {"state": "open"}).status_code == 403


def test_triage_may_label_and_close_and_not_make_labels(ground: Ground) -> None:
    number = ground.stranger.issue()
    assert ground.triager.post(f"/issues/{number}/labels", ["bug"]).status_code == 200
    assert ground.triager.patch(f"/issues/{number}", {"state": "closed"}).status_code == 200
    assert ground.triager.post("/labels", {"name": "x"}).status_code == 403


def test_reasons_for_a_state(ground: Ground) -> None:
    number = ground.owner.issue()

    def patch(**fields: Any) -> tuple[str, str | None]:
        answer = ground.owner.patch(f"/issues/{number}", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["state"], answer.json()["state_reason"]

    assert patch(state="closed") == ("closed", "completed")
    assert patch(state="open") == ("open", "reopened")
    assert patch(state="closed", state_reason="duplicate") == ("closed", "duplicate")
    assert patch(state="closed") == ("closed", "duplicate")
    assert patch(state="closed", state_reason="not_planned") == ("closed", "not_planned")
    issue = ground.owner.read(f"/issues/{number}")
    assert issue["closed_by"]["login"] == "Olivia"
    assert issue["closed_at"] is not None
    assert patch(state="open") == ("open", "reopened")
    assert ground.owner.read(f"/issues/{number}")["closed_at"] is None
    assert ground.owner.patch(f"/issues/{number}", {"state": "shut"}).status_code == 422
    assert ground.owner.patch(f"/issues/{number}", {"state_reason": "bored"}).status_code == 422
    kinds = _kinds(ground.owner.read(f"/issues/{number}/events"))
    assert kinds == ["closed", "reopened", "closed", "closed", "reopened"]


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("title", "x" * 256, 201),
        ("title", "x" * 257, 422),
        ("title", "  ", 422),
        ("body", "ü" * 65_536, 201),
        ("body", "ü" * 65_537, 422),
        ("labels", ["x" * 50], 201),
        ("labels", ["x" * 51], 422),
    ],
)
def test_bounds(ground: Ground, field: str, value: object, status: int) -> None:
    answer = ground.owner.post("/issues", {"title": "t", field: value})
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["code"] in {"custom", "missing_field"}


def test_lists_are_filtered(ground: Ground) -> None:
    one = ground.owner.issue("one", labels=["Bug", "area: x"], assignees=["wendy"])
    two = ground.stranger.issue("two")
    ground.owner.post(f"/issues/{two}/labels", ["bug"])
    three = ground.owner.issue("three", body="ping @tina")
    ground.owner.patch(f"/issues/{three}", {"state": "closed"})

    def numbers(**query: Any) -> list[int]:
        return [issue["number"] for issue in ground.owner.read("/issues", **query)]

    assert numbers() == [two, one]
    assert numbers(state="all") == [three, two, one]
    assert numbers(state="closed") == [three]
    assert numbers(labels="BUG") == [two, one]
    assert numbers(labels="bug,Area: X") == [one]
    assert numbers(labels="bug,unknown") == []
    assert numbers(creator="SAM") == [two]
    assert numbers(assignee="Wendy") == [one]
    assert numbers(assignee="none") == [two]
    assert numbers(assignee="*") == [one]
    assert numbers(mentioned="tina", state="all") == [three]
    assert numbers(direction="asc") == [one, two]
    ground.owner.post(f"/issues/{one}/comments", {"body": "x"})
    assert numbers(sort="comments") == [one, two]
    assert numbers(since="2000-01-01T00:00:00Z") == [two, one]
    assert numbers(since="2100-01-01T00:00:00Z") == []
    assert ground.owner.get("/issues?state=shut").status_code == 422
    assert ground.owner.get("/issues?since=yesterday").status_code == 422


def test_lock(ground: Ground) -> None:
    number = ground.owner.issue()
    assert ground.owner.put(f"/issues/{number}/lock", {"lock_reason": "spam"}).status_code == 204
    issue = ground.owner.read(f"/issues/{number}")
    assert (issue["locked"], issue["active_lock_reason"]) == (True, "spam")
    assert ground.stranger.post(f"/issues/{number}/comments", {"body": "x"}).status_code == 403
    assert ground.writer.post(f"/issues/{number}/comments", {"body": "x"}).status_code == 201
    assert ground.owner.delete(f"/issues/{number}/lock").status_code == 204
    assert ground.stranger.post(f"/issues/{number}/comments", {"body": "x"}).status_code == 201
    assert ground.owner.put(f"/issues/{number}/lock", {"lock_reason": "bored"}).status_code == 422


def test_issues_may_be_switched_off(ground: Ground) -> None:
    ground.owner.patch("", {"has_issues": False})
    assert ground.owner.post("/issues", {"title": "x"}).status_code == 410


def test_an_archive_cannot_be_written(ground: Ground) -> None:
    number = ground.owner.issue()
    ground.owner.patch("", {"archived": True})
    answer = ground.owner.post(f"/issues/{number}/comments", {"body": "x"})
    assert (answer.status_code, answer.json()["message"]) == (403, "Repository was archived so is read-only.")


# Labels


def test_labels_of_a_repository(ground: Ground) -> None:
    answer = ground.writer.post("/labels", {"name": "Bug: ä/b?", "color": "F29513", "description": "broken"})
    assert answer.status_code == 201
    label = answer.json()
    assert (label["name"], label["color"], label["description"]) == ("Bug: ä/b?", "f29513", "broken")
    assert ground.nobody.read(label["url"]) == label
    answer = ground.writer.post("/labels", {"name": "BUG: Ä/B?".replace("Ä", "ä")})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"resource": "Label", "field": "name", "code": "already_exists"}]
    answer = ground.writer.patch(label["url"], {"new_name": "bug", "color": "000000"})
    assert (answer.status_code, answer.json()["name"], answer.json()["id"]) == (200, "bug", label["id"])
    assert ground.writer.delete("/labels/BUG").status_code == 204
    assert ground.writer.get("/labels/bug").status_code == 404
    assert ground.writer.post("/labels", {"name": "x", "color": "#ff0000"}).status_code == 422
    assert ground.writer.post("/labels", {"name": "x", "description": "d" * 101}).status_code == 422


def test_labels_on_an_issue(ground: Ground) -> None:
    number = ground.owner.issue()
    ground.owner.post("/labels", {"name": "Known", "color": "111111"})
    answer = ground.owner.post(f"/issues/{number}/labels", {"labels": ["known", "new", "NEW"]})
    assert answer.status_code == 200
    assert [(label["name"], label["color"]) for label in answer.json()] == [
        ("Known", "111111"),
        ("new", "ededed"),
    ]
    answer = ground.owner.post(
        f"/issues/{number}/labels", [{"name": "third"}, {"name": "hint", "suggest": True}]
    )
    assert _names(answer.json()) == ["Known", "new", "third"]
    assert _names(ground.owner.read(f"/issues/{number}/labels")) == ["Known", "new", "third"]
    answer = ground.owner.delete(f"/issues/{number}/labels/NEW")
    assert (answer.status_code, _names(answer.json())) == (200, ["Known", "third"])
    answer = ground.owner.delete(f"/issues/{number}/labels/new")
    assert (answer.status_code, answer.json()["message"]) == (404, "Label does not exist")
    answer = ground.owner.put(f"/issues/{number}/labels", {"labels": ["third", "fourth"]})
    assert _names(answer.json()) == ["third", "fourth"]
    assert ground.owner.delete(f"/issues/{number}/labels").status_code == 204
    assert ground.owner.read(f"/issues/{number}/labels") == []
    events = ground.owner.read(f"/issues/{number}/events")
    labelled = [(event["event"], event["label"]["name"]) for event in events]
    assert labelled == [
        ("labeled", "Known"),
        ("labeled", "new"),
        ("labeled", "third"),
        ("unlabeled", "new"),
        ("unlabeled", "Known"),
        ("labeled", "fourth"),
        ("unlabeled", "third"),
        ("unlabeled", "fourth"),
    ]
    assert {event["actor"]["login"] for event in events} == {"Olivia"}


def test_a_label_that_is_there_already_is_no_event(ground: Ground) -> None:
    number = ground.owner.issue(labels=["bug"])
    ground.owner.post(f"/issues/{number}/labels", ["BUG"])
    assert _kinds(ground.owner.read(f"/issues/{number}/events")) == ["labeled"]


def test_a_removed_label_leaves_all_issues(ground: Ground) -> None:
    number = ground.owner.issue(labels=["bug"])
    ground.owner.delete("/labels/bug")
    assert ground.owner.read(f"/issues/{number}")["labels"] == []


# Comments and reactions


def test_comments(ground: Ground) -> None:
    number = ground.owner.issue()
    text = "one\r\ntwo <!-- cursor -->"
    answer = ground.stranger.post(f"/issues/{number}/comments", {"body": text})
    assert answer.status_code == 201
    comment = answer.json()
    assert comment["body"] == text
    assert comment["issue_url"].endswith(f"/issues/{number}")
    assert comment["html_url"].endswith(f"/issues/{number}#issuecomment-{comment['id']}")
    assert ground.nobody.read(f"/issues/comments/{comment['id']}") == comment
    assert ground.triager.patch(f"/issues/comments/{comment['id']}", {"body": "x"}).status_code == 403
    edited = ground.stranger.patch(f"/issues/comments/{comment['id']}", {"body": "edited"})
    assert (edited.status_code, edited.json()["body"]) == (200, "edited")
    assert ground.writer.patch(f"/issues/comments/{comment['id']}", {"body": "by others"}).status_code == 200
    assert ground.owner.post(f"/issues/{number}/comments", {"body": " "}).status_code == 422
    assert ground.owner.post(f"/issues/{number}/comments", {"body": "x" * 65_537}).status_code == 422
    assert ground.owner.post("/issues/999/comments", {"body": "x"}).status_code == 404
    assert ground.stranger.delete(f"/issues/comments/{comment['id']}").status_code == 204
    assert ground.owner.get(f"/issues/comments/{comment['id']}").status_code == 404
    assert ground.owner.read(f"/issues/{number}/timeline") == []


def test_comments_of_all_issues(ground: Ground) -> None:
    one, two = ground.owner.issue("one"), ground.owner.issue("two")
    ids = [
        ground.owner.post(f"/issues/{number}/comments", {"body": f"c{index}"}).json()["id"]
        for index, number in enumerate((one, two, one))
    ]

    def listed(**query: Any) -> list[int]:
        return [comment["id"] for comment in ground.owner.read("/issues/comments", **query)]

    assert listed() == ids
    assert listed(direction="desc") == ids
    assert listed(sort="created", direction="desc") == ids[::-1]
    assert listed(sort="updated", direction="desc") == ids[::-1]
    assert listed(per_page=2, page=2) == ids[2:]


def test_since_includes_its_own_second(ground: Ground) -> None:
    number = ground.owner.issue()
    made = [ground.owner.post(f"/issues/{number}/comments", {"body": f"c{i}"}).json() for i in range(3)]
    last = made[-1]["updated_at"]
    wanted = [comment["id"] for comment in made if comment["updated_at"] >= last]
    for path in (f"/issues/{number}/comments", "/issues/comments"):
        assert [comment["id"] for comment in ground.owner.read(path, since=last)] == wanted
        assert ground.owner.read(path, since="2100-01-01T00:00:00Z") == []


def test_reactions(ground: Ground) -> None:
    number = ground.owner.issue()
    comment = ground.owner.post(f"/issues/{number}/comments", {"body": "x"}).json()["id"]
    for path in (f"/issues/{number}", f"/issues/comments/{comment}"):
        first = ground.stranger.post(f"{path}/reactions", {"content": "eyes"})
        again = ground.stranger.post(f"{path}/reactions", {"content": "eyes"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        ground.owner.post(f"{path}/reactions", {"content": "+1"})
        assert ground.owner.post(f"{path}/reactions", {"content": "shrug"}).status_code == 422
        assert [r["content"] for r in ground.owner.read(f"{path}/reactions")] == ["eyes", "+1"]
        assert len(ground.owner.read(f"{path}/reactions", content="eyes")) == 1
        rollup = ground.owner.read(path)["reactions"]
        assert (rollup["total_count"], rollup["eyes"], rollup["+1"], rollup["heart"]) == (2, 1, 1, 0)
        mine = f"{path}/reactions/{first.json()['id']}"
        assert ground.triager.delete(mine).status_code == 403
        assert ground.stranger.delete(mine).status_code == 204
        assert ground.stranger.delete(mine).status_code == 404


# History


def test_a_timeline(ground: Ground) -> None:
    number = ground.owner.issue("before", labels=["bug"])
    comment = ground.stranger.post(f"/issues/{number}/comments", {"body": "hello"}).json()
    ground.owner.patch(f"/issues/{number}", {"title": "after"})
    other = ground.writer.issue("other", body=f"like #{number}, see #{number} and `#{number}`")
    ground.writer.post(f"/issues/{other}/comments", {"body": f"again #{number}"})
    ground.owner.patch(f"/issues/{number}", {"state": "closed"})
    timeline = ground.owner.read(f"/issues/{number}/timeline")
    assert _kinds(timeline) == ["labeled", "commented", "renamed", "cross-referenced", "closed"]
    assert timeline[1]["id"] == comment["id"]
    assert timeline[1]["body"] == "hello"
    assert timeline[1]["user"]["login"] == timeline[1]["actor"]["login"] == "sam"
    assert timeline[2]["rename"] == {"from": "before", "to": "after"}
    assert timeline[3]["source"]["issue"]["number"] == other
    assert timeline[3]["source"]["issue"]["repository"]["full_name"] == ground.name
    assert timeline[3]["actor"]["login"] == "wendy"
    events = ground.owner.read(f"/issues/{number}/events")
    assert _kinds(events) == ["labeled", "renamed", "closed"]
    everything = ground.owner.read("/issues/events")
    assert _kinds(everything) == ["closed", "renamed", "labeled"]
    assert everything[0]["issue"]["number"] == number
    assert ground.owner.read(f"/issues/events/{everything[0]['id']}") == everything[0]


def test_a_mention_in_a_private_repository_is_not_told(ground: Ground, private_ground: Ground) -> None:
    number = ground.owner.issue()
    private_ground.owner.issue(body=f"see {ground.name}#{number}")
    assert _kinds(ground.owner.read(f"/issues/{number}/timeline")) == ["cross-referenced"]
    assert ground.stranger.read(f"/issues/{number}/timeline") == []


# Milestones


def test_milestones(ground: Ground) -> None:
    answer = ground.owner.post("/milestones", {"title": "v1", "due_on": "2030-01-01T00:00:00Z"})
    assert answer.status_code == 201
    assert (answer.json()["number"], answer.json()["due_on"]) == (1, "2030-01-01T00:00:00Z")
    again = ground.owner.post("/milestones", {"title": "V1"})
    assert again.json()["errors"][0]["code"] == "already_exists"
    number = ground.owner.issue(milestone=1)
    assert ground.owner.read(f"/issues/{number}")["milestone"]["title"] == "v1"
    assert ground.owner.read("/milestones/1")["open_issues"] == 1
    assert [issue["number"] for issue in ground.owner.read("/issues", milestone="1")] == [number]
    assert ground.owner.read("/issues", milestone="none") == []
    assert ground.owner.post("/issues", {"title": "x", "milestone": 9}).status_code == 422
    ground.owner.patch(f"/issues/{number}", {"milestone": None})
    assert ground.owner.read(f"/issues/{number}")["milestone"] is None
    assert _kinds(ground.owner.read(f"/issues/{number}/events")) == ["milestoned", "demilestoned"]
    assert ground.owner.patch("/milestones/1", {"state": "closed"}).json()["closed_at"] is not None
    assert ground.owner.read("/milestones") == []
    assert ground.owner.delete("/milestones/1").status_code == 204
    assert ground.owner.get("/milestones/1").status_code == 404
