"""Cut GitHub's published GraphQL schema down to the fields of allowed.txt.

    npm pack @octokit/graphql-schema@VERSION && tar xzf octokit-graphql-schema-VERSION.tgz
    uv run python -m tests.contract.graphql.refresh package

The package's schema is extended by overlay.graphql, for it is older than what clients ask today. Without its prose it
is kept whole as github-full.graphql.gz, for tests that judge documents; what the embedded forge serves is the part
that allowed.txt names, with arguments, nullability, enumerations and inputs word for word. Without a package the
served part is cut from the kept copy: that is all it takes after a change of allowed.txt.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumTypeExtensionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputObjectTypeExtensionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ListTypeNode,
    NamedTypeNode,
    NameNode,
    Node,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    UnionTypeExtensionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

HERE = Path(__file__).parent
OVERLAY = HERE / "overlay.graphql"
ALLOWED = HERE / "allowed.txt"
FULL = HERE / "github-full.graphql.gz"
LICENCE = HERE / "github-full.LICENSE"
SERVED = HERE.parents[2] / "cdock" / "forge" / "data" / "github.graphql"

BUILT_IN = ("Boolean", "Float", "ID", "Int", "String")
# Every list is walked in the same way, so these need not be named one by one.
CONNECTION = ("edges", "nodes", "pageInfo", "totalCount")
EDGE = ("cursor", "node")

Composite = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode
Types = Mapping[str, TypeDefinitionNode]
Allowed = Mapping[str, list[str]]


class VanishedError(Exception):
    """Something of ours is not in GitHub's schema any more."""


def allowed_in(text: str) -> dict[str, list[str]]:
    """The fields by type of an allow-list: `Type: field field`, a type may stand on several lines."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry:
            name, _, fields = entry.partition(":")
            found.setdefault(name.strip(), []).extend(fields.split())
    return found


def whole(source: str, overlay: str) -> dict[str, TypeDefinitionNode]:
    """All types of a schema with an overlay's additions, without descriptions, by name."""
    types: dict[str, TypeDefinitionNode] = {}
    for node in _plain(source).definitions:
        if isinstance(node, TypeDefinitionNode):
            types[node.name.value] = _once(node)
    for node in _plain(overlay).definitions if overlay else ():
        if isinstance(node, TypeDefinitionNode):
            if node.name.value in types:
                raise VanishedError(f"{node.name.value} is published by now: drop it from {OVERLAY.name}")
            types[node.name.value] = node
        elif isinstance(node, _EXTENSIONS):
            _extend(types, node)
        else:
            raise VanishedError(f"{OVERLAY.name} has a {node.kind}, which is no type")
    return types


def cut(types: Types, allowed: Allowed) -> list[TypeDefinitionNode]:
    """The part of the types that the allow-list names, and everything that their arguments need.

    VanishedError names what is allowed and not published, and fields that lead to types of which nothing is allowed.
    """
    kept = _Kept(types, allowed)
    for name in allowed:
        kept.check(name)
    kept.add("Query")
    kept.add("Mutation")
    if kept.empty:
        raise VanishedError(f"allowed fields lead to {', '.join(kept.empty)}, of which nothing is allowed")
    if unreached := sorted(set(allowed) - set(kept.done)):
        raise VanishedError(f"nothing that is allowed leads to {', '.join(unreached)}")
    return [kept.done[name] for name in sorted(kept.done)]


def full_text() -> str:
    """The kept copy of the whole schema."""
    return gzip.decompress(FULL.read_bytes()).decode()


def render(nodes: Iterable[TypeDefinitionNode]) -> str:
    """Types as text, one per paragraph."""
    return "\n\n".join(print_ast(node) for node in nodes) + "\n"


