"""What the forge serves is cut from what GitHub publishes, and nothing else."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
)

from .published import full_schema
from .refresh import ALLOWED, OVERLAY, SERVED, VanishedError, allowed_in, cut, full_text, render, whole

Composite = GraphQLObjectType | GraphQLInterfaceType


def test_the_served_schema_is_the_cut_one() -> None:
    nodes = cut(whole(full_text(), overlay=""), allowed_in(ALLOWED.read_text()))
    assert SERVED.read_text().partition("\n\n")[2] == render(nodes), "run tests.contract.graphql.refresh"


def test_everything_served_is_as_github_publishes_it() -> None:
    full, served = full_schema(), build_schema(SERVED.read_text())
    for name, mine in served.type_map.items():
        theirs = full.type_map[name]
        assert type(mine) is type(theirs), name
        if isinstance(mine, Composite) and isinstance(theirs, Composite):
            for key, field in mine.fields.items():
                known = theirs.fields[key]
                assert str(field.type) == str(known.type), f"{name}.{key}"
                assert {arg: (str(value.type), value.default_value) for arg, value in field.args.items()} == {
                    arg: (str(value.type), value.default_value) for arg, value in known.args.items()
                }, f"{name}.{key}"
            assert {each.name for each in mine.interfaces} <= {each.name for each in theirs.interfaces}
        elif isinstance(mine, GraphQLInputObjectType) and isinstance(theirs, GraphQLInputObjectType):
            assert {key: str(each.type) for key, each in mine.fields.items()} == {
                key: str(each.type) for key, each in theirs.fields.items()
            }, name
        elif isinstance(mine, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
            assert list(mine.values) == list(theirs.values), name
        elif isinstance(mine, GraphQLUnionType) and isinstance(theirs, GraphQLUnionType):
            assert {each.name for each in mine.types} <= {each.name for each in theirs.types}


SOURCE = """
type Query { viewer: User! node(id: ID!): Node }
type Mutation { star(input: StarInput!): User }
input StarInput { kind: Kind! }
enum Kind { ONE }
interface Node { id: ID! }
type User implements Node { id: ID! login(case: Kind = ONE): String! friends: UserConnection! }
type UserConnection { nodes: [User] totalCount: Int! }
"""
SMALL = {"Query": ["viewer", "node"], "Mutation": ["star"], "Node": ["id"], "User": ["login"]}


def test_a_cut_keeps_what_is_allowed_and_all_that_it_needs() -> None:
    text = render(cut(whole(f'"""prose"""{SOURCE}', overlay=""), SMALL))
    assert "prose" not in text
    assert "friends" not in text
    assert "login(case: Kind = ONE): String!" in text
    assert "enum Kind" in text
    assert "type User implements Node {\n  id: ID!" in text


@pytest.mark.parametrize(
    ("allowed", "wrong"),
    [
        (SMALL | {"User": ["login", "age"]}, "GitHub does not publish User.age"),
        (SMALL | {"Robot": ["id"]}, "GitHub does not publish the type Robot"),
        (SMALL | {"UserConnection": []}, "nothing that is allowed leads to UserConnection"),
        (
            {"Query": ["viewer"], "Mutation": ["star"], "User": []},
            "lead to User, of which nothing is allowed",
        ),
    ],
)
def test_a_cut_that_cannot_be_is_refused(allowed: dict[str, list[str]], wrong: str) -> None:
    with pytest.raises(VanishedError, match=wrong):
        cut(whole(SOURCE, overlay=""), allowed)


def test_an_overlay_is_dropped_once_github_publishes_it() -> None:
    types = whole(SOURCE, overlay="extend type User { age: Int } extend enum Kind { TWO }")
    text = render(types.values())
    assert "age: Int" in text
    assert "TWO" in text
    for published in (
        "extend type User { login: String! }",
        "enum Kind { ONE }",
        "extend type Ship { id: ID! }",
    ):
        with pytest.raises(VanishedError):
            whole(SOURCE, overlay=published)


def test_every_line_of_the_overlay_has_a_source() -> None:
    paragraphs = OVERLAY.read_text().strip().split("\n\n")[1:]
    assert all(paragraph.startswith(("# D/", "# gh ")) for paragraph in paragraphs)
