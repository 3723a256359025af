"""PyGithub, written by others for the real GitHub, takes this forge for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import github
import pytest
from github import Auth, Github
from github.GithubException import GithubException, UnknownObjectException

from tests.forge.ground import Ground


@pytest.fixture
def client(ground: Ground) -> Iterator[Github]:
    """A client of the writer's, without waiting and without second tries."""
    with Github(
        auth=Auth.Token(ground.people.writer),
        base_url=f"{ground.forge.url}/api/v3",
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        per_page=2,
    ) as client:
        yield client


def test_issues(ground: Ground, client: Github) -> None:
    repo = client.get_repo(ground.name)
    assert (repo.full_name, repo.permissions.push, repo.permissions.admin) == (ground.name, True, False)
    repo.create_label("Known", "ff0000", "what it means")
    made = [repo.create_issue(f"n{index}", body="b\r\n", labels=["known"]) for index in range(5)]
    assert [issue.number for issue in repo.get_issues()] == [issue.number for issue in made][::-1]
    assert [issue.number for issue in repo.get_issues(labels=["KNOWN"], direction="asc")] == [1, 2, 3, 4, 5]
    issue = repo.get_issue(1)
    assert (issue.title, issue.body, issue.user.login) == ("n0", "b\r\n", "wendy")
    issue.add_to_labels("other", "Known")
    issue.remove_from_labels("known")
    assert [label.name for label in issue.get_labels()] == ["other"]
    with pytest.raises(GithubException, match="Label does not exist"):
        issue.remove_from_labels("known")
    comment = issue.create_comment("hello")
    comment.edit("edited")
    assert [one.body for one in issue.get_comments()] == ["edited"]
    assert comment.create_reaction("eyes").content == "eyes"
    issue.add_to_assignees("wendy")
    issue.edit(state="closed", state_reason="not_planned")
    assert issue.update()
    assert not issue.update()
    assert (issue.state, issue.state_reason) == ("closed", "not_planned")
    kinds = [event.event for event in issue.get_timeline()]
    assert kinds == ["labeled", "labeled", "unlabeled", "commented", "assigned", "closed"]
    assert repo.get_collaborator_permission("wendy") == "write"
    with pytest.raises(UnknownObjectException):
        repo.get_issue(99)


def test_pull_requests(ground: Ground, client: Github, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    oid = clone.branch("work/a", {"a": "1\n"}, "change")
    repo = client.get_repo(ground.name)
    issue = repo.create_issue("to be closed")
    pull = repo.create_pull(base="main", head="work/a", title="Change", body=f"Closes #{issue.number}")
    assert [one.number for one in repo.get_pulls(head="Olivia:work/a")] == [pull.number]
    assert [one.filename for one in pull.get_files()] == ["a"]
    assert [one.sha for one in pull.get_commits()] == [oid]
    with pytest.raises(github.GithubException, match="A pull request already exists"):
        repo.create_pull(base="main", head="work/a", title="Again")
    repo.get_commit(oid).create_status("success", context="ci")
    assert repo.get_commit(oid).get_combined_status().state == "success"
    assert pull.mergeable
    merged = pull.merge(merge_method="squash", sha=oid)
    assert merged.merged
    assert pull.is_merged()
    assert repo.get_issue(issue.number).state == "closed"
    assert repo.get_contents("a").decoded_content == b"1\n"  # type: ignore[union-attr]
    assert repo.get_git_ref("heads/main").object.sha == merged.sha
    assert [branch.name for branch in repo.get_branches()] == ["main", "work/a"]
    assert repo.compare("main", "work/a").status == "diverged"
    assert repo.get_commits().totalCount == 2


def test_refs(ground: Ground, client: Github, tmp_path: Path) -> None:
    oid = ground.seeded(tmp_path / "clone").git("rev-parse", "main")
    repo = client.get_repo(ground.name)
    ref = repo.create_git_ref("refs/own/claims/7", oid)
    assert [one.ref for one in repo.get_git_matching_refs("own/claims/")] == ["refs/own/claims/7"]
    ref.delete()
    assert list(repo.get_git_matching_refs("own/claims/")) == []
    repo.create_file("docs/x.md", "write", "text", branch="main")
    assert repo.get_readme().path == "README.md"


def test_a_client_of_nobody(ground: Ground) -> None:
    with Github(base_url=f"{ground.forge.url}/api/v3", retry=None) as client:
        assert client.get_repo(ground.name).full_name == ground.name
        assert client.get_rate_limit().resources.core.limit == 60
