"""Check JSON values against the schemas of GitHub's description, more strictly than the schemas ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from jsonschema import FormatChecker  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError, best_match  # type: ignore[import-untyped]
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

DOCUMENT = "urn:github-rest"
LONGEST_MESSAGE = 300
COMBINATORS = ("oneOf", "anyOf", "allOf")

# Reading and writing differ in one thing: a required property marked readOnly must be in an answer and need not
# be in a request. (OAS30Validator forgives its absence in both.)
Side = Literal["read", "write"]
VALIDATORS: dict[Side, Any] = {"read": OAS30ReadValidator, "write": OAS30WriteValidator}

Finding = tuple[str, str]
"""Where in the value (a JSON pointer with `*` for list positions) and what is wrong there."""


class Schemas:
    """The schemas of one description. It keeps a repaired copy and never changes what it was given."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec: dict[str, Any] = _repaired(spec)
        resource: Resource[Any] = DRAFT4.create_resource(self._spec)
        self._registry: Registry[Any] = Registry().with_resource(DOCUMENT, resource)
        self._formats = _formats()

    def mismatches(self, value: Any, schema: dict[str, Any], *, side: Side) -> Iterator[Finding]:
        """What the schema itself refuses in `value`."""
        validator = VALIDATORS[side](_repaired(schema), registry=self._registry, format_checker=self._formats)
        for error in validator.iter_errors(value):
            cause: ValidationError = best_match([error]) or error
            yield _pointer(cause), _short(cause.message)

    def undeclared(self, value: Any, schema: dict[str, Any]) -> Iterator[Finding]:
        """Keys in `value`, at any depth, that no branch of the schema names.

        JSON Schema allows them, and so every typo passes; here only an object without any named property is free.
        """
        for where in dict.fromkeys(self._undeclared(value, [schema], "")):
            yield where, f"{where.rsplit('/', 1)[1]!r} is not a published key"

    def _undeclared(self, value: Any, schemas: list[dict[str, Any]], where: str) -> Iterator[str]:
        branches = [branch for schema in schemas for branch in self._branches(schema)]
        if isinstance(value, list):
            items = [branch["items"] for branch in branches if "items" in branch]
            for inner in value if items else ():
                yield from self._undeclared(inner, items, f"{where}/*")
        elif isinstance(value, dict):
            extra = [
                b["additionalProperties"] for b in branches if isinstance(b.get("additionalProperties"), dict)
            ]
            named = any(branch.get("properties") for branch in branches)
            for key, inner in value.items():
                declared = [b["properties"][key] for b in branches if key in b.get("properties", {})]
                if declared or extra:
                    yield from self._undeclared(inner, declared or extra, f"{where}/{key}")
                elif named:
                    yield f"{where}/{key}"

    def _branches(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            yield from self._branches(self._spec["components"]["schemas"][name])
            return
        yield schema
        for combinator in COMBINATORS:
            for branch in schema.get(combinator, ()):
                yield from self._branches(branch)


def _repaired(value: Any) -> Any:
    """A copy with absolute references, and with `nullable` meaning what GitHub means by it.

    OpenAPI 3.0 reads `{nullable, enum: [a]}` and `{nullable, oneOf: […]}` as refusing null; GitHub publishes
    both for values that are null every day (`state_reason`, `milestone`). A `discriminator` goes: the branches
    tell each other apart without it, and GitHub gives one to a list (`contents`), which has no property to look at.
    """
    if isinstance(value, list):
        return [_repaired(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _repaired(inner) for key, inner in value.items() if key != "discriminator"}
    if isinstance(copy.get("$ref"), str) and copy["$ref"].startswith("#/"):
        copy["$ref"] = DOCUMENT + copy["$ref"]
    if copy.get("nullable") is True and isinstance(copy.get("enum"), list) and None not in copy["enum"]:
        copy["enum"] = [*copy["enum"], None]
    for combinator in ("oneOf", "anyOf"):
        branches = copy.get(combinator)
        if isinstance(branches, list) and any(part.get("nullable") is True for part in (copy, *branches)):
            strict = [{key: part[key] for key in part if key != "nullable"} for part in branches]
            copy[combinator] = [*strict, {"enum": [None]}]
    return copy


def _formats() -> FormatChecker:
    """The formats of OpenAPI, and `uri`, which the library leaves to an optional package."""
    checker = FormatChecker(formats=())
    checker.checkers = {**oas30_format_checker.checkers, "uri": (_is_absolute, ())}
    return checker


def _is_absolute(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and parts.netloc)


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{'*' if isinstance(part, int) else part}" for part in error.absolute_path) or "/"


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
