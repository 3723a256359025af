"""The GraphQL door: one endpoint, one request at a time, and GraphQL's own errors in cdock's words.

gql's client is passed by: it raises for any error and hides the answer's headers, in which the limits are. Its
transport neither retries nor follows redirects here. This module loads gql, so only `client` imports it, and only when
the first document is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import requests
from gql import GraphQLRequest, gql
from gql.transport.exceptions import TransportConnectionFailed, TransportError
from gql.transport.requests import RequestsHTTPTransport
from requests.auth import AuthBase

from cdock.adapters.github.connection import prepare_session
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.refusals import Absent, OutcomeUnknown, line_of
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

_AWAY = {"SERVICE_UNAVAILABLE", "INTERNAL"}
_FORBIDDEN = {"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML", "UNAUTHORIZED"}
_UNKNOWN_THERE = {"UNDEFINEDFIELD", "UNDEFINEDTYPE", "ARGUMENTNOTACCEPTED", "GRAPHQL_VALIDATION_FAILED"}


@dataclass(frozen=True)
class Reply:
    """One answer: what HTTP said, and the two halves of a GraphQL result; `result` is False when it is none."""

    status: int
    headers: Mapping[str, str]
    body: str
    result: bool = False
    data: Any = None
    errors: tuple[Mapping[str, Any], ...] = ()


class Endpoint:
    """A GraphQL endpoint. Not safe for several threads at once."""

    def __init__(self, url: str, *, token: Callable[[], str], timeout: float) -> None:
        self._transport = RequestsHTTPTransport(
            url,
            headers={"User-Agent": "cdock", "Accept": "application/json"},
            auth=_Bearer(token),
            timeout=timeout,  # type: ignore[arg-type]  # requests takes fractions of seconds
            retries=0,
            allow_redirects=False,
        )
        self._kept: list[requests.Response] = []
        # Our own in the place of what `connect` would make: with our hook, and no cookies.
        self._session = self._transport.session = requests.Session()
        prepare_session(self._session, url)
        self._session.hooks["response"].append(lambda response, *_, **__: self._kept.append(response))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def send(self, document: str, variables: Mapping[str, Any]) -> Reply:
        """Send a document once.

        Raises:
            OSError: there was no answer.
        """
        self._kept.clear()
        data: Any = None
        errors: Any = None
        result = False
        try:
            answer = self._transport.execute(_request(document, variables))
            data, errors, result = answer.data, answer.errors, True
        except TransportConnectionFailed as error:
            if isinstance(error.__cause__, OSError | ValueError):
                raise error.__cause__ from None
            raise OSError(str(error)) from error
        except (TransportError, TypeError, AttributeError):
            pass  # not a GraphQL result; the status says what it is
        last = self._kept[-1]
        rows = errors if isinstance(errors, list) else []
        return Reply(
            status=last.status_code,
            headers={key.lower(): value for key, value in last.headers.items()},
            body=last.text,
            result=result,
            data=data,
            errors=tuple(row for row in rows if isinstance(row, dict)),
        )


def error_of_reply(reply: Reply, *, tried: str, host: str, writing: bool) -> CdockError | None:
    """What a result's errors mean; None when there are none.

    Partial data is never given out beside an error: half an answer looks like a whole one of which something is
    missing. A mutation of which a part was done counts as one whose outcome is unknown.
    """
    if not reply.errors:
        return None
    kinds = {str(error.get("type") or _code(error)).upper() for error in reply.errors}
    said = line_of("; ".join(str(error.get("message") or "") for error in reply.errors))
    if writing and isinstance(reply.data, dict) and any(value is not None for value in reply.data.values()):
        return OutcomeUnknown(
            f"{host} did a part of {tried} only: {said}", tried=tried, fix="cdock looks again."
        )
    if kinds & _AWAY or "something went wrong while executing" in said.lower():
        kind = OutcomeUnknown if writing else Unavailable
        return kind(f"{host} failed at {tried}: {said}", tried=tried, fix="Nothing to do: cdock looks again.")
    if kinds & _FORBIDDEN or "resource not accessible by" in said.lower():
        return NotPermitted(
            f"{host} does not allow {tried}: {said}",
            tried=tried,
            fix="Give the token what the message names.",
        )
    if "NOT_FOUND" in kinds:
        return Absent(
            f"{host} finds nothing for {tried}: {said}",
            tried=tried,
            fix="Check the name, and that the token was given access to it.",
        )
    if kinds & _UNKNOWN_THERE:
        return Unsupported(
            f"{host} does not know what {tried} asks for: {said}",
            tried=tried,
            fix="An older GitHub Enterprise Server may lack it.",
        )
    return Refused(f"{host} refused {tried}: {said}", tried=tried, fix="Change what the message names.")


def limited(reply: Reply) -> bool:
    """Whether the result says that the quota is used up, which GraphQL does with status 200."""
    return any(str(error.get("type")).upper() in ("RATE_LIMITED", "RATE_LIMIT") for error in reply.errors)


class _Bearer(AuthBase):
    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


def _code(error: Mapping[str, Any]) -> object:
    extensions = error.get("extensions")
    return extensions.get("code") if isinstance(extensions, dict) else ""


def _request(document: str, variables: Mapping[str, Any]) -> GraphQLRequest:
    return GraphQLRequest(_parsed(document), variable_values=dict(variables))


@lru_cache(maxsize=64)
def _parsed(document: str) -> GraphQLRequest:
    return gql(document)
