"""What the GitHub adapter asks and writes about open pull requests, against a scripted server on loopback."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cdock.adapters.github.downloads import tail
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.errors import Unavailable
from cdock.core.issues import Watch
from cdock.core.pulls import Check, CheckState, PullRequest
from tests.contract.graphql.published import violations
from tests.github_script import LIMIT, Say, Script, Seen, at, comment_row, issue_row, scripted

HERE = "/repos/maria/demo"
PULLS, MOVED, SPOKEN = f"{HERE}/pulls", f"{HERE}/pulls?changed", f"{HERE}/issues/comments?changed"
REMARKED, GRAPHQL = f"{HERE}/pulls/comments?changed", "/api/graphql"
BRANCH = "cdock/demo.0b9b54d"
MARKER = "<!-- cdock:reply task=0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11 to=5 -->"
HELP = "<!-- cdock:help task=0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11 round=1 issue=7 -->"
WATCH = Watch(ready="agent-ready", help="agent-help", branches=frozenset({BRANCH}))
DENIED = {"data": None, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by token"}]}


class Site:
    """A forge under test, its scripted server and its clock."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.passed = 1000.0
        self.answers: dict[int, dict[str, Any]] = {12: answer(12)}
        self.forge = GitHubForge(
            parse_repository(f"{script.url}/maria/demo.git"),
            token="ghp_word",
            timeout=LIMIT,
            clock=lambda: self.passed,
        )
        script.on("POST", GRAPHQL, self.told)

    def told(self, seen: Seen) -> Say:
        """The answer to a question about pull requests."""
        numbers = map(int, re.findall(r"p(\d+): pullRequest", seen.body["query"]))
        return Say(content={"data": {"repository": {f"p{n}": self.answers.get(n) for n in numbers}}})

    def asked(self, call: Callable[[], object]) -> list[str]:
        """What a call asks for, the lists of a quiet look left out."""
        before = len(self.script.seen)
        call()
        lines = [f"{seen.method} {seen.name}" for seen in self.script.seen[before:]]
        return [line for line in lines if not line.endswith("?changed")]

    def look(self) -> PullRequest:
        (pull,) = self.forge.look(WATCH).pulls
        return pull

    def questions(self) -> list[str]:
        return [seen.body["query"] for seen in self.script.sent("POST", GRAPHQL)]


def pull_row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "node_id": f"PR_{number}", "html_url": "u", "state": "open", "merged_at": None,
        "head": {"ref": BRANCH, "sha": "1" * 40}, "base": {"ref": "trunk", "sha": "0" * 40}, "body": "Words",
        "draft": False, "updated_at": at(0), **more,
    }  # fmt: skip


