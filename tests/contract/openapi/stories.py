"""What a busy repository does over REST, told per group of operations.txt; each step insists on its status."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from .ground import HELPER, OWNER, STRANGER, Api, Ground

Story = Callable[[Ground], None]


def meta(ground: Ground) -> None:
    """Who am I, what is this, how much may I ask."""
    api = ground.owner
    api.call(200, "GET", "/")
    assert api.call(200, "GET", "/user")["login"] == OWNER
    assert ground.helper.call(200, "GET", "/user")["type"] == "Bot"
    assert api.call(200, "GET", f"/users/{STRANGER}")["login"] == STRANGER
    api.call(404, "GET", "/users/nobody-here")
    api.call(200, "GET", "/rate_limit")
    api.call(200, "GET", "/meta")
    api.call(200, "GET", "/versions")
    api.call(401, "GET", "/user", headers={"Authorization": "Bearer ghp_wrong"})
    api.call(400, "GET", "/user", headers={"X-GitHub-Api-Version": "1999-12-31"})


def repos(ground: Ground) -> None:
    """Read, change and make a repository; reach it by id."""
    api = ground.owner
    seen = api.call(200, "GET", ground.repo)
    assert seen["full_name"] == ground.name
    assert api.call(200, "PATCH", ground.repo, {"description": "A demo"})["description"] == "A demo"
    assert api.call(200, "GET", f"/repositories/{seen['id']}/issues") == []
    made = api.call(
        201, "POST", "/user/repos", {"name": "made-over-rest", "private": True, "auto_init": False}
    )
    assert made["private"] is True
    for path in ("", "/pulls"):
        ground.stranger.call(404, "GET", f"/repos/{OWNER}/made-over-rest{path}")
    api.call(422, "POST", "/user/repos", {"name": "made-over-rest"})
    api.call(404, "GET", f"/repos/{OWNER}/missing")
    ground.stranger.call(403, "PATCH", ground.repo, {"description": "mine"})
    assert ground.stranger.call(200, "GET", ground.repo)["permissions"]["push"] is False


def people(ground: Ground) -> None:
    """Who may do what here."""
    api, place = ground.owner, f"{ground.repo}/collaborators"
    api.call(204, "GET", f"{place}/{HELPER}")
    api.call(404, "GET", f"{place}/{STRANGER}")
    assert api.call(200, "GET", f"{place}/{HELPER}/permission")["permission"] == "write"
    assert api.call(200, "GET", f"{place}/{STRANGER}/permission")["permission"] == "read"
    answer = api.send("PUT", f"{place}/{STRANGER}", {"permission": "triage"})
    assert answer.status_code in (201, 204), answer.text
    api.call(204, "PUT", f"{place}/{HELPER}", {"permission": "push"})
    api.call(204, "DELETE", f"{place}/{STRANGER}")
    logins = [user["login"] for user in api.call(200, "GET", f"{ground.repo}/assignees")]
    assert OWNER in logins
    assert STRANGER not in logins
    api.call(204, "GET", f"{ground.repo}/assignees/{HELPER}")
    api.call(404, "GET", f"{ground.repo}/assignees/{STRANGER}")


def issues(ground: Ground) -> None:
    """Open, list, edit, close, reopen, lock, assign."""
    api, place = ground.owner, f"{ground.repo}/issues"
    api.call(201, "POST", f"{ground.repo}/labels", {"name": "agent-ready", "color": "0e8a16"})
    body = {"title": "Add OAuth login", "body": "please\r\n", "labels": ["agent-ready"], "assignees": [OWNER]}
    made = api.call(201, "POST", place, body)
    number = made["number"]
    one = f"{place}/{number}"
    assert made["body"] == "please\r\n"
    assert [label["name"] for label in made["labels"]] == ["agent-ready"]
    for title in ("Second", "Third"):
        ground.stranger.call(201, "POST", place, {"title": title, "labels": ["agent-ready"]})
    assert (
        len(api.call(200, "GET", place, labels="Agent-Ready", state="open", sort="created", direction="asc"))
        == 1
    )
    assert api.call(200, "GET", place, labels="unknown") == []
    first = api.send("GET", place, per_page=1)
    assert len(first.json()) == 1
    following = first.links["next"]["url"].removeprefix(api.url)
    assert len(api.call(200, "GET", following)) == 1
    for path in (one, place):
        tag = api.send("GET", path).headers["ETag"]
        assert api.call(304, "GET", path, headers={"If-None-Match": tag}) == ""
    for change in (
        {"title": "Add OAuth", "body": "now"},
        {"state": "closed", "state_reason": "not_planned"},
        {"state": "open"},
        {"state": "closed", "state_reason": "completed"},
        {"labels": ["agent-ready", "fresh"], "assignees": []},
    ):
        api.call(200, "PATCH", one, change)
    assert api.call(200, "GET", one)["state_reason"] == "completed"
    assert {label["name"] for label in api.call(200, "GET", one)["labels"]} == {"agent-ready", "fresh"}
    assert api.call(200, "GET", place, state="closed")[0]["number"] == number
    api.call(204, "PUT", f"{one}/lock", {"lock_reason": "resolved"})
    assert api.call(200, "GET", one)["active_lock_reason"] == "resolved"
    api.call(204, "DELETE", f"{one}/lock")
    added = api.call(201, "POST", f"{one}/assignees", {"assignees": [HELPER, "nobody-here"]})
    assert [user["login"] for user in added["assignees"]] == [HELPER]
    assert api.call(200, "DELETE", f"{one}/assignees", {"assignees": [HELPER]})["assignees"] == []
    api.call(404, "GET", f"{place}/9999")
    api.call(422, "POST", place, {"title": "T" * 257})
    ground.stranger.call(403, "PATCH", one, {"title": "mine"})


def comments(ground: Ground) -> None:
    """Say, list, edit and remove."""
    api, place = ground.owner, f"{ground.repo}/issues"
    number = api.call(201, "POST", place, {"title": "Talk"})["number"]
    talk = f"{place}/{number}/comments"
    said = ground.stranger.call(201, "POST", talk, {"body": "<!-- hidden -->\r\nhello"})
    assert said["body"] == "<!-- hidden -->\r\nhello"
    one = f"{place}/comments/{said['id']}"
    assert [each["id"] for each in api.call(200, "GET", talk, since="2020-01-01T00:00:00Z", per_page=5)] == [
        said["id"]
    ]
    assert len(api.call(200, "GET", f"{place}/comments", sort="updated", direction="desc")) == 1
    api.call(200, "GET", one)
    assert api.call(200, "PATCH", one, {"body": "edited"})["body"] == "edited"
    api.call(404, "GET", f"{place}/comments/1")
    api.call(422, "POST", talk, {"body": "x" * 65_537})
    api.call(204, "DELETE", one)
    assert api.call(200, "GET", talk) == []


def reactions(ground: Ground) -> None:
    """Nod at an issue and at a comment, once each, and take it back."""
    api = ground.owner
    number = api.call(201, "POST", f"{ground.repo}/issues", {"title": "Nod"})["number"]
    said = api.call(201, "POST", f"{ground.repo}/issues/{number}/comments", {"body": "there"})
    for place in (f"{ground.repo}/issues/{number}", f"{ground.repo}/issues/comments/{said['id']}"):
        first = api.call(201, "POST", f"{place}/reactions", {"content": "+1"})
        assert api.call(200, "POST", f"{place}/reactions", {"content": "+1"})["id"] == first["id"]
        assert len(api.call(200, "GET", f"{place}/reactions", content="+1")) == 1
        assert api.call(200, "GET", place)["reactions"]["+1"] == 1
        api.call(204, "DELETE", f"{place}/reactions/{first['id']}")
        assert api.call(200, "GET", f"{place}/reactions") == []


def labels(ground: Ground) -> None:
    """The repository's labels, and those of one issue."""
    api, place = ground.owner, f"{ground.repo}/labels"
    made = api.call(201, "POST", place, {"name": "needs help", "color": "d73a4a", "description": "stuck"})
    assert made["description"] == "stuck"
    assert api.call(422, "POST", place, {"name": "Needs Help"})["errors"][0]["code"] == "already_exists"
    assert "needs help" in [label["name"] for label in api.call(200, "GET", place, per_page=100)]
    api.call(200, "GET", f"{place}/needs%20help")
    assert (
        api.call(200, "PATCH", f"{place}/needs%20help", {"new_name": "stuck", "color": "ffffff"})["name"]
        == "stuck"
    )
    api.call(404, "GET", f"{place}/needs%20help")
    number = api.call(201, "POST", f"{ground.repo}/issues", {"title": "Label me"})["number"]
    worn = f"{ground.repo}/issues/{number}/labels"
    assert len(api.call(200, "POST", worn, {"labels": ["stuck", "new"]})) == 2
    assert len(api.call(200, "GET", worn)) == 2
    assert [label["name"] for label in api.call(200, "DELETE", f"{worn}/new")] == ["stuck"]
    assert api.call(404, "DELETE", f"{worn}/new")["message"] == "Label does not exist"
    assert [label["name"] for label in api.call(200, "PUT", worn, {"labels": ["other"]})] == ["other"]
    assert {label["name"] for label in api.call(200, "POST", worn, ["bare"])} == {"other", "bare"}
    assert [label["name"] for label in api.call(200, "PUT", worn, ["stuck"])] == ["stuck"]
    api.call(204, "DELETE", worn)
    assert api.call(200, "GET", worn) == []
    api.call(401, "GET", worn, headers={"Authorization": "Bearer ghp_wrong"})
    ground.stranger.call(403, "POST", place, {"name": "mine"})
    ground.stranger.call(403, "POST", worn, {"labels": ["stuck"]})
    api.call(204, "DELETE", f"{place}/stuck")


