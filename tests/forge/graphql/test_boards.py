"""Boards, parts and dependencies over GraphQL: what gh never asks for and cdock does."""

from __future__ import annotations

from typing import Any

from tests.forge.graphql.asking import ask, change, in_repo
from tests.forge.ground import Ground

ITEM = "item{id isArchived type content{... on Issue{number}}}"


def _board(ground: Ground) -> Any:
    return change(
        ground,
        "createProjectV2",
        'projectV2{id number url title public field(name:"Status"){... on ProjectV2SingleSelectField{id options{'
        "id name color description}}} repositories(first:1){nodes{nameWithOwner}}}",
        ownerId=ground.owner.read("")["owner"]["node_id"],
        repositoryId=ground.owner.read("")["node_id"],
        title="Work",
    ).data["createProjectV2"]["projectV2"]


def test_a_board_as_cdock_makes_one(ground: Ground) -> None:
    board = _board(ground)
    assert (board["title"], board["public"]) == ("Work", False)
    assert board["repositories"]["nodes"] == [{"nameWithOwner": ground.name}]
    assert [one["name"] for one in board["field"]["options"]] == ["Todo", "In Progress", "Done"]
    shown = in_repo(
        ground, "owner{... on ProjectV2Owner{projectV2(number:@){id}}}".replace("@", str(board["number"]))
    )
    assert shown["owner"]["projectV2"]["id"] == board["id"]
    number = ground.owner.issue()
    issue = ground.owner.read(f"/issues/{number}")["node_id"]
    added = change(ground, "addProjectV2ItemById", ITEM, projectId=board["id"], contentId=issue).data
    item = added["addProjectV2ItemById"]["item"]
    assert item["content"] == {"number": number}
    again = change(ground, "addProjectV2ItemById", ITEM, projectId=board["id"], contentId=issue).data
    assert again["addProjectV2ItemById"]["item"]["id"] == item["id"]
    done = board["field"]["options"][2]["id"]
    change(
        ground,
        "updateProjectV2ItemFieldValue",
        "projectV2Item{id}",
        projectId=board["id"],
        itemId=item["id"],
        fieldId=board["field"]["id"],
        value={"singleSelectOptionId": done},
    )
    document = (
        "query($id:ID!){node(id:$id){... on ProjectV2{items(first:100){nodes{id isArchived "
        'fieldValueByName(name:"Status"){... on ProjectV2ItemFieldSingleSelectValue{optionId name color}} '
        "content{... on Issue{number id}}}}}}}"
    )
    (shown,) = ask(ground, document, id=board["id"]).data["node"]["items"]["nodes"]
    assert shown["fieldValueByName"] == {"optionId": done, "name": "Done", "color": "PURPLE"}
    assert shown["content"] == {"number": number, "id": issue}


def test_options_keep_their_values_by_their_ids_only(ground: Ground) -> None:
    board = _board(ground)
    issue = ground.owner.read(f"/issues/{ground.owner.issue()}")["node_id"]
    item = change(ground, "addProjectV2ItemById", ITEM, projectId=board["id"], contentId=issue).data
    where = {
        "projectId": board["id"],
        "itemId": item["addProjectV2ItemById"]["item"]["id"],
        "fieldId": board["field"]["id"],
    }
    todo = board["field"]["options"][0]
    wanted = {"singleSelectOptionId": todo["id"]}
    change(ground, "updateProjectV2ItemFieldValue", "clientMutationId", **where, value=wanted)

    def rename(**option: Any) -> Any:
        options = [{"name": "Next", "color": "BLUE", "description": "", **option}]
        payload = "projectV2Field{... on ProjectV2SingleSelectField{options{id name}}}"
        fields = {"fieldId": board["field"]["id"], "singleSelectOptions": options}
        return change(ground, "updateProjectV2Field", payload, **fields).data["updateProjectV2Field"]

    def value() -> Any:
        document = (
            'query($id:ID!){node(id:$id){... on ProjectV2Item{fieldValueByName(name:"status"){'
            "... on ProjectV2ItemFieldSingleSelectValue{name}}}}}"
        )
        return ask(ground, document, id=where["itemId"]).data["node"]["fieldValueByName"]

    kept = rename(id=todo["id"])["projectV2Field"]["options"]
    assert kept == [{"id": todo["id"], "name": "Next"}]
    assert value() == {"name": "Next"}
    assert rename()["projectV2Field"]["options"][0]["id"] != todo["id"]
    assert value() is None


def test_what_boards_refuse(ground: Ground) -> None:
    board = _board(ground)
    issue = ground.owner.read(f"/issues/{ground.owner.issue()}")["node_id"]
    item = change(ground, "addProjectV2ItemById", ITEM, projectId=board["id"], contentId=issue).data
    where = {
        "projectId": board["id"],
        "itemId": item["addProjectV2ItemById"]["item"]["id"],
        "fieldId": board["field"]["id"],
    }
    for value in ({"singleSelectOptionId": "nothing"}, {"text": "Done"}, {}, {"text": "a", "number": 1}):
        refused = change(ground, "updateProjectV2ItemFieldValue", "clientMutationId", **where, value=value)
        assert refused.error["type"] == "UNPROCESSABLE", value
    stranger = ground.people.stranger
    hidden = ask(ground, "query($id:ID!){node(id:$id){id}}", token=stranger, id=board["id"])
    assert hidden.error["type"] == "NOT_FOUND"
    refused = change(
        ground,
        "createProjectV2",
        "clientMutationId",
        token=stranger,
        ownerId=ground.owner.read("")["owner"]["node_id"],
        title="x",
    )
    assert refused.error["type"] == "FORBIDDEN"
    change(ground, "updateProjectV2", "clientMutationId", projectId=board["id"], public=True)
    assert ask(ground, "query($id:ID!){node(id:$id){id}}", token=stranger, id=board["id"]).data
    refused = change(
        ground,
        "addProjectV2ItemById",
        "clientMutationId",
        token=stranger,
        projectId=board["id"],
        contentId=issue,
    )
    assert refused.error["type"] == "FORBIDDEN"


