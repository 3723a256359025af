"""What the GitHub adapter makes of limits, faults, moves and stale answers, against a scripted server on loopback."""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from cdock.adapters.github.gate import Budget
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable
from cdock.core.issues import Issue, Watch
from cdock.core.policy import Labels
from cdock.ports import Forge
from tests.github_script import BOT, LIMIT, Say, Script, Seen, at, comment_row, issue_row, repo_row, scripted

TOKEN = "ghp_averysecretword"
TASK = "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11"
STATUS = f"<!-- cdock:status task={TASK} id=cdock.demo.0b9b54d -->"
HELP = f"<!-- cdock:help task={TASK} round=1 issue=7 -->"
HTML = "<html><head><title>Unicorn!</title></head><body>This page is taking too long</body></html>"


@pytest.fixture
def script() -> Iterator[Script]:
    """A scripted server on a free port."""
    with scripted() as script:
        yield script


Make = Callable[..., GitHubForge]


@pytest.fixture
def make(script: Script) -> Iterator[Make]:
    """Make a forge that talks to the scripted server."""
    made: list[GitHubForge] = []

    def build(**options: Any) -> GitHubForge:
        repository = parse_repository(f"{script.url}/maria/demo.git")
        made.append(GitHubForge(repository, token=TOKEN, **options))
        return made[-1]

    yield build
    for forge in made:
        forge.close()


@pytest.fixture
def forge(make: Make) -> GitHubForge:
    """A forge that waits for nothing."""
    return make(timeout=LIMIT)


def issues_of(forge: Forge, held: Collection[int]) -> tuple[Issue, ...]:
    return forge.look(Watch(ready="agent-ready", help="agent-help", held=frozenset(held))).issues


def ready(forge: Forge) -> tuple[int, ...]:
    return tuple(issue.number for issue in issues_of(forge, ()))


def everything_said(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    if isinstance(error, CdockError):
        text += f"{error.message} {error.tried} {error.fix} {error!r}"
    return text


# Conditional reads and pages.


ISSUES, CHANGED = "/repos/maria/demo/issues", "/repos/maria/demo/issues?changed"
SPOKEN = "/repos/maria/demo/issues/comments?changed"


def test_an_unchanged_list_is_asked_for_conditionally_and_kept(script: Script, forge: GitHubForge) -> None:
    script.on("GET", ISSUES, Say(content=[issue_row(7)]))
    script.on("GET", CHANGED, Say(content=[issue_row(7)], etag='W/"a"'))
    assert [ready(forge), ready(forge)] == [(7,), (7,)]
    first, second = script.sent("GET", CHANGED)
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == 'W/"a"'
    assert first.target == second.target
    assert first.headers["x-github-api-version"] == "2022-11-28"
    assert first.headers["accept"] == "application/vnd.github+json"
    assert first.query == {"state": "all", "sort": "updated", "direction": "desc", "per_page": "50"}
    assert [s.query for s in script.sent("GET", SPOKEN)] == [
        {"sort": "updated", "direction": "desc", "per_page": "50"}
    ] * 2
    (listed,) = script.sent("GET", ISSUES)
    assert listed.query == {"labels": "agent-ready", "state": "open", "per_page": "100"}


def test_a_change_is_taken_over_and_its_etag_kept(script: Script, forge: GitHubForge) -> None:
    script.on("GET", ISSUES, Say(content=[issue_row(7)]))
    plain = issue_row(7, labels=[], updated_at=at(1))
    script.on(
        "GET",
        CHANGED,
        Say(content=[issue_row(7)], etag='"a"'),
        Say(content=[issue_row(8, updated_at=at(2)), plain], etag='"b"'),
    )
    assert [ready(forge), ready(forge), ready(forge)] == [(7,), (8,), (8,)]
    assert script.sent("GET", CHANGED)[-1].headers["if-none-match"] == '"b"'


def test_cursor_links_are_followed_as_they_are_written(script: Script, make: Make) -> None:
    def page(seen: Seen) -> Say:
        after = seen.query.get("after", "")
        if after == "":
            link = '<{url}/api/v3/repositories/1/issues?labels=x&after=Y3Vy%2Bc29yOg%3D%3D&per_page=100>; rel="next"'
            return Say(content=[issue_row(3)], headers={"Link": link}, etag='"1"')
        assert after == "Y3Vy+c29yOg=="
        link = '<{url}/api/v3/repositories/1/issues?before=abc>; rel="prev"'
        return Say(content=[issue_row(2)], headers={"Link": link}, etag='"2"')

    script.on("GET", ISSUES, page)
    script.on("GET", "/repositories/1/issues", page)
    assert ready(make(sweep=0)) == (2, 3)
    asked = [s for s in script.seen if s.name in (ISSUES, "/repositories/1/issues")]
    # The safety sweep of the same look finds both pages as they were.
    assert [s.headers.get("if-none-match") for s in asked] == [None, None, '"1"', '"2"']


def test_a_comment_behind_a_full_last_page_is_seen(script: Script, forge: GitHubForge) -> None:
    """The 100 rows stay the same when the 101st comes, and so does their ETag: only the link is new."""
    hundred = [comment_row(n, "words", by="stranger") for n in range(100)]
    more = '<{url}/api/v3/repositories/1/issues/7/comments?page=2>; rel="next"'
    script.on("GET", ISSUES, Say(content=[]))
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, comments=100)))
    script.on("GET", CHANGED, Say(content=[]), Say(content=[issue_row(7, comments=101, updated_at=at(1))]))
    script.on(
        "GET",
        f"{ISSUES}/7/comments",
        Say(content=hundred, etag='"same"'),
        Say(content=hundred, etag='"same"', headers={"Link": more}),
    )
    script.on(
        "GET", "/repositories/1/issues/7/comments", Say(content=[comment_row(100, "new", by="stranger")])
    )
    counts = [len(issues_of(forge, {7})[0].comments) for _ in range(2)]
    assert counts == [100, 101]


