"""PyGithub, the client cdock uses, against the embedded forge, with the contract in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from github import Auth, Github, GithubException
from github.Repository import Repository

from tests.forge_server import ForgeServer

from .contract import Contract
from .ground import HELPER, OWNER, STRANGER, Ground, People, make_ground
from .proxy import Proxy, checked_proxy
from .refresh import OPERATIONS

LIMIT = 30.0


@pytest.fixture
def proxy(forge: ForgeServer, contract: Contract) -> Iterator[Proxy]:
    with checked_proxy(forge.url, contract) as running:
        yield running


@pytest.fixture
def ground(
    forge: ForgeServer, people: People, proxy: Proxy, tmp_path: Path, request: pytest.FixtureRequest
) -> Ground:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return make_ground(forge, people, tmp_path, name=name, url=f"{proxy.url}/api/v3")


def client(proxy: Proxy, token: str, *, lazy: bool = False) -> Github:
    return Github(
        base_url=f"{proxy.url}/api/v3",
        auth=Auth.Token(token),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        lazy=lazy,
    )


@pytest.fixture
def repo(proxy: Proxy, ground: Ground) -> Iterator[Repository]:
    with client(proxy, ground.owner.token) as forge:
        yield forge.get_repo(ground.name)


def test_an_issue_lives(proxy: Proxy, repo: Repository) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    repo.create_label("agent-ready", "0e8a16", "may be taken")
    issue = repo.create_issue("Add OAuth login", body="please", labels=["agent-ready"], assignees=[OWNER])
    assert issue.user.login == OWNER
    assert [
        found.number for found in repo.get_issues(state="open", labels=["AGENT-READY"], since=before)
    ] == [1]
    comment = issue.create_comment("<!-- cdock:status -->\nworking")
    comment.edit("<!-- cdock:status -->\ndone")
    assert [found.body for found in issue.get_comments(since=before)] == ["<!-- cdock:status -->\ndone"]
    assert [
        found.id for found in repo.get_issues_comments(sort="updated", direction="desc", since=before)
    ] == [comment.id]
    issue.add_to_labels("in-progress", "claimed")
    issue.remove_from_labels("claimed")
    with pytest.raises(GithubException, match="Label does not exist"):
        issue.remove_from_labels("claimed")
    issue.set_labels("agent-ready", "done")
    issue.add_to_assignees(HELPER)
    issue.remove_from_assignees(HELPER)
    assert issue.create_reaction("eyes").content == "eyes"
    assert comment.create_reaction("rocket").content == "rocket"
    assert [found.content for found in comment.get_reactions()] == ["rocket"]
    issue.edit(title="OAuth login", state="closed", state_reason="duplicate")
    assert repo.get_issue(1).state_reason == "duplicate"
    issue.edit(state="open")
    assert {"labeled", "unlabeled", "renamed", "closed", "reopened"} <= {
        found.event for found in issue.get_events()
    }
    assert "commented" in {found.event for found in issue.get_timeline()}
    comment.delete()
    assert proxy.violations == []


def test_a_pull_request_lives(proxy: Proxy, ground: Ground, repo: Repository) -> None:
    wish = repo.create_issue("Wish")
    head = ground.commit("cdock/wish.a7b2c8d", {"wish.py": "granted = True\n"})
    pull = repo.create_pull(
        base="main", head="cdock/wish.a7b2c8d", title="Grant", body=f"Closes #{wish.number}"
    )
    with pytest.raises(GithubException, match="A pull request already exists") as twin:
        repo.create_pull(base="main", head="cdock/wish.a7b2c8d", title="Again")
    assert twin.value.status == 422
    found = repo.get_pulls(state="open", head=f"{OWNER}:cdock/wish.a7b2c8d", base="main")
    assert [each.number for each in found] == [pull.number]
    assert [file.filename for file in pull.get_files()] == ["wish.py"]
    assert [commit.sha for commit in pull.get_commits()] == [head]
    commit = repo.get_commit(head)
    commit.create_status("success", context="tests", description="all green")
    assert commit.get_combined_status().state == "success"
    pull.edit(title="Grant the wish")
    pull.as_issue().add_to_labels("in-review")
    assert {each.number for each in repo.get_issues(state="open")} == {wish.number, pull.number}
    assert pull.merge(merge_method="squash", sha=head).merged
    assert repo.get_pull(pull.number).merged_by.login == OWNER
    assert repo.get_issue(wish.number).state == "closed"
    assert pull.is_merged()
    with pytest.raises(GithubException) as second:
        pull.merge()
    assert second.value.status == 405
    assert proxy.violations == []


def test_refs_and_files_live(proxy: Proxy, ground: Ground, repo: Repository) -> None:
    main = repo.get_branch("main").commit.sha
    ref = repo.create_git_ref("refs/cdock/claims/1", main)
    newer = ground.commit("newer", {"newer.txt": "1\n"})
    ref.edit(newer)
    with pytest.raises(GithubException) as backwards:
        ref.edit(main)
    assert backwards.value.status == 422
    assert [each.ref for each in repo.get_git_matching_refs("cdock/claims")] == ["refs/cdock/claims/1"]
    ref.delete()
    assert repo.compare("main", "newer").ahead_by == 1
    readme = repo.get_contents("README.md")
    assert not isinstance(readme, list)
    assert readme.decoded_content == b"# Demo\n"
    assert [commit.sha for commit in repo.get_commits(sha="newer")] == [newer, main]
    assert proxy.violations == []


def test_a_stranger_is_kept_out(proxy: Proxy, ground: Ground, repo: Repository) -> None:
    repo.create_label("agent-ready", "0e8a16")
    with client(proxy, ground.stranger.token, lazy=True) as forge:
        guest = forge.get_repo(ground.name)
        issue = guest.create_issue("From outside", labels=["agent-ready"])
        assert issue.labels == []
        mine = repo.create_issue("Mine")
        with pytest.raises(GithubException) as refused:
            guest.get_issue(mine.number).edit(state="closed")
        assert refused.value.status == 403
        issue.edit(state="closed")
    assert repo.get_collaborator_permission(STRANGER) == "read"
    assert repo.get_collaborator_permission(HELPER) == "write"
    assert repo.get_collaborator_permission(OWNER) == "admin"
    assert proxy.violations == []


def test_pages_of_issues_follow_cursors(proxy: Proxy, ground: Ground) -> None:
    for number in range(1, 8):
        ground.owner.call(201, "POST", f"{ground.repo}/issues", {"title": f"Number {number}"})
    proxy.exchanges.clear()
    with client(proxy, ground.owner.token, lazy=True) as forge:
        forge.per_page = 3
        found = [issue.number for issue in forge.get_repo(ground.name).get_issues()]
    assert found == [7, 6, 5, 4, 3, 2, 1]
    assert len(proxy.exchanges) == 3
    assert proxy.violations == []


# Links


def links(value: Any) -> Iterator[tuple[str, str]]:
    """Every (key, link) in a JSON value that can be followed as it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if (
                isinstance(inner, str)
                and (key == "href" or key == "url" or key.endswith("_url"))
                and "{" not in inner
            ):
                yield key, inner
            else:
                yield from links(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links(inner)


@pytest.fixture
def linked(proxy: Proxy, ground: Ground) -> set[tuple[str, str]]:
    """All links in the answers about a repository in which everything there is still exists."""
    api, place = ground.owner, ground.repo
    api.call(201, "POST", f"{place}/labels", {"name": "needs help", "color": "d73a4a"})
    issue = api.call(
        201, "POST", f"{place}/issues", {"title": "Linked", "labels": ["needs help"], "assignees": [OWNER]}
    )
    one = f"{place}/issues/{issue['number']}"
    api.call(201, "POST", f"{one}/comments", {"body": "words"})
    sha = ground.commit("linked", {"docs/a b.md": "text\n"})
    api.call(
        201, "POST", f"{place}/pulls", {"title": "P", "head": "linked", "base": "main", "body": "Closes #1"}
    )
    api.call(201, "POST", f"{place}/statuses/{sha}", {"state": "success", "context": "tests"})
    for path in (
        "",
        "/labels",
        "/issues",
        "/issues/1",
        "/issues/1/comments",
        "/issues/1/events",
        "/issues/1/timeline",
        "/issues/comments",
        "/issues/events",
        "/pulls",
        "/pulls/2",
        "/pulls/2/files",
        "/pulls/2/commits",
        "/branches",
        "/branches/linked",
        f"/commits/{sha}",
        f"/commits/{sha}/status",
        f"/commits/{sha}/statuses",
        "/compare/main...linked",
        "/contents/docs?ref=linked",
        "/contents/README.md",
        "/readme",
        "/git/ref/heads/linked",
        f"/git/commits/{sha}",
        f"/git/trees/{sha}",
        "/assignees",
    ):
        api.call(200, "GET", f"{place}{path}")
    return {
        link for exchange in proxy.exchanges if exchange.answer for link in links(json.loads(exchange.answer))
    }


def test_every_link_of_the_interface_can_be_followed(
    proxy: Proxy, ground: Ground, linked: set[tuple[str, str]], contract: Contract
) -> None:
    """A link to an operation that is not on our list must be announced as missing, not lead to a lie."""
    listed = {line for line in OPERATIONS.read_text().splitlines() if line.startswith("GET ")}
    wrong, followed = [], set()
    for key, link in sorted(linked):
        if not urlsplit(link).path.startswith("/api/v3") or not link.startswith(proxy.url):
            continue
        answer = requests.get(link, headers={"Authorization": f"Bearer {ground.owner.token}"}, timeout=LIMIT)
        operation = contract.operation("GET", link)
        if answer.status_code < 400 and operation:
            followed.add(operation)
        elif answer.status_code >= 400 and "X-Forge-Unimplemented" not in answer.headers:
            wrong.append(f"{key} {link}: {answer.status_code}")
    assert wrong == []
    assert len(followed & listed) >= 20, followed


def test_every_link_to_a_page_can_be_followed(ground: Ground, linked: set[tuple[str, str]]) -> None:
    pages = sorted({link for key, link in linked if key == "html_url"})
    browser = {"Accept": "text/html"}
    wrong = [link for link in pages if requests.get(link, headers=browser, timeout=LIMIT).status_code >= 400]
    assert wrong == []
    assert any(link.endswith(f"/{ground.name}/issues/1") for link in pages)
