"""What one account sends and when, and what the client makes of GraphQL, limits and polls, on a scripted server."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdock.adapters.github.client import Client
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.github.gate import FREE, Budget, Gate, gate_for
from cdock.adapters.github.hosts import Host, parse_repository
from cdock.adapters.github.tokens import Token
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import CdockError, Limited, NotPermitted, Refused, Unavailable
from tests.scripted_http import LIMIT, Asked, Reply, Server, serving

REST, GRAPHQL = "/api/v3", "/api/graphql"
SECRET = "ghp_averysecretword"
READ = "query Who($a: Int!) { viewer { login } }"
WRITE = "mutation Say($body: String!) { addComment(input: {subjectId: 1, body: $body}) { clientMutationId } }"
NAME = itertools.count()


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted server."""
    with serving() as server:
        yield server


Make = Callable[..., Client]


def host_at(url: str) -> Host:
    return parse_repository(f"{url}/maria/demo").host


@pytest.fixture
def make(server: Server) -> Iterator[Make]:
    """Make a client of the scripted server; of the same account with the same `budget`, unless it gets a `token`."""
    made: list[Client] = []

    def build(*, token: str = SECRET, budget: Budget | None = None, url: str = "") -> Client:
        credential = Token(token)
        host = host_at(url or server.url)
        gate = gate_for(host, account=credential.account, budget=budget)
        made.append(Client(host, credential=credential, gate=gate, timeout=LIMIT))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(make: Make) -> Client:
    """A client without a budget."""
    return make()


def everything_said(error: CdockError) -> str:
    return "".join(traceback.format_exception(error)) + f"{error.message} {error.tried} {error.fix}"


def query(client: Client) -> dict[str, Any]:
    return client.graphql(READ, {"a": 1}, writing=False)


def mutate(client: Client) -> dict[str, Any]:
    return client.graphql(WRITE, {"body": "words"}, writing=True)


# The gate.


def test_two_clients_of_one_account_write_in_turn_and_spaced(server: Server, make: Make) -> None:
    token = f"ghp_{next(NAME)}"
    budget = Budget(spacing=0.2, per_minute=0, per_hour=0)
    clients = [make(token=token, budget=budget) for _ in range(2)]
    at_once, most = [0], [0]

    def linger(_: Asked) -> Reply:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        threading.Event().wait(0.05)
        at_once[0] -= 1
        return Reply(content={})

    server.on("PATCH", f"{REST}/x", linger)
    threads = [threading.Thread(target=c.write, args=("PATCH", "/x", {})) for c in (*clients, *clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert (len(server.asked), most[0]) == (4, 1)
    assert time.monotonic() - began >= 3 * 0.2


def test_another_account_waits_for_nobody(server: Server, make: Make) -> None:
    budget = Budget(spacing=0, per_minute=1, per_hour=0)
    one, other = (make(token=f"ghp_{next(NAME)}", budget=budget) for _ in range(2))
    server.on("PATCH", f"{REST}/x", Reply(content={}))
    one.write("PATCH", "/x", {})
    with pytest.raises(Limited):
        one.write("PATCH", "/x", {})
    other.write("PATCH", "/x", {})


def test_a_used_budget_sends_nothing_and_keeps_a_quarter_for_what_may_not_wait(
    server: Server, make: Make
) -> None:
    client = make(token=f"ghp_{next(NAME)}", budget=Budget(spacing=0, per_minute=0, per_hour=4))
    server.on("PATCH", f"{REST}/x", Reply(content={}))
    server.on("POST", GRAPHQL, Reply(content={"data": {"addComment": {}}}))
    client.write("PATCH", "/x", {}, may_wait=True)
    client.write("PATCH", "/x", {}, may_wait=True)
    mutate(client)
    with pytest.raises(Limited) as caught:
        client.write("PATCH", "/x", {}, may_wait=True)
    until = caught.value.until - datetime.now(UTC)
    assert timedelta(minutes=59) < until <= timedelta(hours=1)
    assert caught.value.code == Limited.default_code
    client.write("PATCH", "/x", {})
    with pytest.raises(Limited):
        mutate(client)
    assert len(server.asked) == 4
    assert client.graphql(READ, {"a": 1}, writing=False), "reads are not counted"


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, {"message": "slow down"}, {"Retry-After": "90"}), 90),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (Reply(403, {"message": "no"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767268920",
                                        "Date": "Thu, 01 Jan 2026 12:00:00 GMT"}), 120),
    ],
)  # fmt: skip
def test_a_limit_that_is_met_says_until_when(
    server: Server, client: Client, reply: Reply, seconds: float
) -> None:
    server.on("PATCH", f"{REST}/x", reply)
    with pytest.raises(Limited) as caught:
        client.write("PATCH", "/x", {})
    assert not isinstance(caught.value, OutcomeUnknown)
    left = (caught.value.until - datetime.now(UTC)).total_seconds()
    assert seconds - 5 < left <= seconds
    with pytest.raises(Limited):
        client.read("/y")
    assert len(server.asked) == 1