def test_a_server_that_links_in_a_circle_is_not_followed_for_ever(
    script: Script, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.github.client.MOST_PAGES", 5)
    circle = {"Link": '<{url}/api/v3/repos/maria/demo/issues>; rel="next"'}
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(1)], headers=circle))
    with pytest.raises(Unavailable, match="more than 5 pages"):
        ready(forge)


# Faults.


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_page_in_html_means_look_again(script: Script, forge: GitHubForge, status: int) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(status, text=HTML), Say(content=[issue_row(7)]))
    with pytest.raises(Unavailable, match=f"answered {status} to GET") as caught:
        ready(forge)
    assert "Unicorn" not in everything_said(caught.value)
    assert ready(forge) == (7,)


@pytest.mark.parametrize("text", [HTML, "", "[{]", '"text"', '{"message": "hello"}'])
def test_a_success_that_is_not_the_expected_json_means_look_again(
    script: Script, forge: GitHubForge, text: str
) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(200, text=text))
    with pytest.raises(Unavailable):
        ready(forge)


@pytest.mark.parametrize("gap", ["number", "id", "created_at"])
def test_an_issue_without_what_it_needs_means_look_again(
    script: Script, forge: GitHubForge, gap: str
) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(content=[{**issue_row(7), gap: None}]))
    with pytest.raises(Unavailable, match=gap):
        ready(forge)


def test_silence_ends_at_the_timeout(script: Script, make: Make) -> None:
    forge = make(timeout=0.2)
    script.on("GET", "/repos/maria/demo/issues", Say(hold=True))
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer GET /repos/maria/demo/issues \(ReadTimeout\)"):
        ready(forge)
    assert time.monotonic() - began < LIMIT / 2


def test_a_lost_connection_means_look_again_and_is_not_repeated(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(hang_up=True))
    with pytest.raises(Unavailable, match="did not answer"):
        ready(forge)
    assert len(script.sent("GET", "/repos/maria/demo/issues")) == 1


def test_nobody_listening_means_look_again() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    forge = GitHubForge(parse_repository(f"http://127.0.0.1:{port}/maria/demo"), token=TOKEN)
    with pytest.raises(Unavailable, match="ConnectionError"):
        ready(forge)


def test_a_proxy_of_the_outside_is_not_asked_for_this_machine(
    script: Script, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(7)]))
    assert ready(make()) == (7,)


def test_an_answer_still_in_preparation_is_not_waited_for(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(202, {}))
    with pytest.raises(Unavailable, match="still preparing"):
        ready(forge)
    assert len(script.sent("GET", "/repos/maria/demo/issues")) == 1


