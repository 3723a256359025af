"""What the GitHub adapter asks for and keeps while it watches a repository, against a scripted server on loopback."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import Refused, Unavailable
from cdock.core.issues import Comment, Issue, Snapshot, Watch
from tests.github_script import BOT, LIMIT, Say, Script, Seen, at, comment_row, issue_row, repo_row, scripted

ISSUES, COMMENTS, PULLS = (f"/repos/maria/demo/{name}" for name in ("issues", "issues/comments", "pulls"))
CHANGED, SPOKEN, MOVED = f"{ISSUES}?changed", f"{COMMENTS}?changed", f"{PULLS}?changed"
TASK = "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11"
STATUS = f"<!-- cdock:status task={TASK} id=cdock.demo.0b9b54d -->"
HELP = f"<!-- cdock:help task={TASK} round=1 issue=7 -->"
BRANCH = "cdock/demo.0b9b54d"
SERIAL = itertools.count(1)
WATCH = Watch(ready="agent-ready", help="agent-help", held=frozenset({7}))


@pytest.fixture
def script() -> Iterator[Script]:
    """Issue 7 with the comments 1 and 2, on a server that never answers 304 unless told to."""
    with scripted() as script:
        script.on("GET", ISSUES, Say(content=[], etag='"ready"'))
        script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, comments=2), etag='"7"'))
        rows = [comment_row(1, "one", by="maria"), comment_row(2, "two", by="stranger")]
        script.on("GET", f"{ISSUES}/7/comments", Say(content=rows, etag='"said"'))
        may(script, "maria")
        yield script


@pytest.fixture
def make(script: Script) -> Iterator[Callable[..., GitHubForge]]:
    made: list[GitHubForge] = []

    def build(**options: Any) -> GitHubForge:
        repository = parse_repository(f"{script.url}/maria/demo.git")
        made.append(GitHubForge(repository, token="ghp_word", timeout=LIMIT, **options))
        return made[-1]

    yield build
    for forge in made:
        forge.close()


@pytest.fixture
def forge(make: Callable[..., GitHubForge]) -> GitHubForge:
    return make()


def may(script: Script, login: str, role: str = "write") -> None:
    script.on("GET", f"/repos/maria/demo/collaborators/{login}/permission", Say(content={"role_name": role}))


def changes(script: Script, path: str, *rows: dict[str, Any], etag: str = "") -> None:
    """From now on the list sorted by change begins with these rows."""
    script.on("GET", path, Say(content=list(rows), etag=etag or f'"{next(SERIAL)}"'))


def asked_by(script: Script, call: Callable[[], object]) -> list[str]:
    """What a call asked for."""
    before = len(script.seen)
    call()
    return [f"{seen.method} {seen.name}" for seen in script.seen[before:]]


def seven(shown: Snapshot) -> Issue:
    (issue,) = (issue for issue in shown.issues if issue.number == 7)
    return issue


def said(comments: Sequence[Comment]) -> list[str]:
    return [comment.body for comment in comments]


# What a look costs.

QUIET = [f"GET {CHANGED}", f"GET {SPOKEN}"]


def test_the_first_look_takes_the_watermarks_first(script: Script, forge: GitHubForge) -> None:
    asked = asked_by(script, lambda: forge.look(WATCH))
    assert asked == [
        "GET /repos/maria/demo",
        *QUIET,
        f"GET {ISSUES}",
        "GET /user",
        f"GET {ISSUES}?helps",
        f"GET {ISSUES}/7",
        f"GET {ISSUES}/7/comments",
        "GET /repos/maria/demo/collaborators/maria/permission",
        "GET /repos/maria/demo/collaborators/stranger/permission",
    ]


def test_a_quiet_look_gives_the_same_object_for_two_requests(script: Script, forge: GitHubForge) -> None:
    first = forge.look(WATCH)
    assert asked_by(script, lambda: forge.look(WATCH)) == QUIET
    assert forge.look(WATCH) is first
    assert asked_by(script, lambda: forge.look(WATCH, fresh=False)) == []


def test_what_did_not_change_stays_the_same_object(script: Script, forge: GitHubForge) -> None:
    before = seven(forge.look(WATCH))
    changes(script, CHANGED, issue_row(8, updated_at=at(1)))
    shown = forge.look(WATCH)
    assert [issue.number for issue in shown.issues] == [7, 8]
    assert seven(shown) is before
    changes(script, SPOKEN, comment_row(3, "three", by="maria", updated_at=at(2)))
    after = seven(forge.look(WATCH))
    assert [one is other for one, other in zip(before.comments, after.comments, strict=False)] == [True] * 2
    assert said(after.comments) == ["one", "two", "three"]


def test_an_issue_without_comments_costs_no_read_of_them(script: Script, forge: GitHubForge) -> None:
    changes(script, CHANGED, issue_row(7, comments=0))
    asked = asked_by(script, lambda: forge.look(WATCH))
    assert not [line for line in asked if "/issues/7" in line]


def test_a_comment_between_the_two_lists_is_not_lost(script: Script, forge: GitHubForge) -> None:
    """The issue's row said that there is none, and then there was one."""
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, comments=0)))
    changes(script, SPOKEN, comment_row(1, "one", by="maria", updated_at=at(1)))
    assert said(seven(forge.look(WATCH)).comments) == ["one", "two"]


