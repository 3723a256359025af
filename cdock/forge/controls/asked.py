"""A request as it is seen in front of the forge: what for, by whom, with which body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import graphql
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from cdock.forge import git
from cdock.forge.app import Interface, interface_of
from cdock.forge.auth import BadCredentials, login_of
from cdock.forge.domain import logins
from cdock.forge.rest.endpoint import BODY_LIMIT
from cdock.forge.store import Store
from cdock.forge.web.visits import cookie_name

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_PREFIX: Final = re.compile(r"/api(?:/v3)?(?=/|$)")
_CONTENT: Final = re.compile(r"/(?:repos/[^/]+/[^/]+|repositories/\d+)/(?:issues|pulls)(?:/.*)?")
_CONTENT_PAGE: Final = re.compile(r"/[^/]+/[^/]+/(?:issues|pull|pulls)(?:/.*)?")


@dataclass(frozen=True)
class Who:
    """Whose request it is; `token` is the token's number, None for a browser's session."""

    user_id: int
    login: str
    token: int | None


@dataclass(frozen=True)
class Asked:
    """One request. `path` is decoded and, for programs, without the prefix of the interface."""

    interface: Interface
    method: str
    path: str
    prefix: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    who: Who | None
    operations: tuple[str, ...] = ()
    """The names in a GraphQL document: of its operation and of the fields at its top."""
    mutation: bool = False

    @property
    def json(self) -> Any:
        """The body's value, None when it has none."""
        return _value(self.body)

    @property
    def content(self) -> bool:
        """Whether GitHub counts it as creation of content: changes of issues, pull requests and what is on them."""
        if self.interface == "graphql":
            return self.mutation
        pattern = {"rest": _CONTENT, "page": _CONTENT_PAGE}.get(self.interface)
        return pattern is not None and self.method not in SAFE and bool(pattern.fullmatch(self.path))

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        if self.interface == "graphql":
            return self.mutation
        return self.method not in SAFE and self.service != "git-upload-pack"

    @property
    def reads(self) -> bool:
        """Whether a program looks at something."""
        if self.interface == "graphql":
            return self.method == "POST" and not self.mutation
        return self.interface == "rest" and self.method == "GET"

    @property
    def service(self) -> str:
        """What git wants, such as `git-receive-pack`; empty for others."""
        if self.interface != "git":
            return ""
        name = self.path.rsplit("/", 1)[1]
        return name if name != "refs" else parse_qs(self.query).get("service", [""])[0]

    @property
    def pack(self) -> bool:
        """Whether it is git's request that carries objects, not the one before that lists refs."""
        return self.interface == "git" and self.method == "POST"

    @property
    def repository(self) -> str:
        """`owner/name` of a request by git, in small letters."""
        match = git.PATH.fullmatch(self.path)
        return f"{match[1]}/{match[2]}".lower() if match else ""


async def read(scope: Scope, receive: Receive, *, store: Store) -> Asked:
    """The request with its body; that of git is left where it is, for it may be long. Raises ClientDisconnect."""
    interface = interface_of(scope)
    body = b"" if interface == "git" else await _body(receive)
    path: str = scope["path"]
    prefix = match[0] if interface in ("rest", "graphql") and (match := _PREFIX.match(path)) else ""
    operations, mutation = _operations(body) if interface == "graphql" else ((), False)
    return Asked(
        interface=interface,
        method=scope["method"],
        path=path[len(prefix) :].rstrip("/") or "/",
        prefix=prefix,
        query=scope["query_string"].decode("latin-1"),
        headers=Headers(scope=scope),
        body=body,
        who=await run_in_threadpool(_who, scope, interface, store),
        operations=operations,
        mutation=mutation,
    )


def _who(scope: Scope, interface: Interface, store: Store) -> Who | None:
    request = Request(scope)
    with store.read() as tx:
        if interface == "page":
            secret = request.cookies.get(cookie_name(request), "")
            user = logins.session_user(tx, secret) if secret else None
            return Who(user.id, user.login, None) if user else None
        try:
            login = login_of(tx, request.headers.get("authorization", ""))
        except BadCredentials:
            return None
        return Who(login.user.id, login.user.login, login.token_id) if login else None


async def _body(receive: Receive) -> bytes:
    """The whole body; of one that is too long no more than shows that it is. Raises ClientDisconnect."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        if size <= BODY_LIMIT:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts)


def _operations(body: bytes) -> tuple[tuple[str, ...], bool]:
    asked = _value(body)
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        return (), False
    try:
        document = graphql.parse(asked["query"], no_location=True)
    except graphql.GraphQLError:
        return (), False
    names: list[str] = []
    mutation = False
    wanted = asked.get("operationName")
    for one in document.definitions:
        if not isinstance(one, graphql.OperationDefinitionNode):
            continue
        name = one.name.value if one.name else None
        if wanted and name != wanted:
            continue
        mutation = mutation or one.operation is graphql.OperationType.MUTATION
        fields = (field for field in one.selection_set.selections if isinstance(field, graphql.FieldNode))
        names += [*([name] if name else []), *(field.name.value for field in fields)]
    return tuple(names), mutation


def _value(body: bytes) -> Any:
    try:
        return json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        return None
