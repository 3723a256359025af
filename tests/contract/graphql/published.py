"""GitHub's schema as it is published, for tests that judge documents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from graphql import GraphQLError, GraphQLSchema, build_schema, parse, validate

from .refresh import HERE, SERVED, full_text

DOCUMENTS = HERE / "documents"
CLIENT = SERVED.parents[2]


@cache
def full_schema() -> GraphQLSchema:
    """The whole schema. It is not checked: GitHub's own breaks rules of deprecation."""
    return build_schema(full_text(), assume_valid=True)


def violations(document: str) -> list[str]:
    """What is wrong with a document by the whole schema; nothing when GitHub would take it."""
    try:
        return [error.message for error in validate(full_schema(), parse(document))]
    except GraphQLError as error:
        return [error.message]


def documents_of_ours() -> Iterator[tuple[str, str]]:
    """Every document that cdock sends, with the place where it stands."""
    for path in sorted(DOCUMENTS.glob("*.graphql")):
        yield path.stem, path.read_text()
    for path in sorted(CLIENT.rglob("*.py")):
        if "forge" in path.relative_to(CLIENT).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_document(node.value):
                yield f"{path.relative_to(CLIENT)}:{node.lineno}", node.value


def _is_document(text: str) -> bool:
    words = text.split(maxsplit=1)
    if "{" not in text or not words or words[0].partition("(")[0] not in {"query", "mutation", "fragment"}:
        return False
    try:
        parse(text)
    except GraphQLError:
        return False
    return True