def test_a_newly_held_issue_that_is_known_is_not_read_again(script: Script, forge: GitHubForge) -> None:
    changes(script, CHANGED, issue_row(8, comments=0))
    forge.look(WATCH)
    more = replace(WATCH, held=frozenset({7, 8}))
    assert asked_by(script, lambda: forge.look(more)) == QUIET


def test_many_held_issues_are_found_in_pages_of_the_lists(script: Script, forge: GitHubForge) -> None:
    """A page of 50 costs as much as one issue."""
    numbers = range(10, 110)

    def page(seen: Seen) -> Say:
        start = int(seen.query.get("page", "1")) * 50 - 40
        more = {"Link": f'<{{url}}/api/v3{ISSUES}?sort=updated&page={start // 50 + 2}>; rel="next"'}
        rows = [issue_row(n, comments=1) for n in range(start, start + 50)]
        return Say(content=rows, headers=more, etag=f'"issues {start}"')

    def talk(seen: Seen) -> Say:
        start = int(seen.query.get("page", "1")) * 50 - 40
        more = {"Link": f'<{{url}}/api/v3{COMMENTS}?sort=updated&page={start // 50 + 2}>; rel="next"'}
        rows = [comment_row(n + 1000, "words", by="maria", on=n) for n in range(start, start + 50)]
        return Say(content=rows, headers=more, etag=f'"said {start}"')

    script.on("GET", CHANGED, page)
    script.on("GET", SPOKEN, talk)
    watch = replace(WATCH, held=frozenset(numbers))
    asked = asked_by(script, lambda: forge.look(watch))
    assert [line for line in asked if "changed" in line] == [f"GET {CHANGED}"] * 2 + [f"GET {SPOKEN}"] * 2
    assert len(asked) < 10
    shown = forge.look(watch)
    assert [said(i.comments) for i in shown.issues if i.number in numbers] == [["words"]] * 100


# What changed is seen, and seen once.