# Rate limits.


def test_a_limit_that_names_seconds_stops_all_requests_until_then(script: Script, forge: GitHubForge) -> None:
    limit = Say(429, {"message": "Slow down"}, headers={"Retry-After": "30"})
    script.on("GET", "/repos/maria/demo/issues", limit, Say(content=[issue_row(7)]))
    with pytest.raises(Unavailable) as caught:
        ready(forge)
    assert_until(caught.value, seconds=30)
    count = len(script.seen)
    with pytest.raises(Unavailable) as caught:
        forge.ensure_closed(7)
    assert_until(caught.value, seconds=30)
    assert len(script.seen) == count


def test_after_the_limit_requests_go_out_again(script: Script, forge: GitHubForge) -> None:
    limit = Say(403, {"message": "You have exceeded a secondary rate limit."}, headers={"Retry-After": "1"})
    script.on("GET", "/repos/maria/demo/issues", limit, Say(content=[issue_row(7)]))
    with pytest.raises(Unavailable):
        ready(forge)

    def again() -> bool:
        try:
            return ready(forge) == (7,)
        except Unavailable:
            return False

    wait_for(again)
    first, second = script.sent("GET", "/repos/maria/demo/issues")
    assert second.at - first.at >= 0.99


def test_a_limit_that_names_no_time_lasts_a_minute(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(429, {"message": "Too many"}))
    with pytest.raises(Unavailable) as caught:
        ready(forge)
    assert_until(caught.value, seconds=60)


def test_a_spent_hour_lasts_until_the_reset_by_the_servers_clock(script: Script, forge: GitHubForge) -> None:
    server_now = datetime(2031, 5, 4, 10, 0, tzinfo=UTC)
    headers = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int((server_now + timedelta(minutes=9)).timestamp())),
        "Date": format_datetime(server_now, usegmt=True),
    }
    limit = Say(403, {"message": "API rate limit exceeded for user ID 1."}, headers=headers)
    script.on("GET", "/repos/maria/demo/issues", limit)
    with pytest.raises(Unavailable) as caught:
        ready(forge)
    assert_until(caught.value, seconds=540)


def assert_until(error: Unavailable, *, seconds: float) -> None:
    expected = datetime.now(UTC) + timedelta(seconds=seconds)
    shown = {f"{expected + timedelta(seconds=drift):%H:%M:%S} UTC" for drift in range(-3, 4)}
    assert any(moment in error.message for moment in shown), error.message


# Refusals.


def test_a_bad_token_is_a_persons_matter(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo", Say(401, {"message": "Bad credentials", "status": "401"}))
    with pytest.raises(NotPermitted, match="did not accept the token") as caught:
        ready(forge)
    assert "gh auth login" in caught.value.fix
    assert script.seen[0].headers["authorization"].endswith(TOKEN)


def test_a_missing_permission_names_the_one_that_is_wanted(script: Script, forge: GitHubForge) -> None:
    refusal = Say(
        403,
        {"message": "Resource not accessible by personal access token"},
        headers={"X-Accepted-GitHub-Permissions": "issues=write", "X-RateLimit-Remaining": "4999"},
    )
    script.on("GET", "/repos/maria/demo/issues/7", Say(content=issue_row(7)))
    script.on("PATCH", "/repos/maria/demo/issues/7", refusal)
    with pytest.raises(NotPermitted, match="Resource not accessible") as caught:
        forge.ensure_closed(7)
    assert "issues=write" in caught.value.fix
    # A missing permission is no rate limit: other requests still go out.
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(7)]))
    assert ready(forge) == (7,)


def test_a_classic_token_hears_of_the_scope(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(403, {}, headers={"X-Accepted-OAuth-Scopes": "repo"}))
    with pytest.raises(NotPermitted) as caught:
        ready(forge)
    assert "scopes: repo" in caught.value.fix


