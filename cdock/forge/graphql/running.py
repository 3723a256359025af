"""Documents checked against the schema and carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import import_module, resources
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FieldsOnCorrectTypeRule,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    KnownArgumentNamesRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    ValidationRule,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from cdock.forge.domain.access import Inaccessible
from cdock.forge.domain.errors import Forbidden
from cdock.forge.graphql.asked import Args, Ask
from cdock.forge.graphql.errors import Unanswered
from cdock.forge.graphql.registry import MUTATIONS, QUERIES, Input

# Resolvers register themselves when they are imported.
for _module in (
    "mutations_boards",
    "mutations_comments",
    "mutations_git",
    "mutations_issues",
    "mutations_marks",
    "mutations_pulls",
    "mutations_reviews",
    "roots",
    "search",
    "structure",
):
    import_module(f"cdock.forge.graphql.{_module}")


@dataclass(frozen=True)
class Document:
    """A document as far as it can be understood; with `errors` it cannot be carried out."""

    parsed: DocumentNode | None
    errors: tuple[GraphQLError, ...]

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of this name, or the only one."""
        return get_operation_ast(self.parsed, name) if self.parsed else None


# GitHub's ids have outgrown the 32 bits of an Int, and it answers them all the same.
_DATABASE_ID: Final = GraphQLScalarType("DatabaseId", coerce_output_value=int)
# The library reserves the name for its own; this is what clients must see.
_DATABASE_ID.name = "Int"


@cache
def served_schema() -> GraphQLSchema:
    """The schema that the forge answers."""
    text = resources.files("cdock.forge").joinpath("data", "github.graphql").read_text(encoding="utf-8")
    # It is cut from a schema that GitHub serves; to check it again takes as long as to build it.
    schema = build_schema(text, assume_valid=True)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and "databaseId" in kind.fields:
            kind.fields["databaseId"].type = _DATABASE_ID
    return schema


@lru_cache(maxsize=256)
def understood(text: str) -> Document:
    """A document, read and checked. Clients send few different ones, over and over."""
    try:
        parsed = parse(text)
    except GraphQLSyntaxError as error:
        return Document(None, (error,))
    return Document(parsed, tuple(validate(served_schema(), parsed, _RULES)))


def run(
    ask: Ask, parsed: DocumentNode, *, variables: Mapping[str, Any], operation: str | None
) -> ExecutionResult:
    """Carry out an operation of a document that was found valid."""
    result = execute(
        served_schema(),
        parsed,
        context_value=ask,
        variable_values=dict(variables),
        operation_name=operation,
        field_resolver=_resolve,
        type_resolver=_typename,
    )
    if not isinstance(result, ExecutionResult):
        raise TypeError("a resolver gave something to wait for")
    return result


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **values: Any) -> Any:
    if source is None:
        return _root(info, values)
    try:
        value = source[info.field_name]
    except KeyError:
        raise Unanswered(f"{info.parent_type.name}.{info.field_name}") from None
    return value(Args(values, info)) if callable(value) else value


def _root(info: GraphQLResolveInfo[Any], values: Mapping[str, Any]) -> Any:
    ask: Ask = info.context
    name = info.field_name
    if info.parent_type.name == "Mutation":
        if name not in MUTATIONS:
            raise Unanswered(f"Mutation.{name}")
        given = values["input"]
        carry_out, areas = MUTATIONS[name]
        try:
            # What one mutation of a document did before it failed is undone; the others stand.
            with ask.tx.attempt():
                payload = carry_out(replace(ask, needs=areas), Input(given))
        except Inaccessible:
            raise
        except Forbidden as error:
            who = ask.actor.login
            raise Forbidden(
                f"{who} does not have the correct permissions to execute `{name[0].upper()}{name[1:]}`: {error}"
            ) from error
        return payload | {"clientMutationId": given.get("clientMutationId")}
    if name not in QUERIES:
        raise Unanswered(f"Query.{name}")
    return QUERIES[name](ask, Args(values, info))


def _typename(value: Any, info: GraphQLResolveInfo[Any], _: Any) -> str:
    try:
        return str(value["__typename"])
    except KeyError:
        raise Unanswered(f"the type of {info.parent_type.name}.{info.field_name}") from None


class _KnownFields(ValidationRule):
    """FieldsOnCorrectTypeRule in GitHub's words."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.context.get_parent_type()
        if parent is not None and self.context.get_field_def() is None:
            name = node.name.value
            self.report_error(
                GraphQLError(
                    f"Field '{name}' doesn't exist on type '{parent.name}'",
                    node,
                    extensions={"code": "undefinedField", "typeName": parent.name, "fieldName": name},
                )
            )


class _KnownArguments(ValidationRule):
    """KnownArgumentNamesRule in GitHub's words."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        known = self.context.get_field_def()
        for each in node.arguments or ():
            name = each.name.value
            if known is not None and name not in known.args:
                self.report_error(
                    GraphQLError(
                        f"Field '{node.name.value}' doesn't accept argument '{name}'",
                        each,
                        extensions={
                            "code": "argumentNotAccepted",
                            "name": node.name.value,
                            "typeName": "Field",
                            "argumentName": name,
                        },
                    )
                )


_REPLACED: Final = {
    FieldsOnCorrectTypeRule: _KnownFields,
    KnownArgumentNamesRule: _KnownArguments,
}
# GitHub merges fields of different types in the halves of a union, and the gh command line counts on it.
_RULES: Final = [
    _REPLACED.get(rule, rule) for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule
]
