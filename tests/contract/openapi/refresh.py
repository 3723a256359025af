"""Cut GitHub's published OpenAPI description down to the operations of operations.txt.

    npm pack @octokit/openapi@VERSION && tar xzf octokit-openapi-VERSION.tgz
    uv run python -m tests.contract.openapi.refresh package

Everything a checker needs stays word for word; prose and examples go, because they are most of the bytes and
all of the noise in a diff. One line per path and per component makes the next version readable as a diff.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .routes import HIDING, Routes

HERE = Path(__file__).parent
OPERATIONS = HERE / "operations.txt"
CUT = HERE / "github-rest.json"
WEBHOOKS = HERE / "webhooks.txt"
PAYLOADS = HERE / "github-webhooks.json.gz"
LICENCE = HERE / "github-rest.LICENSE"

METHODS = ("get", "put", "post", "patch", "delete")
PARAMETER_KEYS = ("name", "in", "required", "schema", "style", "explode", "x-multi-segment")
COMPONENTS = ("parameters", "responses", "schemas")

# The keys of a schema that hold other schemas; all other values are data and must not be walked into,
# for a *property* may well be called "description" or "example".
SCHEMA_MAPS = ("properties", "patternProperties")
SCHEMA_LISTS = ("oneOf", "anyOf", "allOf")
SCHEMA_SINGLE = ("items", "not", "additionalProperties")
SCHEMA_PROSE = ("title", "description", "example", "examples", "externalDocs")


class VanishedError(Exception):
    """An operation of ours is not in GitHub's description any more."""