def test_an_unseen_repository_may_be_hidden_from_the_token(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo", Say(404, {"message": "Not Found"}))
    with pytest.raises(NotPermitted, match="the token may not see it"):
        ready(forge)


def test_an_invalid_change_is_refused_with_the_reasons_on_one_line(
    script: Script, forge: GitHubForge
) -> None:
    refusal = {
        "message": "Validation\x1b[31m Failed",
        "errors": [{"resource": "IssueComment", "field": "body", "code": "too_long"}],
    }
    script.on("GET", "/repos/maria/demo/issues/7/comments", Say(content=[]))
    script.on("POST", "/repos/maria/demo/issues/7/comments", Say(422, refusal))
    with pytest.raises(Refused, match="IssueComment body too_long") as caught:
        forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    assert "\x1b" not in caught.value.message
    assert not isinstance(caught.value, NotPermitted)


def test_a_token_without_a_user_is_told_from_one_without_rights(script: Script, forge: GitHubForge) -> None:
    """Tokens of Apps and of workflows may do all the rest, and would fail at every task."""
    script.on("GET", "/user", Say(403, {"message": "Resource not accessible by integration"}))
    with pytest.raises(NotPermitted, match="GitHub App or a workflow") as caught:
        forge.ensure_repository_labels(Labels())
    assert "personal access token" in caught.value.fix


@pytest.mark.parametrize(
    "say",
    [
        Say(401, {"message": "Bad credentials"}),
        Say(403, {"message": "no"}),
        Say(404, {}),
        Say(422, {"message": "no"}),
        Say(429, {}),
        Say(502, text=HTML),
        Say(200, text=HTML),
        Say(418, text=""),
        Say(hang_up=True),
        Say(301, {}, headers={"Location": "http://other.example.org/x"}),
    ],
)
def test_no_message_holds_the_token(script: Script, forge: GitHubForge, say: Say) -> None:
    script.on("GET", "/repos/maria/demo/issues", say)
    with pytest.raises(CdockError) as caught:
        ready(forge)
    assert TOKEN not in everything_said(caught.value)
    assert caught.value.fix


# Moves.


@pytest.mark.parametrize("query_in_location", [True, False])
def test_a_renamed_repository_is_followed_with_the_query(
    script: Script, forge: GitHubForge, query_in_location: bool
) -> None:
    script.on("GET", ISSUES, Say(content=[issue_row(7)]))
    assert ready(forge) == (7,)

    def moved(seen: Seen) -> Say:
        rest = seen.path.removeprefix("/repos/maria/demo")
        query = f"?{urlsplit(seen.target).query}" if query_in_location else ""
        location = f"{{url}}/api/v3/repositories/1{rest}{query}"
        return Say(301, {"message": "Moved Permanently"}, headers={"Location": location})

    there = "/repos/maria/renamed"
    row = issue_row(8, repo="maria/renamed", updated_at=at(1))
    script.on("GET", "/repos/maria/demo", moved)
    script.on("GET", CHANGED, moved)
    script.on("GET", "/repositories/1/issues?changed", Say(content=[row]))
    script.on("GET", "/repositories/1", Say(content=repo_row("maria/renamed")))
    script.on("GET", there, Say(content=repo_row("maria/renamed")))
    script.on("GET", f"{there}/issues/comments?changed", Say(content=[]))
    assert ready(forge) == (7, 8)
    again = issue_row(9, repo="maria/renamed", updated_at=at(2))
    script.on("GET", f"{there}/issues?changed", Say(content=[again]))
    assert ready(forge) == (7, 8, 9)


def test_a_name_that_is_old_from_the_start_is_pinned_to_the_new_one(
    script: Script, forge: GitHubForge
) -> None:
    there = "/repos/Maria/Renamed"
    script.on("GET", "/repos/maria/demo", Say(301, {}, headers={"Location": "/api/v3/repositories/1"}))
    script.on("GET", "/repositories/1", Say(content=repo_row("Maria/Renamed")))
    script.on("GET", f"{there}/issues", Say(content=[issue_row(7)]))
    for feed in ("issues?changed", "issues/comments?changed", "issues?helps"):
        script.on("GET", f"{there}/{feed}", Say(content=[]))
    assert [ready(forge), ready(forge)] == [(7,), (7,)]
    assert len(script.sent("GET", "/repos/maria/demo")) == 1


def test_a_name_that_another_repository_took_over_is_refused(script: Script, make: Make) -> None:
    """The old name stops redirecting when somebody makes a new repository of that name."""
    forge = make(sweep=0)
    script.on("GET", ISSUES, Say(content=[]))
    assert ready(forge) == ()
    script.on("GET", "/repos/maria/demo", Say(content={**repo_row("maria/demo"), "id": 2}))
    for _ in range(2):
        with pytest.raises(Refused, match="its id is 2, and it was 1 before"):
            ready(forge)


def test_a_number_with_another_id_is_a_reason_to_ask_whose_it_is(script: Script, forge: GitHubForge) -> None:
    script.on("GET", ISSUES, Say(content=[issue_row(7)]))
    assert ready(forge) == (7,)
    script.on("GET", "/repos/maria/demo", Say(content={**repo_row("maria/demo"), "id": 2}))
    script.on("GET", CHANGED, Say(content=[issue_row(7, id=5, updated_at=at(1))]))
    with pytest.raises(Refused, match="another repository"):
        ready(forge)


def test_a_write_does_not_follow_a_move_but_finds_the_place_next_time(
    script: Script, forge: GitHubForge
) -> None:
    """A transferred issue redirects as well, and there our comment would reach strangers."""
    path = "/repos/maria/demo/issues/7/comments"
    moved = Say(307, {}, headers={"Location": "{url}/api/v3/repositories/1/issues/7/comments"})
    script.on("GET", path, Say(content=[]))
    script.on("POST", path, moved)
    with pytest.raises(Unavailable, match="has moved"):
        forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    script.on("GET", "/repos/maria/demo", Say(content=repo_row("maria/renamed")))
    script.on("GET", "/repos/maria/renamed/issues/7/comments", Say(content=[]))
    script.on("POST", "/repos/maria/renamed/issues/7/comments", Say(201, comment_row(1, STATUS)))
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    assert [s.path for s in script.sent("POST")] == [path, "/repos/maria/renamed/issues/7/comments"]


def test_another_server_never_gets_the_token(script: Script, forge: GitHubForge) -> None:
    location = f"http://localhost:{script.port}/api/v3/repos/maria/demo/issues"
    script.on("GET", "/repos/maria/demo/issues", Say(301, {}, headers={"Location": location}))
    with pytest.raises(Refused, match="redirected to another server, localhost"):
        ready(forge)
    assert all(s.headers["host"].startswith("127.0.0.1") for s in script.seen)


def test_a_circle_of_moves_ends(script: Script, forge: GitHubForge) -> None:
    here = {"Location": "{url}/api/v3/repos/maria/demo"}
    script.on("GET", "/repos/maria/demo", Say(301, {}, headers=here))
    with pytest.raises(Unavailable, match="on to another address"):
        ready(forge)
    assert len(script.seen) < 10


def test_a_transferred_issue_is_left_out(script: Script, forge: GitHubForge) -> None:
    away = {"Location": "{url}/api/v3/repos/other/place/issues/3"}
    script.on("GET", "/repos/maria/demo/issues", Say(content=[]))
    script.on("GET", "/repos/maria/demo/issues/7", Say(301, {}, headers=away))
    script.on("GET", "/repos/other/place/issues/3", Say(content=issue_row(3, repo="other/place")))
    assert issues_of(forge, {7}) == ()


@pytest.mark.parametrize("status", [404, 410])
def test_a_deleted_issue_is_left_out_and_the_others_are_not(
    script: Script, forge: GitHubForge, status: int
) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(8)]))
    script.on("GET", "/repos/maria/demo/issues/7", Say(status, {"message": "This issue was deleted"}))
    assert [issue.number for issue in issues_of(forge, {7})] == [8]


