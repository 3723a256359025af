"""Which handler answers which path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call

Handler = Callable[[Call], Answer]

_VARIABLE: Final = re.compile(r"\{(\w+)(:int|:path)?\}")
_PARTS: Final = {"": "[^/]+", ":int": r"\d{1,18}", ":path": ".+"}


@dataclass(frozen=True)
class Route:
    """A method and a pattern. `in_repo` paths stand below a repository, by name or by id."""

    method: str
    template: str
    in_repo: bool
    handler: Handler
    pattern: re.Pattern[str]


_routes: list[Route] = []

# GitHub has these and we do not. Without this list a commit or branch of such a name would be looked for.
_ABSENT: Final = re.compile(
    r"/commits/.+/(?:comments|pulls|branches-where-head|check-suites)|/branches/.+/(?:protection(?:/.+)?|rename)"
)


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler for a path; `{name}` is one segment, `{name:int}` a number, `{name:path}` may have slashes."""
    return _registrar(method, template, in_repo=False)


def repo_route(method: str, template: str) -> Callable[[Handler], Handler]:
    """As `route`, below `/repos/{owner}/{repo}` and `/repositories/{id}`."""
    return _registrar(method, template, in_repo=True)


def find(method: str, path: str, *, in_repo: bool) -> tuple[Handler, dict[str, str]] | None:
    """The handler for a path that is still percent-encoded, and the decoded variable parts."""
    if in_repo and _ABSENT.fullmatch(path):
        return None
    for one in _routes:
        if one.method == method and one.in_repo == in_repo and (match := one.pattern.fullmatch(path)):
            return one.handler, {key: unquote(value) for key, value in match.groupdict().items()}
    return None


def _registrar(method: str, template: str, *, in_repo: bool) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        # Literal parts of our templates have no characters that mean something in a pattern.
        pattern = _VARIABLE.sub(lambda match: f"(?P<{match[1]}>{_PARTS[match[2] or '']})", template)
        _routes.append(Route(method, template, in_repo, handler, re.compile(pattern)))
        # A part with slashes at the end takes everything: what continues behind it comes first.
        _routes.sort(key=lambda one: one.template.endswith(":path}"))
        return handler

    return register