def history(ground: Ground) -> None:
    """Events and the timeline of an issue to which everything happened."""
    api, place = ground.owner, f"{ground.repo}/issues"
    number = api.call(201, "POST", place, {"title": "Before"})["number"]
    one = f"{place}/{number}"
    api.call(200, "POST", f"{one}/labels", {"labels": ["bug"]})
    api.call(200, "DELETE", f"{one}/labels/bug")
    api.call(201, "POST", f"{one}/assignees", {"assignees": [HELPER]})
    api.call(200, "DELETE", f"{one}/assignees", {"assignees": [HELPER]})
    api.call(201, "POST", f"{one}/comments", {"body": "words"})
    api.call(201, "POST", place, {"title": "Other", "body": f"see #{number}"})
    for change in ({"title": "After"}, {"state": "closed"}, {"state": "open"}):
        api.call(200, "PATCH", one, change)
    api.call(204, "PUT", f"{one}/lock", {"lock_reason": "too heated"})
    api.call(204, "DELETE", f"{one}/lock")
    events = api.call(200, "GET", f"{one}/events")
    kinds = [event["event"] for event in events]
    for kind in ("labeled", "unlabeled", "assigned", "unassigned", "renamed", "closed", "reopened", "locked"):
        assert kind in kinds
    told = [event["event"] for event in api.call(200, "GET", f"{one}/timeline", per_page=100)]
    assert {"commented", "cross-referenced", "renamed"} <= set(told)
    assert len(api.call(200, "GET", f"{place}/events", per_page=100)) >= len(events)
    assert api.call(200, "GET", f"{place}/events/{events[0]['id']}")["event"] == events[0]["event"]