# Writes.


def test_a_comment_whose_answer_was_lost_is_found_and_not_written_again(
    script: Script, forge: GitHubForge
) -> None:
    path = "/repos/maria/demo/issues/7/comments"
    body = f"{STATUS}\nHello\n"
    script.on("GET", path, Say(content=[]), Say(content=[comment_row(1, body)]))
    script.on("POST", path, Say(502, text=HTML))
    with pytest.raises(Unavailable):
        forge.ensure_comment(7, marker=STATUS, body=body)
    forge.ensure_comment(7, marker=STATUS, body=body)
    assert len(script.sent("POST")) == 1


@pytest.mark.parametrize("loss", [Say(502, text=HTML), Say(201, text=HTML), Say(hang_up=True)])
def test_a_write_of_unknown_outcome_is_given_time_to_appear(script: Script, make: Make, loss: Say) -> None:
    forge = make(settle=60.0)
    path = "/repos/maria/demo/issues/7/comments"
    script.on("GET", path, Say(content=[]))
    script.on("POST", path, loss)
    for _ in range(3):
        with pytest.raises(Unavailable):
            forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    assert len(script.sent("POST")) == 1


def test_a_write_that_never_arrived_is_sent_again(script: Script, forge: GitHubForge) -> None:
    path = "/repos/maria/demo/issues/7/comments"
    script.on("GET", path, Say(content=[]))
    script.on("POST", path, Say(hang_up=True), Say(201, comment_row(1, STATUS)))
    with pytest.raises(Unavailable):
        forge.ensure_comment(7, marker=STATUS, body=STATUS)
    forge.ensure_comment(7, marker=STATUS, body=STATUS)
    assert len(script.sent("POST")) == 2


