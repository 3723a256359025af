"""Every GraphQL document of ours is one that GitHub's published schema accepts, and that the forge answers."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from .published import documents_of_ours, violations
from .refresh import SERVED

OURS = list(documents_of_ours())


@pytest.mark.parametrize("document", [text for _, text in OURS], ids=[name for name, _ in OURS])
def test_github_takes_it(document: str) -> None:
    assert violations(document) == []


@pytest.mark.parametrize("document", [text for _, text in OURS], ids=[name for name, _ in OURS])
def test_the_forge_takes_it(document: str) -> None:
    assert validate(build_schema(SERVED.read_text()), parse(document)) == []


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ("{ viewer { name2 } }", "Cannot query field 'name2' on type 'User'"),
        ('{ repository(owner: 1, name: "x") { id } }', "String cannot represent a non string value: 1"),
        (
            'mutation { addComment(input: {body: "x"}) { clientMutationId } }',
            "to include required field 'subjectId'",
        ),
        ("{ viewer { login }", "Syntax Error"),
    ],
)
def test_what_github_does_not_take_is_seen(document: str, wrong: str) -> None:
    assert any(wrong in violation for violation in violations(document)), violations(document)


def test_documents_are_found_where_they_are_sent_from() -> None:
    assert {"approval", "poll"} <= {name for name, _ in OURS}