class _Kept:
    def __init__(self, types: Types, allowed: Allowed) -> None:
        self.types = types
        self.allowed = allowed
        self.done: dict[str, TypeDefinitionNode] = {}
        self.empty: list[str] = []

    def fields(self, name: str) -> list[str]:
        fixed = (
            CONNECTION
            if name.endswith("Connection")
            else EDGE
            if name.endswith("Edge") or name == "LanguageEdge"
            else ()
        )
        known = {field.name.value for field in _fields(self.types[name])}
        own = self.allowed.get(name, [])
        interfaces = _interfaces(self.types[name])
        inherited = (
            field for parent in interfaces if parent in self.allowed for field in self.fields(parent)
        )
        return list(dict.fromkeys([*own, *(field for field in fixed if field in known), *inherited]))

    def check(self, name: str) -> None:
        if name not in self.types:
            raise VanishedError(f"GitHub does not publish the type {name}")
        known = {field.name.value for field in _fields(self.types[name])}
        if gone := [field for field in self.allowed[name] if field not in known]:
            raise VanishedError(f"GitHub does not publish {', '.join(f'{name}.{field}' for field in gone)}")

    def add(self, name: str) -> None:
        if name in self.done or name in BUILT_IN:
            return
        node = self.types[name]
        if isinstance(node, Composite):
            self._add_composite(name, node)
        elif isinstance(node, UnionTypeDefinitionNode):
            members = [each for each in node.types or () if each.name.value in self.allowed]
            if not members:
                self.empty.append(name)
            self.done[name] = replace(node, types=tuple(members))
            for each in members:
                self.add(each.name.value)
        elif isinstance(node, InputObjectTypeDefinitionNode):
            self.done[name] = node
            for given in node.fields or ():
                self.add(_named(given.type))
        elif isinstance(node, EnumTypeDefinitionNode | ScalarTypeDefinitionNode):
            self.done[name] = node
        else:
            raise VanishedError(f"{name} is a {node.kind}")

    def _add_composite(self, name: str, node: Composite) -> None:
        wanted = self.fields(name)
        if not wanted:
            self.empty.append(name)
        fields = tuple(field for field in node.fields or () if field.name.value in wanted)
        interfaces = tuple(each for each in node.interfaces or () if each.name.value in self.allowed)
        self.done[name] = replace(node, interfaces=interfaces, fields=fields)
        for field in fields:
            self.add(_named(field.type))
            for argument in field.arguments or ():
                self.add(_named(argument.type))
        for each in interfaces:
            self.add(each.name.value)
        if isinstance(node, InterfaceTypeDefinitionNode):
            for other, known in self.types.items():
                if other in self.allowed and name in _interfaces(known):
                    self.add(other)


_EXTENSIONS = (
    EnumTypeExtensionNode,
    InputObjectTypeExtensionNode,
    InterfaceTypeExtensionNode,
    ObjectTypeExtensionNode,
    UnionTypeExtensionNode,
)


def _extend(types: dict[str, TypeDefinitionNode], more: object) -> None:
    assert isinstance(more, _EXTENSIONS)
    name = more.name.value
    base = types.get(name)
    if base is None:
        raise VanishedError(f"{OVERLAY.name} extends {name}, which GitHub does not publish")
    part = next(key for key in ("fields", "values", "types") if key in more.keys)
    known = {_name_of(each) for each in getattr(base, part) or ()}
    if twice := [_name_of(each) for each in getattr(more, part) or () if _name_of(each) in known]:
        raise VanishedError(f"{name}.{', '.join(twice)} is published by now: drop it from {OVERLAY.name}")
    joined: dict[str, Any] = {part: (*(getattr(base, part) or ()), *(getattr(more, part) or ()))}
    types[name] = replace(base, **joined)


def _plain(text: str) -> DocumentNode:
    """The document without descriptions and without reasons of deprecations, which are prose."""

    class Stripping(Visitor):
        def enter(self, node: Node, *_: object) -> Node | None:
            prose: dict[str, None] = {
                key: None for key in ("description", "directives") if getattr(node, key, None)
            }
            return replace(node, **prose) if prose else None

    stripped: DocumentNode = visit(parse(text, no_location=True), Stripping())
    return stripped


def _once(node: TypeDefinitionNode) -> TypeDefinitionNode:
    """GitHub's file defines a field twice here and there, with the same meaning."""
    if not isinstance(node, Composite):
        return node
    return replace(node, fields=tuple({field.name.value: field for field in node.fields or ()}.values()))


def _fields(node: TypeDefinitionNode) -> tuple[FieldDefinitionNode, ...]:
    return tuple(node.fields or ()) if isinstance(node, Composite) else ()


def _interfaces(node: TypeDefinitionNode) -> list[str]:
    return [each.name.value for each in node.interfaces or ()] if isinstance(node, Composite) else []


def _named(node: TypeNode) -> str:
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def _name_of(node: object) -> str:
    name = getattr(node, "name")  # noqa: B009 (fields, values and members have one, their classes share none)
    assert isinstance(name, NameNode)
    return name.value


def main() -> None:
    """Rebuild the kept files; see the module's text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, nargs="?", help="the unpacked npm package")
    given = parser.parse_args().package
    if given is not None:
        version = json.loads((given / "package.json").read_text())["version"]
        types = whole((given / "schema.graphql").read_text(), OVERLAY.read_text())
        origin = f"@octokit/graphql-schema {version} with overlay.graphql"
        text = f"# GitHub's GraphQL schema, of {origin}: names and types.\n\n" + render(
            types[name] for name in sorted(types)
        )
        # No time in the file: the same schema gives the same bytes.
        FULL.write_bytes(gzip.compress(text.encode(), mtime=0))
        LICENCE.write_text((given / "LICENSE.md").read_text())
    types = whole(full_text(), overlay="")
    SERVED.parent.mkdir(exist_ok=True)
    head = full_text().partition("\n")[0].replace("names and types", "cut to what the forge answers")
    SERVED.write_text(f"{head}\n\n{render(cut(types, allowed_in(ALLOWED.read_text())))}")
    sys.stderr.write(f"{SERVED.name}: {SERVED.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