def test_a_changed_comment_is_taken_over(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    changes(script, SPOKEN, comment_row(2, "/cdock stop", by="stranger", updated_at=at(1)))
    assert said(seven(forge.look(WATCH)).comments) == ["one", "/cdock stop"]


def test_an_older_row_of_a_lagging_replica_is_passed_over(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    changes(script, CHANGED, issue_row(7, title="New", comments=2, updated_at=at(2)))
    changes(script, SPOKEN, comment_row(2, "new", by="stranger", updated_at=at(2)))
    assert seven(forge.look(WATCH)).title == "New"
    changes(script, CHANGED, issue_row(7, title="Old", comments=2, updated_at=at(1)))
    changes(script, SPOKEN, comment_row(2, "old", by="stranger", updated_at=at(1)))
    issue = seven(forge.look(WATCH))
    assert (issue.title, said(issue.comments)) == ("New", ["one", "new"])


def test_a_change_within_the_overlap_is_seen(script: Script, forge: GitHubForge) -> None:
    """Replicas catch up late: what is new may be older than the newest that was seen."""
    changes(script, CHANGED, issue_row(8, updated_at=at(3)))
    forge.look(WATCH)
    changes(script, CHANGED, issue_row(8, updated_at=at(3)), issue_row(9, updated_at=at(1, 30)))
    assert [issue.number for issue in forge.look(WATCH).issues] == [7, 8, 9]


def test_a_walk_ends_behind_the_watermark(script: Script, forge: GitHubForge) -> None:
    changes(script, CHANGED, issue_row(8, updated_at=at(10)))
    forge.look(WATCH)
    more = {"Link": '<{url}/api/v3/repositories/1/issues?sort=updated&page=2>; rel="next"'}
    new, old = issue_row(9, updated_at=at(20)), issue_row(10, updated_at=at(7, 59))
    script.on("GET", CHANGED, Say(content=[new], headers=more))
    script.on("GET", "/repositories/1/issues?changed", Say(content=[old], headers=more))
    # What is on the last page anyway is taken too, though it did not change.
    assert [issue.number for issue in forge.look(WATCH).issues] == [7, 8, 9, 10]
    assert len(script.sent("GET", "/repositories/1/issues?changed")) == 1


def test_a_permission_that_could_not_be_read_loses_no_comment(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    path = "/repos/maria/demo/collaborators/paul/permission"
    script.on("GET", path, Say(502, text="<html>"), Say(content={"role_name": "admin"}))
    changes(script, SPOKEN, comment_row(3, "three", by="paul", updated_at=at(1)), etag='"three"')
    with pytest.raises(Unavailable):
        forge.look(WATCH)
    issue = seven(forge.look(WATCH))
    assert [(c.body, c.by_writer) for c in issue.comments[2:]] == [("three", True)]
    assert [s.headers.get("if-none-match") for s in script.sent("GET", SPOKEN)][1:] == ['W/"none"'] * 2


def test_a_page_that_could_not_be_read_loses_no_change(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    more = {"Link": '<{url}/api/v3/repositories/1/issues?sort=updated&page=2>; rel="next"'}
    script.on("GET", CHANGED, Say(content=[issue_row(8, updated_at=at(2))], headers=more, etag='"new"'))
    second = Say(content=[issue_row(9, updated_at=at(1))])
    script.on("GET", "/repositories/1/issues?changed", Say(502, text="<html>"), second)
    with pytest.raises(Unavailable):
        forge.look(WATCH)
    assert [issue.number for issue in forge.look(WATCH).issues] == [7, 8, 9]


def test_comments_on_pull_requests_and_strange_issues_cost_nothing(
    script: Script, forge: GitHubForge
) -> None:
    changes(script, CHANGED, issue_row(12, pull_request={}), issue_row(9))
    forge.look(WATCH)
    rows = [comment_row(n, "words", by="paul", on=n, updated_at=at(1)) for n in (9, 12, 99)]
    changes(script, SPOKEN, *rows)
    assert asked_by(script, lambda: forge.look(WATCH)) == QUIET


def test_comments_that_came_before_anybody_wanted_them_are_read(script: Script, forge: GitHubForge) -> None:
    changes(script, CHANGED, issue_row(9, comments=0))
    script.on("GET", f"{ISSUES}/9/comments", Say(content=[comment_row(5, "early", by="maria", on=9)]))
    forge.look(WATCH)
    changes(script, SPOKEN, comment_row(5, "early", by="maria", on=9, updated_at=at(1)))
    forge.look(WATCH)
    shown = forge.look(replace(WATCH, held=frozenset({7, 9})))
    assert said(shown.issues[-1].comments) == ["early"]


def test_a_count_that_differs_is_a_reason_to_read_the_comments(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/7/comments", Say(content=[comment_row(1, "one", by="maria")]))
    changes(script, CHANGED, issue_row(7, comments=1, updated_at=at(1)))
    assert said(seven(forge.look(WATCH)).comments) == ["one"]
    assert asked_by(script, lambda: forge.look(WATCH)) == QUIET


def test_a_list_without_times_means_look_again(script: Script, forge: GitHubForge) -> None:
    changes(script, CHANGED, issue_row(7, updated_at=None))
    with pytest.raises(Unavailable, match="updated_at"):
        forge.look(WATCH)


# Issues that go and come.


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_not_asked_for_at_each_look(
    script: Script, forge: GitHubForge, status: int
) -> None:
    script.on("GET", f"{ISSUES}/7", Say(status, {"message": "This issue was deleted"}))
    for _ in range(3):
        assert forge.look(WATCH).issues == ()
    assert len(script.sent("GET", f"{ISSUES}/7")) == 1


def test_an_issue_that_was_too_young_for_a_replica_is_found(
    script: Script, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.github.watch.ABSENT_AGAIN", 0.0)
    script.on("GET", f"{ISSUES}/7", Say(404, {}), Say(content=issue_row(7, comments=0)))
    assert forge.look(WATCH).issues == ()
    assert seven(forge.look(WATCH)).number == 7


def test_a_write_to_what_is_gone_is_found_out_at_once(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/7", Say(410, {"message": "This issue was deleted"}))
    with pytest.raises(Refused, match="not in maria/demo any more"):
        forge.ensure_labels(7, add=["in-progress"], remove=[])
    assert forge.look(WATCH, fresh=False).issues == ()


# The safety sweep.


def swept(make: Callable[..., GitHubForge]) -> GitHubForge:
    """A forge that sweeps at every look."""
    return make(sweep=0)


def test_a_quiet_sweep_finds_all_as_it_was(script: Script, make: Callable[..., GitHubForge]) -> None:
    forge = swept(make)
    script.on("GET", "/repos/maria/demo", Say(content=repo_row("maria/demo"), etag='"r"'))
    first = forge.look(WATCH)
    before = len(script.seen)
    assert forge.look(WATCH) is first
    swept_now = script.seen[before:]
    assert [seen.name for seen in swept_now] == [
        CHANGED, SPOKEN, "/repos/maria/demo", ISSUES, f"{ISSUES}/7", f"{ISSUES}/7/comments"
    ]  # fmt: skip
    assert all("if-none-match" in seen.headers for seen in swept_now)


def test_a_deleted_comment_goes_at_the_sweep(script: Script, make: Callable[..., GitHubForge]) -> None:
    forge = swept(make)
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/7/comments", Say(content=[comment_row(2, "two", by="stranger")]))
    assert said(seven(forge.look(WATCH)).comments) == ["two"]


def test_a_deleted_or_transferred_issue_goes_at_the_sweep(
    script: Script, make: Callable[..., GitHubForge]
) -> None:
    forge = swept(make)
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(3, repo="other/place")))
    assert forge.look(WATCH).issues == ()


def test_an_issue_that_lost_its_label_unseen_goes_at_the_sweep(
    script: Script, make: Callable[..., GitHubForge]
) -> None:
    forge = swept(make)
    script.on("GET", ISSUES, Say(content=[issue_row(8)], etag='"a"'), Say(content=[], etag='"b"'))
    script.on("GET", f"{ISSUES}/8", Say(content=issue_row(8, labels=[])))
    # The first look sweeps as well, after it has read the list.
    assert [issue.number for issue in forge.look(WATCH).issues] == [7]


def test_a_sweep_comes_in_slices_and_asks_for_all(
    script: Script, make: Callable[..., GitHubForge], monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = make(sweep=0.0)
    numbers = range(100, 200)
    changes(script, CHANGED, *(issue_row(n, comments=0) for n in numbers))
    for number in numbers:
        script.on("GET", f"{ISSUES}/{number}", Say(content=issue_row(number, comments=0)))
    watch = replace(WATCH, held=frozenset(numbers))
    swept_numbers = []
    for _ in range(5):
        before = len(script.seen)
        forge.look(watch)
        asked = [seen.name for seen in script.seen[before:]]
        assert len(asked) <= 60
        swept_numbers += [name for name in asked if name.startswith(f"{ISSUES}/1")]
    assert set(swept_numbers) == {f"{ISSUES}/{number}" for number in numbers}


def test_a_read_that_fails_in_a_sweep_does_not_fail_the_look(
    script: Script, make: Callable[..., GitHubForge]
) -> None:
    forge = swept(make)
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/7", Say(502, text="<html>"))
    changes(script, CHANGED, issue_row(8, updated_at=at(1)))
    assert [issue.number for issue in forge.look(WATCH).issues] == [7, 8]


def test_what_nobody_wants_is_forgotten(script: Script, make: Callable[..., GitHubForge]) -> None:
    forge = swept(make)
    changes(script, CHANGED, issue_row(9, state="closed", comments=0))
    forge.look(WATCH)
    script.on("GET", f"{ISSUES}/9", Say(content=issue_row(9, state="closed", comments=0)))
    watch = replace(WATCH, held=frozenset({7, 9}))
    assert f"GET {ISSUES}/9" in asked_by(script, lambda: forge.look(watch))


# Help issues.


def help_row(number: int, **more: Any) -> dict[str, Any]:
    labels = [{"name": "agent-help"}]
    return issue_row(number, body=f"{HELP}\n\nHow?\n", user={"login": BOT}, labels=labels, **more)


ASKING = replace(WATCH, asking=frozenset({7}))


def test_a_help_issue_is_listed_once_and_then_followed(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{ISSUES}?helps", Say(content=[help_row(9, comments=0)]))
    (found,) = forge.look(ASKING).helps
    assert (found.number, found.open, found.comments) == (9, True, ())
    changes(script, SPOKEN, comment_row(5, "Use OAuth", by="maria", on=9, updated_at=at(1)))
    (found,) = forge.look(ASKING).helps
    assert [(c.body, c.by_writer) for c in found.comments] == [("Use OAuth", True)]
    assert len(script.sent("GET", f"{ISSUES}?helps")) == 1


def test_who_closed_a_help_issue_is_asked_for_once(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{ISSUES}?helps", Say(content=[help_row(9, comments=0)]))
    forge.look(ASKING)
    closed = help_row(9, comments=0, state="closed", closed_at=at(1), updated_at=at(1))
    script.on("GET", f"{ISSUES}/9", Say(content={**closed, "closed_by": {"login": "maria"}}))
    changes(script, CHANGED, closed)
    (found,) = forge.look(ASKING).helps
    assert (found.open, found.closed_by, found.closed_by_writer) == (False, "maria", True)
    changes(script, CHANGED, {**closed, "comments": 0, "updated_at": at(2)})
    forge.look(ASKING)
    assert len(script.sent("GET", f"{ISSUES}/9")) == 1


def test_a_help_issue_that_is_closed_again_may_be_closed_by_another(
    script: Script, forge: GitHubForge
) -> None:
    closed = help_row(9, comments=0, state="closed", closed_at=at(1), updated_at=at(1))
    script.on("GET", f"{ISSUES}?helps", Say(content=[closed]))
    script.on("GET", f"{ISSUES}/9", Say(content={**closed, "closed_by": {"login": "maria"}}))
    assert forge.look(ASKING).helps[0].closed_by_writer
    again = {**closed, "closed_at": at(5), "updated_at": at(5)}
    script.on("GET", f"{ISSUES}/9", Say(content={**again, "closed_by": {"login": "mallory"}}))
    changes(script, CHANGED, again)
    (found,) = forge.look(ASKING).helps
    assert (found.closed_by, found.closed_by_writer) == ("mallory", False)


def test_nobody_closed_it_when_the_account_is_gone(script: Script, forge: GitHubForge) -> None:
    closed = help_row(9, comments=0, state="closed", closed_at=at(1))
    script.on("GET", f"{ISSUES}?helps", Say(content=[closed]))
    script.on("GET", f"{ISSUES}/9", Say(content={**closed, "closed_by": None}))
    for _ in range(2):
        (found,) = forge.look(ASKING).helps
        assert (found.open, found.closed_by, found.closed_by_writer) == (False, "", False)
    assert len(script.sent("GET", f"{ISSUES}/9")) == 1


# Pull requests.


def pull_row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "html_url": "u", "head": {"ref": BRANCH}, "state": "open", "merged_at": None,
        "updated_at": at(0), **more,
    }  # fmt: skip


WATCHED = replace(WATCH, branches=frozenset({BRANCH}))


def test_pull_requests_are_followed_only_while_one_of_ours_is_open(
    script: Script, forge: GitHubForge
) -> None:
    script.on("GET", PULLS, Say(content=[pull_row(12)]))
    assert [pull.open for pull in forge.look(WATCHED).pulls] == [True]
    assert asked_by(script, lambda: forge.look(WATCHED)) == [*QUIET, f"GET {MOVED}"]
    changes(script, MOVED, pull_row(12, state="closed", merged_at=at(1), updated_at=at(1)))
    assert [pull.merged for pull in forge.look(WATCHED).pulls] == [True]
    assert asked_by(script, lambda: forge.look(WATCHED)) == QUIET


def test_what_happened_while_none_was_open_is_not_read_up(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULLS, Say(content=[pull_row(12)]))
    forge.look(WATCHED)
    changes(script, MOVED, pull_row(12, state="closed", updated_at=at(1)))
    forge.look(WATCHED)
    more = {"Link": '<{url}/api/v3/repositories/1/pulls?sort=updated&page=2>; rel="next"'}
    strangers = [pull_row(n, head={"ref": "other"}, updated_at=at(30)) for n in range(100, 130)]
    script.on("GET", MOVED, Say(content=strangers, headers=more))
    script.on("POST", PULLS, Say(201, pull_row(13)))
    watch = replace(WATCHED, branches=frozenset({"cdock/x.1"}))
    script.on("GET", PULLS, Say(content=[pull_row(13, head={"ref": "cdock/x.1"})]))
    forge.look(watch)
    assert asked_by(script, lambda: forge.look(watch)) == [*QUIET, f"GET {MOVED}"]


def test_a_pull_request_that_a_person_opens_is_noticed(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULLS, Say(content=[]))
    assert forge.look(WATCHED).pulls == ()
    changes(script, MOVED, pull_row(12))
    changes(script, CHANGED, issue_row(12, pull_request={}, updated_at=at(1)))
    assert [pull.number for pull in forge.look(WATCHED).pulls] == [12]


def test_a_branch_without_pull_request_is_asked_for_once(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULLS, Say(content=[]))
    forge.look(WATCHED)
    assert asked_by(script, lambda: forge.look(WATCHED)) == QUIET


@pytest.mark.parametrize("pages", [1, 9])
def test_many_branches_are_looked_for_in_one_list_unless_it_is_long(
    script: Script, forge: GitHubForge, pages: int
) -> None:
    branches = [f"cdock/x.{n:07}" for n in range(40)]

    def page(seen: Seen) -> Say:
        if branch := seen.query.get("head", "").partition(":")[2]:
            rows = [pull_row(500, head={"ref": branch})] if branch == branches[3] else []
            return Say(content=rows)
        number = int(seen.query.get("page", "1"))
        more = {"Link": f'<{{url}}/api/v3{PULLS}?state=all&page={number + 1}>; rel="next"'}
        rows = [pull_row(number), pull_row(500, head={"ref": branches[3]})]
        return Say(content=rows, headers=more if number < pages else {})

    script.on("GET", PULLS, page)
    watch = replace(WATCH, branches=frozenset(branches))
    asked = asked_by(script, lambda: forge.look(watch))
    assert asked.count(f"GET {PULLS}") == (1 if pages == 1 else 4 + 40)
    assert [(pull.number, pull.head) for pull in forge.look(watch).pulls] == [(500, branches[3])]
    assert asked_by(script, lambda: forge.look(watch))[:2] == QUIET


# Our own writes.


def test_a_transition_costs_its_writes_and_is_seen_without_a_look(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    text = f"{STATUS}\nIn progress\n"
    script.on("POST", f"{ISSUES}/7/labels", Say(content=[{"name": "agent-ready"}, {"name": "in-progress"}]))
    script.on("DELETE", f"{ISSUES}/7/labels/agent-ready", Say(content=[{"name": "in-progress"}]))
    script.on("POST", f"{ISSUES}/7/comments", Say(201, comment_row(5, text, updated_at=at(1))))
    edited = f"{STATUS}\nDone\n"
    script.on("PATCH", f"{COMMENTS}/5", Say(content=comment_row(5, edited, updated_at=at(2))))

    def show(body: str) -> None:
        forge.ensure_labels(7, add=["in-progress"], remove=["agent-ready"])
        forge.ensure_comment(7, marker=STATUS, body=body)

    assert asked_by(script, lambda: show(text)) == [
        f"POST {ISSUES}/7/labels",
        f"DELETE {ISSUES}/7/labels/agent-ready",
        f"POST {ISSUES}/7/comments",
    ]
    assert asked_by(script, lambda: show(text)) == []
    assert asked_by(script, lambda: show(edited)) == [f"PATCH {COMMENTS}/5"]
    issue = seven(forge.look(WATCH, fresh=False))
    assert (issue.labels, said(issue.comments)[2:]) == (frozenset({"in-progress"}), [edited])
    assert issue.comments[2].mine


GRAPHQL = "/api/graphql"
NAMED = [{"name": "agent-ready", "node_id": "L1"}, {"name": "bug", "node_id": "L2"}]


def with_nodes(script: Script, forge: GitHubForge) -> None:
    """The issue and the repository's labels are known by what GraphQL calls them."""
    made = {"name": "in-progress", "node_id": "L3"}
    changes(script, CHANGED, issue_row(8, labels=[made], node_id="I8"))
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, labels=NAMED, node_id="I7", comments=2)))
    forge.look(WATCH)


def test_labels_change_by_one_mutation_where_all_is_known(script: Script, forge: GitHubForge) -> None:
    with_nodes(script, forge)
    script.on("POST", GRAPHQL, Say(content={"data": {"add": {}, "remove": {}}}))
    asked = asked_by(
        script, lambda: forge.ensure_labels(7, add=["In-Progress", "bug"], remove=["agent-ready", "absent"])
    )
    assert asked == [f"POST {GRAPHQL}"]
    assert script.seen[-1].body["variables"] == {"issue": "I7", "add": ["L3"], "remove": ["L1"]}
    assert seven(forge.look(WATCH, fresh=False)).labels == {"In-Progress", "bug"}


def test_a_label_nobody_has_yet_is_put_on_by_its_name(script: Script, forge: GitHubForge) -> None:
    with_nodes(script, forge)
    script.on("POST", f"{ISSUES}/7/labels", Say(content=[*NAMED, {"name": "new", "node_id": "L9"}]))
    script.on("DELETE", f"{ISSUES}/7/labels/agent-ready", Say(content=[]))
    asked = asked_by(script, lambda: forge.ensure_labels(7, add=["new"], remove=["agent-ready"]))
    assert asked == [f"POST {ISSUES}/7/labels", f"DELETE {ISSUES}/7/labels/agent-ready"]
    script.on("POST", GRAPHQL, Say(content={"data": {"add": {}, "remove": {}}}))
    asked = asked_by(script, lambda: forge.ensure_labels(7, add=["in-progress"], remove=["new"]))
    assert asked == [f"POST {GRAPHQL}"]


@pytest.mark.parametrize("kind", ["NOT_FOUND", "FORBIDDEN"])
def test_where_a_mutation_may_not_the_names_do(script: Script, forge: GitHubForge, kind: str) -> None:
    """A label that was made anew has another id; and REST tells best what a token lacks."""
    with_nodes(script, forge)
    script.on("POST", GRAPHQL, Say(content={"data": None, "errors": [{"type": kind, "message": "no"}]}))
    script.on("POST", f"{ISSUES}/7/labels", Say(content=[{"name": "in-progress"}]))
    script.on("DELETE", f"{ISSUES}/7/labels/agent-ready", Say(content=[]))
    forge.ensure_labels(7, add=["in-progress"], remove=["agent-ready"])
    assert len(script.sent("DELETE")) == 1
    assert seven(forge.look(WATCH)).labels == {"bug", "in-progress"}


def test_a_mutation_of_unknown_outcome_is_looked_at(script: Script, forge: GitHubForge) -> None:
    with_nodes(script, forge)
    script.on("POST", GRAPHQL, Say(502, text="<html>"))
    with pytest.raises(Unavailable):
        forge.ensure_labels(7, add=["in-progress"], remove=["agent-ready"])
    labels = [{"name": "in-progress"}]
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, labels=labels, comments=2, updated_at=at(1))))
    asked = asked_by(script, lambda: forge.ensure_labels(7, add=["in-progress"], remove=["agent-ready"]))
    assert asked == [f"GET {ISSUES}/7"]


def test_a_lagging_list_does_not_undo_our_labels(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    script.on("DELETE", f"{ISSUES}/7/labels/agent-ready", Say(content=[]))
    forge.ensure_labels(7, add=[], remove=["agent-ready"])
    # A replica that does not know of our write, and one that does.
    changes(script, CHANGED, issue_row(7, comments=2), issue_row(8))
    assert seven(forge.look(WATCH)).labels == frozenset()
    changes(script, CHANGED, issue_row(7, comments=2, labels=[{"name": "bug"}], updated_at=at(1)))
    assert seven(forge.look(WATCH)).labels == {"bug"}
    changes(script, CHANGED, issue_row(7, comments=2, updated_at=at(2)))
    assert seven(forge.look(WATCH)).labels == {"agent-ready"}


def test_comments_that_nobody_wanted_are_read_before_one_is_written(
    script: Script, forge: GitHubForge
) -> None:
    changes(script, CHANGED, issue_row(8, comments=1))
    text = f"{STATUS}\nIn progress\n"
    script.on("GET", f"{ISSUES}/8/comments", Say(content=[comment_row(5, text, on=8)]))
    forge.look(WATCH)
    forge.ensure_comment(8, marker=STATUS, body=text)
    assert script.sent("POST") == []


def test_a_lagging_list_does_not_undo_our_comment(script: Script, make: Callable[..., GitHubForge]) -> None:
    forge = make(sweep=0)
    forge.look(WATCH)
    text = f"{STATUS}\nIn progress\n"
    script.on("POST", f"{ISSUES}/7/comments", Say(201, comment_row(5, text, updated_at=at(1))))
    forge.ensure_comment(7, marker=STATUS, body=text)
    old = [comment_row(1, "one", by="maria"), comment_row(2, "two", by="stranger")]
    script.on("GET", f"{ISSUES}/7/comments", Say(content=old, etag='"another replica"'))
    assert said(seven(forge.look(WATCH)).comments)[2:] == [text]
    forge.ensure_comment(7, marker=STATUS, body=text)
    assert len(script.sent("POST")) == 1


def test_after_an_unknown_outcome_the_real_list_is_read(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    text = f"{STATUS}\nIn progress\n"
    script.on("POST", f"{ISSUES}/7/comments", Say(502, text="<html>"))
    with pytest.raises(Unavailable):
        forge.ensure_comment(7, marker=STATUS, body=text)
    rows = [comment_row(1, "one", by="maria"), comment_row(5, text, updated_at=at(1))]
    script.on("GET", f"{ISSUES}/7/comments", Say(content=rows))
    forge.ensure_comment(7, marker=STATUS, body=text)
    assert len(script.sent("POST")) == 1
    assert said(seven(forge.look(WATCH, fresh=False)).comments) == ["one", text]


def test_labels_of_unknown_outcome_are_looked_at(script: Script, forge: GitHubForge) -> None:
    forge.look(WATCH)
    script.on("POST", f"{ISSUES}/7/labels", Say(502, text="<html>"))
    with pytest.raises(Unavailable):
        forge.ensure_labels(7, add=["in-progress"], remove=[])
    labels = [{"name": "in-progress"}]
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, labels=labels, comments=2, updated_at=at(1))))
    forge.ensure_labels(7, add=["in-progress"], remove=[])
    assert len(script.sent("POST")) == 1


def test_a_pull_request_is_opened_by_one_request_and_followed(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PULLS, Say(content=[]))
    forge.look(WATCHED)
    script.on("POST", PULLS, Say(201, pull_row(12)))
    opened = asked_by(script, lambda: forge.ensure_pull(head=BRANCH, title="Demo", body="Closes #7"))
    assert opened == [f"POST {PULLS}"]
    assert [pull.number for pull in forge.look(WATCHED, fresh=False).pulls] == [12]
    assert asked_by(script, lambda: forge.ensure_pull(head=BRANCH, title="Demo", body="")) == []


def test_an_own_help_issue_shows_at_once(script: Script, forge: GitHubForge) -> None:
    forge.look(ASKING)
    script.on("POST", ISSUES, Say(201, help_row(9, comments=0)))
    forge.ensure_help(issue=7, marker=HELP, title="How?", body=f"{HELP}\n\nHow?\n", label="agent-help")
    assert [help_.number for help_ in forge.look(ASKING, fresh=False).helps] == [9]


def test_an_old_picture_is_no_ground_for_writes(
    script: Script, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.look(WATCH)
    monkeypatch.setattr("cdock.adapters.github.watch.AGED", 0.0)
    script.on("GET", f"{ISSUES}/7", Say(content=issue_row(7, labels=[{"name": "in-progress"}])))
    forge.ensure_labels(7, add=["in-progress"], remove=["agent-ready"])
    assert script.sent("POST") == script.sent("DELETE") == []


# Many.


def test_a_thousand_quiet_issues_cost_hardly_any_time(script: Script, forge: GitHubForge) -> None:
    numbers = range(1000, 2000)
    script.on("GET", ISSUES, Say(content=[issue_row(n, comments=0) for n in numbers]))
    watch = replace(WATCH, held=frozenset(numbers), asking=frozenset(numbers))
    first = forge.look(watch)
    assert len(first.issues) == 1000
    forge.look(watch)
    spent = time.process_time()
    for _ in range(20):
        assert forge.look(replace(watch, held=frozenset(numbers))) is first
    # The client, the server of this test and its requests included.
    assert (time.process_time() - spent) / 20 < 0.05
