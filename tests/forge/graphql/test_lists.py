"""Lists and node ids: parts from both ends, cursors, filters, and the same ids as over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forge.graphql.asking import ask, in_repo
from tests.forge.ground import Ground


def _issues(ground: Ground, arguments: str, **variables: Any) -> tuple[list[int], dict[str, Any]]:
    shown = in_repo(
        ground,
        f"issues({arguments}){{nodes{{number}} totalCount "
        "pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}",
        **variables,
    )["issues"]
    return [one["number"] for one in shown["nodes"]], {**shown["pageInfo"], "total": shown["totalCount"]}


@pytest.fixture
def five(ground: Ground) -> Ground:
    """A repository with five issues; the third is closed."""
    for number in range(1, 6):
        ground.owner.issue(f"Number {number}", labels=["a"] if number < 3 else ["b"] if number == 3 else [])
    ground.owner.patch("/issues/3", {"state": "closed"})
    return ground


@pytest.mark.parametrize("order", ["", ",orderBy:{field:UPDATED_AT,direction:ASC}"])
def test_issues_from_both_ends(five: Ground, order: str) -> None:
    expected, _ = _issues(five, f"first:100{order}")
    assert sorted(expected) == [1, 2, 3, 4, 5]
    first, page = _issues(five, f"first:2{order}")
    assert (first, page["hasNextPage"], page["hasPreviousPage"], page["total"]) == (
        expected[:2],
        True,
        False,
        5,
    )
    then, page = _issues(five, f'first:2,after:"{page["endCursor"]}"{order}')
    assert (then, page["hasNextPage"], page["hasPreviousPage"]) == (expected[2:4], True, True)
    rest, page = _issues(five, f'first:2,after:"{page["endCursor"]}"{order}')
    assert (rest, page["hasNextPage"], page["total"]) == (expected[4:], False, 5)
    last, page = _issues(five, f"last:2{order}")
    assert (last, page["hasNextPage"], page["hasPreviousPage"]) == (expected[3:], False, True)
    before, page = _issues(five, f'last:2,before:"{page["startCursor"]}"{order}')
    assert (before, page["hasNextPage"], page["hasPreviousPage"]) == (expected[1:3], True, True)
    assert _issues(five, f"first:0{order}")[0] == []


def test_filters_of_issues(five: Ground) -> None:
    def numbers(arguments: str) -> list[int]:
        return _issues(five, f"first:9,{arguments}")[0]

    assert numbers("states:OPEN") == [1, 2, 4, 5]
    assert numbers("states:[CLOSED]") == [3]
    assert numbers('labels:["a","b"]') == [1, 2, 3]
    assert numbers('filterBy:{labels:["a"]}') == [1, 2]
    assert numbers('filterBy:{createdBy:"wendy"}') == []
    assert numbers("filterBy:{assignee:null}") == [1, 2, 3, 4, 5]
    assert numbers('filterBy:{assignee:"*"}') == []
    assert numbers('filterBy:{since:"2999-01-01T00:00:00Z"}') == []
    assert numbers("orderBy:{field:CREATED_AT,direction:DESC}") == [5, 4, 3, 2, 1]


def test_lists_that_are_here_in_whole(ground: Ground) -> None:
    number = ground.owner.issue()
    for text in "abcde":
        ground.owner.post(f"/issues/{number}/comments", {"body": text})

    def bodies(arguments: str) -> tuple[str, dict[str, Any]]:
        shown = in_repo(
            ground,
            f"issue(number:{number}){{comments({arguments}){{edges{{cursor node{{body}}}} totalCount "
            "pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}",
        )["issue"]["comments"]
        assert shown["totalCount"] == 5
        if shown["edges"]:
            assert shown["pageInfo"]["endCursor"] == shown["edges"][-1]["cursor"]
        return "".join(one["node"]["body"] for one in shown["edges"]), shown["pageInfo"]

    assert bodies("first:100")[0] == "abcde"
    text, page = bodies("first:2")
    assert (text, page["hasNextPage"], page["hasPreviousPage"]) == ("ab", True, False)
    text, page = bodies(f'first:2,after:"{page["endCursor"]}"')
    assert (text, page["hasNextPage"], page["hasPreviousPage"]) == ("cd", True, True)
    assert bodies(f'first:2,after:"{page["endCursor"]}"')[0] == "e"
    assert bodies(f'last:2,before:"{page["startCursor"]}"')[0] == "ab"
    text, page = bodies("last:2")
    assert (text, page["hasNextPage"], page["hasPreviousPage"]) == ("de", False, True)
    assert bodies("first:0") == (
        "",
        {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            "",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `issues` connection.",
        ),
        (
            "(first:101)",
            "EXCESSIVE_PAGINATION",
            "Requesting 101 records on the `issues` connection exceeds the `first` limit of 100 records.",
        ),
        ("(last:-1)", "INVALID_PAGINATION", "`last` on the `issues` connection cannot be less than zero."),
        ('(first:1,after:"x")', "INVALID_CURSOR_ARGUMENTS", "`x` does not appear to be a valid cursor."),
        (
            '(first:1,after:"Y3Vyc29yOnYyOjE")',
            "INVALID_CURSOR_ARGUMENTS",
            "`Y3Vyc29yOnYyOjE` does not appear to be a valid cursor.",
        ),
    ],
)
def test_parts_that_cannot_be(ground: Ground, arguments: str, kind: str, message: str) -> None:
    document = "query($owner:String!,$name:String!){repository(owner:$owner,name:$name){issues@{nodes{id}}}}"
    error = ask(ground, document.replace("@", arguments)).error
    assert (error["type"], error["message"], error["path"]) == (kind, message, ["repository", "issues"])


def test_counting_needs_no_bounds(five: Ground) -> None:
    shown = in_repo(five, "all:issues{totalCount} open:issues(states:OPEN){totalCount} labels{totalCount}")
    assert shown == {"all": {"totalCount": 5}, "open": {"totalCount": 4}, "labels": {"totalCount": 2}}


def test_ids_are_those_of_rest(ground: Ground, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    clone.branch("topic", {"a": "1\n"}, "Add a")
    ground.owner.post("/milestones", {"title": "v1"})
    number = ground.owner.issue(labels=["x"], milestone=1)
    ground.owner.post(f"/issues/{number}/comments", {"body": "hi"})
    pull = ground.writer.post("/pulls", {"title": "t", "head": "topic", "base": "main"}).json()
    ground.owner.post(
        f"/pulls/{pull['number']}/reviews",
        {"event": "COMMENT", "body": "b", "comments": [{"path": "a", "line": 1, "body": "c"}]},
    )
    shown = in_repo(
        ground,
        "id owner{id} issue(number:$i){id author{id ... on User{id}} labels(first:1){nodes{id}} milestone{id} "
        "comments(first:1){nodes{id}}} pullRequest(number:$p){id reviews(first:1){nodes{id comments(first:1){"
        'nodes{id}}}}} ref(qualifiedName:"main"){id target{... on Commit{id}}}'.replace("$i", str(number))
        .replace("$p", str(pull["number"]))
        .replace("author{id ... on User{id}}", "author{... on User{id}}"),
    )
    rest = ground.owner.read("")
    issue = ground.owner.read(f"/issues/{number}")
    review = ground.owner.read(f"/pulls/{pull['number']}/reviews")[0]
    remark = ground.owner.read(f"/pulls/{pull['number']}/comments")[0]
    ref = ground.owner.read("/git/ref/heads/main")
    assert shown["id"] == rest["node_id"]
    assert shown["owner"]["id"] == rest["owner"]["node_id"]
    assert shown["issue"]["id"] == issue["node_id"]
    assert shown["issue"]["author"]["id"] == issue["user"]["node_id"]
    assert shown["issue"]["labels"]["nodes"][0]["id"] == issue["labels"][0]["node_id"]
    assert shown["issue"]["milestone"]["id"] == issue["milestone"]["node_id"]
    assert (
        shown["issue"]["comments"]["nodes"][0]["id"]
        == ground.owner.read(f"/issues/{number}/comments")[0]["node_id"]
    )
    assert shown["pullRequest"]["id"] == pull["node_id"]
    assert shown["pullRequest"]["reviews"]["nodes"][0]["id"] == review["node_id"]
    assert shown["pullRequest"]["reviews"]["nodes"][0]["comments"]["nodes"][0]["id"] == remark["node_id"]
    assert shown["ref"]["id"] == ref["node_id"]
    assert shown["ref"]["target"]["id"] == ground.owner.read("/commits/main")["node_id"]
    found = ask(
        ground,
        "query($ids:[ID!]!){nodes(ids:$ids){__typename id}}",
        ids=[
            *(rest["node_id"], rest["owner"]["node_id"], issue["node_id"], pull["node_id"], ref["node_id"]),
            *(review["node_id"], remark["node_id"]),
        ],
    ).data["nodes"]
    assert [one["__typename"] for one in found] == [
        "Repository",
        "User",
        "Issue",
        "PullRequest",
        "Ref",
        "PullRequestReview",
        "PullRequestReviewComment",
    ]


@pytest.mark.parametrize(
    "strange", ["", "I", "I_kwDO", "I_kwDO!!", "I_kwDOAQ", "PR_kwDOTY_5AQ", "ZZ_kwDOAQ", "I_x"]
)
def test_strange_ids(ground: Ground, strange: str) -> None:
    error = ask(ground, "query($id:ID!){node(id:$id){id}}", id=strange).error
    assert error["type"] == "NOT_FOUND"
    assert "Could not resolve to a node" in error["message"]
