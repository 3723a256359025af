"""What linking issues, and judging ticks, costs; and what is done where the host cannot: against a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cdock.adapters.github.edits import Edit, History, history_of, since_own
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.normalize import User
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import Refused
from cdock.core.issues import Issue, Watch
from tests.github_script import BOT, LIMIT, Say, Script, at, comment_row, issue_row, scripted

ISSUES, CHANGED = "/repos/maria/demo/issues", "/repos/maria/demo/issues?changed"
SPOKEN = "/repos/maria/demo/issues/comments?changed"
PARTS, WAITS = f"{ISSUES}/7/sub_issues", f"{ISSUES}/8/dependencies/blocked_by"
GATE = "<!-- cdock:gate stage=1 -->\n\n- [ ] Go <!-- cdock:choice approve -->"
TICKED = GATE.replace("[ ]", "[x]")


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


def part(number: int) -> Issue:
    created = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return Issue(number, 9_000_000 + number, f"Task {number}", "", BOT, "", created)


def test_what_hangs_together_is_read_once_and_named_by_its_id(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PARTS, Say(content=[issue_row(8)]))
    script.on("GET", WAITS, Say(content=[issue_row(9)]))
    script.on("POST", PARTS, Say(201, issue_row(7)))
    script.on("POST", WAITS, Say(201, issue_row(8)))
    for _ in range(2):
        for number in (8, 9, 10):
            forge.ensure_part(part(number), of=7)
        for number in (9, 10):
            forge.ensure_blocked(8, by=part(number))
    assert [seen.body for seen in script.sent("POST", PARTS)] == [
        {"sub_issue_id": 9_000_009},
        {"sub_issue_id": 9_000_010},
    ]
    assert [seen.body for seen in script.sent("POST", WAITS)] == [{"issue_id": 9_000_010}]
    assert [len(script.sent("GET", path)) for path in (PARTS, WAITS)] == [1, 1]


def test_a_host_without_links_is_asked_once(
    script: Script, forge: GitHubForge, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (7, 8):
        script.on("GET", f"{ISSUES}/{number}", Say(content=issue_row(number)))
    for number in (8, 9, 10):
        forge.ensure_part(part(number), of=7)
        forge.ensure_blocked(8, by=part(number))
    assert script.sent("POST") == []
    assert [len(script.sent("GET", path)) for path in (PARTS, WAITS)] == [1, 1]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "left out, for the token or the host lacks it"
    ] * 2


def test_an_issue_that_is_gone_is_no_lack_of_the_host(script: Script, forge: GitHubForge) -> None:
    with pytest.raises(Refused, match="#7"):
        forge.ensure_part(part(8), of=7)
    with pytest.raises(Refused, match="#8"):
        forge.ensure_blocked(8, by=part(9))
    script.on("GET", f"{ISSUES}/11/sub_issues", Say(content=[]))
    script.on("POST", f"{ISSUES}/11/sub_issues", Say(201, issue_row(11)))
    forge.ensure_part(part(8), of=11)
    assert len(script.sent("POST", f"{ISSUES}/11/sub_issues")) == 1


def test_a_refused_link_is_left_out(script: Script, forge: GitHubForge) -> None:
    script.on("GET", PARTS, Say(content=[]))
    script.on("POST", PARTS, Say(422, {"message": "Parent cannot have more than 100 sub-issues"}))
    for _ in range(2):
        forge.ensure_part(part(8), of=7)
    assert len(script.sent("POST", PARTS)) == 1


def test_a_label_that_is_there_is_not_made(script: Script, forge: GitHubForge) -> None:
    row = {"id": 5, "node_id": "LA_5", "name": "Stage-1", "color": "ededed"}
    script.on("GET", "/repos/maria/demo/labels/stage-1", Say(content=row))
    script.on("POST", "/repos/maria/demo/labels", Say(201, {**row, "name": "stage-2", "node_id": "LA_6"}))
    for _ in range(2):
        forge.ensure_label("stage-1")
        forge.ensure_label("stage-2")
    (made,) = script.sent("POST")
    assert made.body["name"] == "stage-2"
    assert len(script.sent("GET")) == 3, "the repository, and each label once"


# Plans, and ticks in comments


def look(forge: GitHubForge) -> Any:
    watch = Watch(ready="agent-ready", help="agent-help", plan="agent-plan", held=frozenset({7}))
    (issue,) = forge.look(watch).issues
    return issue


def test_plans_cost_one_list_at_first_and_nothing_later(script: Script, forge: GitHubForge) -> None:
    script.on("GET", ISSUES, Say(content=[]))
    script.on("GET", CHANGED, Say(content=[], etag='"a"'))
    watch = Watch(ready="agent-ready", help="agent-help", plan="agent-plan")
    forge.look(watch)
    assert [seen.query["labels"] for seen in script.sent("GET", ISSUES)] == ["agent-ready", "agent-plan"]
    before = len(script.seen)
    forge.look(watch)
    assert [seen.name for seen in script.seen[before:]] == [CHANGED, SPOKEN]


def held(script: Script, *said: dict[str, Any]) -> None:
    script.on("GET", ISSUES, Say(content=[]))
    script.on("GET", CHANGED, Say(content=[issue_row(7, comments=len(said), labels=[])], etag='"a"'))
    script.on("GET", f"{ISSUES}/7/comments", Say(content=list(said)))


def edits(*by: tuple[str, str], body: str = TICKED) -> Say:
    """The history of a comment, newest first; the first version is by us."""
    nodes = [{"editor": {"__typename": "User", "login": who}, "editedAt": when} for who, when in by]
    first = {"editor": {"__typename": "User", "login": BOT}, "editedAt": "2026-01-01T12:00:00Z"}
    row = {
        "body": body,
        "createdAt": "2026-01-01T12:00:00Z",
        "author": {"__typename": "User", "login": BOT},
        "lastEditedAt": nodes[0]["editedAt"],
        "editor": nodes[0]["editor"],
        "userContentEdits": {"totalCount": len(nodes) + 1, "nodes": [*nodes, first]},
    }
    return Say(content={"data": {"node": row}})


def may(script: Script, login: str, permission: str) -> None:
    path = f"/repos/maria/demo/collaborators/{login}/permission"
    script.on("GET", path, Say(content={"permission": permission, "role_name": permission}))


def test_ticks_are_judged_once_for_each_text(script: Script, forge: GitHubForge) -> None:
    may(script, "maria", "admin")
    row = comment_row(1, TICKED, node_id="IC_1", updated_at=at(1))
    held(script, row)
    script.on("POST", "/api/graphql", edits(("maria", at(1))))
    for _ in range(3):
        (comment,) = look(forge).comments
        assert (comment.ticked_by, comment.ticked_by_writer) == ("maria", True)
    (asked,) = script.sent("POST")
    assert asked.body["variables"] == {"comment": "IC_1"}
    script.on("GET", SPOKEN, Say(content=[{**row, "updated_at": at(2)}], etag='"b"'))
    script.on("POST", "/api/graphql", edits(("mallory", at(2)), ("maria", at(1))))
    may(script, "mallory", "read")
    (comment,) = look(forge).comments
    assert (comment.ticked_by, comment.ticked_by_writer) == ("mallory", False)
    assert len(script.sent("POST")) == 2


def test_what_nobody_ticked_is_not_asked_about(script: Script, forge: GitHubForge) -> None:
    held(script, comment_row(1, GATE, node_id="IC_1"), comment_row(2, TICKED, by="maria", node_id="IC_2"))
    may(script, "maria", "admin")
    assert [comment.ticked_by for comment in look(forge).comments] == ["", ""]
    assert script.sent("POST") == []


def test_a_text_that_graphql_knows_otherwise_is_judged_later(script: Script, forge: GitHubForge) -> None:
    may(script, "maria", "admin")
    held(script, comment_row(1, TICKED, node_id="IC_1", updated_at=at(1)))
    script.on(
        "POST", "/api/graphql", edits(("maria", at(1)), body="something newer"), edits(("maria", at(1)))
    )
    assert not look(forge).comments[0].ticked_by_writer
    assert look(forge).comments[0].ticked_by_writer


def test_where_nobody_tells_who_edits_a_tick_is_nobodys(script: Script, forge: GitHubForge) -> None:
    held(script, comment_row(1, TICKED, node_id="IC_1", updated_at=at(1)))
    for _ in range(2):
        (comment,) = look(forge).comments
        assert (comment.ticked_by, comment.ticked_by_writer) == ("", False)
    assert len(script.sent("POST", "/api/graphql")) == 1


def at_second(second: int, who: str) -> Edit:
    return Edit(User(who), datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC))


@pytest.mark.parametrize(
    ("history", "counted"),
    [
        (["1 maria"], ["maria"]),
        (["1 mallory", "2 bot", "3 maria"], ["maria"]),
        (["1 mallory", "2 bot"], ["mallory", "bot"]),
        (["1 bot", "2 mallory", "3 bot"], ["mallory", "bot"]),
        (["1 bot", "1 mallory", "2 maria"], ["mallory", "maria"]),
        (["1 bot", "2 bot"], ["bot"]),
        ([], []),
    ],
)
def test_edits_since_our_own(history: list[str], counted: list[str]) -> None:
    edits = [at_second(int(second), who) for second, who in (each.split() for each in history)]
    found = since_own(edits, lambda user: user.login == "bot")
    assert [edit.by.login for edit in found] == counted


def test_a_history_of_which_only_the_newest_is_shown_says_so() -> None:
    node = {"editor": {"login": "maria"}, "editedAt": at(5)}
    row: dict[str, Any] = {
        "body": "x",
        "createdAt": at(0),
        "author": {"login": BOT},
        "lastEditedAt": at(5),
        "editor": {"login": "maria"},
        "userContentEdits": {"totalCount": 500, "nodes": [node]},
    }
    assert (history_of(row).whole, history_of(row).newest) == (False, True)
    row["editor"] = {"login": "mallory"}
    assert (history_of(row).whole, history_of(row).newest) == (False, False)
    assert history_of({"body": "x"}) == History("x")