def milestones(ground: Ground) -> None:
    """Make one, use it, close it, remove it."""
    api, place = ground.owner, f"{ground.repo}/milestones"
    made = api.call(
        201, "POST", place, {"title": "v1", "description": "first", "due_on": "2027-01-01T00:00:00Z"}
    )
    one = f"{place}/{made['number']}"
    assert [each["title"] for each in api.call(200, "GET", place)] == ["v1"]
    api.call(200, "GET", one)
    issue = api.call(201, "POST", f"{ground.repo}/issues", {"title": "In it", "milestone": made["number"]})
    assert issue["milestone"]["title"] == "v1"
    assert api.call(200, "PATCH", one, {"state": "closed"})["state"] == "closed"
    api.call(204, "DELETE", one)


def pulls(ground: Ground) -> None:
    """Propose, refuse twins, look at files and commits, merge; and one that cannot be merged."""
    api, place = ground.owner, f"{ground.repo}/pulls"
    number = api.call(201, "POST", f"{ground.repo}/issues", {"title": "Wish"})["number"]
    head = ground.commit("feature/oauth", {"src/login.py": "login = True\n", "README.md": "# Demo\n\nmore\n"})
    body = {"title": "OAuth", "head": "feature/oauth", "base": "main", "body": f"Closes #{number}"}
    made = api.call(201, "POST", place, body)
    one = f"{place}/{made['number']}"
    api.call(422, "POST", place, body)
    api.call(422, "POST", place, {**body, "head": "no-such-branch"})
    assert len(api.call(200, "GET", place, head=f"{OWNER}:feature/oauth", base="main", state="open")) == 1
    seen = api.call(200, "GET", one)
    assert seen["head"]["sha"] == head
    assert seen["mergeable"] is True
    assert "+login = True" in api.call(200, "GET", one, accept="application/vnd.github.diff")
    assert {file["filename"] for file in api.call(200, "GET", f"{one}/files")} == {
        "README.md",
        "src/login.py",
    }
    assert [commit["sha"] for commit in api.call(200, "GET", f"{one}/commits")] == [head]
    assert (
        api.call(200, "PATCH", one, {"title": "OAuth login", "body": body["body"]})["title"] == "OAuth login"
    )
    assert api.call(200, "GET", f"{ground.repo}/issues/{made['number']}")["pull_request"]["merged_at"] is None
    assert api.call(200, "GET", f"{ground.repo}/issues/{number}").get("pull_request") is None
    api.call(200, "GET", f"{ground.repo}/issues/{made['number']}/timeline")
    api.call(404, "GET", f"{one}/merge")
    api.call(409, "PUT", f"{one}/merge", {"sha": "0" * 40})
    merged = api.call(
        200, "PUT", f"{one}/merge", {"merge_method": "squash", "sha": head, "commit_title": "OAuth"}
    )
    assert merged["merged"] is True
    api.call(204, "GET", f"{one}/merge")
    api.call(405, "PUT", f"{one}/merge")
    assert api.call(200, "GET", one)["merged_by"]["login"] == OWNER
    assert api.call(200, "GET", f"{ground.repo}/issues/{number}")["state"] == "closed"
    ground.commit("draft", {"src/app.py": "print('draft')\n"}, start="main")
    draft = api.call(201, "POST", place, {"title": "Draft", "head": "draft", "base": "main", "draft": True})
    assert draft["draft"] is True
    assert api.call(200, "GET", f"{place}/{draft['number']}/requested_reviewers") == {
        "users": [],
        "teams": [],
    }
    behind = draft["head"]["sha"]
    api.call(202, "PUT", f"{place}/{draft['number']}/update-branch", {"expected_head_sha": behind})
    assert api.call(200, "GET", f"{place}/{draft['number']}")["head"]["sha"] != behind
    api.call(405, "PUT", f"{place}/{draft['number']}/merge")
    assert api.call(200, "PATCH", f"{place}/{draft['number']}", {"state": "closed"})["state"] == "closed"
    assert len(api.call(200, "GET", place, state="all", sort="updated", direction="desc")) == 2


