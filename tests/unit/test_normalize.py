"""Payloads of GitHub's REST API become values, whatever servers leave out."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.normalize import User
from cdock.core.errors import Unavailable
from cdock.core.issues import Comment, HelpIssue, Issue
from cdock.core.marker import Marker, parse_marker
from cdock.core.pulls import PullRequest

TASK = "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11"
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HELP = f"<!-- cdock:help task={TASK} round=2 issue=7 -->"

ISSUE: dict[str, Any] = {
    "number": 7,
    "id": 9_000_007,
    "title": "Add login",
    "body": "First\r\nsecond\rthird\n",
    "user": {"login": "maria"},
    "html_url": "https://github.com/maria/demo/issues/7",
    "created_at": "2026-01-01T12:00:00Z",
    "state": "open",
    "labels": [{"name": "agent-ready"}, "plain", {"name": None}, None],
}


def test_an_issue() -> None:
    assert normalize.issue_from_rest(ISSUE) == Issue(
        number=7,
        id=9_000_007,
        title="Add login",
        body="First\nsecond\nthird\n",
        author="maria",
        url="https://github.com/maria/demo/issues/7",
        created_at=NOON,
        open=True,
        labels=frozenset({"agent-ready", "plain"}),
    )


def test_an_issue_of_a_deleted_account_without_text() -> None:
    found = normalize.issue_from_rest(
        {**ISSUE, "user": None, "body": None, "labels": None, "state": "closed"}
    )
    assert (found.author, found.body, found.labels, found.open) == ("", "", frozenset(), False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", None),
        ("number", "7"),
        ("number", True),
        ("id", None),
        ("created_at", None),
        ("created_at", "yesterday"),
    ],
)
def test_an_issue_without_what_it_needs(field: str, value: object) -> None:
    with pytest.raises(Unavailable, match=f"`{field}`"):
        normalize.issue_from_rest({**ISSUE, field: value})


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T12:00:00Z", "2026-01-01T14:00:00+02:00", "2026-01-01T12:00:00", "2026-01-01T12:00:00.000Z"],
)
def test_times_are_in_utc(text: str) -> None:
    found = normalize.issue_from_rest({**ISSUE, "created_at": text}).created_at
    assert found == NOON
    assert found.tzinfo is UTC


def test_a_comment() -> None:
    row = {"id": 5, "body": "Use\r\nOAuth", "user": {"login": "maria"}, "created_at": "2026-01-01T12:00:00Z"}
    assert normalize.comment_from_rest(row, mine=False, by_writer=True) == Comment(
        id=5, author="maria", body="Use\nOAuth", created_at=NOON, mine=False, by_writer=True
    )


@pytest.mark.parametrize(
    ("changes", "merged"),
    [
        ({"merged_at": None}, False),
        ({"merged_at": "2026-01-01T12:00:00Z"}, True),
        ({"merged": True}, True),
        ({"merged": False}, False),
        ({}, False),
    ],
)
def test_a_pull_request(changes: dict[str, Any], merged: bool) -> None:
    row = {"number": 12, "html_url": "u", "state": "closed", "head": {"ref": "cdock/x.0b9b54d"}, **changes}
    expected = PullRequest(number=12, url="u", head="cdock/x.0b9b54d", open=False, merged=merged)
    assert normalize.pull_from_rest(row) == expected


def test_a_help_issue() -> None:
    row = {**ISSUE, "number": 9, "body": f"{HELP}\r\n\r\nHow?", "state": "closed"}
    issue = normalize.issue_from_rest(row)
    assert normalize.help_of(issue, closed_by="maria", closed_by_writer=True) == HelpIssue(
        number=9,
        url=ISSUE["html_url"],
        open=False,
        task=UUID(TASK),
        round=2,
        closed_by="maria",
        closed_by_writer=True,
        created_at=datetime.fromisoformat(ISSUE["created_at"]),
    )
    assert normalize.helped_issue(issue) == 7


def test_an_open_help_issue_was_closed_by_nobody() -> None:
    """GitHub keeps who closed it last after it was opened again."""
    issue = normalize.issue_from_rest({**ISSUE, "body": HELP})
    found = normalize.help_of(issue, closed_by="maria", closed_by_writer=True)
    assert found is not None
    assert (found.open, found.closed_by, found.closed_by_writer) == (True, "", False)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "How?",
        f"Look at this:\n{HELP}",
        f"> {HELP}",
        f"<!-- cdock:status task={TASK} -->",
        "<!-- cdock:help task=7 round=1 issue=7 -->",
        f"<!-- cdock:help task={TASK} round=one issue=7 -->",
        f"<!-- cdock:help task={TASK} -->",
    ],
)
def test_other_issues_are_no_help_issues(body: str | None) -> None:
    assert normalize.help_of(normalize.issue_from_rest({**ISSUE, "body": body})) is None


@pytest.mark.parametrize("number", ["", "x", "-7", "7.0"])
def test_a_help_issue_about_nothing(number: str) -> None:
    body = f"<!-- cdock:help task={TASK} round=1 issue={number} -->"
    assert normalize.helped_issue(normalize.issue_from_rest({**ISSUE, "body": body})) == 0


def test_a_marker_is_found_by_the_fields_that_were_asked_for() -> None:
    text = f"{HELP}\n\nHow?"
    whole = parse_marker(HELP)
    assert whole is not None
    assert normalize.carries(text, whole)
    assert normalize.carries(text, Marker("help", {"task": TASK}))
    assert not normalize.carries(text, Marker("status", {"task": TASK}))
    assert not normalize.carries(text, Marker("help", {"task": TASK, "round": "1"}))
    assert not normalize.carries(f"words\n{HELP}", whole)


@pytest.mark.parametrize(
    ("row", "role"),
    [
        ({"role_name": "admin", "permission": "admin"}, "admin"),
        ({"role_name": "maintain", "permission": "write"}, "maintain"),
        ({"role_name": "write", "permission": "write"}, "write"),
        ({"role_name": "triage", "permission": "read"}, "triage"),
        ({"role_name": "read", "permission": "read"}, "read"),
        ({"role_name": "none", "permission": "none"}, "none"),
        ({"role_name": "security-team", "permission": "write"}, "write"),
        ({"role_name": "auditors", "permission": "read"}, "read"),
        ({"permission": "write"}, "write"),
        ({"permission": None}, "none"),
        ({"permission": "owner"}, "none"),
        ({}, "none"),
    ],
)
def test_roles(row: dict[str, Any], role: str) -> None:
    assert normalize.role_of(row) == role


def test_logins_ignore_case_and_nobody_is_nobody() -> None:
    assert normalize.same_login("Cdock-Bot", "cdock-bot")
    assert not normalize.same_login("cdock-bot", "cdock-bot2")
    assert not normalize.same_login("", "")


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ({"login": "maria", "type": "User"}, User("maria")),
        ({"login": "maria"}, User("maria")),
        ({"login": "renovate[bot]", "type": "Bot"}, User("renovate[bot]", bot=True)),
        ({"login": "renovate[bot]"}, User("renovate[bot]", bot=True)),
        ({"login": "some-app", "type": "Bot"}, User("some-app", bot=True)),
        (None, User("")),
    ],
)
def test_bots_are_told_from_people(user: dict[str, str] | None, found: User) -> None:
    assert normalize.user_of({"actor": user}, "actor") == found


def test_a_comment_says_what_it_stands_on() -> None:
    assert normalize.spoken_on({"issue_url": "https://api.github.com/repos/maria/demo/issues/7"}) == 7
    for url in (None, "", "https://api.github.com/repos/maria/demo/issues/"):
        with pytest.raises(Unavailable, match="issue_url"):
            normalize.spoken_on({"issue_url": url})


@pytest.mark.parametrize(
    ("row", "pull"), [({"pull_request": {}}, True), ({"pull_request": None}, False), ({}, False)]
)
def test_pull_requests_among_issues(row: dict[str, Any], pull: bool) -> None:
    assert payload.is_pull(row) is pull