def test_unnamed_limits_of_writes_double_whatever_reads_say_in_between(server: Server) -> None:
    now = [0.0]
    gate = Gate(FREE, clock=lambda: now[0], sleep=lambda _: None)
    client = Client(host_at(server.url), credential=Token(SECRET), gate=gate, timeout=LIMIT)
    server.on("PATCH", f"{REST}/x", Reply(429, {"message": "secondary rate limit"}))
    server.on("GET", f"{REST}/y", Reply(content={}))
    waits = []
    for _ in range(3):
        with pytest.raises(Limited) as caught:
            client.write("PATCH", "/x", {})
        waits.append(round((caught.value.until - datetime.now(UTC)).total_seconds() / 60))
        now[0] += waits[-1] * 60 + 1
        client.read("/y")
    client.close()
    assert waits == [1, 2, 4]


def test_a_limit_met_by_one_client_holds_for_all_of_the_account(server: Server, make: Make) -> None:
    token = f"ghp_{next(NAME)}"
    one, other = (make(token=token, budget=FREE) for _ in range(2))
    server.on("GET", f"{REST}/x", Reply(429, {"message": "slow down"}, {"Retry-After": "90"}))
    for client in (one, other):
        with pytest.raises(Limited):
            client.read("/x")
    assert len(server.asked) == 1


def test_the_quota_comes_with_every_answer(server: Server, client: Client) -> None:
    limits = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4990", "x-ratelimit-reset": "1767268920"}
    server.on("GET", f"{REST}/x", Reply(content={}, headers=limits))
    server.on(
        "POST",
        GRAPHQL,
        Reply(
            content={"data": {}},
            headers={**limits, "x-ratelimit-resource": "graphql", "x-ratelimit-remaining": "1"},
        ),
    )
    client.read("/x")
    query(client)
    quota = client.quota
    assert quota
    assert (quota.limit, quota.remaining, quota.reset) == (
        5000,
        4990,
        datetime(2026, 1, 1, 12, 2, tzinfo=UTC),
    )


def test_a_token_that_ends_soon_is_said_once(
    server: Server, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ends = {
        "github-authentication-token-expiration": "2026-01-05 12:00:00 UTC",
        "Date": "Thu, 01 Jan 2026 12:00:00 GMT",
    }
    server.on("GET", f"{REST}/x", Reply(content={}, headers=ends))
    with caplog.at_level(logging.WARNING):
        client.read("/x")
        client.read("/x")
    assert [record.message for record in caplog.records] == ["the token expires soon"]
    assert client.expires_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


# What became of a write.


def test_a_write_that_found_no_server_was_not_applied(server: Server, make: Make) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        client = make(url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        for attempt in (lambda: client.write("POST", "/x", {}), lambda: mutate(client)):
            with pytest.raises(Unavailable) as caught:
                attempt()
            assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("reply", [Reply(drop=True), Reply(502, b"<html>")])
def test_a_write_without_an_answer_may_have_been_applied(
    server: Server, client: Client, reply: Reply
) -> None:
    server.on("POST", f"{REST}/x", reply)
    server.on("POST", GRAPHQL, reply)
    with pytest.raises(OutcomeUnknown):
        client.write("POST", "/x", {})
    with pytest.raises(OutcomeUnknown):
        mutate(client)
    with pytest.raises(Unavailable) as caught:
        query(client)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(server.asked) == 3, "nothing is sent again"


# GraphQL.


def test_a_query_is_answered_with_its_data(server: Server, client: Client) -> None:
    server.on("POST", GRAPHQL, Reply(content={"data": {"viewer": {"login": "maria"}}}))
    assert query(client) == {"viewer": {"login": "maria"}}
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.body["variables"] == {"a": 1}
    assert "viewer" in asked.body["query"]


def errors(*kinds: str, data: Any = None, **more: Any) -> Reply:
    return Reply(
        content={
            "data": data,
            "errors": [{"type": kind, "message": f"it is {kind}"} for kind in kinds],
            **more,
        }
    )


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (errors("NOT_FOUND"), Absent),
        (errors("FORBIDDEN", data={"a": None, "b": 1}), NotPermitted),
        (errors("INSUFFICIENT_SCOPES"), NotPermitted),
        (errors("NOT_FOUND", "FORBIDDEN"), NotPermitted),
        (errors("UNPROCESSABLE"), Refused),
        (errors("SERVICE_UNAVAILABLE"), Unavailable),
        (Reply(content={"errors": [{"message": "no field x", "extensions": {"code": "undefinedField"}}]}), Unsupported),
        (Reply(content={"errors": [{"message": "Something went wrong while executing your query."}]}), Unavailable),
        (Reply(404, {"message": "Not Found"}), Unsupported),
        (Reply(404, b"<html>"), Unsupported),
        (Reply(401, {"message": "Bad credentials"}), NotPermitted),
        (Reply(403, {"message": "Resource not accessible by personal access token"}), NotPermitted),
        (Reply(302, b"", {"Location": "http://example.org/"}), Refused),
        (Reply(200, b"<html>"), Unavailable),
        (Reply(200, b"7"), Unavailable),
        (Reply(200, b"[]"), Unavailable),
        (Reply(200, {"data": None}), Unavailable),
        (Reply(200, {"data": [], "errors": "words"}), Unavailable),
    ],
)  # fmt: skip
def test_errors_of_graphql_are_ours(
    server: Server, client: Client, reply: Reply, wanted: type[CdockError]
) -> None:
    server.on("POST", GRAPHQL, reply)
    with pytest.raises(wanted) as caught:
        query(client)
    assert type(caught.value) is wanted
    assert SECRET not in everything_said(caught.value)
    assert "the query Who" in everything_said(caught.value)