def reviews(ground: Ground) -> None:
    """Ask for a review, give one, talk about lines, and take it back."""
    place = f"{ground.repo}/pulls"
    head = ground.commit("reviewed", {"src/login.py": "one\ntwo\nthree\n"})
    made = ground.helper.call(201, "POST", place, {"title": "Login", "head": "reviewed", "base": "main"})
    one, api = f"{place}/{made['number']}", ground.owner
    asked = f"{one}/requested_reviewers"
    ground.helper.call(201, "POST", asked, {"reviewers": [OWNER]})
    assert ground.helper.call(200, "GET", asked)["users"][0]["login"] == OWNER
    ground.helper.call(422, "POST", asked, {"reviewers": ["nobody"]})
    ground.helper.call(200, "DELETE", asked, {"reviewers": [OWNER]})
    ground.helper.call(422, "POST", f"{one}/reviews", {"event": "APPROVE"})
    line = {"path": "src/login.py", "body": "why?", "line": 2, "side": "RIGHT"}
    waiting = api.call(200, "POST", f"{one}/reviews", {"body": "so far", "comments": [line]})
    assert waiting["state"] == "PENDING"
    api.call(200, "PUT", f"{one}/reviews/{waiting['id']}", {"body": "almost"})
    api.call(200, "DELETE", f"{one}/reviews/{waiting['id']}")
    waiting = api.call(200, "POST", f"{one}/reviews", {"body": "so far", "comments": [line]})
    sent = {"event": "REQUEST_CHANGES", "body": "not like this"}
    assert (
        api.call(200, "POST", f"{one}/reviews/{waiting['id']}/events", sent)["state"] == "CHANGES_REQUESTED"
    )
    review = f"{one}/reviews/{waiting['id']}"
    api.call(200, "GET", review)
    assert len(api.call(200, "GET", f"{review}/comments")) == 1
    comment = api.call(201, "POST", f"{one}/comments", {**line, "commit_id": head, "start_line": 1})
    api.call(201, "POST", f"{one}/comments", {**line, "commit_id": head, "in_reply_to": comment["id"]})
    api.call(422, "POST", f"{one}/comments", {**line, "commit_id": head, "line": 9})
    reply = ground.helper.call(201, "POST", f"{one}/comments/{comment['id']}/replies", {"body": "because"})
    ground.helper.call(404, "POST", f"{one}/comments/{reply['id']}/replies", {"body": "because"})
    file = {"path": "src/login.py", "body": "this file", "commit_id": head, "subject_type": "file"}
    api.call(201, "POST", f"{one}/comments", file)
    assert len(api.call(200, "GET", f"{one}/comments", sort="updated", direction="desc")) == 5
    assert len(api.call(200, "GET", f"{place}/comments", since="2020-01-01T00:00:00Z")) == 5
    own = f"{place}/comments/{reply['id']}"
    ground.helper.call(200, "GET", own)
    ground.helper.call(200, "PATCH", own, {"body": "because of #1"})
    ground.helper.call(204, "DELETE", own)
    ground.helper.call(200, "PUT", f"{review}/dismissals", {"message": "done", "event": "DISMISS"})
    ground.helper.call(422, "PUT", f"{review}/dismissals", {"message": "done", "event": "DISMISS"})
    assert len(api.call(200, "GET", f"{one}/reviews")) == 5
    assert api.call(200, "GET", one)["review_comments"] == 4
    issue = f"{ground.repo}/issues/{made['number']}"
    kinds = [entry["event"] for entry in api.call(200, "GET", f"{issue}/timeline")]
    assert kinds[:3] == ["committed", "review_requested", "review_request_removed"]
    assert kinds[-1] == "review_dismissed"
    ground.commit("reviewed", {"src/login.py": "one\n2\nthree\n"})
    outdated = api.call(200, "GET", f"{one}/comments")[0]
    assert (outdated["line"], outdated["original_line"]) == (None, 2)
    assert [entry["event"] for entry in api.call(200, "GET", f"{issue}/events")][-1] == "review_dismissed"