def test_issues_of_hidden_repositories_are_redacted(ground: Ground, private_ground: Ground) -> None:
    board = _board(ground)
    issue = private_ground.owner.read(f"/issues/{private_ground.owner.issue()}")["node_id"]
    change(ground, "addProjectV2ItemById", ITEM, projectId=board["id"], contentId=issue)
    change(ground, "updateProjectV2", "clientMutationId", projectId=board["id"], public=True)
    document = (
        "query($id:ID!){node(id:$id){... on ProjectV2{items(first:9){nodes{type content{__typename} "
        "fieldValues(first:9){nodes{__typename}}}}}}}"
    )
    (mine,) = ask(ground, document, id=board["id"]).data["node"]["items"]["nodes"]
    assert (mine["type"], mine["content"]) == ("ISSUE", {"__typename": "Issue"})
    (theirs,) = ask(ground, document, token=ground.people.stranger, id=board["id"]).data["node"]["items"][
        "nodes"
    ]
    assert theirs == {"type": "REDACTED", "content": None, "fieldValues": {"nodes": []}}


def test_parts_in_their_order_and_in_the_timeline(ground: Ground) -> None:
    parent, first, second = (ground.owner.issue(name) for name in ("parent", "first", "second"))
    ids = {number: ground.owner.read(f"/issues/{number}")["node_id"] for number in (parent, first, second)}
    url = f"http://127.0.0.1/{ground.name}/issues/{second}"
    change(ground, "addSubIssue", "issue{id}", issueId=ids[parent], subIssueId=ids[first])
    added = change(
        ground, "addSubIssue", "subIssue{number parent{number}}", issueId=ids[parent], subIssueUrl=url
    )
    assert added.data["addSubIssue"]["subIssue"] == {"number": second, "parent": {"number": parent}}
    twice = change(ground, "addSubIssue", "issue{id}", issueId=ids[parent], subIssueId=ids[first]).error
    assert twice["type"] == "UNPROCESSABLE"
    circle = change(ground, "addSubIssue", "issue{id}", issueId=ids[first], subIssueId=ids[parent]).error
    assert circle["type"] == "UNPROCESSABLE"
    moved = change(
        ground,
        "reprioritizeSubIssue",
        "issue{subIssues(first:9){nodes{number}}}",
        issueId=ids[parent],
        subIssueId=ids[second],
        beforeId=ids[first],
    ).data["reprioritizeSubIssue"]["issue"]
    assert [one["number"] for one in moved["subIssues"]["nodes"]] == [second, first]
    change(ground, "removeSubIssue", "issue{id}", issueId=ids[parent], subIssueId=ids[second])
    happened = in_repo(
        ground,
        "issue(number:@){timelineItems(first:9){nodes{__typename ... on SubIssueAddedEvent{subIssue{number}} "
        "... on SubIssueRemovedEvent{subIssue{number}}}}}".replace("@", str(parent)),
    )["issue"]["timelineItems"]["nodes"]
    assert [(one["__typename"], one["subIssue"]["number"]) for one in happened] == [
        ("SubIssueAddedEvent", first),
        ("SubIssueAddedEvent", second),
        ("SubIssueRemovedEvent", second),
    ]
    stranger = ground.people.stranger
    refused = change(
        ground, "addSubIssue", "issue{id}", token=stranger, issueId=ids[first], subIssueId=ids[second]
    )
    assert refused.error["type"] == "FORBIDDEN"


def test_dependencies_count_open_ones_apart(ground: Ground) -> None:
    waiting, one, two = (ground.owner.issue() for _ in range(3))
    ids = {number: ground.owner.read(f"/issues/{number}")["node_id"] for number in (waiting, one, two)}
    for blocker in (one, two):
        change(ground, "addBlockedBy", "issue{id}", issueId=ids[waiting], blockingIssueId=ids[blocker])
    ground.owner.patch(f"/issues/{one}", {"state": "closed"})
    shown = in_repo(
        ground,
        "issue(number:@){blockedBy(first:9){totalCount nodes{number state}} issueDependenciesSummary{blockedBy "
        "totalBlockedBy blocking totalBlocking}}".replace("@", str(waiting)),
    )["issue"]
    assert shown["blockedBy"]["totalCount"] == 2
    assert [one["state"] for one in shown["blockedBy"]["nodes"]] == ["CLOSED", "OPEN"]
    assert shown["issueDependenciesSummary"] == {
        "blockedBy": 1,
        "totalBlockedBy": 2,
        "blocking": 0,
        "totalBlocking": 0,
    }
    change(ground, "removeBlockedBy", "issue{id}", issueId=ids[waiting], blockingIssueId=ids[one])
    selection = f"issue(number:{waiting}){{blockedBy{{totalCount}}}}"
    assert in_repo(ground, selection)["issue"]["blockedBy"] == {"totalCount": 1}