def test_a_used_quota_of_graphql_leaves_rest_alone(server: Server, client: Client) -> None:
    reset = int(time.time()) + 600
    gone = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset), "x-ratelimit-resource": "graphql"}
    server.on("POST", GRAPHQL, Reply(200, errors("RATE_LIMITED").content, gone))
    server.on("GET", f"{REST}/x", Reply(content={}))
    for _ in range(2):
        with pytest.raises(Limited) as caught:
            mutate(client)
        assert 590 < (caught.value.until - datetime.now(UTC)).total_seconds() <= 601
    assert len(server.asked) == 1
    client.read("/x")


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining": "4990"}])
def test_a_used_quota_of_graphql_is_known_by_its_word_alone(
    server: Server, client: Client, headers: dict[str, str]
) -> None:
    server.on("POST", GRAPHQL, Reply(200, errors("RATE_LIMITED").content, headers))
    with pytest.raises(Limited) as caught:
        query(client)
    assert 50 < (caught.value.until - datetime.now(UTC)).total_seconds() <= 61


def test_a_mutation_of_which_a_part_was_done_is_of_unknown_outcome(server: Server, client: Client) -> None:
    server.on("POST", GRAPHQL, errors("NOT_FOUND", data={"one": {"id": 1}, "two": None}))
    with pytest.raises(OutcomeUnknown, match="a part"):
        mutate(client)
    server.on("POST", GRAPHQL, errors("NOT_FOUND", data={"one": None, "two": None}))
    with pytest.raises(Absent):
        mutate(client)


# Polls.


def test_a_page_is_shown_again_until_it_is_committed(server: Server, client: Client) -> None:
    def list_(asked: Asked) -> Reply:
        same = asked.headers.get("if-none-match") == '"a"'
        return Reply(304 if same else 200, [{"n": 1}], {"ETag": '"a"'})

    server.on("GET", f"{REST}/list", list_)
    first = client.poll("/list", {"per_page": 50})
    again = client.poll("/list", {"per_page": 50})
    assert (first.changed, again.changed, again.content) == (True, True, [{"n": 1}])
    again.commit()
    assert not client.poll("/list", {"per_page": 50}).changed
    assert client.poll("/list", {"per_page": 50}, anew=True).changed
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, None, '"a"', None]


def test_another_token_makes_every_page_new(server: Server) -> None:
    class Changing(Token):
        def token(self) -> str:
            return tokens[0]

    tokens = ["ghs_one"]
    server.on("GET", f"{REST}/list", Reply(200, [], {"ETag": '"a"'}))
    client = Client(host_at(server.url), credential=Changing("x"), gate=Gate(FREE), timeout=LIMIT)
    for token in ("ghs_one", "ghs_one", "ghs_two", "ghs_two"):
        tokens[0] = token
        client.poll("/list").commit()
        list(client.rows("/list"))
    client.close()
    sent = [(a.headers["authorization"], "if-none-match" in a.headers) for a in server.asked if not a.query]
    assert [known for _, known in sent] == [False, True, True, True]
    assert [words.split()[1] for words, _ in sent] == ["ghs_one"] * 2 + ["ghs_two"] * 2


def test_a_link_to_another_server_is_asked_of_ours(server: Server, client: Client) -> None:
    """As proxies make them; whoever is named there never sees the token."""
    link = '<https://elsewhere.example/api/v3/list?page=2>; rel="next"'
    server.on(
        "GET",
        f"{REST}/list",
        lambda asked: Reply(200, [2]) if asked.query.get("page") else Reply(200, [1], {"Link": link}),
    )
    assert client.poll(client.poll("/list").next).content == [2]