def checks(ground: Ground) -> None:
    """Commit statuses; check runs are for apps alone."""
    api = ground.helper
    sha = ground.commit("checked", {"src/checked.py": "ok = True\n"})
    status = {
        "state": "pending",
        "context": "tests",
        "description": "running",
        "target_url": "http://127.0.0.1/log",
    }
    api.call(201, "POST", f"{ground.repo}/statuses/{sha}", status)
    api.call(201, "POST", f"{ground.repo}/statuses/{sha}", {"state": "success", "context": "tests"})
    assert api.call(200, "GET", f"{ground.repo}/commits/{sha}/status")["state"] == "success"
    assert api.call(200, "GET", f"{ground.repo}/commits/checked/status")["sha"] == sha
    assert len(api.call(200, "GET", f"{ground.repo}/commits/{sha}/statuses")) == 2
    assert api.call(200, "GET", f"{ground.repo}/commits/{sha}/check-runs")["total_count"] == 0
    api.call(403, "POST", f"{ground.repo}/check-runs", {"name": "tests", "head_sha": sha})


def apps(ground: Ground) -> None:
    """An App finds where it is installed, gets a token, and works with it."""
    program = ground.program("tester")
    alone = program.alone()
    assert alone.call(200, "GET", "/app")["id"] == program.id
    assert ground.owner.call(200, "GET", "/apps/tester")["slug"] == "tester"
    assert len(alone.call(200, "GET", "/app/installations")) == 1
    place = f"/app/installations/{program.installation}"
    alone.call(200, "GET", place)
    assert alone.call(200, "GET", f"{ground.repo}/installation")["id"] == program.installation
    ground.owner.call(401, "GET", "/app")
    wanted = {
        "permissions": {"checks": "write", "issues": "write"},
        "repositories": [ground.name.split("/")[1]],
    }
    api = Api(program.url, alone.call(201, "POST", f"{place}/access_tokens", wanted)["token"])
    assert api.call(200, "GET", "/installation/repositories")["total_count"] == 1
    api.call(403, "GET", "/user")
    issue = api.call(201, "POST", f"{ground.repo}/issues", {"title": "found by a program"})
    assert issue["performed_via_github_app"]["slug"] == "tester"
    comments = f"{ground.repo}/issues/{issue['number']}/comments"
    assert api.call(201, "POST", comments, {"body": "hello"})["user"]["type"] == "Bot"
    api.call(200, "GET", f"{ground.repo}/issues/{issue['number']}/timeline")
    sha = ground.commit("programmed", {"src/programmed.py": "ok = True\n"})
    body = {"title": "Programmed", "head": "programmed", "base": "main"}
    ground.owner.call(201, "POST", f"{ground.repo}/pulls", body)
    begun = {
        "name": "tests",
        "head_sha": sha,
        "status": "in_progress",
        "external_id": "7",
        "details_url": "http://127.0.0.1/log",
        "output": {"title": "Tests", "summary": "running"},
    }
    run = api.call(201, "POST", f"{ground.repo}/check-runs", begun)
    one = f"{ground.repo}/check-runs/{run['id']}"
    api.call(200, "GET", one)
    note = {"path": "a.py", "start_line": 3, "end_line": 3, "annotation_level": "failure", "message": "no"}
    output = {"title": "Tests", "summary": "done", "annotations": [note]}
    done = api.call(200, "PATCH", one, {"conclusion": "success", "output": output})
    assert (done["status"], done["output"]["annotations_count"]) == ("completed", 1)
    assert api.call(200, "GET", f"{one}/annotations")[0]["message"] == "no"
    listed = ground.owner.call(200, "GET", f"{ground.repo}/commits/{sha}/check-runs", filter="latest")
    assert (listed["total_count"], listed["check_runs"][0]["conclusion"]) == (1, "success")


