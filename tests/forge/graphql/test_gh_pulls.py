"""gh's commands for pull requests, unmodified, compared with what REST and git say afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forge.graphql.asking import HOST, Gh
from tests.forge.ground import Clone, Ground

pytestmark = pytest.mark.gh

FIELDS = (
    "additions,assignees,author,autoMergeRequest,baseRefName,baseRefOid,body,changedFiles,closed,closedAt,"
    "closingIssuesReferences,comments,commits,createdAt,deletions,files,fullDatabaseId,headRefName,headRefOid,"
    "headRepository,headRepositoryOwner,id,isCrossRepository,isDraft,labels,latestReviews,maintainerCanModify,"
    "mergeCommit,mergeStateStatus,mergeable,mergedAt,mergedBy,milestone,number,potentialMergeCommit,reactionGroups,"
    "reviewDecision,reviewRequests,reviews,state,statusCheckRollup,title,updatedAt,url"
)


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    return ground.seeded(tmp_path / "clone")


def _open(ground: Ground, clone: Clone, name: str = "topic", **fields: Any) -> int:
    """A pull request by the writer."""
    clone.branch(name, {f"{name}.txt": "one\ntwo\n"}, f"Add {name}\n\nbecause")
    given = {"title": f"Add {name}", "head": name, "base": "main", **fields}
    answer = ground.writer.post("/pulls", given)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def test_create(gh: Gh, ground: Ground, clone: Clone) -> None:
    clone.branch("topic", {"a": "1"}, "Add a")
    ground.owner.post("/labels", {"name": "bug"})
    ground.owner.post("/milestones", {"title": "v1"})
    printed = gh.done(
        *("pr", "create", "--title", "Add a", "--body", "text", "--head", "topic", "--base", "main"),
        *("--draft", "--label", "bug", "--assignee", "@me", "--milestone", "v1", "--reviewer", "wendy"),
    )
    assert printed.strip() == f"http://{HOST}/{ground.name}/pull/1"
    made = ground.owner.read("/pulls/1")
    assert (made["title"], made["body"], made["draft"], made["head"]["ref"]) == (
        "Add a",
        "text",
        True,
        "topic",
    )
    assert [label["name"] for label in made["labels"]] == ["bug"]
    assert [person["login"] for person in made["assignees"]] == ["Olivia"]
    assert made["milestone"]["title"] == "v1"
    assert [person["login"] for person in made["requested_reviewers"]] == ["wendy"]
    again = gh.run("pr", "create", "--title", "x", "--body", "", "--head", "topic", "--base", "main")
    assert again.returncode != 0
    assert "already exists" in again.stderr
    clone.git("push", "-q", "origin", "main:same")
    refused = gh.run("pr", "create", "--title", "x", "--body", "", "--head", "same", "--base", "main")
    assert "No commits between main and same" in refused.stderr


def test_view_and_list_agree_with_rest(gh: Gh, ground: Ground, clone: Clone) -> None:
    issue = ground.owner.issue("To do")
    number = _open(ground, clone, body=f"Closes #{issue}")
    stored = ground.owner.read(f"/pulls/{number}")
    oid = stored["head"]["sha"]
    ground.writer.post(
        f"/statuses/{oid}", {"state": "success", "context": "ci", "target_url": "http://x.test/"}
    )
    ground.owner.post(f"/pulls/{number}/reviews", {"event": "APPROVE", "body": "fine"})
    stored = ground.owner.read(f"/pulls/{number}")
    shown = gh.read("pr", "view", str(number), fields=FIELDS)
    assert gh.read("pr", "list", fields=FIELDS) == [shown]
    for key, theirs in (
        ("title", "title"),
        ("body", "body"),
        ("number", "number"),
        ("id", "node_id"),
        ("additions", "additions"),
        ("deletions", "deletions"),
        ("changedFiles", "changed_files"),
        ("createdAt", "created_at"),
        ("updatedAt", "updated_at"),
        ("mergedAt", "merged_at"),
    ):
        assert shown[key] == stored[theirs], key
    assert shown["fullDatabaseId"] == str(stored["id"])
    assert (shown["state"], shown["isDraft"], shown["mergeable"], shown["mergeStateStatus"]) == (
        "OPEN",
        False,
        "MERGEABLE",
        "CLEAN",
    )
    assert (shown["headRefName"], shown["headRefOid"], shown["baseRefName"]) == ("topic", oid, "main")
    assert [one["number"] for one in shown["closingIssuesReferences"]] == [issue]
    assert [(one["path"], one["additions"], one["changeType"]) for one in shown["files"]] == [
        ("topic.txt", 2, "ADDED")
    ]
    (commit,) = shown["commits"]
    assert (commit["oid"], commit["messageHeadline"], commit["messageBody"]) == (oid, "Add topic", "because")
    assert commit["authors"][0]["email"] == "wendy@example.org"
    (check,) = shown["statusCheckRollup"]
    assert (check["context"], check["state"], check["targetUrl"]) == ("ci", "SUCCESS", "http://x.test/")
    (review,) = shown["reviews"]
    assert (review["state"], review["body"], review["author"]["login"]) == ("APPROVED", "fine", "Olivia")
    assert review["commit"]["oid"] == oid
    assert [one["state"] for one in shown["latestReviews"]] == ["APPROVED"]
    assert shown["reviewDecision"] == ""
    (closing,) = gh.read("issue", "view", str(issue), fields="closedByPullRequestsReferences")[
        "closedByPullRequestsReferences"
    ]
    assert closing["number"] == number


def test_view_for_people(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = str(_open(ground, clone, body="the text"))
    printed = gh.done("pr", "view", number)
    assert "title:\tAdd topic" in printed
    assert "the text" in printed
    missing = gh.run("pr", "view", "99")
    assert "Could not resolve to a PullRequest with the number of 99" in missing.stderr


def test_list_filters(gh: Gh, ground: Ground, clone: Clone) -> None:
    first, second = _open(ground, clone, "a"), _open(ground, clone, "b")
    gh.done("pr", "merge", str(first), "--merge")
    ground.owner.patch(f"/pulls/{second}", {"state": "closed"})
    third = _open(ground, clone, "c")

    def numbers(*args: str) -> list[int]:
        return [one["number"] for one in gh.read("pr", "list", *args, fields="number")]

    assert numbers() == [third]
    assert numbers("--state", "merged") == [first]
    assert numbers("--state", "closed") == [second, first]
    assert numbers("--state", "all") == [third, second, first]
    assert numbers("--state", "all", "--head", "b") == [second]
    assert numbers("--base", "elsewhere") == []


def test_checks_and_diff(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = _open(ground, clone)
    oid = ground.owner.read(f"/pulls/{number}")["head"]["sha"]
    none = gh.run("pr", "checks", str(number))
    assert none.returncode != 0
    assert "no checks reported" in none.stderr
    for context, state in (
        ("lint", "success"),
        ("test", "failure"),
        ("test", "success"),
        ("slow", "pending"),
    ):
        ground.writer.post(f"/statuses/{oid}", {"state": state, "context": context})
    found = gh.read("pr", "checks", str(number), fields="name,state,bucket")
    assert sorted((one["name"], one["state"], one["bucket"]) for one in found) == [
        ("lint", "SUCCESS", "pass"),
        ("slow", "PENDING", "pending"),
        ("test", "SUCCESS", "pass"),
    ]
    assert gh.run("pr", "checks", str(number)).returncode == 8  # something is pending
    assert "+two" in gh.done("pr", "diff", str(number))
    assert gh.done("pr", "diff", str(number), "--name-only") == "topic.txt\n"


def test_drafts_close_reopen_comment(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = str(_open(ground, clone, draft=True))
    gh.done("pr", "ready", number)
    assert ground.owner.read(f"/pulls/{number}")["draft"] is False
    gh.done("pr", "ready", number, "--undo")
    assert ground.owner.read(f"/pulls/{number}")["draft"] is True
    gh.done("pr", "close", number, "-c", "bye")
    assert ground.owner.read(f"/pulls/{number}")["state"] == "closed"
    gh.done("pr", "reopen", number)
    assert ground.owner.read(f"/pulls/{number}")["state"] == "open"
    gh.done("pr", "comment", number, "--body", "one")
    gh.done("pr", "comment", number, "--body", "two", "--edit-last")
    assert [one["body"] for one in ground.owner.read(f"/issues/{number}/comments")] == ["bye", "two"]


def test_edit(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = str(_open(ground, clone))
    clone.git("push", "-q", "origin", "main:other")
    ground.owner.post("/labels", {"name": "bug"})
    gh.done("pr", "edit", number, "--title", "New", "--body", "text", "--add-label", "bug", "--base", "other")
    gh.done("pr", "edit", number, "--add-reviewer", "tina", "--add-assignee", "wendy")
    shown = ground.owner.read(f"/pulls/{number}")
    assert (shown["title"], shown["body"], shown["base"]["ref"]) == ("New", "text", "other")
    assert [label["name"] for label in shown["labels"]] == ["bug"]
    assert [person["login"] for person in shown["requested_reviewers"]] == ["tina"]
    assert [person["login"] for person in shown["assignees"]] == ["wendy"]
    gh.done("pr", "edit", number, "--remove-reviewer", "tina", "--remove-label", "bug")
    shown = ground.owner.read(f"/pulls/{number}")
    assert (shown["requested_reviewers"], shown["labels"]) == ([], [])


def test_reviews(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = str(_open(ground, clone))
    for option, state in (
        ("--comment", "COMMENTED"),
        ("--request-changes", "CHANGES_REQUESTED"),
        ("--approve", "APPROVED"),
    ):
        gh.done("pr", "review", number, option, "--body", state.lower())
        last = ground.owner.read(f"/pulls/{number}/reviews")[-1]
        assert (last["state"], last["body"], last["user"]["login"]) == (state, state.lower(), "Olivia")
    own = Gh(ground, gh.home, ground.people.writer).run("pr", "review", number, "--approve")
    assert own.returncode != 0
    assert "Can not approve your own pull request" in own.stderr


@pytest.mark.parametrize(("option", "parents"), [("--merge", 2), ("--squash", 1), ("--rebase", 1)])
def test_merge(gh: Gh, ground: Ground, clone: Clone, option: str, parents: int) -> None:
    issue = ground.owner.issue()
    number = str(_open(ground, clone, body=f"Fixes #{issue}"))
    oid = ground.owner.read(f"/pulls/{number}")["head"]["sha"]
    stale = gh.run("pr", "merge", number, option, "--match-head-commit", "0" * 40)
    assert stale.returncode != 0
    gh.done("pr", "merge", number, option, "--delete-branch", "--match-head-commit", oid)
    shown = gh.read("pr", "view", number, fields="state,mergedBy,mergeCommit,mergedAt")
    assert (shown["state"], shown["mergedBy"]["login"]) == ("MERGED", "Olivia")
    tip = ground.owner.read("/commits/main")
    assert (tip["sha"], len(tip["parents"])) == (shown["mergeCommit"]["oid"], parents)
    assert ground.owner.get("/git/ref/heads/topic").status_code == 404
    assert ground.owner.read(f"/issues/{issue}")["state"] == "closed"
    assert "already merged" in gh.run("pr", "merge", number, option).stderr


def test_update_branch_and_conflicts(gh: Gh, ground: Ground, clone: Clone) -> None:
    number = str(_open(ground, clone))
    clone.git("checkout", "-q", "main")
    clone.commit({"main.txt": "x"}, "on main")
    clone.git("push", "-q", "origin", "main")
    gh.done("pr", "update-branch", number)
    assert "main.txt" in clone.git("ls-tree", "--name-only", "-r", _fetched(clone, "topic"))
    assert "already up-to-date" in gh.done("pr", "update-branch", number)
    clone.commit({"topic.txt": "other"}, "in the way")
    clone.git("push", "-q", "origin", "main")
    shown = gh.read("pr", "view", number, fields="mergeable,mergeStateStatus")
    assert shown == {"mergeable": "CONFLICTING", "mergeStateStatus": "DIRTY"}
    refused = gh.run("pr", "merge", number, "--merge")
    assert refused.returncode != 0
    assert "not mergeable" in refused.stderr


def _fetched(clone: Clone, branch: str) -> str:
    clone.git("fetch", "-q", "origin", branch)
    return clone.git("rev-parse", "FETCH_HEAD")
