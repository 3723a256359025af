"""What an account may do, asked of the embedded forge with tokens of all kinds, and of a scripted server."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import graphql
import pytest

from cdock.adapters.github.account import BOARDS, Account
from cdock.adapters.github.apps import App, Installation
from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.permissions import Has, Kind
from cdock.adapters.github.tokens import Credential, Token
from cdock.core.errors import NotPermitted
from tests.forge_server import ForgeServer
from tests.scripted_http import LIMIT, Reply, serving

SDL = Path(__file__).parents[1] / "contract" / "graphql" / "github-full.graphql.gz"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    """An embedded forge with a private repository, its owner, a writer and a reader."""
    with ForgeServer(tmp_path_factory.mktemp("account") / "forge") as forge:
        for login in ("maria", "wendy", "rita"):
            forge.admin("user", login)
        forge.admin("repo", "maria/demo", "--private")
        forge.admin("role", "maria/demo", "wendy", "write")
        forge.admin("role", "maria/demo", "rita", "read")
        yield forge


def found(forge: ForgeServer, credential: Credential) -> tuple[Kind, dict[str, Has]]:
    """The kind of the credential, and its rights by the last word of their names."""
    repository = parse_repository(f"{forge.url}/maria/demo.git")
    account = Account(repository, credential=credential, timeout=LIMIT)
    try:
        rights = {right.feature.name.split()[-1]: right.has for right in account.rights()}
        return account.kind(), rights
    finally:
        account.close()


def token(forge: ForgeServer, login: str, *options: str) -> Token:
    return Token(forge.admin("token", login, *options)["token"])


def test_an_owners_classic_token_may_everything(forge: ForgeServer) -> None:
    scopes = "repo,project,workflow,admin:repo_hook"
    kind, rights = found(forge, token(forge, "maria", "--scopes", scopes))
    assert kind is Kind.CLASSIC
    assert {name for name, has in rights.items() if has is not Has.HAVE} <= {"webhooks"}, (
        "not every forge has them"
    )


def test_a_writers_classic_token_lacks_what_an_owner_does(forge: ForgeServer) -> None:
    _, rights = found(forge, token(forge, "wendy", "--scopes", "repo,project,workflow,admin:repo_hook"))
    assert [name for name, has in rights.items() if has is not Has.HAVE] == ["webhooks"]


def test_scopes_bound_a_classic_token(forge: ForgeServer) -> None:
    _, rights = found(forge, token(forge, "maria", "--scopes", "repo"))
    assert {name for name, has in rights.items() if has is not Has.HAVE} - {"webhooks"} == {"boards", "files"}


def test_a_readers_token_may_not_write(forge: ForgeServer) -> None:
    _, rights = found(forge, token(forge, "rita"))
    for name in ("labels", "claims", "requests"):
        assert rights[name] is Has.LACKS


def test_a_fine_grained_token_is_tried(forge: ForgeServer) -> None:
    kind, rights = found(
        forge, token(forge, "maria", "--fine", "issues=write,contents=read,pull_requests=write,metadata=read")
    )
    assert kind is Kind.FINE
    assert rights["issues"] is Has.HAVE
    assert rights["labels"] is Has.UNKNOWN
    assert rights["claims"] is Has.LACKS, "contents may be read only"
    assert rights["requests"] is Has.UNKNOWN
    assert rights["statuses"] is Has.LACKS
    _, more = found(forge, token(forge, "maria", "--fine", "issues=read,contents=write,metadata=read"))
    assert more["claims"] is Has.HAVE
    assert more["requests"] is Has.LACKS


def test_an_apps_permissions_are_known(forge: ForgeServer, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    given = "issues=write,contents=write,pull_requests=read,metadata=read,checks=write"
    made = forge.admin("app", "Helper", "--key", str(key), "--install", "maria/demo", "--permissions", given)
    repository = parse_repository(f"{forge.url}/maria/demo.git")
    kind, rights = found(forge, Installation(repository, app=App(str(made["id"]), key.read_text())))
    assert kind is Kind.APP
    lacking = {name for name, has in rights.items() if has is not Has.HAVE}
    assert lacking == {"requests", "boards", "webhooks", "files", "statuses"}


def test_the_end_of_a_token_is_seen(forge: ForgeServer) -> None:
    ends = datetime(2099, 5, 1, 12, tzinfo=UTC)
    credential = token(forge, "maria", "--fine", "issues=read,metadata=read", "--expires", ends.isoformat())
    account = Account(parse_repository(f"{forge.url}/maria/demo.git"), credential=credential, timeout=LIMIT)
    assert account.login() == "maria"
    assert account.expires_at == ends
    account.close()


def test_a_token_that_sees_nothing_says_so(forge: ForgeServer) -> None:
    with pytest.raises(NotPermitted):
        found(forge, Token("ghp_wrong"))


def test_a_host_that_is_silent_about_one_thing_leaves_it_unknown() -> None:
    with serving() as server:
        rest = "/api/v3/repos/maria/demo"
        row = {
            "full_name": "maria/demo",
            "default_branch": "main",
            "private": True,
            "permissions": {"pull": True},
        }
        server.on(
            "GET", rest, Reply(content={**row, "permissions": {"pull": True, "push": True, "triage": True}})
        )
        server.on("GET", f"{rest}/issues", Reply(502, b"<html>"))
        server.on(
            "GET", f"{rest}/commits/main/check-runs", Reply(409, {"message": "Git Repository is empty."})
        )
        server.on("GET", "/maria/demo.git/info/refs", Reply(503, b""))
        account = Account(
            parse_repository(f"{server.url}/maria/demo"), credential=Token("github_pat_x"), timeout=LIMIT
        )
        rights = {right.feature.name: right for right in account.rights()}
        account.close()
        assert {
            right.has for name, right in rights.items() if "webhooks" not in name and "boards" not in name
        } == {Has.UNKNOWN}
        assert rights["use boards"].has is Has.LACKS
        assert "no GraphQL" in rights["use boards"].why
        assert {asked.method for asked in server.asked} == {"GET", "POST"}
        assert [asked.path for asked in server.sent("POST")] == ["/api/graphql"], (
            "nothing but a query is posted"
        )


def test_documents_are_githubs() -> None:
    schema = graphql.build_schema(gzip.decompress(SDL.read_bytes()).decode(), assume_valid=True)
    assert graphql.validate(schema, graphql.parse(BOARDS)) == []