def hooks(ground: Ground) -> None:
    """A webhook that nobody answers: kept, changed, pinged, and what was sent to it looked at and repeated."""
    api, place = ground.owner, f"{ground.repo}/hooks"
    # Nothing listens on this port of the machine.
    config = {"url": "http://127.0.0.1:1/", "content_type": "json", "insecure_ssl": "0"}
    made = api.call(201, "POST", place, {"name": "web", "config": config, "events": ["push", "issues"]})
    api.call(422, "POST", place, {"config": {"url": "http://example.org/"}})
    ground.helper.call(404, "POST", place, {"config": config})
    one = f"{place}/{made['id']}"
    assert len(api.call(200, "GET", place)) == 1
    changed = api.call(200, "PATCH", one, {"add_events": ["label"], "active": True})
    assert changed["events"] == ["push", "issues", "label"]
    api.call(204, "POST", f"{one}/pings")
    limit = time.monotonic() + 20
    while not (sent := api.call(200, "GET", f"{one}/deliveries", per_page=5)):
        assert time.monotonic() < limit, "the ping was not sent"
        time.sleep(0.02)
    assert api.call(200, "GET", f"{one}/deliveries/{sent[0]['id']}")["event"] == "ping"
    api.call(202, "POST", f"{one}/deliveries/{sent[0]['id']}/attempts")
    assert api.call(200, "GET", one)["last_response"]["status"] == "misconfigured"
    api.call(204, "DELETE", one)
    api.call(404, "GET", one)


def git_data(ground: Ground) -> None:
    """Blobs, trees, commits and refs, made without a clone; refs outside the branches too."""
    api, place = ground.helper, f"{ground.repo}/git"
    old = api.call(200, "GET", f"{place}/ref/heads/main")["object"]["sha"]
    base = api.call(200, "GET", f"{place}/commits/{old}")
    blob = api.call(201, "POST", f"{place}/blobs", {"content": "claimed\n", "encoding": "utf-8"})["sha"]
    content = base64.b64decode(api.call(200, "GET", f"{place}/blobs/{blob}")["content"])
    assert content == b"claimed\n"
    entry = {"path": "claim.txt", "mode": "100644", "type": "blob", "sha": blob}
    tree = api.call(201, "POST", f"{place}/trees", {"base_tree": base["tree"]["sha"], "tree": [entry]})["sha"]
    assert "claim.txt" in [each["path"] for each in api.call(200, "GET", f"{place}/trees/{tree}")["tree"]]
    api.call(200, "GET", f"{place}/trees/{tree}", recursive=1)
    new = api.call(201, "POST", f"{place}/commits", {"message": "Claim", "tree": tree, "parents": [old]})[
        "sha"
    ]
    ref = "refs/cdock/claims/42"
    api.call(201, "POST", f"{place}/refs", {"ref": ref, "sha": old})
    api.call(422, "POST", f"{place}/refs", {"ref": ref, "sha": old})
    assert api.call(200, "PATCH", f"{place}/{ref}", {"sha": new})["object"]["sha"] == new
    api.call(422, "PATCH", f"{place}/{ref}", {"sha": old})
    api.call(200, "PATCH", f"{place}/{ref}", {"sha": old, "force": True})
    assert [each["ref"] for each in api.call(200, "GET", f"{place}/matching-refs/cdock/")] == [ref]
    api.call(204, "DELETE", f"{place}/{ref}")
    api.call(404, "GET", f"{place}/ref/cdock/claims/42")
    ground.stranger.call(403, "POST", f"{place}/refs", {"ref": ref, "sha": old})


