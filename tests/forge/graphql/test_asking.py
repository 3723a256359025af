"""How the GraphQL interface is asked, and what it says to what it cannot do."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.forge.graphql.asking import LIMIT, ask, change, in_repo
from tests.forge.ground import Ground


def _post(
    ground: Ground, path: str = "/graphql", token: str | None = None, **given: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(ground.forge.url + path, headers=headers, timeout=LIMIT, **given)


VIEWER = {"query": "{viewer{login}}"}


def test_two_addresses_and_the_one_of_the_proxy(ground: Ground) -> None:
    token = ground.people.writer
    for path in ("/graphql", "/api/graphql"):
        answer = _post(ground, path, token, json=VIEWER)
        assert (answer.status_code, answer.json()) == (200, {"data": {"viewer": {"login": "wendy"}}})
    proxied = requests.post(
        "http://api.github.localhost/graphql",
        json=VIEWER,
        headers={"Authorization": f"token {token}"},
        proxies={"http": ground.forge.url},
        timeout=LIMIT,
    )
    assert proxied.json()["data"]["viewer"]["login"] == "wendy"


def test_nobody_and_bad_tokens_get_401(ground: Ground) -> None:
    nobody = _post(ground, json=VIEWER)
    assert (nobody.status_code, nobody.json()["message"]) == (
        401,
        "This endpoint requires you to be authenticated.",
    )
    bad = _post(ground, token="ghp_" + "x" * 36, json=VIEWER)
    assert (bad.status_code, bad.json()["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"data": b"{"}, "Problems parsing JSON"),
        ({"json": []}, "A query attribute must be specified and must be a string."),
        ({"json": {"query": 1}}, "A query attribute must be specified and must be a string."),
        ({"json": VIEWER | {"variables": [1]}}, "Variables must be an object."),
        ({"json": VIEWER | {"operationName": 1}}, "The operation's name must be a string."),
    ],
)
def test_what_is_no_request_gets_400(ground: Ground, given: Any, wrong: str) -> None:
    answer = _post(ground, token=ground.people.owner, **given)
    assert (answer.status_code, answer.json()["message"]) == (400, wrong)


@pytest.mark.parametrize(
    ("document", "message", "code"),
    [
        ("{viewer{logn}}", "Field 'logn' doesn't exist on type 'User'", "undefinedField"),
        ("{viewer(x:1){login}}", "Field 'viewer' doesn't accept argument 'x'", "argumentNotAccepted"),
        ("{viewer{login}", "Syntax Error: Expected Name, found <EOF>.", None),
        ("query A{viewer{login}} query B{viewer{login}}", "An operation name is required", None),
        ("{repository(name:1,owner:2){id}}", "String cannot represent a non string value: 1", None),
    ],
)
def test_documents_that_cannot_be(ground: Ground, document: str, message: str, code: str | None) -> None:
    answer = _post(ground, token=ground.people.owner, json={"query": document})
    assert answer.status_code == 200
    body = answer.json()
    assert "data" not in body
    assert body["errors"][0]["message"] == message
    assert body["errors"][0].get("extensions", {}).get("code") == code


def test_variables_that_do_not_fit(ground: Ground) -> None:
    document = "query($owner:String!,$name:String!,$n:Int!){repository(owner:$owner,name:$name){issue(number:$n){id}}}"
    answer = ask(ground, document, n="x")
    assert "data" not in answer.body
    assert "Variable '$n' has invalid value" in answer.error["message"]


def test_operations_are_chosen_by_name(ground: Ground) -> None:
    document = "query A{a:viewer{login}} query B{b:viewer{login}}"
    answer = _post(ground, token=ground.people.owner, json={"query": document, "operationName": "B"})
    assert answer.json() == {"data": {"b": {"login": "Olivia"}}}


def test_what_is_not_there_is_null_beside_the_rest(ground: Ground) -> None:
    number = ground.owner.issue("There")
    document = (
        "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){"
        "there:issue(number:$number){title} gone:issue(number:99){title} both:issueOrPullRequest(number:99){__typename}"
        " pull:pullRequest(number:$number){title}} viewer{login}}"
    )
    answer = ask(ground, document, number=number)
    assert answer.status == 200
    assert answer.body["data"] == {
        "repository": {"there": {"title": "There"}, "gone": None, "both": None, "pull": None},
        "viewer": {"login": "Olivia"},
    }
    errors = {error["path"][1]: error for error in answer.body["errors"]}
    assert {error["type"] for error in errors.values()} == {"NOT_FOUND"}
    assert errors["gone"]["message"] == "Could not resolve to an Issue with the number of 99."
    assert errors["both"]["message"] == "Could not resolve to an issue or pull request with the number of 99."
    assert errors["pull"]["message"] == f"Could not resolve to a PullRequest with the number of {number}."
    assert errors["gone"]["locations"][0]["line"] == 1


def test_unknown_names(ground: Ground) -> None:
    for document, message in (
        ('{repository(owner:"o",name:"r"){id}}', "Could not resolve to a Repository with the name 'o/r'."),
        ('{user(login:"never-heard"){id}}', "Could not resolve to a User with the login of 'never-heard'."),
        (
            '{organization(login:"Olivia"){id}}',
            "Could not resolve to an Organization with the login of 'Olivia'.",
        ),
        ('{node(id:"nothing"){id}}', "Could not resolve to a node with the global id of 'nothing'"),
    ):
        error = ask(ground, document).error
        assert (error["type"], error["message"]) == ("NOT_FOUND", message)
    assert ask(
        ground, '{repositoryOwner(login:"never-heard"){id} resource(url:"http://x/a/b/issues/1"){url}}'
    ).data == {
        "repositoryOwner": None,
        "resource": None,
    }


def test_a_private_repository_is_not_there_for_strangers(private_ground: Ground) -> None:
    number = private_ground.owner.issue()
    node_id = private_ground.owner.read(f"/issues/{number}")["node_id"]
    stranger = private_ground.people.stranger
    document = "query($owner:String!,$name:String!){repository(owner:$owner,name:$name){id}}"
    assert ask(private_ground, document, token=stranger).error["type"] == "NOT_FOUND"
    assert ask(private_ground, "query($id:ID!){node(id:$id){id}}", token=stranger, id=node_id).error[
        "type"
    ] == ("NOT_FOUND")
    refused = change(
        private_ground, "addComment", "clientMutationId", token=stranger, subjectId=node_id, body="hi"
    )
    assert refused.error["type"] == "NOT_FOUND"
    assert private_ground.owner.read(f"/issues/{number}")["comments"] == 0


def test_a_renamed_repository_is_found_by_its_old_name(ground: Ground) -> None:
    name = ground.name.partition("/")[2]
    ground.owner.patch("", {"name": f"{name}-new"})
    assert in_repo(ground, "name") == {"name": f"{name}-new"}
    strict = (
        "query($owner:String!,$name:String!){repository(owner:$owner,name:$name,followRenames:false){id}}"
    )
    assert ask(ground, strict).error["type"] == "NOT_FOUND"


def test_what_is_not_allowed_is_forbidden(ground: Ground) -> None:
    number = ground.owner.issue()
    issue = ground.owner.read(f"/issues/{number}")["node_id"]
    label = ground.owner.post("/labels", {"name": "x"}).json()["node_id"]
    for name, given in (
        ("closeIssue", {"issueId": issue}),
        ("addLabelsToLabelable", {"labelableId": issue, "labelIds": [label]}),
        ("removeLabelsFromLabelable", {"labelableId": issue, "labelIds": [label]}),
        ("updateIssue", {"id": issue, "title": "mine"}),
        ("lockLockable", {"lockableId": issue}),
        ("replaceActorsForAssignable", {"assignableId": issue, "actorLogins": ["sam"]}),
    ):
        error = change(ground, name, "clientMutationId", token=ground.people.stranger, **given).error
        assert error["type"] == "FORBIDDEN", name
        assert (
            f"does not have the correct permissions to execute `{name[0].upper()}{name[1:]}`"
            in error["message"]
        )
    shown = ground.owner.read(f"/issues/{number}")
    assert (shown["state"], shown["labels"], shown["title"]) == ("open", [], "Something")


def test_what_makes_no_sense_is_unprocessable(ground: Ground) -> None:
    repository = ground.owner.read("")["node_id"]
    for given, message in (
        ({"title": " "}, "Title can't be blank"),
        ({"title": "x" * 257}, "title is too long (maximum is 256 characters)"),
        ({"title": "x", "body": "y" * 65_537}, "body is too long (maximum is 65536 characters)"),
    ):
        error = change(ground, "createIssue", "issue{id}", repositoryId=repository, **given).error
        assert (error["type"], error["message"]) == ("UNPROCESSABLE", message)
        assert error["path"] == ["createIssue"]


def test_a_mutation_that_fails_undoes_its_own_part_only(ground: Ground) -> None:
    issue = ground.owner.read(f"/issues/{ground.owner.issue()}")
    ground.owner.post("/labels", {"name": "kept"})
    kept = ground.owner.read("/labels/kept")["node_id"]
    document = (
        "mutation($i:ID!,$l:ID!){a:addLabelsToLabelable(input:{labelableId:$i,labelIds:[$l]}){clientMutationId}"
        ' b:updateIssue(input:{id:$i,title:"half",milestoneId:"MI_kwDOAQ"}){clientMutationId}'
        ' c:addComment(input:{subjectId:$i,body:"said",clientMutationId:"me"}){clientMutationId}}'
    )
    answer = ask(ground, document, i=issue["node_id"], l=kept)
    assert answer.body["data"] == {
        "a": {"clientMutationId": None},
        "b": None,
        "c": {"clientMutationId": "me"},
    }
    assert answer.error["path"] == ["b"]
    after = ground.owner.read(f"/issues/{issue['number']}")
    assert (after["title"], [label["name"] for label in after["labels"]], after["comments"]) == (
        "Something",
        ["kept"],
        1,
    )


def test_the_budget_is_counted_by_githubs_rule(ground: Ground) -> None:
    ground.owner.issue()
    before = ask(ground, "{rateLimit{limit cost remaining used resetAt nodeCount}}").data["rateLimit"]
    assert (before["limit"], before["cost"], before["nodeCount"]) == (5000, 1, 0)
    assert before["remaining"] == 5000 - before["used"]
    document = (
        "query($owner:String!,$name:String!,$n:Int=50){rateLimit{cost nodeCount} repository(owner:$owner,name:$name){"
        "issues(first:100){nodes{labels(first:$n){nodes{name}} comments(last:20){nodes{body}}}}}}"
    )
    answer = ask(ground, document)
    # One call for the issues, and for each of a hundred issues one for its labels and one for its comments.
    assert answer.data["rateLimit"] == {"cost": 2, "nodeCount": 100 + 100 * 50 + 100 * 20}
    assert int(answer.headers["X-RateLimit-Used"]) == before["used"] + 2
    assert answer.headers["X-RateLimit-Resource"] == "graphql"
    core = ground.owner.get("//rate_limit").json()["resources"]
    assert core["graphql"]["used"] == before["used"] + 2


def test_introspection_is_answered(ground: Ground) -> None:
    answer = ask(ground, '{__type(name:"Issue"){fields{name}} __schema{queryType{name}}}')
    assert "blockedBy" in {field["name"] for field in answer.data["__type"]["fields"]}
