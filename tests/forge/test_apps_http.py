"""Apps, fine-grained tokens and scopes: what a token may do, whoever's it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from github import Auth, GithubIntegration

from tests.forge.ground import Api, Ground


@dataclass(frozen=True)
class Program:
    """An App on a ground, and what its key can do."""

    ground: Ground
    id: int
    client_id: str
    installation: int
    key: str

    @property
    def slug(self) -> str:
        return f"robot-{self.ground.name.rpartition('-')[2]}"

    def signed(self, *, key: str | None = None, **claims: Any) -> str:
        now = int(time.time())
        return jwt.encode(
            {"iat": now - 60, "exp": now + 500, "iss": str(self.id), **claims},
            key or self.key,
            algorithm="RS256",
        )

    def alone(self, **claims: Any) -> Api:
        """The App in its own name."""
        return Api(self.ground.forge, self.signed(**claims), self.ground.name)

    def at_work(self, **asked: Any) -> Api:
        """The App where it is installed."""
        answer = self.alone().post(f"//app/installations/{self.installation}/access_tokens", asked)
        assert answer.status_code == 201, answer.text
        return Api(self.ground.forge, answer.json()["token"], self.ground.name)


def install(ground: Ground, key: Path) -> Program:
    name = f"Robot {ground.name.rpartition('-')[2]}"
    made = ground.forge.admin("app", name, "--key", str(key), "--install", ground.name)
    return Program(ground, made["id"], made["client_id"], made["installations"][0]["id"], key.read_text())


@pytest.fixture
def program(ground: Ground, tmp_path: Path) -> Program:
    return install(ground, tmp_path / "key.pem")


def _fine(ground: Ground, permissions: str, *more: str) -> Api:
    made = ground.forge.admin("token", "wendy", "--fine", permissions, *more)
    return Api(ground.forge, made["token"], ground.name)


def _inaccessible(answer: Any, *, accepted: str) -> None:
    assert answer.status_code == 403, answer.text
    assert answer.json()["message"].startswith("Resource not accessible by ")
    assert answer.headers["X-Accepted-GitHub-Permissions"] == accepted


# Apps


def test_an_app_says_who_it_is(program: Program, tmp_path: Path) -> None:
    shown = program.alone().read("//app")
    assert (shown["id"], shown["slug"], shown["installations_count"]) == (program.id, program.slug, 1)
    assert program.alone(iss=program.client_id).read("//app")["id"] == program.id
    installation = program.alone().read("/installation")
    assert (installation["id"], installation["app_id"]) == (program.installation, program.id)
    assert installation["account"]["login"] == "Olivia"
    assert [one["id"] for one in program.alone().read("//app/installations")] == [program.installation]
    assert program.ground.nobody.read(f"//apps/{program.slug}")["id"] == program.id
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "12345"}, "Integration not found"),
        ({"exp": 1}, "'Expiration time' claim ('exp') must be"),
        ({"exp": 9999999999}, "too far in the future"),
        ({"iat": 9999999999}, "'Issued at' claim ('iat')"),
        ({"iss": "x"}, "Integration not found"),
    ],
)
def test_a_signature_that_does_not_count(program: Program, claims: dict[str, Any], words: str) -> None:
    answer = program.alone(**claims).get("//app")
    assert answer.status_code == 401
    assert words in answer.json()["message"]


def test_another_key_is_not_the_apps(program: Program, ground: Ground, tmp_path: Path) -> None:
    other = install(ground, tmp_path / "other.pem")
    # The same App was given another key: the one before counts no more.
    assert other.id == program.id
    answer = program.alone().get("//app")
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "A JSON web token could not be decoded",
    )
    unsigned = jwt.encode({"iss": str(program.id), "iat": 1, "exp": 9999999999}, "", algorithm="none")
    assert Api(ground.forge, unsigned).get("//app").status_code == 401
    assert Api(ground.forge, "eyJ.eyJ.eyJ").get("//app").status_code == 401


def test_only_apps_ask_as_apps(program: Program) -> None:
    ground = program.ground
    assert ground.owner.get("//app").status_code == 401
    assert ground.nobody.get("/installation").status_code == 401
    assert program.at_work().get("//app").status_code == 403
    assert program.alone().get("//app/installations/1").status_code == 404
    assert program.alone().post("/issues", {"title": "x"}).status_code == 401


def test_an_app_acts_as_its_bot(program: Program) -> None:
    bot = program.at_work()
    made = bot.post("/issues", {"title": "by a program", "labels": ["care"]}).json()
    assert (made["user"]["login"], made["user"]["type"]) == (f"{program.slug}[bot]", "Bot")
    assert made["performed_via_github_app"]["slug"] == program.slug
    assert [label["name"] for label in made["labels"]] == ["care"]
    comment = bot.post(f"/issues/{made['number']}/comments", {"body": "hello"}).json()
    assert comment["performed_via_github_app"]["id"] == program.id
    bot.patch(f"/issues/{made['number']}", {"state": "closed"})
    event = program.ground.owner.read(f"/issues/{made['number']}/events")[-1]
    assert event["performed_via_github_app"]["id"] == program.id
    person = program.ground.owner.post("/issues", {"title": "by a person"}).json()
    assert person["performed_via_github_app"] is None
    assert bot.get("//user").status_code == 403
    found = bot.read("//installation/repositories")
    assert (found["total_count"], found["repositories"][0]["full_name"]) == (1, program.ground.name)
    # It is no collaborator, and nobody else can be it.
    assert f"{program.slug}[bot]" not in [one["login"] for one in program.ground.owner.read("/assignees")]
    with pytest.raises(RuntimeError, match="bot of an App"):
        program.ground.forge.admin("token", f"{program.slug}[bot]")


def test_an_app_pushes(program: Program, tmp_path: Path) -> None:
    program.ground.seeded(tmp_path / "seed")
    token = program.at_work().token
    clone = program.ground.clone(tmp_path / "clone", token=token)
    clone.git(
        "remote", "set-url", "origin", program.ground.remote(token).replace("//x:", "//x-access-token:")
    )
    clone.git("pull", "-q", "origin", "main")
    clone.commit({"a": "1"}, "by a program")
    clone.git("push", "-q", "origin", "HEAD:work")
    weak = program.at_work(permissions={"contents": "read"}).token
    clone.git("remote", "set-url", "origin", program.ground.remote(weak))
    done = clone.run("push", "origin", "HEAD:other")
    assert done.returncode != 0
    assert "403" in done.stderr


def test_a_token_for_less(program: Program) -> None:
    reader = program.at_work(permissions={"issues": "read"}, repositories=[program.ground.name.split("/")[1]])
    assert reader.get("/issues").status_code == 200
    answer = reader.post("/issues", {"title": "x"})
    _inaccessible(answer, accepted="issues=write")
    assert answer.json()["message"] == "Resource not accessible by integration"
    path = f"//app/installations/{program.installation}/access_tokens"
    assert program.alone().post(path, {"permissions": {"administration": "write"}}).status_code == 422
    assert program.alone().post(path, {"permissions": {"issues": "admin"}}).status_code == 422
    assert program.alone().post(path, {"repositories": ["not-there"]}).status_code == 422


def test_an_app_is_nobody_elsewhere(program: Program, private_ground: Ground) -> None:
    bot = program.at_work()
    assert bot.get(f"//repos/{private_ground.name}").status_code == 404
    assert program.alone().get(f"//repos/{private_ground.name}/installation").status_code == 404


def test_private_repositories(private_ground: Ground, tmp_path: Path) -> None:
    program = install(private_ground, tmp_path / "key.pem")
    assert program.alone().read("/installation")["id"] == program.installation
    assert program.at_work().read("/issues") == []
    _inaccessible(
        program.at_work(permissions={"contents": "read"}).get("/issues"),
        accepted="issues=read; pull_requests=read",
    )


def test_pygithub_as_an_app(program: Program) -> None:
    owner, name = program.ground.name.split("/")
    base = f"{program.ground.forge.url}/api/v3"
    integration = GithubIntegration(auth=Auth.AppAuth(program.id, program.key), base_url=base)
    installation = integration.get_repo_installation(owner, name)
    assert installation.id == program.installation
    client = integration.get_github_for_installation(installation.id)
    issue = client.get_repo(program.ground.name).create_issue("from an App")
    assert issue.user.login == f"{program.slug}[bot]"
    client.close()
    integration.close()


# Tokens of people


def test_fine_grained_permissions(ground: Ground) -> None:
    soon = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    api = _fine(ground, "issues=write,contents=read", "--expires", soon.isoformat())
    answer = api.post("/issues", {"title": "x"})
    assert answer.status_code == 201
    assert answer.json()["user"]["login"] == "wendy"
    assert answer.headers["github-authentication-token-expiration"] == f"{soon:%Y-%m-%d %H:%M:%S} UTC"
    assert "X-OAuth-Scopes" not in answer.headers
    assert answer.headers["X-Accepted-GitHub-Permissions"] == "issues=write"
    assert api.get("//user").json()["login"] == "wendy"
    answer = api.post("/pulls", {"title": "x", "head": "a", "base": "main"})
    _inaccessible(answer, accepted="pull_requests=write")
    assert answer.json()["message"] == "Resource not accessible by personal access token"
    _inaccessible(api.put("/contents/a", {"message": "m", "content": ""}), accepted="contents=write")
    _inaccessible(api.post("/statuses/" + "0" * 40, {"state": "success"}), accepted="statuses=write")
    # What is public may be read by everybody.
    assert api.get("/pulls").status_code == 200


def test_a_comment_on_a_pull_request_is_allowed_by_either_permission(ground: Ground, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    clone.branch("a", {"a": "1"}, "a")
    pull = ground.writer.post("/pulls", {"title": "x", "head": "a", "base": "main"}).json()["number"]
    issue = ground.owner.issue()
    api = _fine(ground, "pull_requests=write")
    assert api.post(f"/issues/{pull}/comments", {"body": "x"}).status_code == 201
    _inaccessible(
        api.post(f"/issues/{issue}/comments", {"body": "x"}), accepted="issues=write; pull_requests=write"
    )
    assert _fine(ground, "issues=write").post(f"/issues/{pull}/comments", {"body": "x"}).status_code == 201


def test_fine_grained_tokens_and_private_repositories(private_ground: Ground) -> None:
    api = _fine(private_ground, "contents=read")
    assert api.get("").status_code == 200
    _inaccessible(api.get("/issues"), accepted="issues=read; pull_requests=read")
    _inaccessible(api.get("//users/Olivia/projectsV2"), accepted="organization_projects=read")


def test_an_expired_token_is_no_token(ground: Ground) -> None:
    api = _fine(ground, "issues=write", "--expires", "2020-01-01T00:00:00Z")
    answer = api.get("/issues")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_scopes(ground: Ground, private_ground: Ground) -> None:
    made = ground.forge.admin("token", "wendy", "--scopes", "public_repo,project")
    api = Api(ground.forge, made["token"], ground.name)
    answer = api.post("/issues", {"title": "x"})
    assert (answer.status_code, answer.headers["X-OAuth-Scopes"]) == (201, "project, public_repo")
    assert api.get(f"//repos/{private_ground.name}").status_code == 404
    made = ground.forge.admin("token", "wendy", "--scopes", "")
    none = Api(ground.forge, made["token"], ground.name)
    assert (none.get("/issues").status_code, none.get("//user").status_code) == (200, 200)
    assert none.post("/issues", {"title": "x"}).status_code == 404


@pytest.mark.parametrize(
    "words",
    [
        ("--fine", "nonsense=write"),
        ("--fine", "issues"),
        ("--fine", "issues=write", "--scopes", "repo"),
        ("--expires", "2030-01-01"),
        ("--fine", "issues=write", "--expires", "soon"),
    ],
)
def test_tokens_that_cannot_be(ground: Ground, words: tuple[str, ...]) -> None:
    with pytest.raises(RuntimeError, match="forge: "):
        ground.forge.admin("token", "wendy", *words)
