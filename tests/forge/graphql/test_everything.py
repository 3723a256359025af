"""Every field that the forge's schema has is answered: it is asked for, of a repository that has one of everything."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

import cdock.forge.graphql.running  # noqa: F401 (it loads all that answers)
from cdock.forge.graphql.registry import MUTATIONS, QUERIES
from tests.forge.graphql.asking import Answer, ask, change
from tests.forge.ground import Ground
from tests.forge.test_apps_http import install

# What `node` gives. All else is asked for where it is met.
NODES = {
    *("IssueComment", "Issue", "ProjectV2", "ProjectV2Field", "ProjectV2Item", "ProjectV2IterationField"),
    *("ProjectV2SingleSelectField", "PullRequest", "PullRequestReview", "PullRequestReviewComment"),
    *("PullRequestReviewThread", "Ref", "Repository", "User"),
}
ARGUMENTS = {
    "after": None,
    "capabilities": "CAN_BE_ASSIGNED",
    "expression": '"main:README.md"',
    "first": "100",
    "headRef": '"topic"',
    "last": None,
    "pullRequestId": '"PR_kwDOAQ"',
    "qualifiedName": '"main"',
    "refPrefix": '"refs/heads/"',
}
# Types of which there is nothing in a forge without organisations, licences, releases, workflows and such.
NEVER = {
    *(
        "AutoMergeRequest",
        "MergeQueueEntry",
        "CodeOfConduct",
        "FundingLink",
        "IssueTemplate",
        "IssueType",
        "Language",
        "License",
    ),
    *(
        "LanguageEdge",
        "IssueTypeEdge",
        "Release",
        "RepositoryContactLink",
        "RepositoryTopic",
        "RepositoryTopicEdge",
    ),
    *("Organization", "Team", "Topic", "Workflow", "WorkflowRun", "Bot", "Tag"),
}
Composite = GraphQLObjectType | GraphQLInterfaceType


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(resources.files("cdock.forge").joinpath("data", "github.graphql").read_text())


def test_every_root_has_a_function(schema: GraphQLSchema) -> None:
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    assert set(QUERIES) == set(schema.query_type.fields)
    assert set(MUTATIONS) == set(schema.mutation_type.fields)


def test_every_field_is_answered(schema: GraphQLSchema, ground: Ground, tmp_path: Path) -> None:
    ids = _one_of_everything(ground, tmp_path)
    seen: set[str] = set()
    wrong: list[str] = []

    def note(answer: Answer) -> None:
        wrong.extend(error["message"] for error in answer.body.get("errors", ()))
        seen.update(_kinds(answer.body.get("data")))

    for node_id in ids:
        kind = ask(ground, "query($id:ID!){node(id:$id){__typename}}", id=node_id).data["node"]["__typename"]
        shown = schema.type_map[kind]
        assert isinstance(shown, GraphQLObjectType)
        document = f"query($id:ID!){{node(id:$id){{... on {kind}{_selection(schema, shown, (kind,))}}}}}"
        note(ask(ground, document, id=node_id))
    for root in ('search(type:ISSUE,query:"is:open",first:100)', "rateLimit"):
        field = root.partition("(")[0]
        assert schema.query_type is not None
        kind = get_named_type(schema.query_type.fields[field].type)
        assert isinstance(kind, GraphQLObjectType)
        note(ask(ground, f"{{{root}{_selection(schema, kind, (kind.name,))}}}"))
    assert "\n".join(sorted(set(wrong))) == ""
    wanted = {
        name
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        and not name.startswith("__")
        and not name.endswith("Payload")
        and name not in {"Query", "Mutation"} | NEVER
    }
    assert wanted - seen == set()


def _selection(schema: GraphQLSchema, kind: Composite, above: tuple[str, ...]) -> str:
    """Everything of a type, down to things that are asked for by themselves."""
    parts = ["__typename", "whole:__typename"]
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if any(
            is_required_argument(arg) and arg_name not in ARGUMENTS for arg_name, arg in field.args.items()
        ):
            continue  # it has a test of its own
        call = name + _arguments(field)
        if is_leaf_type(inner):
            # The halves of a union may have one name for different types.
            parts.append(f"{kind.name}_{name}:{call}")
        else:
            parts.append(f"{kind.name}_{name}:{call}{_of(schema, inner, above)}")
    return "{" + " ".join(parts) + "}"


def _of(schema: GraphQLSchema, kind: Any, above: tuple[str, ...]) -> str:
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        halves = (
            f"... on {each.name}{_selection(schema, each, (*above, each.name))}"
            for each in schema.get_possible_types(kind)
            if each.name not in NODES and each.name not in above
        )
        return "{__typename " + " ".join(halves) + "}"
    assert isinstance(kind, GraphQLObjectType)
    if kind.name in NODES or kind.name in above:
        return "{__typename}"
    return _selection(schema, kind, (*above, kind.name))


def _arguments(field: GraphQLField) -> str:
    given = [f"{name}:{ARGUMENTS[name]}" for name in field.args if ARGUMENTS.get(name) is not None]
    return f"({','.join(given)})" if given else ""


def _kinds(value: Any) -> Iterator[str]:
    """The types of all things that were asked for in whole."""
    if isinstance(value, dict):
        if "whole" in value:
            yield value["__typename"]
        for each in value.values():
            yield from _kinds(each)
    elif isinstance(value, list):
        for each in value:
            yield from _kinds(each)


def _one_of_everything(ground: Ground, tmp_path: Path) -> list[str]:
    """Node ids of one thing of every kind that `node` gives."""
    clone = ground.seeded(tmp_path / "clone")
    clone.commit({".github/pull_request_template.md": "why"}, "Ask why")
    clone.git("push", "-q", "origin", "main")
    program = install(ground, tmp_path / "app.pem").at_work()
    owner = ground.owner
    owner.post("/milestones", {"title": "v1"})
    blocker, parent = owner.issue(), owner.issue()
    number = owner.issue(labels=["a"], assignees=["wendy"], milestone=1)
    issue = owner.read(f"/issues/{number}")
    owner.delete(f"/issues/{number}/labels/a")
    owner.post(f"/issues/{number}/labels", ["a"])
    owner.delete(f"/issues/{number}/assignees", {"assignees": ["wendy"]})
    owner.post(f"/issues/{number}/assignees", {"assignees": ["wendy"]})
    for change_ in (
        {"title": "New"},
        {"body": "new"},
        {"state": "closed"},
        {"state": "open"},
        {"milestone": None},
        {"milestone": 1},
    ):
        owner.patch(f"/issues/{number}", change_)
    owner.put(f"/issues/{number}/lock", {"lock_reason": "spam"})
    owner.delete(f"/issues/{number}/lock")
    owner.post(f"/issues/{parent}/sub_issues", {"sub_issue_id": issue["id"]})
    owner.delete(f"/issues/{parent}/sub_issue", {"sub_issue_id": issue["id"]})
    owner.post(f"/issues/{parent}/sub_issues", {"sub_issue_id": issue["id"]})
    owner.post(
        f"/issues/{number}/dependencies/blocked_by", {"issue_id": owner.read(f"/issues/{blocker}")["id"]}
    )
    comment = owner.post(f"/issues/{number}/comments", {"body": "hi"}).json()
    owner.post(f"/issues/comments/{comment['id']}/reactions", {"content": "eyes"})
    oid = clone.git("rev-parse", "main")
    change(ground, "createLinkedBranch", "clientMutationId", issueId=issue["node_id"], oid=oid, name="linked")
    pull, merged, review = _pulls(ground, clone, number)
    check = {"name": "lint", "head_sha": clone.git("rev-parse", "origin/topic"), "conclusion": "success"}
    assert program.post("/check-runs", check | {"status": "completed"}).status_code == 201
    board = change(
        ground,
        "createProjectV2",
        "projectV2{id fields(first:50){nodes{... on Node{id}}}}",
        ownerId=owner.read("")["owner"]["node_id"],
        repositoryId=owner.read("")["node_id"],
        title="Everything",
    ).data["createProjectV2"]["projectV2"]
    items = _items(ground, board["id"], issue["node_id"], pull["node_id"])
    remark = owner.read(f"/pulls/{pull['number']}/comments")[0]["node_id"]
    threads = "query($id:ID!){node(id:$id){... on PullRequest{reviewThreads(first:1){nodes{id}}}}}"
    thread = ask(ground, threads, id=pull["node_id"]).data["node"]["reviewThreads"]["nodes"][0]["id"]
    return [
        *(owner.read("")["node_id"], owner.read("")["owner"]["node_id"], issue["node_id"]),
        *(owner.read(f"/issues/{parent}")["node_id"], comment["node_id"], pull["node_id"], merged["node_id"]),
        *(review, thread, remark, owner.read("/git/ref/heads/main")["node_id"], board["id"], *items),
        *(each["id"] for each in board["fields"]["nodes"]),
    ]


def _pulls(ground: Ground, clone: Any, closes: int) -> tuple[Any, Any, str]:
    owner = ground.owner
    oid = clone.branch("topic", {"a": "1\n"}, "a")
    given = {"title": "t", "head": "topic", "base": "main", "body": f"Closes #{closes}", "draft": True}
    pull = ground.writer.post("/pulls", given).json()
    for state, context in (("success", "one"), ("pending", "two")):
        ground.writer.post(f"/statuses/{oid}", {"state": state, "context": context})
    change(ground, "markPullRequestReadyForReview", "clientMutationId", pullRequestId=pull["node_id"])
    change(ground, "convertPullRequestToDraft", "clientMutationId", pullRequestId=pull["node_id"])
    number = pull["number"]
    owner.post(f"/pulls/{number}/requested_reviewers", {"reviewers": ["tina", "Olivia"]})
    owner.delete(f"/pulls/{number}/requested_reviewers", {"reviewers": ["Olivia"]})
    comments = [{"path": "a", "line": 1, "body": "c"}]
    body = {"event": "REQUEST_CHANGES", "body": "b", "comments": comments}
    review = owner.post(f"/pulls/{number}/reviews", body).json()
    owner.put(f"/pulls/{number}/reviews/{review['id']}/dismissals", {"message": "done"})
    clone.git("push", "-q", "origin", "main:other")
    owner.patch(f"/pulls/{number}", {"base": "other"})
    owner.patch(f"/pulls/{number}", {"base": "main"})
    clone.git("commit", "-q", "--amend", "-m", "again")
    clone.git("push", "-q", "-f", "origin", "topic")
    ground.writer.post(f"/statuses/{clone.git('rev-parse', 'HEAD')}", {"state": "success"})
    clone.branch("gone", {"b": "1"}, "b")
    merged = ground.writer.post("/pulls", {"title": "m", "head": "gone", "base": "main"}).json()
    assert owner.put(f"/pulls/{merged['number']}/merge").status_code == 200
    return pull, merged, str(review["node_id"])


def _items(ground: Ground, board: str, *contents: str) -> list[str]:
    found = []
    for content in contents:
        payload = change(ground, "addProjectV2ItemById", "item{id}", projectId=board, contentId=content).data
        found.append(payload["addProjectV2ItemById"]["item"]["id"])
    draft = change(ground, "addProjectV2DraftIssue", "projectItem{id}", projectId=board, title="note").data
    found.append(draft["addProjectV2DraftIssue"]["projectItem"]["id"])
    weeks = [
        {"title": "Old", "startDate": "2020-01-06", "duration": 7},
        {"title": "New", "startDate": "2099-01-05", "duration": 7},
    ]
    payload = (
        "projectV2Field{... on Node{id} ... on ProjectV2SingleSelectField{options{id}} "
        "... on ProjectV2IterationField{configuration{iterations{id}}}}"
    )
    kinds: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("TEXT", {"text": "x"}, {}),
        ("NUMBER", {"number": 1.5}, {}),
        ("DATE", {"date": "2027-01-02"}, {}),
        (
            "SINGLE_SELECT",
            None,
            {"singleSelectOptions": [{"name": "a", "color": "RED", "description": ""}]},
        ),
        (
            "ITERATION",
            None,
            {"iterationConfiguration": {"startDate": "2020-01-06", "duration": 7, "iterations": weeks}},
        ),
    )
    for kind, value, more in kinds:
        made = change(
            ground,
            "createProjectV2Field",
            payload,
            projectId=board,
            name=kind.title(),
            dataType=kind,
            **more,
        ).data["createProjectV2Field"]["projectV2Field"]
        if kind == "SINGLE_SELECT":
            value = {"singleSelectOptionId": made["options"][0]["id"]}
        elif kind == "ITERATION":
            value = {"iterationId": made["configuration"]["iterations"][0]["id"]}
        change(
            ground,
            "updateProjectV2ItemFieldValue",
            "clientMutationId",
            projectId=board,
            itemId=found[0],
            fieldId=made["id"],
            value=value,
        )
        found.append(made["id"])
    return found
