"""Sub-issues and dependencies over REST."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from github import Auth, Github, GithubException

from tests.forge.ground import Api, Ground, People, new_ground
from tests.forge_server import ForgeServer


@pytest.fixture
def api(ground: Ground) -> Api:
    return ground.owner


def made(api: Api, title: str = "Something") -> dict[str, Any]:
    """A new issue."""
    answer = api.post("/issues", {"title": title})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def nest(api: Api, parent: dict[str, Any], child: dict[str, Any], **more: Any) -> Any:
    return api.post(f"/issues/{parent['number']}/sub_issues", {"sub_issue_id": child["id"], **more})


def block(api: Api, waiting: dict[str, Any], blocker: dict[str, Any]) -> Any:
    return api.post(f"/issues/{waiting['number']}/dependencies/blocked_by", {"issue_id": blocker["id"]})


def numbers(api: Api, path: str) -> list[int]:
    return [issue["number"] for issue in api.read(path)]


def kinds(api: Api, number: int) -> list[str]:
    return [event["event"] for event in api.read(f"/issues/{number}/timeline")]


# Sub-issues


def test_an_issue_becomes_a_part_of_another(api: Api) -> None:
    parent, child = made(api, "Whole"), made(api, "Part")
    assert parent["sub_issues_summary"] == {"total": 0, "completed": 0, "percent_completed": 0}
    assert parent["parent_issue_url"] is None
    answer = nest(api, parent, child)
    assert answer.status_code == 201
    assert answer.json()["number"] == parent["number"]
    assert answer.json()["sub_issues_summary"] == {"total": 1, "completed": 0, "percent_completed": 0}
    assert numbers(api, f"/issues/{parent['number']}/sub_issues") == [child["number"]]
    assert api.read(f"/issues/{child['number']}/parent")["id"] == parent["id"]
    assert api.read(f"/issues/{child['number']}")["parent_issue_url"] == parent["url"]
    assert kinds(api, parent["number"]) == ["sub_issue_added"]
    (event,) = api.read(f"/issues/{child['number']}/timeline")
    assert event["event"] == "parent_issue_added"
    assert event["actor"]["login"] == "Olivia"
    assert event["parent_issue"]["number"] == parent["number"]
    assert event["parent_issue"]["repository"]["full_name"] == api.repo


def test_progress_counts_closed_parts_and_closing_the_whole_leaves_them(api: Api) -> None:
    parent, *parts = (made(api) for _ in range(4))
    for each in parts:
        nest(api, parent, each)
    for each, reason in zip(parts[:2], ("completed", "not_planned"), strict=True):
        api.patch(f"/issues/{each['number']}", {"state": "closed", "state_reason": reason})
    shown = api.read(f"/issues/{parent['number']}")
    assert shown["sub_issues_summary"] == {"total": 3, "completed": 2, "percent_completed": 66}
    assert api.patch(f"/issues/{parent['number']}", {"state": "closed"}).status_code == 200
    assert api.read(f"/issues/{parts[2]['number']}")["state"] == "open"


def test_an_issue_has_one_parent_unless_it_is_replaced(api: Api) -> None:
    old, new, child = made(api), made(api), made(api)
    nest(api, old, child)
    for parent in (old, new):
        refused = nest(api, parent, child)
        assert refused.status_code == 422
        assert "sub-issue" in refused.json()["message"]
    assert nest(api, new, child, replace_parent=True).status_code == 201
    assert numbers(api, f"/issues/{old['number']}/sub_issues") == []
    assert api.read(f"/issues/{child['number']}/parent")["number"] == new["number"]
    assert kinds(api, child["number"]) == ["parent_issue_added", "parent_issue_removed", "parent_issue_added"]
    assert kinds(api, old["number"]) == ["sub_issue_added", "sub_issue_removed"]
    assert nest(api, new, child, replace_parent=True).status_code == 422


def test_numbers_and_texts_are_no_ids(api: Api) -> None:
    parent, child = made(api), made(api)
    path = f"/issues/{parent['number']}/sub_issues"
    assert api.post(path, {"sub_issue_id": child["number"]}).status_code == 404
    for wrong in (str(child["id"]), True, None, 1.5, 2**70):
        assert api.post(path, {"sub_issue_id": wrong}).status_code == 422, wrong
    assert api.post(path, {}).status_code == 422
    assert numbers(api, path) == []


def test_there_are_no_circles(api: Api) -> None:
    one, two, three = made(api), made(api), made(api)
    assert nest(api, one, one).status_code == 422
    nest(api, one, two)
    nest(api, two, three)
    for child in (one, two):
        assert nest(api, three, child, replace_parent=True).status_code == 422
    assert numbers(api, f"/issues/{three['number']}/sub_issues") == []


def test_eight_levels_are_the_most_however_they_come_about(api: Api) -> None:
    line = [made(api) for _ in range(10)]
    for above, below in pairwise(line[:5]):
        assert nest(api, above, below).status_code == 201
    for above, below in pairwise(line[5:]):
        assert nest(api, above, below).status_code == 201
    assert nest(api, line[4], line[5]).status_code == 422  # nine levels below the first
    assert nest(api, line[3], line[5]).status_code == 201
    assert nest(api, line[9], made(api)).status_code == 422


def test_a_hundred_parts_are_the_most(api: Api) -> None:
    parent = made(api)
    for _ in range(100):
        assert nest(api, parent, made(api)).status_code == 201
    assert nest(api, parent, made(api)).status_code == 422
    answer = api.get(f"/issues/{parent['number']}/sub_issues", params={"per_page": 60})
    assert len(answer.json()) == 60
    assert len(api.get(answer.links["next"]["url"]).json()) == 40
    assert api.read(f"/issues/{parent['number']}")["sub_issues_summary"]["total"] == 100


def test_parts_are_put_in_order(api: Api) -> None:
    parent, a, b, c = made(api), made(api), made(api), made(api)
    for each in (a, b, c):
        nest(api, parent, each)
    path = f"/issues/{parent['number']}/sub_issues"

    def move(child: dict[str, Any], **beside: Any) -> int:
        return api.patch(f"{path}/priority", {"sub_issue_id": child["id"], **beside}).status_code

    assert move(a, after_id=b["id"]) == 200
    assert numbers(api, path) == [b["number"], a["number"], c["number"]]
    assert move(c, before_id=b["id"]) == 200
    assert numbers(api, path) == [c["number"], b["number"], a["number"]]
    assert move(a, after_id=None) == 200
    assert numbers(api, path) == [a["number"], c["number"], b["number"]]
    assert move(a, after_id=parent["id"]) == 422
    assert move(a, after_id=a["id"]) == 422
    assert move(a, after_id=b["id"], before_id=c["id"]) == 422
    assert move(a) == 422
    assert move(parent, after_id=a["id"]) == 404
    assert numbers(api, path) == [a["number"], c["number"], b["number"]]


def test_a_part_becomes_independent(api: Api) -> None:
    parent, child = made(api), made(api)
    nest(api, parent, child)
    path = f"/issues/{parent['number']}/sub_issue"
    assert api.delete(path, {"sub_issue_id": parent["id"]}).status_code == 404
    answer = api.delete(path, {"sub_issue_id": child["id"]})
    assert answer.status_code == 200
    assert answer.json()["sub_issues_summary"]["total"] == 0
    assert api.delete(path, {"sub_issue_id": child["id"]}).status_code == 404
    assert api.get(f"/issues/{child['number']}/parent").status_code == 404
    assert kinds(api, child["number"]) == ["parent_issue_added", "parent_issue_removed"]


def test_triage_rights_are_needed_and_enough(ground: Ground) -> None:
    parent, child = made(ground.owner), made(ground.owner)
    path = f"/issues/{parent['number']}/sub_issues"
    assert nest(ground.stranger, parent, child).status_code == 403
    assert nest(ground.nobody, parent, child).status_code == 401
    assert block(ground.stranger, parent, child).status_code == 403
    assert nest(ground.triager, parent, child).status_code == 201
    assert numbers(ground.nobody, path) == [child["number"]]
    assert ground.stranger.delete(path.removesuffix("s"), {"sub_issue_id": child["id"]}).status_code == 403


def test_parts_in_other_repositories(ground: Ground, forge: ForgeServer, people: People) -> None:
    hidden = new_ground(forge, people, private=True)
    parent, part, secret = made(ground.owner), made(ground.owner, "Here"), made(hidden.owner, "Secret")
    nest(ground.owner, parent, part)
    assert nest(ground.owner, parent, secret).status_code == 201
    path = f"/issues/{parent['number']}/sub_issues"
    seen = ground.owner.read(path)
    assert [issue["title"] for issue in seen] == ["Here", "Secret"]
    assert seen[1]["repository_url"].endswith(hidden.name)
    assert [issue["title"] for issue in ground.stranger.read(path)] == ["Here"]
    shown = [event["sub_issue"] for event in ground.stranger.read(f"/issues/{parent['number']}/events")]
    assert [each and each["title"] for each in shown] == ["Here", None]
    unseen = made(hidden.owner)
    assert ground.stranger.post("//user/repos", {"name": f"own-{unseen['id']}"}).status_code == 201
    own = Api(forge, people.stranger, f"sam/own-{unseen['id']}")
    assert nest(own, made(own), unseen).status_code == 404
    assert nest(own, made(own), part).status_code == 422  # seen, and of another owner


def test_pull_requests_are_no_parts(ground: Ground, tmp_path: Any) -> None:
    clone = ground.seeded(tmp_path)
    clone.branch("work", {"a.txt": "a\n"}, "work")
    api, issue = ground.owner, made(ground.owner)
    pull = api.post("/pulls", {"title": "P", "head": "work", "base": "main"}).json()
    as_issue = api.read(f"/issues/{pull['number']}")
    assert "sub_issues_summary" not in as_issue
    assert "issue_dependencies_summary" not in as_issue
    assert nest(api, issue, as_issue).status_code == 422
    assert nest(api, as_issue, issue).status_code == 422
    assert block(api, issue, as_issue).status_code == 422


# Dependencies


def test_an_issue_waits_for_another(api: Api) -> None:
    waiting, blocker = made(api, "Later"), made(api, "First")
    none = {"blocked_by": 0, "total_blocked_by": 0, "blocking": 0, "total_blocking": 0}
    assert waiting["issue_dependencies_summary"] == none
    answer = block(api, waiting, blocker)
    assert answer.status_code == 201
    assert answer.json()["issue_dependencies_summary"] == none | {"blocked_by": 1, "total_blocked_by": 1}
    assert numbers(api, f"/issues/{waiting['number']}/dependencies/blocked_by") == [blocker["number"]]
    assert numbers(api, f"/issues/{blocker['number']}/dependencies/blocking") == [waiting["number"]]
    assert numbers(api, f"/issues/{blocker['number']}/dependencies/blocked_by") == []
    (event,) = api.read(f"/issues/{waiting['number']}/events")
    assert (event["event"], event["blocked_by"]["number"]) == ("blocked_by_added", blocker["number"])
    (event,) = api.read(f"/issues/{blocker['number']}/events")
    assert (event["event"], event["blocking"]["number"]) == ("blocking_added", waiting["number"])
    listed = {event["event"] for event in api.read("/issues/events")}
    assert listed == {"blocked_by_added", "blocking_added"}


def test_a_closed_blocker_is_listed_and_counted_apart(api: Api) -> None:
    waiting, blocker = made(api), made(api)
    block(api, waiting, blocker)
    api.patch(f"/issues/{blocker['number']}", {"state": "closed"})
    (listed,) = api.read(f"/issues/{waiting['number']}/dependencies/blocked_by")
    assert listed["state"] == "closed"
    counts = api.read(f"/issues/{waiting['number']}")["issue_dependencies_summary"]
    assert (counts["blocked_by"], counts["total_blocked_by"]) == (0, 1)


def test_nothing_is_enforced(api: Api) -> None:
    waiting, blocker = made(api), made(api)
    block(api, waiting, blocker)
    assert api.patch(f"/issues/{waiting['number']}", {"state": "closed"}).json()["state"] == "closed"
    counts = api.read(f"/issues/{blocker['number']}")["issue_dependencies_summary"]
    assert (counts["blocking"], counts["total_blocking"]) == (0, 1)


def test_a_dependency_is_taken_back(api: Api) -> None:
    waiting, blocker = made(api), made(api)
    block(api, waiting, blocker)
    path = f"/issues/{waiting['number']}/dependencies/blocked_by"
    assert api.delete(f"{path}/{blocker['number']}").status_code == 404
    assert api.delete(f"{path}/{blocker['id']}").status_code == 200
    assert api.delete(f"{path}/{blocker['id']}").status_code == 404
    assert numbers(api, path) == []
    assert kinds(api, waiting["number"]) == ["blocked_by_added", "blocked_by_removed"]
    assert kinds(api, blocker["number"]) == ["blocking_added", "blocking_removed"]


def test_wrong_dependencies(api: Api) -> None:
    waiting, blocker = made(api), made(api)
    block(api, waiting, blocker)
    assert block(api, waiting, blocker).status_code == 422
    assert block(api, waiting, waiting).status_code == 422
    path = f"/issues/{waiting['number']}/dependencies/blocked_by"
    assert api.post(path, {"issue_id": blocker["number"]}).status_code == 404
    assert api.post(path, {"issue_id": str(blocker["id"])}).status_code == 422
    assert api.post(path, {}).status_code == 422
    assert api.get("/issues/999/dependencies/blocked_by").status_code == 404


def test_fifty_in_each_direction_are_the_most(api: Api) -> None:
    centre, others = made(api), [made(api) for _ in range(51)]
    for other in others[:50]:
        assert block(api, centre, other).status_code == 201
        assert block(api, other, centre).status_code == 201
    assert block(api, centre, others[50]).status_code == 422
    assert block(api, others[50], centre).status_code == 422


def test_edges_do_not_count_as_changes_of_the_issue(ground: Ground) -> None:
    """GitHub promises no bump of `updated_at` for them; the ETag of the issue list changes all the same."""
    api = ground.owner
    parent, child = made(api), made(api)
    tag = api.get("/issues", params={"state": "all"}).headers["ETag"]
    nest(api, parent, child)
    block(api, parent, child)
    for each in (parent, child):
        assert api.read(f"/issues/{each['number']}")["updated_at"] == each["updated_at"]
    answer = api.get("/issues", params={"state": "all"}, headers={"If-None-Match": tag})
    assert answer.status_code == 200


def test_a_deleted_repository_takes_its_links_along(
    ground: Ground, forge: ForgeServer, people: People
) -> None:
    other = new_ground(forge, people)
    here, there = made(ground.owner), made(other.owner)
    nest(ground.owner, here, there)
    block(ground.owner, here, there)
    assert ground.owner.delete(f"//repos/{other.name}").status_code == 204
    shown = ground.owner.read(f"/issues/{here['number']}")
    assert shown["sub_issues_summary"]["total"] == 0
    assert shown["issue_dependencies_summary"]["total_blocked_by"] == 0
    added, waits = ground.owner.read(f"/issues/{here['number']}/events")
    assert (added["sub_issue"], waits["blocked_by"]) == (None, None)


# A client nobody here wrote


def test_pygithub_arranges_issues(ground: Ground) -> None:
    made_by_us = [made(ground.owner, title) for title in ("Whole", "First", "Second")]
    with Github(
        base_url=ground.owner.base,
        auth=Auth.Token(ground.people.owner),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    ) as client:
        repo = client.get_repo(ground.name)
        whole, first, second = (repo.get_issue(each["number"]) for each in made_by_us)
        whole.add_sub_issue(first)
        whole.add_sub_issue(second.id)
        assert [part.number for part in whole.get_sub_issues()] == [first.number, second.number]
        whole.prioritize_sub_issue(second, None)
        assert [part.number for part in whole.get_sub_issues()] == [second.number, first.number]
        whole.prioritize_sub_issue(second, first)
        whole.remove_sub_issue(first)
        assert [part.number for part in whole.get_sub_issues()] == [second.number]
        assert repo.get_issue(whole.number).sub_issues_summary.total == 1
        assert repo.get_issue(second.number).parent_issue_url == whole.url
        first.add_blocked_by(second)
        assert [each.number for each in first.get_blocked_by()] == [second.number]
        assert [each.number for each in second.get_blocking()] == [first.number]
        first.remove_blocked_by(second)
        assert list(first.get_blocked_by()) == []
        with pytest.raises(GithubException) as refused:
            whole.add_sub_issue(whole)
        assert refused.value.status == 422
        assert [each.number for each in client.search_issues(f"repo:{ground.name} first in:title")] == [
            first.number
        ]
