"""What every REST answer has: who asked, in which version, whether anything changed."""

from __future__ import annotations

import base64
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from tests.forge.ground import Api, Ground

LIMIT = 30


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_ways_to_log_in(ground: Ground) -> None:
    token = ground.people.writer
    for header in (
        f"Bearer {token}",
        f"token {token}",
        f"TOKEN  {token}",
        _basic("anything", token),
        _basic(token, "x-oauth-basic"),
        _basic(token, ""),
    ):
        answer = requests.get(ground.nobody.url("//user"), headers={"Authorization": header}, timeout=LIMIT)
        assert (answer.status_code, answer.json().get("login")) == (200, "wendy"), header


@pytest.mark.parametrize("header", ["Bearer nonsense", "token ", "Basic ???", "Digest x", _basic("a", "b")])
def test_a_bad_token_is_refused_even_for_public_things(ground: Ground, header: str) -> None:
    for path in ("", "/issues", "//rate_limit", "//user"):
        answer = ground.nobody.get(path, headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json()["message"] == "Bad credentials"
        assert answer.json()["status"] == "401"


def test_nobody_reads_public_things_and_writes_nothing(ground: Ground) -> None:
    assert ground.nobody.read("")["full_name"] == ground.name
    answer = ground.nobody.post("/issues", {"title": "x"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")
    assert ground.nobody.get("//user").status_code == 401


def test_private_is_not_there(private_ground: Ground) -> None:
    for api in (private_ground.stranger, private_ground.nobody):
        for method, path in (("GET", ""), ("GET", "/issues"), ("POST", "/issues"), ("GET", "/contents/x")):
            answer = api.ask(method, path, {"title": "x"} if method == "POST" else None)
            assert (answer.status_code, answer.json()["message"]) == (404, "Not Found"), path
    assert private_ground.writer.read("")["private"] is True


def test_headers(ground: Ground) -> None:
    number = ground.owner.issue()
    answer = ground.owner.get(f"/issues/{number}")
    headers = answer.headers
    assert re.fullmatch(r'W/"[0-9a-f]{64}"', headers["ETag"])
    assert headers["Cache-Control"] == "private, max-age=60, s-maxage=60"
    assert headers["Vary"] == "Accept, Authorization, Cookie, X-GitHub-OTP"
    assert headers["X-GitHub-Media-Type"].startswith("github.v3")
    assert headers["x-github-api-version-selected"] == "2022-11-28"
    assert headers["X-OAuth-Scopes"] == "project, repo, user"
    assert "X-Accepted-OAuth-Scopes" in headers
    assert len(headers["X-GitHub-Request-Id"]) > 8
    assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time()) < 60
    updated = answer.json()["updated_at"]
    assert parsedate_to_datetime(headers["Last-Modified"]).strftime("%Y-%m-%dT%H:%M:%SZ") == updated
    assert "Last-Modified" not in ground.owner.get("/issues").headers
    assert ground.owner.get(f"/issues/{number}/events").headers["X-Poll-Interval"] == "60"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def _used(answer: requests.Response) -> int:
    return int(answer.headers["X-RateLimit-Used"])


def test_rates_are_counted_and_an_unchanged_answer_is_free(ground: Ground, forge: Any) -> None:
    token = str(forge.admin("token", "counted")["token"])
    api = Api(forge, token, ground.name)
    first = api.get("/issues")
    assert int(first.headers["X-RateLimit-Limit"]) == 5000
    assert int(first.headers["X-RateLimit-Remaining"]) == 5000 - _used(first)
    assert int(first.headers["X-RateLimit-Reset"]) > time.time()
    again = api.get("/issues", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, _used(again)) == (304, _used(first))
    free = api.get("//rate_limit")
    assert _used(free) == _used(first)
    assert free.json()["resources"]["core"]["used"] == _used(first)
    assert free.json()["rate"] == free.json()["resources"]["core"]
    assert _used(api.get("/issues")) == _used(first) + 1


def test_etags(ground: Ground) -> None:
    ground.owner.issue()
    first = ground.owner.get("/issues")
    tag = first.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = ground.owner.get("/issues", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["ETag"] == tag
    assert ground.owner.get("/issues", headers={"If-None-Match": '"other"'}).status_code == 200
    assert ground.writer.get("/issues").headers["ETag"] != tag
    plain = ground.owner.get("/issues", headers={"Accept": "application/json"})
    assert plain.headers["ETag"] != tag
    ground.stranger.issue()
    assert ground.owner.get("/issues", headers={"If-None-Match": tag}).status_code == 200
    unsafe = ground.owner.ask("POST", "/issues", {"title": "x"}, headers={"If-None-Match": "*"})
    assert unsafe.status_code == 201
    assert "ETag" not in unsafe.headers


def test_modified_since(ground: Ground) -> None:
    number = ground.owner.issue()
    answer = ground.owner.get(f"/issues/{number}")
    since = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert ground.owner.get(f"/issues/{number}", headers=since).status_code == 304
    since = {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert ground.owner.get(f"/issues/{number}", headers=since).status_code == 200


def test_versions(ground: Ground) -> None:
    number = ground.owner.issue(labels=["bug"])
    new = {"X-GitHub-Api-Version": "2026-03-10"}
    old = ground.owner.read(f"/issues/{number}")
    answer = ground.owner.get(f"/issues/{number}", headers=new)
    assert answer.headers["x-github-api-version-selected"] == "2026-03-10"
    assert "assignee" in old
    assert "assignee" not in answer.json()
    assert {"archived_at", "archived_by"} <= set(answer.json()["labels"][0])
    assert "has_downloads" in ground.owner.read("")
    assert "has_downloads" not in ground.owner.get("", headers=new).json()
    assert "rate" not in ground.owner.get("//rate_limit", headers=new).json()
    answer = ground.owner.get("", headers={"X-GitHub-Api-Version": "2030-01-01"})
    assert answer.status_code == 400
    assert ground.owner.read("//versions") == ["2026-03-10", "2022-11-28"]


def test_a_client_must_have_a_name(ground: Ground) -> None:
    answer = ground.owner.get("", headers={"User-Agent": ""})
    assert answer.status_code == 403
    assert "User-Agent" in answer.json()["message"]


def test_what_cannot_be_read(ground: Ground) -> None:
    for content in (b"{", b"\xff\xfe", b'"text"', b"17"):
        answer = ground.owner.ask("POST", "/issues", data=content)
        assert answer.status_code == 400, content
        assert answer.json()["message"] in {"Problems parsing JSON", "Body should be a JSON object"}
    assert ground.owner.post("/issues", ["title"]).status_code == 400


def test_what_is_wrong_is_named(ground: Ground) -> None:
    answer = ground.owner.post("/issues", {"body": "no title"})
    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed"
    assert answer.json()["errors"] == [{"resource": "Issue", "field": "title", "code": "missing_field"}]
    assert answer.json()["status"] == "422"
    assert answer.json()["documentation_url"].startswith("https://docs.github.com/rest")
    answer = ground.owner.post("/issues", {"title": "x", "body": 17})
    assert answer.status_code == 422
    assert "properties/body" in answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "//nothing",
        "/hooks/1/config",
        "/issues/1/nothing",
        "//graphql",
        "/commits/a/b/comments",
        "/branches/a/protection",
    ],
)
def test_what_is_not_there_yet_is_loud(ground: Ground, path: str) -> None:
    answer = ground.owner.get(path)
    assert answer.status_code == 404
    assert answer.headers["X-Forge-Unimplemented"].startswith("GET /")
    assert "X-Forge-Unimplemented" not in ground.owner.get("/issues/999").headers


def test_both_prefixes_and_their_links(ground: Ground) -> None:
    plain = requests.get(f"{ground.forge.url}/repos/{ground.name}", timeout=LIMIT).json()
    assert plain["url"] == f"{ground.forge.url}/repos/{ground.name}"
    below = ground.owner.read("")
    assert below["url"] == f"{ground.forge.url}/api/v3/repos/{ground.name}"
    assert below["html_url"] == plain["html_url"] == f"{ground.forge.url}/{ground.name}"
    assert below["clone_url"] == f"{ground.forge.url}/{ground.name}.git"
    root = requests.get(f"{ground.forge.url}/", headers={"Accept": "application/json"}, timeout=LIMIT)
    assert root.json()["current_user_url"] == f"{ground.forge.url}/user"


def test_head_is_get_without_a_body(ground: Ground) -> None:
    answer = ground.owner.ask("HEAD", "/issues")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"] == ground.owner.get("/issues").headers["ETag"]


def test_names_are_found_in_any_case(ground: Ground) -> None:
    ground.owner.post("/labels", {"name": "Needs-Care", "color": "FF0000"})
    shouted = Api(ground.forge, ground.people.owner, ground.name.upper())
    assert shouted.read("")["full_name"] == ground.name
    assert shouted.read("/labels/NEEDS-CARE")["name"] == "Needs-Care"
    assert ground.owner.read("//users/OLIVIA")["login"] == "Olivia"


def test_by_id(ground: Ground) -> None:
    number = ground.owner.issue()
    repo_id = ground.owner.read("")["id"]
    assert ground.owner.read(f"//repositories/{repo_id}")["full_name"] == ground.name
    assert ground.owner.read(f"//repositories/{repo_id}/issues/{number}")["number"] == number
    assert ground.owner.get("//repositories/1").status_code == 404


def test_a_renamed_repository_sends_on_with_the_query(ground: Ground) -> None:
    ground.owner.issue("open")
    closed = ground.owner.issue("closed")
    ground.owner.patch(f"/issues/{closed}", {"state": "closed"})
    assert ground.owner.patch("", {"name": "Renamed-" + ground.name.partition("-")[2]}).status_code == 200
    answer = ground.owner.get("/issues?state=closed", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith("/issues?state=closed")
    followed = ground.owner.get("/issues?state=closed").json()
    assert [issue["number"] for issue in followed] == [closed]


def test_pages_by_number(ground: Ground) -> None:
    for index in range(5):
        ground.owner.post("/labels", {"name": f"l{index}"})
    first = ground.owner.get("/labels?per_page=2")
    assert set(first.links) == {"next", "last"}
    assert "/repositories/" in first.links["next"]["url"]
    middle = ground.owner.get(first.links["next"]["url"])
    assert set(middle.links) == {"first", "prev", "next", "last"}
    last = ground.owner.get(middle.links["last"]["url"])
    assert set(last.links) == {"first", "prev"}
    names = [label["name"] for answer in (first, middle, last) for label in answer.json()]
    assert names == ["l0", "l1", "l2", "l3", "l4"]
    assert "Link" not in ground.owner.get("/labels").headers
    assert ground.owner.read("/labels", page=9, per_page=2) == []


def test_pages_of_issues_are_walked_by_cursor(ground: Ground) -> None:
    numbers = [ground.owner.issue(f"n{index}") for index in range(7)]
    answer = ground.owner.get("/issues?per_page=3&state=all")
    assert set(answer.links) == {"next"}
    assert re.search(r"/repositories/\d+/issues\?", answer.links["next"]["url"])
    assert "page=2" not in answer.links["next"]["url"].replace("per_page", "")
    seen = [[issue["number"] for issue in answer.json()]]
    back = None
    while "next" in answer.links:
        answer = ground.owner.get(answer.links["next"]["url"])
        seen.append([issue["number"] for issue in answer.json()])
        back = answer.links["prev"]["url"]
        assert "last" not in answer.links
    newest = numbers[::-1]
    assert seen == [newest[:3], newest[3:6], newest[6:]]
    assert back is not None
    before = ground.owner.get(back)
    assert [issue["number"] for issue in before.json()] == newest[3:6]
    assert set(before.links) == {"next", "prev"}
    assert ground.owner.get("/issues?page=2").status_code == 422
    assert ground.owner.get("/issues?after=nonsense").status_code == 422


def test_per_page_is_capped_in_silence(ground: Ground) -> None:
    for index in range(101):
        ground.owner.post("/labels", {"name": f"l{index:03}"})
    assert len(ground.owner.read("/labels")) == 30
    assert len(ground.owner.read("/labels", per_page=1000)) == 100