def test_a_list_that_lags_behind_a_write_makes_no_twin(script: Script, make: Make) -> None:
    forge = make(settle=60.0)
    path = "/repos/maria/demo/issues/7/comments"
    script.on("GET", path, Say(content=[]))
    script.on("POST", path, Say(201, comment_row(5, f"{STATUS}\nHello\n")))
    script.on("PATCH", "/repos/maria/demo/issues/comments/5", Say(content=comment_row(5, f"{STATUS}\nBye\n")))
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nBye\n")
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nBye\n")
    assert [len(script.sent("POST")), len(script.sent("PATCH"))] == [1, 1]


def test_a_comment_deleted_meanwhile_is_written_anew(script: Script, forge: GitHubForge) -> None:
    path = "/repos/maria/demo/issues/7/comments"
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7)))
    script.on("GET", path, Say(content=[comment_row(5, f"{STATUS}\nHello\n")]), Say(content=[]))
    script.on("POST", path, Say(201, comment_row(6, f"{STATUS}\nBye\n")))
    with pytest.raises(Unavailable, match="vanished"):
        forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nBye\n")
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nBye\n")
    assert len(script.sent("POST")) == 1


def test_line_endings_and_space_at_the_end_are_no_difference(script: Script, forge: GitHubForge) -> None:
    script.on(
        "GET", "/repos/maria/demo/issues/7/comments", Say(content=[comment_row(5, f"{STATUS}\r\nHello")])
    )
    forge.ensure_comment(7, marker=STATUS, body=f"{STATUS}\nHello\n")
    assert script.sent("PATCH") == []


