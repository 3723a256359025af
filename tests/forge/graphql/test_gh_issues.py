"""gh's commands for issues, labels and repositories, unmodified, compared with what REST says afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forge.graphql.asking import HOST, Gh
from tests.forge.ground import Ground

pytestmark = pytest.mark.gh

ISSUE_FIELDS = (
    "assignees,author,body,closed,closedAt,closedByPullRequestsReferences,comments,createdAt,id,isPinned,labels,"
    "milestone,number,reactionGroups,state,stateReason,title,updatedAt,url"
)
REPO_FIELDS = (
    "archivedAt,assignableUsers,codeOfConduct,contactLinks,createdAt,defaultBranchRef,deleteBranchOnMerge,description,"
    "diskUsage,forkCount,fundingLinks,hasDiscussionsEnabled,hasIssuesEnabled,hasProjectsEnabled,hasWikiEnabled,"
    "homepageUrl,id,isArchived,isBlankIssuesEnabled,isEmpty,isFork,isInOrganization,isMirror,isPrivate,"
    "isSecurityPolicyEnabled,isTemplate,isUserConfigurationRepository,issueTemplates,issues,labels,languages,"
    "latestRelease,licenseInfo,mentionableUsers,mergeCommitAllowed,milestones,mirrorUrl,name,nameWithOwner,"
    "openGraphImageUrl,owner,parent,primaryLanguage,pullRequestTemplates,pullRequests,pushedAt,rebaseMergeAllowed,"
    "repositoryTopics,securityPolicyUrl,squashMergeAllowed,sshUrl,stargazerCount,templateRepository,updatedAt,url,"
    "usesCustomOpenGraphImage,viewerCanAdminister,viewerDefaultCommitEmail,viewerDefaultMergeMethod,viewerHasStarred,"
    "viewerPermission,viewerPossibleCommitEmails,viewerSubscription,visibility,watchers"
)


def _names(found: list[dict[str, Any]], key: str = "name") -> list[str]:
    return sorted(one[key] for one in found)


def test_create(gh: Gh, ground: Ground) -> None:
    ground.owner.post("/labels", {"name": "bug"})
    ground.owner.post("/milestones", {"title": "v1"})
    printed = gh.done(
        *("issue", "create", "--title", "Crash", "--body", "on start\n"),
        *("--label", "bug", "--assignee", "@me", "--milestone", "v1"),
    )
    assert printed.strip() == f"http://{HOST}/{ground.name}/issues/1"
    made = ground.owner.read("/issues/1")
    assert (made["title"], made["body"], made["state"]) == ("Crash", "on start\n", "open")
    assert _names(made["labels"]) == ["bug"]
    assert _names(made["assignees"], "login") == ["Olivia"]
    assert made["milestone"]["title"] == "v1"


def test_view_and_list_agree_with_rest(gh: Gh, ground: Ground) -> None:
    ground.owner.post("/milestones", {"title": "v1", "due_on": "2027-01-01T00:00:00Z"})
    number = ground.owner.issue(
        "First", body="<!-- x -->\r\nhi", labels=["a", "b"], assignees=["wendy"], milestone=1
    )
    ground.writer.post(f"/issues/{number}/comments", {"body": "hello"})
    ground.owner.post(f"/issues/{number}/reactions", {"content": "eyes"})
    stored = ground.owner.read(f"/issues/{number}")
    comment = ground.owner.read(f"/issues/{number}/comments")[0]
    shown = gh.read("issue", "view", str(number), fields=ISSUE_FIELDS)
    assert gh.read("issue", "list", fields=ISSUE_FIELDS) == [shown]
    for key, theirs in (
        ("title", "title"),
        ("body", "body"),
        ("number", "number"),
        ("id", "node_id"),
        ("createdAt", "created_at"),
        ("updatedAt", "updated_at"),
        ("closedAt", "closed_at"),
    ):
        assert shown[key] == stored[theirs], key
    assert (shown["state"], shown["stateReason"], shown["closed"]) == ("OPEN", "", False)
    assert shown["url"] == f"http://{HOST}/{ground.name}/issues/{number}"
    assert shown["author"]["login"] == "Olivia"
    assert shown["author"]["id"] == stored["user"]["node_id"]
    assert [(one["id"], one["name"], one["color"]) for one in shown["labels"]] == [
        (one["node_id"], one["name"], one["color"]) for one in stored["labels"]
    ]
    assert _names(shown["assignees"], "login") == ["wendy"]
    assert shown["milestone"]["title"] == "v1"
    assert shown["milestone"]["dueOn"] == "2027-01-01T00:00:00Z"
    assert shown["reactionGroups"] == [{"content": "EYES", "users": {"totalCount": 1}}]
    (said,) = shown["comments"]
    assert (said["id"], said["body"], said["author"]["login"]) == (comment["node_id"], "hello", "wendy")
    assert said["authorAssociation"] == comment["author_association"] == "COLLABORATOR"
    assert (said["viewerDidAuthor"], said["includesCreatedEdit"]) == (False, False)


def test_view_for_people(gh: Gh, ground: Ground) -> None:
    number = ground.owner.issue("First", body="the text", labels=["a"])
    ground.writer.post(f"/issues/{number}/comments", {"body": "hello"})
    printed = gh.done("issue", "view", str(number))
    assert "title:\tFirst" in printed
    assert "labels:\ta" in printed
    assert "the text" in printed
    assert "hello" in gh.done("issue", "view", str(number), "--comments")
    missing = gh.run("issue", "view", "99")
    assert missing.returncode != 0
    assert "Could not resolve to an issue or pull request with the number of 99" in missing.stderr


def test_list_filters_and_pages(gh: Gh, ground: Ground) -> None:
    for number in range(1, 104):
        ground.owner.issue(f"Number {number}", assignees=["wendy"] if number == 3 else [])
    ground.owner.patch("/issues/2", {"state": "closed", "state_reason": "not_planned"})

    def numbers(*args: str) -> list[int]:
        return [one["number"] for one in gh.read("issue", "list", *args, fields="number")]

    assert numbers("--limit", "2") == [103, 102]
    assert numbers("--limit", "200") == [number for number in range(103, 0, -1) if number != 2]
    assert numbers("--state", "closed") == [2]
    assert numbers("--assignee", "wendy") == [3]
    assert numbers("--author", "wendy") == []
    assert gh.read("issue", "list", "--state", "closed", fields="stateReason") == [
        {"stateReason": "NOT_PLANNED"}
    ]


def test_comment(gh: Gh, ground: Ground) -> None:
    number = str(ground.owner.issue())
    printed = gh.done("issue", "comment", number, "--body", "one")
    comment = ground.owner.read(f"/issues/{number}/comments")[0]
    assert printed.strip() == f"http://{HOST}/{ground.name}/issues/{number}#issuecomment-{comment['id']}"
    gh.done("issue", "comment", number, "--body", "two", "--edit-last")
    assert [one["body"] for one in ground.owner.read(f"/issues/{number}/comments")] == ["two"]
    gh.done("issue", "comment", number, "--delete-last", "--yes")
    assert ground.owner.read(f"/issues/{number}/comments") == []


def test_edit(gh: Gh, ground: Ground) -> None:
    number = str(ground.owner.issue(labels=["a", "b"]))
    ground.owner.post("/labels", {"name": "c"})
    ground.owner.post("/milestones", {"title": "v1"})
    gh.done("issue", "edit", number, "--title", "New", "--body", "text")
    gh.done("issue", "edit", number, "--add-label", "c", "--remove-label", "a")
    gh.done("issue", "edit", number, "--add-assignee", "@me,wendy")
    gh.done("issue", "edit", number, "--milestone", "v1")
    shown = ground.owner.read(f"/issues/{number}")
    assert (shown["title"], shown["body"], shown["milestone"]["title"]) == ("New", "text", "v1")
    assert _names(shown["labels"]) == ["b", "c"]
    assert _names(shown["assignees"], "login") == ["Olivia", "wendy"]
    gh.done("issue", "edit", number, "--remove-assignee", "wendy", "--remove-milestone")
    shown = ground.owner.read(f"/issues/{number}")
    assert (_names(shown["assignees"], "login"), shown["milestone"]) == (["Olivia"], None)
    refused = gh.run("issue", "edit", number, "--add-label", "unheard")
    assert refused.returncode != 0
    assert "'unheard' not found" in refused.stderr


def test_close_reopen_lock(gh: Gh, ground: Ground) -> None:
    number = str(ground.owner.issue())
    other = str(ground.owner.issue())

    def state() -> tuple[str, str | None]:
        shown = ground.owner.read(f"/issues/{number}")
        return shown["state"], shown["state_reason"]

    gh.done("issue", "close", number, "-c", "bye")
    assert state() == ("closed", "completed")
    assert ground.owner.read(f"/issues/{number}/comments")[0]["body"] == "bye"
    gh.done("issue", "reopen", number)
    assert state() == ("open", "reopened")
    gh.done("issue", "close", number, "--reason", "not planned")
    assert state() == ("closed", "not_planned")
    gh.done("issue", "close", other, "--reason", "duplicate", "--duplicate-of", number)
    assert ground.owner.read(f"/issues/{other}")["state_reason"] == "duplicate"
    gh.done("issue", "lock", number, "--reason", "off_topic")
    locked = ground.owner.read(f"/issues/{number}")
    assert (locked["locked"], locked["active_lock_reason"]) == (True, "off-topic")
    gh.done("issue", "unlock", number)
    assert ground.owner.read(f"/issues/{number}")["locked"] is False


def test_status(gh: Gh, ground: Ground) -> None:
    ground.owner.issue("Mine", assignees=["Olivia"])
    ground.writer.issue("Hey", body="@Olivia look")
    printed = gh.done("issue", "status")
    assert "Mine" in printed
    assert "Hey" in printed


def test_develop(gh: Gh, ground: Ground, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    number = str(ground.owner.issue("Add a login"))
    printed = gh.done("issue", "develop", number, "--name", "topic")
    assert printed.strip() == f"{HOST}/{ground.name}/tree/topic"
    assert ground.owner.read("/git/ref/heads/topic")["object"]["sha"] == clone.git("rev-parse", "main")
    assert "topic" in gh.done("issue", "develop", "--list", number)
    # A branch that is linked already is taken as it is; one that is not is in the way.
    assert gh.done("issue", "develop", number, "--name", "topic") == printed
    refused = gh.run("issue", "develop", str(ground.owner.issue()), "--name", "topic")
    assert refused.returncode != 0
    assert "Reference already exists" in refused.stderr


def test_labels(gh: Gh, ground: Ground) -> None:
    gh.done("label", "create", "zeta", "--color", "d73a4a", "--description", "last")
    gh.done("label", "create", "alpha", "--color", "ffffff")
    gh.done("label", "create", "alpha", "--color", "000000", "--force")
    found = gh.read("label", "list", fields="name,color,description,id,isDefault,url")
    stored = {one["name"]: one for one in ground.owner.read("/labels")}
    assert [one["name"] for one in found] == ["zeta", "alpha"]
    assert [(one["id"], one["color"]) for one in found] == [
        (stored[one["name"]]["node_id"], stored[one["name"]]["color"]) for one in found
    ]
    assert [one["name"] for one in gh.read("label", "list", "--search", "last", fields="name")] == ["zeta"]
    assert [one["name"] for one in gh.read("label", "list", "--sort", "name", fields="name")] == [
        "alpha",
        "zeta",
    ]


def test_repositories(gh: Gh, ground: Ground, tmp_path: Path) -> None:
    ground.seeded(tmp_path / "clone")
    ground.owner.issue(labels=["a"])
    stored = ground.owner.read("")
    shown = gh.read("repo", "view", ground.name, fields=REPO_FIELDS)
    assert (shown["id"], shown["nameWithOwner"]) == (stored["node_id"], stored["full_name"])
    assert shown["url"] == f"http://{HOST}/{ground.name}"
    assert (shown["viewerPermission"], shown["visibility"], shown["isEmpty"]) == ("ADMIN", "PUBLIC", False)
    assert (shown["defaultBranchRef"], shown["issues"]) == ({"name": "main"}, {"totalCount": 1})
    assert _names(shown["assignableUsers"], "login") == ["Olivia", "tina", "wendy"]
    assert shown["pushedAt"] == stored["pushed_at"]
    assert ground.name in gh.done("repo", "view", ground.name)
    listed = gh.read("repo", "list", "Olivia", "--limit", "1000", fields="nameWithOwner")
    assert {"nameWithOwner": ground.name} in listed
    name = f"{ground.name}-made"
    gh.done("repo", "create", name, "--private")
    made = ground.owner.get(f"//repos/{name}").json()
    assert (made["full_name"], made["private"]) == (name, True)


def test_who_am_i(gh: Gh) -> None:
    assert "Logged in to github.localhost account Olivia" in gh.done("auth", "status", "--hostname", HOST)
    answer = json.loads(gh.done("api", "graphql", "-f", "query={viewer{login}}"))
    assert answer == {"data": {"viewer": {"login": "Olivia"}}}
