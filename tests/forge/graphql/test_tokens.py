"""What a token was made for limits what GraphQL gives, whatever its user may do."""

from __future__ import annotations

from pathlib import Path

from tests.forge.graphql.asking import ask, change, in_repo
from tests.forge.ground import Ground

REFUSED = "Resource not accessible by personal access token"


def _fine(ground: Ground, permissions: str, login: str = "Olivia") -> str:
    return str(ground.forge.admin("token", login, "--fine", permissions)["token"])


def test_boards_need_a_scope(ground: Ground) -> None:
    token = str(ground.forge.admin("token", "Olivia", "--scopes", "repo")["token"])
    error = ask(ground, '{user(login:"Olivia"){projectsV2(first:1){nodes{id}}}}', token=token).error
    assert (error["type"], error["path"]) == ("INSUFFICIENT_SCOPES", ["user", "projectsV2"])
    assert "The 'projectsV2' field requires one of the following scopes: ['read:project']" in error["message"]
    owner = ground.owner.read("")["owner"]["node_id"]
    error = change(ground, "createProjectV2", "clientMutationId", token=token, ownerId=owner, title="x").error
    assert error["type"] == "INSUFFICIENT_SCOPES"
    # What else was asked for is there all the same.
    number = ground.owner.issue("There")
    answer = ask(
        ground,
        "query($owner:String!,$name:String!,$n:Int!){repository(owner:$owner,name:$name){issue(number:$n){title}} "
        'user(login:"Olivia"){projectsV2(first:1){nodes{id}}}}',
        token=token,
        n=number,
    )
    assert answer.body["data"]["repository"] == {"issue": {"title": "There"}}


def test_fine_grained_tokens_change_what_they_were_made_for(ground: Ground) -> None:
    number = ground.owner.issue()
    issue = ground.owner.read(f"/issues/{number}")["node_id"]
    repository = ground.owner.read("")["node_id"]
    reader, writer = _fine(ground, "issues=read"), _fine(ground, "issues=write")
    for name, given in (
        ("addComment", {"subjectId": issue, "body": "hi"}),
        ("closeIssue", {"issueId": issue}),
        ("createIssue", {"repositoryId": repository, "title": "x"}),
    ):
        refused = change(ground, name, "clientMutationId", token=reader, **given).error
        assert (refused["type"], refused["message"]) == ("FORBIDDEN", REFUSED)
        assert change(ground, name, "clientMutationId", token=writer, **given).data
    updates = [{"name": "refs/cdock/x", "afterOid": "0" * 40}]
    refused = change(
        ground, "updateRefs", "clientMutationId", token=writer, repositoryId=repository, refUpdates=updates
    ).error
    assert refused["message"] == REFUSED


def test_fine_grained_tokens_read_what_they_were_made_for(private_ground: Ground) -> None:
    private_ground.owner.issue("secret")
    token = _fine(private_ground, "issues=read")
    assert in_repo(private_ground, "issues(first:1){nodes{title}}", token=token) == {
        "issues": {"nodes": [{"title": "secret"}]}
    }
    document = (
        "query($owner:String!,$name:String!){repository(owner:$owner,name:$name){"
        "pullRequests(first:1){nodes{id}}}}"
    )
    assert ask(private_ground, document, token=token).error["message"] == REFUSED


def test_a_rollup_is_for_apps_and_classic_tokens(ground: Ground, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    oid = clone.git("rev-parse", "HEAD")
    ground.writer.post(f"/statuses/{oid}", {"state": "success"})
    document = (
        "query($owner:String!,$name:String!){repository(owner:$owner,name:$name){defaultBranchRef{target{"
        "... on Commit{oid statusCheckRollup{state}}}}}}"
    )
    target = ask(ground, document).data["repository"]["defaultBranchRef"]["target"]
    assert target["statusCheckRollup"] == {"state": "SUCCESS"}
    answer = ask(ground, document, token=_fine(ground, "contents=read,statuses=read"))
    assert (answer.error["type"], answer.error["message"]) == ("FORBIDDEN", REFUSED)
    target = answer.body["data"]["repository"]["defaultBranchRef"]["target"]
    assert target == {"oid": oid, "statusCheckRollup": None}
