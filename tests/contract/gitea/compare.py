"""Compare interface.txt with the description that a server publishes.

    uv run python -m tests.contract.gitea.compare v1_json.tmpl

The file is `templates/swagger/v1_json.tmpl` of Gitea's sources, or what a server shows at `/swagger.v1.json`. Prints
each name or type that is not as we wrote it down, and ends with 1 when there is one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.gitea.interface import Field, Interface, Operation, load_interface

_KINDS = {"text": "string", "int": "integer", "bool": "boolean", "time": "string"}


def published_in(text: str) -> dict[str, Any]:
    """The description in a file, be it a template with words for the server to fill in."""
    document: dict[str, Any] = json.loads(re.sub(r"\{\{[^}]*\}\}", "", text))
    return document


def differences(interface: Interface, published: dict[str, Any]) -> Iterator[str]:
    """What is not as we wrote it down, one line each."""
    for operation in interface.operations:
        found = published["paths"].get(operation.path, {}).get(operation.method.lower())
        name = f"{operation.method} {operation.path}"
        if found is None:
            yield f"{name}: no such operation"
        else:
            yield from (f"{name}: {text}" for text in _of_operation(operation, found, published))
    for name, fields in interface.types.items():
        definition = published["definitions"].get(name)
        if definition is None:
            yield f"type {name}: no such type"
        elif not isinstance(fields, str):
            yield from (f"type {name}: {text}" for text in _of_type(fields, definition, published))


def _of_operation(operation: Operation, found: dict[str, Any], published: dict[str, Any]) -> Iterator[str]:
    parameters = {(each["in"], each["name"]): each for each in found.get("parameters", ())}
    for where, fields in (("path", operation.keys), ("query", operation.query)):
        for field in fields:
            parameter = parameters.get((where, field.name))
            if parameter is None:
                yield f"no {where} key {field.name}"
            elif wrong := _mismatch(field.kind, parameter, published):
                yield f"{where} key {field.name}: {wrong}"
    bodies = [each["schema"] for each in found.get("parameters", ()) if each["in"] == "body"]
    if operation.body and _kind(bodies[0] if bodies else {}) != operation.body:
        yield f"the body is {_kind(bodies[0]) if bodies else 'nothing'}, not {operation.body}"
    for status, kind in operation.answers.items():
        if status in operation.extra:
            continue
        answer = found["responses"].get(status)
        if answer is None:
            yield f"no status {status}"
        elif kind:
            answer = published["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
            if (shown := _kind(answer.get("schema", {}))) != kind.rstrip("?"):
                yield f"{status} is {shown}, not {kind}"


def _of_type(
    fields: tuple[Field, ...], definition: dict[str, Any], published: dict[str, Any]
) -> Iterator[str]:
    properties = definition["properties"]
    for field in fields:
        if field.name not in properties:
            yield f"no field {field.name}"
        elif wrong := _mismatch(field.kind, properties[field.name], published):
            yield f"{field.name}: {wrong}"
    required = {field.name for field in fields if field.required}
    if unsent := set(definition.get("required", ())) - required:
        yield f"must have {', '.join(sorted(unsent))}"


def _mismatch(ours: str, schema: dict[str, Any], published: dict[str, Any]) -> str:
    theirs = _kind(schema)
    if ours.startswith("["):
        return "" if theirs in (f"[{_KINDS.get(ours[1:-1], ours[1:-1])}]", "[any]") else f"is {theirs}"
    if ours.islower() and ours not in _KINDS:
        missing = set(ours.split("|")) - set(schema.get("enum", ()))
        return f"cannot be {', '.join(sorted(missing))}" if missing else ""
    return "" if theirs == _KINDS.get(ours, ours) else f"is {theirs}"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"[{_kind(schema['items'])}]"
    return str(schema.get("type", "any"))


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="v1_json.tmpl or swagger.v1.json")
    published = published_in(parser.parse_args().file.read_text(encoding="utf-8"))
    found = list(differences(load_interface(), published))
    for line in found:
        print(line)
    print(
        f"{published['info']['title']} {published['info']['version'] or '(no version)'}: {len(found)} differences"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