def reading(ground: Ground) -> None:
    """Branches, commits, comparisons and files; and files written without a clone."""
    api, place = ground.helper, ground.repo
    sha = ground.commit("feature/read", {"docs/a b.md": "text\n"})
    assert {branch["name"] for branch in api.call(200, "GET", f"{place}/branches")} >= {
        "main",
        "feature/read",
    }
    assert api.call(200, "GET", f"{place}/branches/feature/read")["commit"]["sha"] == sha
    api.call(404, "GET", f"{place}/branches/none")
    assert api.call(200, "GET", f"{place}/commits", sha="feature/read", per_page=1)[0]["sha"] == sha
    assert api.call(200, "GET", f"{place}/commits/{sha}")["files"][0]["filename"] == "docs/a b.md"
    assert "+text" in api.call(200, "GET", f"{place}/commits/{sha}", accept="application/vnd.github.diff")
    compared = api.call(200, "GET", f"{place}/compare/main...feature/read")
    assert compared["ahead_by"] == 1
    file = api.call(200, "GET", f"{place}/contents/README.md")
    assert base64.b64decode(file["content"]) == b"# Demo\n"
    listing: list[dict[str, Any]] = api.call(200, "GET", f"{place}/contents/src", ref="main")
    assert [entry["type"] for entry in listing] == ["file"]
    api.call(200, "GET", f"{place}/contents/docs/a%20b.md", ref="feature/read")
    api.call(404, "GET", f"{place}/contents/none")
    assert api.call(200, "GET", f"{place}/readme")["path"] == "README.md"
    written = {"message": "Note", "content": base64.b64encode(b"note\n").decode(), "branch": "feature/read"}
    made = api.call(201, "PUT", f"{place}/contents/note.txt", written)["content"]["sha"]
    changed = {**written, "content": base64.b64encode(b"note 2\n").decode(), "sha": made}
    again = api.call(200, "PUT", f"{place}/contents/note.txt", changed)["content"]["sha"]
    gone = {"message": "Drop", "sha": again, "branch": "feature/read"}
    api.call(200, "DELETE", f"{place}/contents/note.txt", gone)


def structure(ground: Ground) -> None:
    """Issues in parts, and issues that wait for each other."""
    api, place = ground.owner, f"{ground.repo}/issues"
    whole, part, other = (
        api.call(201, "POST", place, {"title": title}) for title in ("Whole", "Part", "Other")
    )
    one = f"{place}/{whole['number']}"
    for each in (part, other):
        added = api.call(201, "POST", f"{one}/sub_issues", {"sub_issue_id": each["id"]})
    assert added["sub_issues_summary"]["total"] == 2
    listed = [each["number"] for each in api.call(200, "GET", f"{one}/sub_issues", per_page=5)]
    assert listed == [part["number"], other["number"]]
    order = {"sub_issue_id": other["id"], "before_id": part["id"]}
    api.call(200, "PATCH", f"{one}/sub_issues/priority", order)
    assert api.call(200, "GET", f"{place}/{part['number']}/parent")["id"] == whole["id"]
    api.call(422, "POST", f"{one}/sub_issues", {"sub_issue_id": part["id"]})
    api.call(422, "PATCH", f"{one}/sub_issues/priority", {**order, "before_id": 1})
    ground.stranger.call(403, "DELETE", f"{one}/sub_issue", {"sub_issue_id": part["id"]})
    api.call(200, "DELETE", f"{one}/sub_issue", {"sub_issue_id": other["id"]})
    api.call(404, "GET", f"{place}/{other['number']}/parent")
    waiting = f"{place}/{other['number']}/dependencies/blocked_by"
    blocked = api.call(201, "POST", waiting, {"issue_id": part["id"]})
    assert blocked["issue_dependencies_summary"]["blocked_by"] == 1
    assert [each["id"] for each in api.call(200, "GET", waiting)] == [part["id"]]
    blocking = api.call(200, "GET", f"{place}/{part['number']}/dependencies/blocking")
    assert [each["id"] for each in blocking] == [other["id"]]
    api.call(422, "POST", waiting, {"issue_id": part["id"]})
    api.call(404, "POST", waiting, {"issue_id": 1})
    api.call(200, "DELETE", f"{waiting}/{part['id']}")
    api.call(404, "DELETE", f"{waiting}/{part['id']}")
    for number in (whole["number"], part["number"], other["number"]):
        assert api.call(200, "GET", f"{place}/{number}/timeline")
        assert api.call(200, "GET", f"{place}/{number}/events")
    kinds = {each["event"] for each in api.call(200, "GET", f"{place}/events", per_page=100)}
    assert len(kinds) == 8, kinds