def operations_in(text: str) -> list[tuple[str, str]]:
    """The (method, path) pairs of an operation list, methods in lower case."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return [(method.lower(), path) for method, path in pairs]


def cut(source: dict[str, Any], operations: list[tuple[str, str]], *, origin: str) -> dict[str, Any]:
    """The part of `source` that describes `operations`; VanishedError names all missing ones."""
    missing = [
        f"{method.upper()} {path}"
        for method, path in operations
        if method not in source["paths"].get(path, {})
    ]
    if missing:
        raise VanishedError(
            f"{origin} does not publish {', '.join(missing)}; "
            f"look for the successor of each in GitHub's changelog and change {OPERATIONS.name}"
        )
    paths: dict[str, Any] = {}
    for method, path in operations:
        paths.setdefault(path, {})[method] = _operation(source["paths"][path][method])
    document = {
        "openapi": source["openapi"],
        "info": {
            "title": "GitHub REST, cut to the operations cdock speaks",
            "version": source["info"]["version"],
            "license": source["info"]["license"],
            "x-source": f"generated/api.github.com.json of {origin}",
        },
        "paths": paths,
        "components": _components(source["components"], paths),
    }
    return {**document, HIDING: sorted(_hiding(source, document))}


def cut_webhooks(source: dict[str, Any], names: list[str], *, origin: str) -> dict[str, Any]:
    """The schemas of what these webhooks send: components, and `payloads` by name. Raises VanishedError."""
    missing = [name for name in names if name not in source["x-webhooks"]]
    if missing:
        raise VanishedError(
            f"{origin} does not publish the webhooks {', '.join(missing)}: see {WEBHOOKS.name}"
        )
    payloads = {
        name: _schema(
            source["x-webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
        )
        for name in names
    }
    return {"components": _components(source["components"], payloads), "payloads": payloads}


def render(document: dict[str, Any]) -> str:
    """JSON with one line per path and per component, keys sorted."""
    head = [f'"{key}":{_compact(document[key])}' for key in ("openapi", "info", HIDING)]
    groups = [_group(name, document["components"][name]) for name in COMPONENTS]
    paths = _group("paths", document["paths"])
    return "{\n" + ",\n".join([*head, paths, '"components":{\n' + ",\n".join(groups) + "\n}"]) + "\n}\n"


def _hiding(source: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """What is left out, and whose URLs fit a kept template only because that one's last value may have slashes.

    With as many segments it is the same thing in another spelling: `compare/{base}...{head}`.
    """
    routes = Routes(document)
    for path, item in source["paths"].items():
        for method in METHODS:
            kept = method in document["paths"].get(path, {})
            match = None if kept or method not in item else routes.find(method, re.sub(r"[{}]", "", path))
            if match and match.operation.name.count("/") < path.count("/"):
                yield f"{method.upper()} {path}"


def _group(name: str, entries: dict[str, Any]) -> str:
    lines = (f"{json.dumps(key)}:{_compact(entries[key])}" for key in sorted(entries))
    return f'"{name}":{{\n' + ",\n".join(lines) + "\n}"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _operation(source: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "operationId": source["operationId"],
        "parameters": [_parameter(parameter) for parameter in source.get("parameters", ())],
        "responses": {status: _response(response) for status, response in source["responses"].items()},
    }
    if body := source.get("requestBody"):
        kept["requestBody"] = {"required": body.get("required", False), "content": _content(body["content"])}
    return kept


def _parameter(source: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in source:
        return source
    kept = {key: source[key] for key in PARAMETER_KEYS if key in source}
    return {**kept, "schema": _schema(source["schema"])}


def _response(source: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in source:
        return source
    # OpenAPI requires the description; other tools refuse the file without it.
    kept: dict[str, Any] = {"description": ""}
    if "content" in source:
        kept["content"] = _content(source["content"])
    return kept


def _content(source: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: {"schema": _schema(media["schema"])} if "schema" in media else {}
        for kind, media in source.items()
    }


def _schema(source: Any) -> Any:
    if not isinstance(source, dict):
        return source
    kept: dict[str, Any] = {}
    for key, value in source.items():
        if key in SCHEMA_PROSE or key.startswith("x-"):
            continue
        if key in SCHEMA_MAPS:
            kept[key] = {name: _schema(inner) for name, inner in value.items()}
        elif key in SCHEMA_LISTS:
            kept[key] = [_schema(inner) for inner in value]
        elif key in SCHEMA_SINGLE:
            kept[key] = _schema(value)
        else:
            kept[key] = value
    return kept


def _components(source: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """All components reachable from `paths`, and the error body that GitHub sends with unlisted statuses."""
    clean = {"parameters": _parameter, "responses": _response, "schemas": _schema}
    kept: dict[str, dict[str, Any]] = {kind: {} for kind in COMPONENTS}
    wanted = [*_references(paths), "#/components/schemas/basic-error"]
    while wanted:
        kind, name = wanted.pop().split("/")[2:]
        if name not in kept[kind]:
            kept[kind][name] = clean[kind](source[kind][name])
            wanted.extend(_references(kept[kind][name]))
    return kept


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, help="the unpacked npm package @octokit/openapi")
    package: Path = parser.parse_args().package
    about = json.loads((package / "package.json").read_text())
    source = json.loads((package / "generated" / "api.github.com.json").read_text())
    origin = f"{about['name']} {about['version']} ({about['license']})"
    names = [name for name in WEBHOOKS.read_text().splitlines() if name and not name.startswith("#")]
    try:
        document = cut(source, operations_in(OPERATIONS.read_text()), origin=origin)
        webhooks = cut_webhooks(source, names, origin=origin)
    except VanishedError as error:
        print(error, file=sys.stderr)
        return 1
    CUT.write_text(render(document))
    # A megabyte in plain text, and nobody reads its diff.
    PAYLOADS.write_bytes(gzip.compress(_compact(webhooks).encode(), mtime=0))
    LICENCE.write_text((package / "LICENSE").read_text())
    print(f"{PAYLOADS.name}: {len(names)} webhooks, {PAYLOADS.stat().st_size // 1024} KB")
    print(f"{CUT.name}: {len(document['paths'])} paths of {origin}, {CUT.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
