"""Reads interface.txt, and turns it into the kind of description that the checker for GitHub knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.contract.openapi.contract import Contract

TEXT = Path(__file__).with_name("interface.txt")
REPOSITORY = "/repos/{owner}/{repo}"
_PLAIN: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
}


@dataclass(frozen=True)
class Field:
    """A field of a type, or a key of a query or a path."""

    name: str
    kind: str = "text"
    required: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation. `answers` has the type by status; `extra` are the statuses that are not in the description."""

    method: str
    path: str
    keys: tuple[Field, ...]
    wild: frozenset[str]
    query: tuple[Field, ...]
    body: str
    answers: Mapping[str, str]
    extra: frozenset[str]


@dataclass(frozen=True)
class Interface:
    """All of it. A type is its fields, or the words it may be."""

    operations: tuple[Operation, ...]
    types: Mapping[str, tuple[Field, ...] | str]


def load_interface() -> Interface:
    """The interface as it is kept in this folder."""
    lines = (line.strip() for line in TEXT.read_text().splitlines())
    operations, types = [], {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith("type "):
            name, _, fields = line.removeprefix("type ").partition(": ")
            types[name] = fields if "|" in fields else tuple(map(_field, fields.split()))
        else:
            operations.append(_operation(line))
    return Interface(tuple(operations), types)


@cache
def contract() -> Contract:
    """What judges requests to Gitea, and answers of its double."""
    interface = load_interface()
    paths: dict[str, dict[str, Any]] = {}
    for operation in interface.operations:
        parameters = [_parameter(field, "path", operation.wild) for field in operation.keys]
        parameters += [_parameter(field, "query", frozenset()) for field in operation.query]
        published: dict[str, Any] = {
            "parameters": parameters,
            "responses": {
                status: {"content": {"application/json": {"schema": _schema(kind)}}} if kind else {}
                for status, kind in operation.answers.items()
            },
        }
        if operation.body:
            content = {"application/json": {"schema": _schema(operation.body)}}
            published["requestBody"] = {"required": True, "content": content}
        paths.setdefault(operation.path, {})[operation.method.lower()] = published
    schemas = {name: _type(fields) for name, fields in interface.types.items()}
    schemas["basic-error"] = _type((Field("message"), Field("url"), Field("errors", "any")))
    return Contract({"paths": paths, "components": {"schemas": schemas}})


def _operation(line: str) -> Operation:
    asked, _, answered = line.partition(" -> ")
    asked, _, body = asked.partition(" < ")
    asked, _, query = asked.partition(" ? ")
    method, _, path = asked.partition(" ")
    path = re.sub(r"^R(?=/|$)", REPOSITORY, path)
    keys = [_field(key.rstrip("*")) for key in re.findall(r"\{([^}]+)\}", path)]
    statuses = [status.split() for status in answered.split(", ")]
    return Operation(
        method=method,
        path=re.sub(r"\{(\w+)[^}]*\}", r"{\1}", path),
        keys=tuple(keys),
        wild=frozenset(re.findall(r"\{(\w+)\*\}", path)),
        query=tuple(map(_field, query.split())),
        body=body,
        answers={words[0].lstrip("+"): "".join(words[1:]) for words in statuses},
        extra=frozenset(words[0][1:] for words in statuses if words[0].startswith("+")),
    )


def _field(text: str) -> Field:
    bare = text.rstrip("!?")
    name, _, kind = bare.partition(":")
    return Field(name, kind or "text", required=text.endswith("!"), nullable=text.endswith("?"))


def _parameter(field: Field, where: str, wild: frozenset[str]) -> dict[str, Any]:
    parameter = {"name": field.name, "in": where, "schema": _schema(field.kind)}
    return {**parameter, "x-multi-segment": True} if field.name in wild else parameter


def _type(fields: tuple[Field, ...] | str) -> dict[str, Any]:
    if isinstance(fields, str):
        return _schema(fields)
    properties = {field.name: _schema(field.kind + ("?" if field.nullable else "")) for field in fields}
    required = [field.name for field in fields if field.required]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _schema(kind: str) -> dict[str, Any]:
    if kind.endswith("?"):
        inner = _schema(kind[:-1])
        if "$ref" in inner:
            return {"nullable": True, "anyOf": [inner]}
        return {**inner, "nullable": True}
    if kind.startswith("["):
        return {"type": "array", "items": _schema(kind[1:-1])}
    if kind == "any":
        return {}
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if kind[0].isupper():
        return {"$ref": f"#/components/schemas/{kind}"}
    return {"type": "string", "enum": kind.split("|")}