def boards(ground: Ground) -> None:
    """Items on a user's and on an organisation's board, their fields and values."""
    api = ground.owner
    sha = ground.commit("board", {"board.txt": "1\n"})
    assert sha
    issue = api.call(201, "POST", f"{ground.repo}/issues", {"title": "Card", "labels": ["blue"]})
    pull = api.call(201, "POST", f"{ground.repo}/pulls", {"title": "Pull", "head": "board", "base": "main"})
    ground.admin("user", "crew", "--org")
    for owner, kind in ((OWNER, "users"), ("crew", "orgs")):
        number = ground.admin("project", owner, "Work", "--write", OWNER)["number"]
        every = f"/{kind}/{owner}/projectsV2"
        board = f"{every}/{number}"
        assert [each["title"] for each in api.call(200, "GET", every, per_page=10)] == ["Work"]
        assert api.call(200, "GET", board)["number"] == number
        first = api.send("GET", f"{board}/fields", per_page=4)
        assert len(first.json()) == 4
        api.call(200, "GET", first.links["next"]["url"].removeprefix(api.url))
        fields = {each["name"]: each for each in api.call(200, "GET", f"{board}/fields", per_page=100)}
        for new in (
            {"name": "Notes", "data_type": "text"},
            {"name": "Points", "data_type": "number"},
            {"name": "Due", "data_type": "date"},
            {
                "name": "Size",
                "data_type": "single_select",
                "single_select_options": [{"name": "S", "color": "GREEN", "description": "small"}],
            },
            {
                "name": "Sprint",
                "data_type": "iteration",
                "iteration_configuration": {
                    "start_date": "2026-01-05",
                    "duration": 14,
                    "iterations": [{"title": "One", "start_date": "2026-01-05", "duration": 14}],
                },
            },
        ):
            made = api.call(201, "POST", f"{board}/fields", new)
            fields[made["name"]] = made
        api.call(422, "POST", f"{board}/fields", {"name": "notes", "data_type": "text"})
        item = api.call(201, "POST", f"{board}/items", {"type": "Issue", "id": issue["id"]})
        by_name = {"type": "PullRequest", "repo": ground.name.split("/")[1], "number": pull["number"]}
        api.call(201, "POST", f"{board}/items", {**by_name, "owner": OWNER})
        one = f"{board}/items/{item['id']}"
        changes = {
            "Status": fields["Status"]["options"][0]["id"],
            "Size": fields["Size"]["options"][0]["id"],
            "Sprint": fields["Sprint"]["configuration"]["iterations"][0]["id"],
            "Notes": "<b>",
            "Points": 2.5,
            "Due": "2026-02-03",
        }
        changed = api.call(
            200,
            "PATCH",
            one,
            {"fields": [{"id": fields[name]["id"], "value": value} for name, value in changes.items()]},
        )
        assert {each["name"] for each in changed["fields"] if each["value"]} >= set(changes)
        api.call(422, "PATCH", one, {"fields": [{"id": fields["Points"]["id"], "value": "many"}]})
        api.call(404, "PATCH", f"{board}/items/1", {"fields": []})
        wanted = ",".join(str(each["id"]) for each in fields.values())
        assert len(api.call(200, "GET", one, fields=wanted)["fields"]) == len(fields)
        items = api.call(200, "GET", f"{board}/items", q="is:open status:Todo", fields=wanted, per_page=3)
        assert [each["id"] for each in items] == [item["id"]]
        ground.stranger.call(404, "GET", board)
        api.call(204, "DELETE", one)
        api.call(404, "GET", one)


def search(ground: Ground) -> None:
    """Find issues and pull requests by what they are and say."""
    api = ground.owner
    for title in ("needle one", "needle two", "hay"):
        api.call(201, "POST", f"{ground.repo}/issues", {"title": title})
    ground.commit("needle", {"needle.txt": "1\n"})
    api.call(201, "POST", f"{ground.repo}/pulls", {"title": "needle three", "head": "needle", "base": "main"})
    here = f"repo:{ground.name}"
    found = api.call(200, "GET", "/search/issues", q=f"{here} is:issue needle in:title", sort="created")
    assert found["total_count"] == 2
    found = api.call(200, "GET", "/search/issues", q=f"{here} needle", order="asc", per_page=2)
    assert (found["total_count"], len(found["items"])) == (3, 2)
    api.call(422, "GET", "/search/issues", q="repo:nobody/nothing x")


STORIES: dict[str, Story] = {
    "meta": meta,
    "repos": repos,
    "people": people,
    "issues": issues,
    "comments": comments,
    "reactions": reactions,
    "labels": labels,
    "history": history,
    "milestones": milestones,
    "pulls": pulls,
    "reviews": reviews,
    "checks": checks,
    "apps": apps,
    "hooks": hooks,
    "git data": git_data,
    "reading": reading,
    "structure": structure,
    "boards": boards,
    "search": search,
}
