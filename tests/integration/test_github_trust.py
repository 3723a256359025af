"""Whose word the GitHub adapter counts: attacks on labels, texts and comments, as a scripted server shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import Refused, Unavailable
from cdock.core.issues import Approval, Comment, Watch
from tests.github_script import BOT, LIMIT, Say, Script, at, comment_row, issue_row, scripted

GRAPHQL, ISSUE = "/api/graphql", "/repos/maria/demo/issues/7"
Make = Callable[..., GitHubForge]


@pytest.fixture
def script() -> Iterator[Script]:
    """Maria may write, paul may triage, mallory may read."""
    with scripted() as script:
        for login, role in {"maria": "maintain", "paul": "triage", "mallory": "read", BOT: "write"}.items():
            path = f"/repos/maria/demo/collaborators/{login}/permission"
            script.on("GET", path, Say(content={"role_name": role}))
        yield script


@pytest.fixture
def make(script: Script) -> Iterator[Make]:
    made: list[GitHubForge] = []

    def build(**options: Any) -> GitHubForge:
        repository = parse_repository(f"{script.url}/maria/demo.git")
        made.append(GitHubForge(repository, token="ghp_word", timeout=LIMIT, **options))
        return made[-1]

    yield build
    for forge in made:
        forge.close()


@pytest.fixture
def forge(make: Make) -> GitHubForge:
    return make()


def who(login: str) -> dict[str, str] | None:
    """An actor, as GraphQL names it; nobody for no login."""
    if not login:
        return None
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"__typename": kind, "login": login.removesuffix("[bot]")}


def labelled(by: str, minute: int = 10, *, label: str = "agent-ready", off: bool = False) -> dict[str, Any]:
    kind = "UnlabeledEvent" if off else "LabeledEvent"
    return {"__typename": kind, "createdAt": at(minute), "actor": who(by), "label": {"name": label}}


def renamed(by: str, minute: int) -> dict[str, Any]:
    return {"__typename": "RenamedTitleEvent", "createdAt": at(minute), "actor": who(by)}


def text(*events: dict[str, Any], edited: tuple[str, int] | None = None) -> Say:
    """What GraphQL says of an issue."""
    by, minute = edited or ("", 0)
    issue = {
        "title": "Issue 7",
        "body": "Please\r\nnow",
        "lastEditedAt": at(minute) if edited else None,
        "editor": who(by),
        "timelineItems": {"nodes": list(events)},
    }
    return Say(content={"data": {"repository": {"issue": issue}}})


def approved(script: Script, forge: GitHubForge, say: Say) -> Approval:
    script.on("POST", GRAPHQL, say)
    return forge.approval(7, label="agent-ready")


# Who put the label on.


@pytest.mark.parametrize(
    ("by", "granted"),
    [("maria", True), ("paul", False), ("mallory", False), ("renovate[bot]", False), ("", False)],
)
def test_only_a_writers_label_counts(script: Script, forge: GitHubForge, by: str, granted: bool) -> None:
    """A form sets labels for anybody who opens an issue with it."""
    approval = approved(script, forge, text(labelled(by)))
    assert (approval.by, approval.granted, approval.holds) == (by, granted, granted)


def test_triage_counts_where_it_is_configured(script: Script, make: Make) -> None:
    forge = make(roles={"triage", "write", "maintain", "admin"})
    assert approved(script, forge, text(labelled("paul"))).granted
    assert not approved(script, forge, text(labelled("mallory"))).granted


@pytest.mark.parametrize("name", ["Renovate[bot]", "renovate"])
def test_a_trusted_bots_label_counts_without_a_role(script: Script, make: Make, name: str) -> None:
    forge = make(trusted=[name])
    assert approved(script, forge, text(labelled("renovate[bot]"))).granted
    assert not [seen for seen in script.seen if seen.path.endswith("/permission")]


def test_a_person_with_the_name_of_a_trusted_bot_is_no_bot(script: Script, make: Make) -> None:
    assert not approved(script, make(trusted=["renovate[bot]"]), text(labelled("renovate"))).granted


def test_the_last_label_counts_and_only_this_one(script: Script, forge: GitHubForge) -> None:
    assert not approved(script, forge, text(labelled("maria"), labelled("mallory", 11))).granted
    assert approved(script, forge, text(labelled("mallory"), labelled("maria", 11))).granted
    assert not approved(script, forge, text(labelled("maria", label="bug"))).granted
    assert approved(script, forge, text(labelled("maria", label="Agent-Ready"))).granted


def test_a_label_that_was_taken_off_says_when_it_was_given(script: Script, forge: GitHubForge) -> None:
    approval = approved(script, forge, text(labelled("maria", 10), labelled("maria", 11, off=True)))
    assert (approval.by, approval.granted, approval.holds) == ("", False, False)
    assert approval.at is not None
    assert approval.at.minute == 10


def test_a_strangers_label_does_not_make_a_text_younger(script: Script, forge: GitHubForge) -> None:
    """Else whoever may open issues with a form could have their edits taken for approved ones."""
    events = (labelled("maria", 10), labelled("mallory", 12))
    approval = approved(script, forge, text(*events, edited=("mallory", 11)))
    assert (approval.granted, approval.edited_by) == (False, "mallory")


# What was changed after it.


@pytest.mark.parametrize(
    ("by", "minute", "found"),
    [
        ("mallory", 9, ""),
        ("mallory", 10, "mallory"),  # the same second counts as after
        ("mallory", 11, "mallory"),
        ("paul", 11, "paul"),
        ("renovate[bot]", 11, "renovate[bot]"),
        ("", 11, "ghost"),
        ("maria", 11, ""),
    ],
)
@pytest.mark.parametrize("part", ["body", "title"])
def test_who_changed_the_text_after_the_label(
    script: Script, forge: GitHubForge, part: str, by: str, minute: int, found: str
) -> None:
    events = (labelled("maria"), renamed(by, minute)) if part == "title" else (labelled("maria"),)
    say = text(*events, edited=(by, minute) if part == "body" else None)
    approval = approved(script, forge, say)
    assert (approval.granted, approval.edited_by, approval.holds) == (True, found, not found)


def test_the_digest_is_that_of_the_issue_as_it_is_shown(script: Script, forge: GitHubForge) -> None:
    script.on("GET", "/repos/maria/demo/issues", Say(content=[issue_row(7, body="Please\nnow")]))
    (issue,) = forge.look(Watch(ready="agent-ready", help="agent-help")).issues
    assert approved(script, forge, text(labelled("maria"))).digest == issue.digest


def test_one_question_is_enough(script: Script, forge: GitHubForge) -> None:
    approved(script, forge, text(labelled("maria")))
    before = len(script.seen)
    approved(script, forge, text(labelled("maria")))
    (asked,) = script.seen[before:]
    assert asked.path == GRAPHQL
    assert asked.body["variables"] == {"owner": "maria", "name": "demo", "number": 7}


# Where GraphQL does not answer.


def rest(script: Script) -> None:
    """The same by REST: maria labelled, then mallory renamed."""
    script.on("GET", ISSUE, Say(content=issue_row(7)))
    given: dict[str, Any] = {"event": "labeled", "actor": {"login": "maria"}, "created_at": at(10)}
    given["label"] = {"name": "agent-ready"}
    other = {"event": "closed", "actor": None, "created_at": None}
    after = {"event": "renamed", "actor": {"login": "mallory"}, "created_at": at(11)}
    script.on("GET", f"{ISSUE}/events", Say(content=[given, other]), Say(content=[given, after]))


FORBIDDEN = {"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}
UNKNOWN = {"message": "Field 'editor' doesn't exist", "extensions": {"code": "undefinedField"}}


@pytest.mark.parametrize(
    "say",
    [
        Say(404, {"message": "Not Found"}),
        Say(content={"data": None, "errors": [FORBIDDEN]}),
        Say(content={"errors": [UNKNOWN]}),
    ],
)
def test_rest_tells_all_but_who_edited(script: Script, forge: GitHubForge, say: Say) -> None:
    rest(script)
    first = approved(script, forge, say)
    assert (first.by, first.holds) == ("maria", True)
    assert approved(script, forge, say).edited_by == "mallory"
    assert len(script.sent("POST", GRAPHQL)) == 1


def test_an_outage_of_graphql_is_no_reason_to_do_without(script: Script, forge: GitHubForge) -> None:
    rest(script)
    with pytest.raises(Unavailable):
        approved(script, forge, Say(502, text="<html>"))
    assert script.sent("GET", ISSUE) == []


def test_an_issue_that_is_gone_is_refused(script: Script, forge: GitHubForge) -> None:
    error = {"type": "NOT_FOUND", "message": "Could not resolve to an Issue with the number of 7."}
    for say in (
        Say(content={"data": {"repository": {"issue": None}}, "errors": [error]}),
        Say(content={"data": {"repository": {"issue": None}}}),
    ):
        with pytest.raises(Refused, match="not in maria/demo any more"):
            approved(script, forge, say)


# Who said it.


def heard(script: Script, forge: GitHubForge, *rows: dict[str, Any]) -> tuple[Comment, ...]:
    script.on("GET", "/repos/maria/demo/issues", Say(content=[]))
    script.on("GET", ISSUE, Say(content=issue_row(7)))
    script.on("GET", f"{ISSUE}/comments", Say(content=list(rows)))
    (issue,) = forge.look(Watch(ready="agent-ready", help="agent-help", held=frozenset({7}))).issues
    return issue.comments


def bot_row(number: int, login: str) -> dict[str, Any]:
    return comment_row(number, "/cdock stop", user={"login": login, "type": "Bot"})


def test_a_bots_comment_counts_when_it_is_trusted(script: Script, make: Make) -> None:
    forge = make(trusted={"helper[bot]"})
    said = heard(
        script, forge, bot_row(1, "helper[bot]"), bot_row(2, "renovate[bot]"), bot_row(3, "some-app")
    )
    assert [comment.by_writer for comment in said] == [True, False, False]


def test_a_role_is_believed_for_a_while(
    script: Script, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/repos/maria/demo/collaborators/maria/permission"
    for _ in range(3):
        assert approved(script, forge, text(labelled("maria"))).granted
    assert len(script.sent("GET", path)) == 1
    monkeypatch.setattr("cdock.adapters.github.writers.FRESH", -1.0)
    script.on("GET", path, Say(content={"role_name": "read"}))
    assert not approved(script, forge, text(labelled("maria"))).granted


def test_a_changed_comment_is_judged_anew_and_an_unchanged_one_is_not(
    script: Script, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdock.adapters.github.writers.FRESH", -1.0)
    rows = [comment_row(1, "one", by="maria"), comment_row(2, "two", by="maria")]
    assert [comment.by_writer for comment in heard(script, forge, *rows)] == [True, True]
    path = "/repos/maria/demo/collaborators/maria/permission"
    script.on("GET", path, Say(content={"role_name": "read"}))
    changed = comment_row(2, "/cdock retry", by="maria", updated_at=at(1))
    script.on("GET", "/repos/maria/demo/issues/comments?changed", Say(content=[changed, rows[0]]))
    assert [comment.by_writer for comment in heard(script, forge, *rows)] == [True, False]
