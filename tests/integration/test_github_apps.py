"""A GitHub App as our account: its tokens, their renewal, its name; on a scripted server and on the embedded forge."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cdock.adapters.github.apps import App, Installation
from cdock.adapters.github.client import Client
from cdock.adapters.github.credentials import Named, credential_for
from cdock.adapters.github.gate import FREE, Gate
from cdock.adapters.github.hosts import Repository, parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.adapters.github.tokens import Credential, Token
from cdock.core.errors import CdockError, Misconfigured, NotPermitted, Unavailable
from cdock.core.issues import Watch
from tests.forge_server import ForgeServer
from tests.scripted_http import LIMIT, Asked, Reply, Server, serving

REST = "/api/v3"
TOKENS = f"{REST}/app/installations/5/access_tokens"
TASK = "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11"
STATUS = f"<!-- cdock:status task={TASK} id=cdock.demo.0b9b54d -->"


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """An App's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def key(private: rsa.RSAPrivateKey) -> str:
    """The same, as GitHub gives it."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class GitHub:
    """What an App meets: it is installed once, and gets token after token."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.made = 0
        self.now = datetime.now(UTC).replace(microsecond=0)
        server.on("GET", f"{REST}/repos/maria/demo/installation", self._saying({"id": 5}))
        server.on("GET", f"{REST}/app", self._saying({"slug": "robot", "name": "Robot"}))
        server.on("POST", TOKENS, self.token)

    def token(self, _: Asked) -> Reply:
        self.made += 1
        ends = f"{self.now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        content = {"token": f"ghs_{self.made}", "expires_at": ends, "permissions": {"issues": "write"}}
        return Reply(201, content, self.date)

    @property
    def date(self) -> Mapping[str, str]:
        return {"Date": format_datetime(self.now, usegmt=True)}

    def _saying(self, content: Any) -> Any:
        return lambda _: Reply(200, content, self.date)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with serving() as server:
        yield GitHub(server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def repository_at(url: str) -> Repository:
    return parse_repository(f"{url}/maria/demo.git")


@pytest.fixture
def app(github: GitHub, key: str, clock: Clock) -> Installation:
    """An App on the scripted server."""
    return Installation(repository_at(github.server.url), app=App("77", key), timeout=LIMIT, clock=clock)


def test_the_key_signs_for_a_token_of_the_repositorys_installation(
    github: GitHub, app: Installation, private: rsa.RSAPrivateKey
) -> None:
    assert [app.token(), app.token()] == ["ghs_1", "ghs_1"]
    looked, asked = github.server.asked
    assert (looked.path, asked.path) == (f"{REST}/repos/maria/demo/installation", TOKENS)
    for request in (looked, asked):
        kind, _, signed = request.headers["authorization"].partition(" ")
        claims = jwt.decode(signed, private.public_key(), algorithms=["RS256"])
        assert kind == "Bearer"
        assert claims["iss"] == "77"
        assert claims["exp"] - claims["iat"] <= 600
    assert app.permissions == {"issues": "write"}
    assert app.source == "the GitHub App 77"


def test_an_installation_that_is_named_is_not_looked_up(github: GitHub, key: str) -> None:
    named = Installation(repository_at(github.server.url), app=App("77", key, 5), timeout=LIMIT)
    assert named.token() == "ghs_1"
    assert [asked.path for asked in github.server.asked] == [TOKENS]


def test_a_token_is_renewed_before_its_end(github: GitHub, app: Installation, clock: Clock) -> None:
    app.token()
    clock.at += 49 * 60
    assert app.token() == "ghs_1"
    clock.at += 2 * 60
    assert app.token() == "ghs_2"


def test_a_wrong_clock_of_this_machine_does_not_matter(
    github: GitHub, app: Installation, clock: Clock
) -> None:
    github.now -= timedelta(hours=5)
    app.token()
    clock.at += 49 * 60
    assert app.token() == "ghs_1"


def test_while_it_is_good_a_token_outlives_a_renewal_that_fails(
    github: GitHub, app: Installation, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    app.token()
    github.server.on("POST", TOKENS, Reply(502, b"<html>"))
    clock.at += 51 * 60
    with caplog.at_level(logging.WARNING):
        assert [app.token(), app.token()] == ["ghs_1", "ghs_1"]
    assert len(github.server.sent("POST")) == 2, "not tried again at once"
    assert [record.message for record in caplog.records] == ["the token could not be renewed yet"]
    clock.at += 10 * 60
    with pytest.raises(Unavailable):
        app.token()
    github.server.on("POST", TOKENS, github.token)
    assert app.token() == "ghs_2"


def test_threads_get_one_token(github: GitHub, app: Installation) -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(app.token())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert got == ["ghs_1"] * 6


def client_of(github: GitHub, credential: Credential) -> Client:
    return Client(
        repository_at(github.server.url).host, credential=credential, gate=Gate(FREE), timeout=LIMIT
    )


def test_a_revoked_token_is_replaced_at_the_next_look(
    github: GitHub, app: Installation, clock: Clock
) -> None:
    def read(asked: Asked) -> Reply:
        good = asked.headers["authorization"] != "Bearer ghs_1"
        return Reply(content={}) if good else Reply(401, {"message": "Bad credentials"})

    github.server.on("GET", f"{REST}/x", read)
    app.token()
    clock.at += 120
    client = client_of(github, app)
    with pytest.raises(Unavailable, match="asks for a new one"):
        client.read("/x")
    assert client.read("/x") == {}
    client.close()


def test_a_new_token_that_is_not_accepted_is_a_persons_business(github: GitHub, app: Installation) -> None:
    github.server.on("GET", f"{REST}/x", Reply(401, {"message": "Bad credentials"}))
    client = client_of(github, app)
    with pytest.raises(NotPermitted):
        client.read("/x")
    client.close()


def test_an_app_is_never_asked_for_its_user(github: GitHub, app: Installation) -> None:
    client = client_of(github, app)
    assert [client.login(), client.login()] == ["robot[bot]", "robot[bot]"]
    assert [asked.path for asked in github.server.asked] == [f"{REST}/app"]
    client.close()


def everything_said(error: CdockError) -> str:
    return "".join(traceback.format_exception(error)) + f"{error.message} {error.tried} {error.fix}"


def test_an_app_that_is_not_installed_says_so(github: GitHub, app: Installation) -> None:
    github.server.on("GET", f"{REST}/repos/maria/demo/installation", Reply(404, {"message": "Not Found"}))
    with pytest.raises(NotPermitted, match="not installed for maria/demo") as caught:
        app.token()
    assert "Install it" in caught.value.fix


def test_a_signature_that_is_not_accepted_names_the_key_or_the_clock(
    github: GitHub, app: Installation
) -> None:
    for hours, words in ((0, "key is one of the GitHub App 77"), (3, "clock")):
        date = format_datetime(github.now + timedelta(hours=hours), usegmt=True)
        github.server.on(
            "GET", f"{REST}/repos/maria/demo/installation", Reply(401, {"message": "no"}, {"Date": date})
        )
        with pytest.raises(NotPermitted) as caught:
            app.token()
        assert words in caught.value.fix
        assert "eyJ" not in everything_said(caught.value)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nsecretword\n"])
def test_what_is_no_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Installation(repository_at("http://127.0.0.1:9"), app=App("77", text or "x"))
    assert "secretword" not in everything_said(caught.value)


# Which credential is chosen.


def choose(named: Named, *, kept: Path | None = None, **env: str) -> Credential:
    return credential_for(
        repository_at("http://127.0.0.1:9"), named=named, kept=kept, env=env, run_gh=lambda _: ""
    )


def test_what_is_nearest_is_chosen(tmp_path: Path, key: str) -> None:
    names = ("token", "kept", "key")
    token, kept, pem = (tmp_path / name for name in names)
    for path, text in zip((token, kept, pem), ("ghp_file", "ghp_kept", key), strict=True):
        path.write_text(text)
    app = Named(app_id="77", key_file=pem)
    both = Named(token_file=token, app_id="77", key_file=pem)
    assert choose(both, kept=kept, CDOCK_TOKEN="ghp_x").source == f"the file {token}"
    assert choose(app, kept=kept, CDOCK_TOKEN="ghp_x").source == "the variable CDOCK_TOKEN"
    assert choose(app, kept=kept).source == "the GitHub App 77"
    assert choose(Named(), kept=kept).source == f"the file {kept}"
    with pytest.raises(NotPermitted):
        choose(Named(), kept=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (Named(app_id="77"), "key_file is not set"),
        (Named(key_file=Path("x.pem")), "app_id is not set"),
        (Named(app_id="77", key_file=Path("/nowhere/x.pem")), "cannot be read"),
        (Named(token_file=Path("/nowhere/x")), "cannot be read"),
    ],
)
def test_half_a_setting_is_refused(named: Named, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        choose(named)


# The embedded forge's Apps.


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    """An embedded forge with a repository."""
    forge = ForgeServer(tmp_path_factory.mktemp("apps") / "forge").start("--test-controls")
    try:
        forge.admin("user", "maria")
        forge.admin("repo", "maria/demo")
        yield forge
    finally:
        forge.stop()


@pytest.fixture(scope="module")
def robot(forge: ForgeServer, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An App that is installed there."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    made = forge.admin("app", "Robot", "--key", str(path), "--install", "maria/demo")
    return App(str(made["id"]), path.read_text())


def api(forge: ForgeServer, method: str, path: str, body: Any = None) -> Any:
    token = forge.admin("token", "maria")["token"]
    answer = requests.request(
        method,
        f"{forge.url}/api/v3/repos/maria/demo/{path}",
        headers={"Authorization": f"Bearer {token}"},
        json=body,
        timeout=LIMIT,
    )
    assert answer.ok, answer.text
    return answer.json()


def test_an_app_works_as_its_own_user(forge: ForgeServer, robot: App) -> None:
    there = repository_at(forge.url)
    ours = GitHubForge(there, token=Installation(there, app=robot), timeout=LIMIT)
    number = api(forge, "POST", "issues", {"title": "Do it", "body": "Please", "labels": []})["number"]
    assert ours.login() == "robot[bot]"
    for text in ("Hello", "Bye"):
        ours.ensure_comment(number, marker=STATUS, body=f"{STATUS}\n{text}\n")
    (comment,) = api(forge, "GET", f"issues/{number}/comments")
    assert comment["user"]["login"] == "robot[bot]"
    assert "Bye" in comment["body"]
    (seen,) = ours.look(Watch(ready="agent-ready", help="agent-help", held=frozenset({number}))).issues
    assert [c.mine for c in seen.comments] == [True]
    ours.close()


def test_an_hour_later_the_work_goes_on(forge: ForgeServer, robot: App) -> None:
    clock = Clock()
    there = repository_at(forge.url)
    credential = Installation(there, app=robot, clock=clock)
    ours = GitHubForge(there, token=credential, timeout=LIMIT)
    first = credential.token()
    try:
        for _ in range(2):
            forge.clock(advance=3700)
            clock.at += 3700
            assert ours.look(Watch(ready="agent-ready", help="agent-help")).pulls == ()
        assert credential.token() != first
        forge.clock(advance=3700)
        clock.at += 120
        with pytest.raises(Unavailable, match="asks for a new one"):
            ours.look(Watch(ready="agent-ready", help="agent-help"))
        ours.look(Watch(ready="agent-ready", help="agent-help"))
    finally:
        forge.clock(reset=True)
        ours.close()


def test_a_token_gives_itself(tmp_path: Path) -> None:
    token = Token("ghp_x", "a test")
    assert (token.token(), token.login(), token.refused("ghp_x")) == ("ghp_x", "", False)
    assert "ghp_x" not in token.account