def test_writes_are_spaced(script: Script, make: Make) -> None:
    forge = make(budget=Budget(spacing=0.2))
    for number in (1, 2, 3):
        script.on("GET", f"/repos/maria/demo/issues/{number}", Say(content=issue_row(number)))
        script.on(
            "PATCH", f"/repos/maria/demo/issues/{number}", Say(content=issue_row(number, state="closed"))
        )
    threads = [threading.Thread(target=forge.ensure_closed, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    times = [s.at for s in script.sent("PATCH")]
    assert len(times) == 3
    assert all(later - earlier >= 0.19 for earlier, later in itertools.pairwise(times))
    assert script.most_at_once == 1


def test_threads_take_turns_with_the_client(script: Script, forge: GitHubForge) -> None:
    """PyGithub keeps state between asking and reading the answer."""
    company = threading.Event()

    def linger(seen: Seen) -> Say:
        if len(script.sent("GET", f"{ISSUES}/7")) > 1:
            company.set()
        company.wait(0.2)
        return Say(content=issue_row(7, state="closed"))

    script.on("GET", f"{ISSUES}/7", linger)
    threads = [threading.Thread(target=forge.ensure_closed, args=(7,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(script.sent("GET", f"{ISSUES}/7")) == 3
    assert script.most_at_once == 1


def test_dropped_labels_are_noticed_and_make_no_second_help_issue(script: Script, forge: GitHubForge) -> None:
    made = issue_row(9, user={"login": BOT}, body=f"{HELP}\n\nHow?\n", labels=[])
    script.on("GET", "/repos/maria/demo/issues", Say(content=[]), Say(content=[made]))
    script.on("GET", "/repos/maria/demo/issues/9", Say(content=made))
    script.on("POST", "/repos/maria/demo/issues", Say(201, made))
    script.on("POST", "/repos/maria/demo/issues/9/labels", Say(200, []))
    for _ in range(2):
        with pytest.raises(NotPermitted, match="left out agent-help on issue #9"):
            ask(forge)
    assert len(script.sent("POST", "/repos/maria/demo/issues")) == 1


def ask(forge: GitHubForge) -> Any:
    return forge.ensure_help(issue=7, marker=HELP, title="How?", body=f"{HELP}\n\nHow?\n", label="agent-help")


def test_a_search_for_the_help_issue_ends_at_the_issue_it_is_about(
    script: Script, forge: GitHubForge
) -> None:
    more = {"Link": '<{url}/api/v3/repositories/1/issues?page=2>; rel="next"'}
    made = issue_row(9, user={"login": BOT}, body=f"{HELP}\n", labels=["agent-help"])
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(6)], headers=more))
    script.on("POST", "/repos/maria/demo/issues", Say(201, made))
    found = ask(forge)
    assert (found.number, found.round, str(found.task)) == (9, 1, TASK)
    assert script.sent("GET", "/repos/maria/demo/issues")[0].query == {
        "creator": BOT,
        "state": "all",
        "sort": "created",
        "direction": "desc",
        "per_page": "100",
    }
    assert script.sent("GET", "/repositories/1/issues") == []


# Pull requests.

PULL = {
    "number": 12,
    "html_url": "https://example.org/12",
    "head": {"ref": "cdock/demo.0b9b54d"},
    "state": "open",
    "merged_at": None,
}


def open_pull(forge: GitHubForge) -> Any:
    return forge.ensure_pull(head="cdock/demo.0b9b54d", title="Demo", body="Closes #7")


def test_a_pull_request_goes_to_the_default_branch(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/pulls", Say(content=[]))
    script.on("POST", "/repos/maria/demo/pulls", Say(201, PULL))
    assert open_pull(forge).number == 12
    assert script.sent("POST")[0].body["base"] == "trunk"
    assert script.sent("GET", "/repos/maria/demo/pulls")[0].query["head"] == "maria:cdock/demo.0b9b54d"


def test_one_that_appears_while_we_ask_is_adopted(script: Script, forge: GitHubForge) -> None:
    refusal = {
        "message": "Validation Failed",
        "errors": [{"message": "A pull request already exists for maria:x."}],
    }
    script.on("GET", "/repos/maria/demo/pulls", Say(content=[]), Say(content=[PULL]))
    script.on("POST", "/repos/maria/demo/pulls", Say(422, refusal))
    assert open_pull(forge).number == 12


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        ({"message": "A pull request already exists for maria:x."}, Unavailable),
        ({"resource": "PullRequest", "field": "head", "code": "invalid"}, Unavailable),
        ({"message": "No commits between trunk and cdock/demo.0b9b54d"}, Refused),
    ],
)
def test_refused_pull_requests(
    script: Script, forge: GitHubForge, detail: dict[str, str], kind: type[CdockError]
) -> None:
    script.on("GET", "/repos/maria/demo/pulls", Say(content=[]))
    script.on(
        "POST", "/repos/maria/demo/pulls", Say(422, {"message": "Validation Failed", "errors": [detail]})
    )
    with pytest.raises(kind) as caught:
        open_pull(forge)
    assert type(caught.value) is kind


def test_a_list_that_ignores_the_branch_is_looked_through(script: Script, forge: GitHubForge) -> None:
    other = {**PULL, "number": 13, "head": {"ref": "other"}}
    script.on("GET", "/repos/maria/demo/issues", Say(content=[]))
    script.on("GET", "/repos/maria/demo/pulls", Say(content=[other, PULL]))
    watch = Watch(ready="none", help="agent-help", branches=frozenset({"cdock/demo.0b9b54d"}))
    assert [pull.number for pull in forge.look(watch).pulls] == [12]


# People.


def test_a_permission_is_asked_for_once(script: Script, forge: GitHubForge) -> None:
    path = "/repos/maria/demo/issues/7/comments"
    comments = [comment_row(n, "words", by="Maria" if n % 2 else "stranger") for n in range(4)]
    script.on("GET", "/repos/maria/demo/issues", Say(content=[]))
    script.on("GET", "/repos/maria/demo/issues/7", Say(content=issue_row(7)))
    script.on("GET", path, Say(content=[*comments, comment_row(9, STATUS)]))
    script.on(
        "GET",
        "/repos/maria/demo/collaborators/Maria/permission",
        Say(content={"permission": "write", "role_name": "security-team"}),
    )
    for _ in range(2):
        (issue,) = issues_of(forge, {7})
        assert [comment.by_writer for comment in issue.comments[:4]] == [False, True, False, True]
        assert [comment.mine for comment in issue.comments] == [False, False, False, False, True]
    asked = sorted(s.path.split("/")[-2] for s in script.seen if s.path.endswith("/permission"))
    assert asked == ["Maria", "stranger"]


def test_the_last_one_to_set_the_label_counts(script: Script, forge: GitHubForge) -> None:
    def event(actor: str, kind: str = "labeled", label: str = "agent-ready") -> dict[str, Any]:
        return {
            "event": kind,
            "actor": {"login": actor},
            "label": {"name": label},
            "created_at": "2026-01-01T12:00:00Z",
        }

    script.on("GET", "/repos/maria/demo/issues/7", Say(content=issue_row(7)))
    roles = {"maria": "admin", "stranger": "read"}
    for login, role in roles.items():
        script.on(
            "GET", f"/repos/maria/demo/collaborators/{login}/permission", Say(content={"role_name": role})
        )
    later = '<{url}/api/v3/repositories/1/events2>; rel="next"'
    script.on(
        "GET",
        "/repos/maria/demo/issues/7/events",
        Say(content=[event("stranger"), event("stranger", "unlabeled")], headers={"Link": later}),
    )
    script.on(
        "GET",
        "/repositories/1/events2",
        Say(
            content=[
                event("maria", label="Agent-Ready"),
                event("stranger", label="other"),
                {"event": "closed"},
            ]
        ),
        Say(content=[event("maria"), event("stranger")]),
        Say(content=[]),
    )
    assert [forge.approval(7, label="agent-ready").granted for _ in range(3)] == [True, False, False]


def test_nobody_knows_who_set_the_label(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues/7", Say(content=issue_row(7)))
    gone = {"event": "labeled", "actor": None, "label": {"name": "agent-ready"}, "created_at": at(0)}
    script.on("GET", "/repos/maria/demo/issues/7/events", Say(content=[]), Say(content=[gone]))
    assert [forge.approval(7, label="agent-ready").granted for _ in range(2)] == [False, False]


# Labels.


def test_labels_of_any_name_are_removed_one_by_one(script: Script, forge: GitHubForge) -> None:
    odd = "type: bug/ü?"
    row = issue_row(7, labels=[{"name": odd}, {"name": "keep"}, {"name": "Done"}])
    script.on("GET", "/repos/maria/demo/issues/7", Say(content=row))
    script.on("DELETE", "/repos/maria/demo/issues/7/labels/type%3A%20bug%2F%C3%BC%3F", Say(content=[]))
    forge.ensure_labels(7, add=["done"], remove=[odd, "absent"])
    assert [(s.method, s.path) for s in script.seen if s.method != "GET"] == [
        ("DELETE", "/repos/maria/demo/issues/7/labels/type%3A%20bug%2F%C3%BC%3F")
    ]


def test_a_label_already_gone_is_fine(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues/7", Say(content=issue_row(7)))
    forge.ensure_labels(7, add=[], remove=["agent-ready"])
    assert len(script.sent("DELETE")) == 1


def test_missing_repository_labels_are_created_whatever_their_case(
    script: Script, forge: GitHubForge
) -> None:
    there = [{"name": name.upper()} for name in sorted(Labels().states)]
    script.on("GET", "/repos/maria/demo/labels", Say(content=there), Say(content=[]))
    exists = {"message": "Validation Failed", "errors": [{"resource": "Label", "code": "already_exists"}]}
    script.on("POST", "/repos/maria/demo/labels", Say(201, {}), Say(422, exists))
    assert forge.ensure_repository_labels(Labels()) == ("agent-help",)
    assert forge.ensure_repository_labels(Labels()) == ()


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        pause.wait(0.05)
