"""Find the published operation that a method and a URL mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ENTERPRISE_PREFIX = "/api/v3"
# GitHub answers below /repositories/{id} as below /repos/{owner}/{repo} (its own `Link` headers lead there)
# but does not describe it; the id stands in for both names.
BY_ID = re.compile(r"^/repositories/\d+(?=/|$)")

HIDING = "x-hiding"
"""The key under which a cut description lists the operations left out that hide a kept one."""


@dataclass(frozen=True)
class Operation:
    """One method on one path template, with all references to parameters and responses resolved."""

    name: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None
    responses: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Match:
    """An operation found for a URL, and the values the URL carries, decoded."""

    operation: Operation
    path_values: dict[str, str]
    query: list[tuple[str, str]]


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    literal: int
    operation: Operation


class Routes:
    """The operations of a description, most literal template first: `/issues/comments` before `/issues/{n}`.

    Operations the cut leaves out, but whose URLs would fit a kept template with a slash in its last value, hide
    that template: `/branches/{branch}/protection` is no branch called `x/protection`.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._hidden = [
            (method, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))))
            for method, path in map(str.split, spec.get(HIDING, ()))
        ]
        routes = [
            _route(spec, method, path, source)
            for path, item in spec["paths"].items()
            for method, source in item.items()
        ]
        self._routes = sorted(routes, key=lambda route: -route.literal)
        self.names = frozenset(route.operation.name for route in routes)

    def find(self, method: str, url: str) -> Match | None:
        """The operation `method` means on `url` (absolute, or path and query); None when there is none."""
        parts = urlsplit(url)
        path = BY_ID.sub("/repos/by-id/by-id", parts.path.removeprefix(ENTERPRISE_PREFIX)) or "/"
        if any(hidden == method.upper() and pattern.fullmatch(path) for hidden, pattern in self._hidden):
            return None
        for route in self._routes:
            if route.method == method.upper() and (found := route.pattern.fullmatch(path)):
                names = [p["name"] for p in route.operation.parameters if p["in"] == "path"]
                values = {name: unquote(found[_group(name)]) for name in names}
                return Match(route.operation, values, parse_qsl(parts.query, keep_blank_values=True))
        return None


def resolved(spec: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """`value`, or the component its `$ref` names."""
    if "$ref" not in value:
        return value
    kind, name = value["$ref"].split("/")[-2:]
    component: dict[str, Any] = spec["components"][kind][name]
    return component


def _route(spec: dict[str, Any], method: str, path: str, source: dict[str, Any]) -> _Route:
    parameters = tuple(resolved(spec, parameter) for parameter in source["parameters"])
    with_slashes = {p["name"] for p in parameters if p.get("x-multi-segment")}
    pattern, literal = "", 0
    for text, name in re.findall(r"([^{]+)|\{(\w+)\}", path):
        if name:
            pattern += f"(?P<{_group(name)}>{'.+' if name in with_slashes else '[^/]+'})"
        else:
            pattern += re.escape(text)
            literal += len(text)
    operation = Operation(
        name=f"{method.upper()} {path}",
        parameters=parameters,
        body=source.get("requestBody"),
        responses={status: resolved(spec, response) for status, response in source["responses"].items()},
    )
    return _Route(method.upper(), re.compile(pattern), literal, operation)


def _group(name: str) -> str:
    return name.replace("-", "_")