def answer(number: int, *, checks: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """What GraphQL says about a pull request."""
    rollup = {"contexts": {"nodes": checks or []}}
    commit = {"commit": {"oid": "1" * 40, "statusCheckRollup": rollup}}
    return {
        "number": number, "updatedAt": at(0), "isDraft": False, "body": "Words", "headRefOid": "1" * 40,
        "mergeable": "MERGEABLE", "baseRef": {"target": {"oid": "0" * 40}}, "comments": {"nodes": []},
        "opinions": {"nodes": []}, "others": {"nodes": []}, "reviewThreads": {"nodes": []},
        "commits": {"nodes": [commit]}, **more,
    }  # fmt: skip


def run(number: int, name: str, conclusion: str | None) -> dict[str, Any]:
    """A check run as GraphQL shows it."""
    status = "COMPLETED" if conclusion else "IN_PROGRESS"
    return {
        "__typename": "CheckRun", "databaseId": number, "name": name, "status": status, "conclusion": conclusion,
        "title": None, "summary": f"{name} says\nmore", "detailsUrl": "https://ci.example/1",
    }  # fmt: skip


def thread(*comments: dict[str, Any], ref: str = "T1") -> dict[str, Any]:
    return {"id": ref, "path": "a.py", "line": 2, "isResolved": False, "comments": {"nodes": [*comments]}}


def remark(number: int, body: str, *, by: str = "maria", **more: Any) -> dict[str, Any]:
    author = {"__typename": "User", "login": by}
    return {
        "fullDatabaseId": str(number), "state": "SUBMITTED", "body": body, "createdAt": at(0),
        "author": author, "replyTo": None, **more,
    }  # fmt: skip


@pytest.fixture
def site() -> Iterator[Site]:
    """An open pull request 12, on which nobody has said anything."""
    with scripted() as script:
        script.on("GET", f"{HERE}/issues", Say(content=[], etag='"ready"'))
        script.on("GET", PULLS, Say(content=[pull_row(12)]))
        script.on("GET", f"{HERE}/collaborators/maria/permission", Say(content={"role_name": "admin"}))
        site = Site(script)
        yield site
        site.forge.close()


# How often is asked.


def test_one_question_is_asked_and_then_none_for_a_minute(site: Site) -> None:
    assert f"POST {GRAPHQL}" in site.asked(site.look)
    assert violations(site.questions()[0]) == []
    first = site.look()
    for passed, asked in ((59.0, []), (1.0, [f"POST {GRAPHQL}"]), (59.0, [])):
        site.passed += passed
        assert site.asked(site.look) == asked
        assert site.look() is first


@pytest.mark.parametrize(
    "unsettled", [{"mergeable": "UNKNOWN"}, {"checks": [run(1, "build", None)]}], ids=["conflicts", "checks"]
)
def test_what_is_not_settled_is_asked_for_sooner(site: Site, unsettled: dict[str, Any]) -> None:
    site.answers[12] = answer(12, **unsettled)
    site.look()
    site.passed += 29
    assert site.asked(site.look) == []
    site.passed += 1
    assert site.asked(site.look) == [f"POST {GRAPHQL}"]


def test_what_somebody_says_is_asked_for_at_once(site: Site) -> None:
    site.look()
    site.look()
    for path, address in ((SPOKEN, {}), (REMARKED, {"pull_request_url": f"https://example.org{PULLS}/12"})):
        site.answers[12] = answer(
            12, updatedAt=at(1), comments={"nodes": [remark(5, "Please", createdAt=at(1))]}
        )
        row = comment_row(
            5, "Please", by="maria", on=12, created_at=at(1), updated_at=at(1), url=path, **address
        )
        site.script.on("GET", path, Say(content=[row], etag=f'"{path}"'))
        assert site.asked(site.look).count(f"POST {GRAPHQL}") == 1
        assert [said.body for said in site.look().remarks] == ["Please"]
        assert site.asked(site.look) == []


def test_an_answer_from_before_it_is_asked_for_again(site: Site) -> None:
    """The lists and GraphQL come from different replicas."""
    site.look()
    site.script.on("GET", MOVED, Say(content=[pull_row(12, updated_at=at(3))], etag='"moved"'))
    for _ in range(3):
        assert site.asked(site.look) == [f"POST {GRAPHQL}"]
        site.passed += 5
    site.answers[12] = answer(12, updatedAt=at(3))
    assert site.asked(site.look) == [f"POST {GRAPHQL}"]
    assert site.asked(site.look) == []


def test_a_push_is_no_reason_to_ask_at_once(site: Site) -> None:
    """We push all the time, and checks have to begin first."""
    site.answers[12] = answer(12, checks=[run(1, "build", "FAILURE")])
    assert site.look().checks
    moved = pull_row(12, updated_at=at(1), head={"ref": BRANCH, "sha": "2" * 40})
    site.script.on("GET", MOVED, Say(content=[moved], etag='"moved"'))
    assert site.asked(site.look) == []
    assert (site.look().commit, site.look().checks) == ("2" * 40, ())
    site.passed += 30
    assert site.asked(site.look) == [f"POST {GRAPHQL}"]
    # What that answer says is about the commit before.
    assert (site.look().commit, site.look().checks) == ("2" * 40, ())


def test_many_are_asked_about_in_one_question(site: Site) -> None:
    branches = {n: f"cdock/x.{n:07}" for n in range(100, 113)}

    def listed(seen: Seen) -> Say:
        wanted = seen.query.get("head", "").partition(":")[2]
        rows = [
            pull_row(n, head={"ref": b, "sha": "1" * 40}) for n, b in branches.items() if wanted in ("", b)
        ]
        return Say(content=rows)

    site.script.on("GET", PULLS, listed)
    site.answers = {number: answer(number) for number in branches}
    shown = site.forge.look(Watch(ready="r", help="h", branches=frozenset(branches.values())))
    assert len(shown.pulls) == 13
    assert [question.count(": pullRequest(") for question in site.questions()] == [10, 3]
    assert all(violations(question) == [] for question in site.questions())


# What is lacking.


def test_a_token_without_the_right_loses_the_checks_only(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def told(seen: Seen) -> Say:
        return Say(content=DENIED) if "statusCheckRollup" in seen.body["query"] else site.told(seen)

    site.script.on("POST", GRAPHQL, told)
    site.answers[12] = answer(12, comments={"nodes": [remark(5, "Please")]})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pull = site.look()
            site.passed += 60
    assert [said.body for said in pull.remarks] == ["Please"]
    assert ["statusCheckRollup" in question for question in site.questions()] == [True, False, False, False]
    assert all(violations(question) == [] for question in site.questions())
    assert [record.__dict__["feature"] for record in caplog.records] == ["see check runs"]


def test_without_graphql_the_pull_request_is_shown_by_its_row(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.script.on("POST", GRAPHQL, Say(404, {"message": "Not Found"}))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pull = site.look()
            site.passed += 60
    assert (pull.number, pull.body, pull.commit) == (12, "Words", "1" * 40)
    assert len(site.questions()) == 2
    assert [record.__dict__["feature"] for record in caplog.records] == ["follow pull requests"]


@pytest.mark.parametrize(
    "away", [Say(502, text="<html>"), Say(content={"data": None, "errors": [{"type": "RATE_LIMITED"}]})]
)
def test_a_look_does_not_fail_with_graphql(site: Site, away: Say) -> None:
    site.script.on("POST", GRAPHQL, away)
    assert site.look().number == 12
    site.script.on("POST", GRAPHQL, site.told)
    assert site.asked(site.look) == []


def test_one_that_is_gone_spoils_nothing_for_the_others(site: Site) -> None:
    gone = {"data": {"repository": {}}, "errors": [{"type": "NOT_FOUND", "message": "no pull request 13"}]}
    other = "cdock/other.1234567"

    def listed(seen: Seen) -> Say:
        mine = seen.query["head"].endswith(BRANCH)
        return Say(content=[pull_row(12) if mine else pull_row(13, head={"ref": other, "sha": "1" * 40})])

    def told(seen: Seen) -> Say:
        return Say(content=gone) if "p13:" in seen.body["query"] else site.told(seen)

    site.script.on("GET", PULLS, listed)
    site.script.on("POST", GRAPHQL, told)
    site.answers[12] = answer(12, comments={"nodes": [remark(5, "Please")]})
    shown = site.forge.look(Watch(ready="r", help="h", branches=frozenset({BRANCH, other})))
    assert [(pull.number, len(pull.remarks)) for pull in shown.pulls] == [(12, 1), (13, 0)]


# What checks say.


def test_the_newest_run_of_each_name_counts(site: Site) -> None:
    names = ("neutral", "skipped", "cancelled", "timed_out", "action_required", "startup_failure", "success")
    runs = [run(n, name, name.upper()) for n, name in enumerate(names, start=10)]
    again = [run(2, "build", "SUCCESS"), run(1, "build", "FAILURE"), run(3, "lint", None)]
    site.answers[12] = answer(12, checks=[*runs, *again])
    checks = {check.name: check for check in site.look().checks}
    failed = {name for name, check in checks.items() if check.state is CheckState.FAILED}
    assert failed == {"cancelled", "timed_out", "action_required", "startup_failure"}
    assert (checks["build"].ref, checks["build"].state) == ("run-2-success", CheckState.PASSED)
    assert (checks["lint"].ref, checks["lint"].state) == ("run-3-", CheckState.PENDING)
    assert (checks["build"].summary, checks["build"].url) == ("build says", "https://ci.example/1")


def test_of_many_checks_those_that_failed_are_kept(site: Site) -> None:
    runs = [run(n, f"ok {n:02}", "SUCCESS") for n in range(60)]
    site.answers[12] = answer(12, checks=[*runs, run(99, "wrong", "FAILURE")])
    checks = site.look().checks
    assert len(checks) == 30
    assert checks[-1].name == "wrong"


FAILED = Check(ref="run-77-failure", name="build", state=CheckState.FAILED, summary="build says")
RUN = f"{HERE}/check-runs/77"
JOB = f"{HERE}/actions/jobs/77/logs"


def explained(site: Site, *, slug: str = "github-actions") -> str:
    output = {"title": "Build", "summary": "It broke", "text": "", "annotations_count": 1}
    site.script.on("GET", RUN, Say(content={"id": 77, "output": output, "app": {"slug": slug}}))
    note = {
        "path": "a.py", "start_line": 3, "end_line": 3, "annotation_level": "failure", "message": "no such name",
        "title": "NameError", "raw_details": None,
    }  # fmt: skip
    site.script.on("GET", f"{RUN}/annotations", Say(content=[note]))
    return site.forge.explain_check(FAILED)


def test_a_failed_job_is_explained_with_the_end_of_its_log(site: Site) -> None:
    lines = "".join(f"line {n}\n" for n in range(100_000))
    site.script.on("GET", JOB, Say(302, headers={"Location": "{url}/elsewhere/log?sig=1"}))
    site.script.on("GET", "/elsewhere/log", Say(text=lines))
    text = explained(site)
    own, broke, note, log = text.split("\n\n")
    assert (own, broke, note) == ("Build", "It broke", "a.py:3: failure: NameError\nno such name")
    assert (log.splitlines()[0], log.splitlines()[-1], len(log.splitlines())) == (
        "line 99800",
        "line 99999",
        200,
    )
    (there,) = site.script.sent("GET", "/elsewhere/log")
    assert "authorization" not in there.headers
    assert site.script.sent("GET", JOB)[0].headers["authorization"] == "Bearer ghp_word"


@pytest.mark.parametrize(
    "said",
    [
        Say(403, {"message": "Resource not accessible by personal access token"}),
        Say(404, {"message": "Not Found"}),
        Say(410, {"message": "Logs have expired"}),
        Say(502, text="<html>"),
        Say(302, headers={"Location": "{url}/nowhere"}),
    ],
    ids=["forbidden", "absent", "expired", "broken", "elsewhere-absent"],
)
def test_a_log_that_cannot_be_had_is_left_out(site: Site, said: Say) -> None:
    site.script.on("GET", JOB, said)
    assert explained(site).endswith("no such name")


@pytest.mark.parametrize("url", ["http://logs.example/plain", "https://127.0.0.1/x", "file:///etc/passwd"])
def test_a_text_is_fetched_from_safe_places_only(url: str) -> None:
    with pytest.raises(Unavailable):
        tail(url, tried="a log", timeout=1.0, most=10, local=False)


def test_only_a_workflows_job_has_a_log(site: Site) -> None:
    assert explained(site, slug="some-other-app").endswith("no such name")
    assert site.script.sent("GET", JOB) == []


def test_a_check_that_may_not_be_seen_is_not_explained(site: Site) -> None:
    site.script.on("GET", RUN, Say(403, {"message": "Resource not accessible"}))
    assert site.forge.explain_check(FAILED) == ""
    assert site.asked(lambda: site.forge.explain_check(FAILED)) == []


# Drafts and texts.


def test_where_there_are_no_drafts_it_is_opened_plainly(site: Site) -> None:
    site.script.on("GET", PULLS, Say(content=[]))
    site.forge.look(WATCH)
    said = "Draft pull requests are not supported in this repository."
    wrong = Say(422, {"message": "Validation Failed", "errors": [{"message": said}]})
    site.script.on("POST", PULLS, wrong, Say(201, pull_row(12)))
    pull = site.forge.ensure_pull(head=BRANCH, title="Demo", body="Words", draft=True)
    assert (pull.number, pull.draft) == (12, False)
    assert [seen.body.get("draft") for seen in site.script.sent("POST", PULLS)] == [True, None]
    assert site.asked(lambda: site.forge.ensure_pull_shown(pull, body="Words", draft=True)) == []


def test_text_and_readiness_are_one_write(site: Site) -> None:
    site.script.on("GET", PULLS, Say(content=[pull_row(12, draft=True)]))
    site.answers[12] = answer(12, isDraft=True)
    pull = site.look()
    shown = {"isDraft": False, "body": "New", "updatedAt": at(1)}
    made = {"updatePullRequest": {}, "markPullRequestReadyForReview": {"pullRequest": shown}}
    site.script.on("POST", GRAPHQL, Say(content={"data": made}))
    wanted = lambda: site.forge.ensure_pull_shown(pull, body="New", draft=False)  # noqa: E731
    assert site.asked(wanted) == [f"POST {GRAPHQL}"]
    assert site.script.seen[-1].body["variables"] == {"pull": "PR_12", "body": "New"}
    assert site.asked(wanted) == []
    (now,) = site.forge.look(WATCH, fresh=False).pulls
    assert (now.draft, now.body) == (False, "New")


def test_without_graphql_the_text_alone_is_changed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.script.on("GET", PULLS, Say(content=[pull_row(12, draft=True)]))
    site.script.on("POST", GRAPHQL, Say(404, {"message": "Not Found"}))
    pull = site.look()
    caplog.clear()
    for body in ("New", "Newer"):
        site.script.on("GET", f"{PULLS}/12", Say(content=pull_row(12, draft=True)))
        site.script.on(
            "PATCH", f"{PULLS}/12", Say(content=pull_row(12, draft=True, body=body, updated_at=at(1)))
        )
        with caplog.at_level(logging.WARNING):
            site.forge.ensure_pull_shown(pull, body=body, draft=False)
    assert [seen.body for seen in site.script.sent("PATCH")] == [{"body": "New"}, {"body": "Newer"}]
    assert [record.__dict__["feature"] for record in caplog.records] == ["mark pull requests as ready"]


def test_after_an_unknown_outcome_it_is_looked_at_first(site: Site) -> None:
    site.script.on("GET", PULLS, Say(content=[pull_row(12, draft=True)]))
    site.answers[12] = answer(12, isDraft=True)
    pull = site.look()
    site.script.on("POST", GRAPHQL, Say(502, text="<html>"))
    with pytest.raises(Unavailable):
        site.forge.ensure_pull_shown(pull, body="New", draft=False)
    site.script.on("GET", f"{PULLS}/12", Say(content=pull_row(12, body="New", updated_at=at(1))))
    asked = site.asked(lambda: site.forge.ensure_pull_shown(pull, body="New", draft=False))
    assert asked == [f"GET {PULLS}/12"]


# Replies.


def replied(site: Site) -> None:
    (pull,) = site.forge.look(WATCH, fresh=False).pulls
    site.forge.ensure_reply(pull, thread="T1", marker=MARKER, body=f"{MARKER}\nDone")


def given(number: int) -> Say:
    comment = remark(number, f"{MARKER}\nDone", by="cdock-bot")
    return Say(content={"data": {"addPullRequestReviewThreadReply": {"comment": comment}}})


def in_thread(*comments: dict[str, Any]) -> Say:
    return Say(content={"data": {"node": {"comments": {"nodes": [*comments]}}}})


def test_a_reply_is_one_write_where_the_thread_is_known(site: Site) -> None:
    site.answers[12] = answer(12, reviewThreads={"nodes": [thread(remark(5, "Why?"))]})
    site.look()
    site.script.on("POST", GRAPHQL, given(6))
    assert site.asked(lambda: replied(site)) == [f"POST {GRAPHQL}"]
    assert site.asked(lambda: replied(site)) == []


def test_a_thread_that_is_not_known_is_looked_at_first(site: Site) -> None:
    site.look()
    site.script.on("POST", GRAPHQL, in_thread(remark(6, f"{MARKER}\nDone", by="cdock-bot")))
    assert site.asked(lambda: replied(site)) == [f"POST {GRAPHQL}"]


def test_a_reply_of_unknown_outcome_is_looked_for(site: Site) -> None:
    site.answers[12] = answer(12, reviewThreads={"nodes": [thread(remark(5, "Why?"))]})
    site.look()
    site.script.on("POST", GRAPHQL, Say(502, text="<html>"))
    with pytest.raises(Unavailable):
        replied(site)
    site.script.on("POST", GRAPHQL, in_thread(remark(6, f"{MARKER}\nDone", by="cdock-bot")))
    assert site.asked(lambda: replied(site)) == [f"POST {GRAPHQL}"]
    assert "addPullRequestReviewThreadReply" not in site.questions()[-1]


def test_a_token_that_may_not_by_graphql_replies_by_rest(site: Site) -> None:
    site.answers[12] = answer(
        12, reviewThreads={"nodes": [thread(remark(6, "Why?", replyTo={"fullDatabaseId": "5"}))]}
    )
    site.look()
    site.script.on("POST", GRAPHQL, Say(content=DENIED))
    path = f"{PULLS}/12/comments/5/replies"
    site.script.on("POST", path, Say(201, comment_row(7, f"{MARKER}\nDone")))
    assert site.asked(lambda: replied(site)) == [f"POST {GRAPHQL}", f"POST {path}"]


def test_a_thread_that_was_deleted_needs_no_reply(site: Site) -> None:
    site.look()
    gone = {"data": {"node": None}, "errors": [{"type": "NOT_FOUND", "message": "no node"}]}
    site.script.on("POST", GRAPHQL, Say(content=gone))
    replied(site)


# Sub-issues.


def helped(site: Site) -> None:
    site.forge.ensure_help(issue=7, marker=HELP, title="How?", body=f"{HELP}\n\nHow?\n", label="agent-help")


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        (Say(404, {"message": "Not Found"}), True),
        (Say(403, {"message": "Resource not accessible"}), True),
        (Say(410, {"message": "Gone"}), True),
        (Say(422, {"message": "Issue may not contain duplicate sub-issues"}), False),
        (Say(201, {}), False),
    ],
    ids=["absent", "forbidden", "gone", "there already", "made"],
)
def test_help_is_asked_for_whether_or_not_it_can_be_a_sub_issue(
    site: Site, caplog: pytest.LogCaptureFixture, said: Say, warned: bool
) -> None:
    site.forge.look(WATCH)
    row = issue_row(9, body=f"{HELP}\n\nHow?\n", user={"login": "cdock-bot"}, labels=[{"name": "agent-help"}])
    site.script.on("POST", f"{HERE}/issues", Say(201, row))
    site.script.on("POST", f"{HERE}/issues/7/sub_issues", said)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            helped(site)
    (sent,) = site.script.sent("POST", f"{HERE}/issues/7/sub_issues")
    assert sent.body == {"sub_issue_id": 9_000_009}
    assert bool(caplog.records) is warned


def test_a_sub_issue_of_unknown_outcome_is_made_again(site: Site) -> None:
    site.forge.look(WATCH)
    row = issue_row(9, body=f"{HELP}\n\nHow?\n", user={"login": "cdock-bot"}, labels=[{"name": "agent-help"}])
    site.script.on("POST", f"{HERE}/issues", Say(201, row))
    site.script.on(
        "POST", f"{HERE}/issues/7/sub_issues", Say(502, text="<html>"), Say(422, {"message": "twice"})
    )
    with pytest.raises(Unavailable):
        helped(site)
    helped(site)
    assert len(site.script.sent("POST", f"{HERE}/issues")) == 1
