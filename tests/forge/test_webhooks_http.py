"""Webhooks: who is told what, and how one can see and repeat it."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdock.forge.delivering import delivering
from cdock.forge.domain import (
    apps,
    checks,
    contents,
    pulls,
    refmoves,
    repos,
    reviews,
    threads,
    users,
    webhooks,
)
from cdock.forge.domain.threads import Anchor
from cdock.forge.store import Store
from tests.contract.openapi.refresh import PAYLOADS
from tests.contract.openapi.schemas import Schemas
from tests.forge.ground import Api, Ground
from tests.forge.listening import LIMIT, Ear, Told, listening
from tests.forge_server import ForgeServer


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as ear:
        yield ear


def _hook(ground: Ground, ear: Ear, *events: str, **config: Any) -> dict[str, Any]:
    body = {
        "config": {"url": f"{ear.url}/", "content_type": "json", **config},
        "events": list(events or ["*"]),
    }
    answer = ground.owner.post("/hooks", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _until(look: Callable[[], Any]) -> Any:
    """What a look gives as soon as it gives something."""
    limit = time.monotonic() + LIMIT
    while not (found := look()):
        assert time.monotonic() < limit
        time.sleep(0.02)
    return found


# Keeping


def test_a_hook_is_kept(ground: Ground, ear: Ear) -> None:
    made = _hook(ground, ear, "push", "issues", secret="s3cret")
    path = f"/hooks/{made['id']}"
    assert (made["events"], made["active"], made["name"]) == (["push", "issues"], True, "web")
    assert made["config"]["secret"] == "********"
    assert made["last_response"]["status"] == "unused"
    ear.wait_for("ping")
    _until(lambda: ground.owner.read(path)["last_response"]["code"] == 200)
    assert [one["id"] for one in ground.owner.read("/hooks")] == [made["id"]]
    changed = ground.owner.patch(path, {"add_events": ["label"], "remove_events": ["push"]}).json()
    assert changed["events"] == ["issues", "label"]
    assert "secret" in changed["config"]
    changed = ground.owner.patch(path, {"active": False, "config": {"content_type": "form"}}).json()
    assert (changed["active"], changed["config"]["content_type"]) == (False, "form")
    assert "secret" not in changed["config"]
    assert ground.owner.delete(path).status_code == 204
    assert ground.owner.get(path).status_code == 404


def test_hooks_are_for_admins(ground: Ground, ear: Ear) -> None:
    made = _hook(ground, ear)
    body = {"config": {"url": f"{ear.url}/2"}}
    for who in (ground.writer, ground.stranger):
        assert who.get("/hooks").status_code == 404
        assert who.post("/hooks", body).status_code == 404
        assert who.delete(f"/hooks/{made['id']}").status_code == 404
    assert ground.nobody.get("/hooks").status_code == 401


def test_hooks_that_cannot_be(ground: Ground, ear: Ear) -> None:
    def refused(**fields: Any) -> str:
        answer = ground.owner.post("/hooks", {"config": {"url": ear.url}, **fields})
        assert answer.status_code == 422, answer.text
        return answer.text

    for url in ("http://example.org/x", "http://10.0.0.1/", "http://localhost.example.org/"):
        assert "--allow-hooks" in refused(config={"url": url})
    for url in ("ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:port/", "file:///etc/passwd"):
        refused(config={"url": url})
    refused(config={})
    refused(config={"url": ear.url, "content_type": "xml"})
    refused(events=["nonsense"])
    refused(name="email")
    _hook(ground, ear)
    assert "already exists" in refused(config={"url": f"{ear.url}/", "content_type": "json"})


def test_a_host_that_was_allowed(tmp_path: Path) -> None:
    with ForgeServer(tmp_path / "forge") as server:
        server.stop()
        server.start("--allow-hooks", "hooks.example.org")
        token = server.admin("token", "ann")["token"]
        server.admin("repo", "ann/tools")
        api = Api(server, token, "ann/tools")
        made = api.post("/hooks", {"config": {"url": "http://hooks.example.org:1/"}, "active": False})
        assert made.status_code == 201, made.text
        assert api.post("/hooks", {"config": {"url": "http://example.org/"}}).status_code == 422
        # What was allowed then is not called now: a hook stays, and what is sent to it fails.
        server.stop()
        server.start()
        assert api.post(f"/hooks/{made.json()['id']}/pings").status_code == 204
        path = f"/hooks/{made.json()['id']}/deliveries"
        sent = _until(lambda: [one for one in api.read(path) if "does not call" in one["status"]])
        assert sent[0]["status_code"] == 0


# Sending


def test_the_headers_of_a_message(ground: Ground, ear: Ear) -> None:
    made = _hook(ground, ear, secret="s3cret")
    told = ear.wait_for("ping")
    assert (told.payload["hook_id"], told.payload["hook"]["id"]) == (made["id"], made["id"])
    assert told.payload["repository"]["full_name"] == ground.name
    headers = told.headers
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["x-github-hook-id"] == str(made["id"])
    assert headers["x-github-hook-installation-target-type"] == "repository"
    assert headers["x-github-hook-installation-target-id"] == str(told.payload["repository"]["id"])
    assert len(headers["x-github-delivery"]) == 36
    for name, kind in (("x-hub-signature", "sha1"), ("x-hub-signature-256", "sha256")):
        digest = hmac.new(b"s3cret", told.content, getattr(hashlib, kind)).hexdigest()
        assert headers[name] == f"{kind}={digest}"


def test_a_form(ground: Ground, ear: Ear) -> None:
    _hook(ground, ear, "issues", content_type="form")
    ground.owner.issue("ü & =")
    told = ear.wait_for("issues-opened")
    assert told.payload["issue"]["title"] == "ü & ="
    assert "x-hub-signature-256" not in told.headers


def test_only_what_was_asked_for(ground: Ground, ear: Ear) -> None:
    _hook(ground, ear, "issue_comment")
    number = ground.owner.issue()
    ground.owner.post(f"/issues/{number}/comments", {"body": "hello"})
    ear.wait_for("issue-comment-created")
    assert [one.name for one in ear.heard] == ["ping", "issue-comment-created"]


def test_what_was_not_kept_is_not_told(ground: Ground, ear: Ear) -> None:
    _hook(ground, ear)
    answer = ground.owner.post("/issues", {"title": "x", "labels": ["y" * 60]})
    assert answer.status_code == 422
    ground.owner.issue("kept")
    assert ear.wait_for("issues-opened").payload["issue"]["title"] == "kept"


def test_deliveries_are_listed_and_repeated(ground: Ground, ear: Ear) -> None:
    path = f"/hooks/{_hook(ground, ear, 'issues')['id']}/deliveries"
    ear.wait_for("ping")
    ear.answer = 500
    ground.owner.issue("told")
    ear.wait_for("issues-opened")
    failed = _until(lambda: ground.owner.read(path, status="failure"))[0]
    assert (failed["event"], failed["action"], failed["status_code"]) == ("issues", "opened", 500)
    assert failed["redelivery"] is False
    shown = ground.owner.read(f"{path}/{failed['id']}")
    assert shown["request"]["payload"]["issue"]["title"] == "told"
    assert shown["request"]["headers"]["X-GitHub-Delivery"] == failed["guid"]
    assert (shown["response"]["payload"], shown["response"]["headers"]["X-Ear"]) == ("heard", "yes")
    ear.answer = 202
    assert ground.owner.post(f"{path}/{failed['id']}/attempts").status_code == 202
    again = _until(lambda: [one for one in ground.owner.read(path) if one["redelivery"]])[0]
    assert (again["guid"], again["status_code"], again["status"]) == (failed["guid"], 202, "OK")
    assert again["id"] != failed["id"]
    assert ear.heard[-1].content == ear.heard[-2].content
    # Nothing is repeated unasked.
    assert [one.name for one in ear.heard] == ["ping", "issues-opened", "issues-opened"]
    first = ground.owner.get(f"{path}?per_page=1")
    assert len(first.json()) == 1
    rest = ground.owner.get(first.links["next"]["url"])
    assert [one["id"] for one in rest.json()] == [failed["id"]]
    assert ground.owner.get(f"{path}?cursor=x").status_code == 400
    assert ground.writer.get(path).status_code == 404


def test_nobody_there(ground: Ground, ear: Ear) -> None:
    answer = ground.owner.post("/hooks", {"config": {"url": "http://127.0.0.1:1/"}})
    path = f"/hooks/{answer.json()['id']}"
    failed = _until(lambda: ground.owner.read(f"{path}/deliveries"))[0]
    assert failed["status_code"] == 0
    assert failed["status"].startswith("failed to connect to host")
    assert ground.owner.read(path)["last_response"]["status"] == "misconfigured"
    # It keeps nobody else from being told.
    _hook(ground, ear)
    ear.wait_for("ping")


def test_the_server_ends_although_somebody_does_not_answer(tmp_path: Path, ear: Ear) -> None:
    with ForgeServer(tmp_path / "forge") as server:
        token = server.admin("token", "ann")["token"]
        server.admin("repo", "ann/tools")
        api = Api(server, token, "ann/tools")
        body = {"config": {"url": f"{ear.url}/slow", "content_type": "json"}, "events": ["issues"]}
        assert api.post("/hooks", body).status_code == 201
        api.issue("waits behind the ping")
        assert server.stop() == 0
        ear.held.set()
        # What was not sent is sent when there is a server again.
        server.start()
        assert ear.wait_for("issues-opened").payload["issue"]["title"] == "waits behind the ping"


def test_a_push(ground: Ground, ear: Ear, tmp_path: Path) -> None:
    clone = ground.seeded(tmp_path / "clone")
    before = clone.git("rev-parse", "main")
    _hook(ground, ear, "push", "create", "delete")
    oid = clone.commit({"src/app.py": "new\n", "added.txt": "1"}, "second\n\nbody")
    clone.git("push", "-q", "origin", "main")
    push = ear.wait_for("push").payload
    assert (push["ref"], push["before"], push["after"]) == ("refs/heads/main", before, oid)
    assert (push["created"], push["deleted"], push["forced"]) == (False, False, False)
    (commit,) = push["commits"]
    assert (commit["id"], commit["message"]) == (oid, "second\n\nbody")
    assert (commit["added"], commit["modified"]) == (["added.txt"], ["src/app.py"])
    assert push["head_commit"]["id"] == oid
    assert push["pusher"]["name"] == push["sender"]["login"] == "wendy"
    clone.git("push", "-q", "origin", "main:refs/heads/topic/a")
    assert ear.wait_for("create").payload["ref"] == "topic/a"
    clone.git("push", "-q", "origin", ":refs/heads/topic/a")
    assert ear.wait_for("delete").payload["ref_type"] == "branch"
    clone.git("push", "-q", "origin", "main:refs/cdock/claims/1")
    clone.git("push", "-q", "-f", "origin", f"{before}:refs/heads/main")
    forced = ear.wait(lambda heard: any(one.payload.get("forced") for one in heard))
    assert not any("cdock/claims" in one.content.decode() for one in forced)


# What is told, as GitHub publishes it


def _everything(ground: Ground, path: Path) -> None:
    """Do all that webhooks are told of."""
    owner, writer = ground.owner, ground.writer
    clone = ground.seeded(path)
    owner.post("/labels", {"name": "care", "color": "ff0000"})
    owner.patch("/labels/care", {"new_name": "careful", "description": "with care"})
    milestone = owner.post("/milestones", {"title": "one"}).json()["number"]
    owner.patch(f"/milestones/{milestone}", {"title": "first", "due_on": "2030-01-01T00:00:00Z"})
    owner.patch(f"/milestones/{milestone}", {"state": "closed"})
    owner.patch(f"/milestones/{milestone}", {"state": "open"})
    number, other = owner.issue("x", body="b"), owner.issue("other")
    clone.branch("work", {"src/app.py": "one\n2\nthree\n"}, "change")
    made = writer.post("/pulls", {"title": "Change", "head": "work", "base": "main"})
    pull = made.json()["number"]
    for each in (number, pull):
        path_ = f"/issues/{each}"
        owner.post(f"{path_}/labels", ["careful"])
        owner.delete(f"{path_}/labels/careful")
        owner.post(f"{path_}/assignees", {"assignees": ["wendy"]})
        owner.delete(f"{path_}/assignees", {"assignees": ["wendy"]})
        owner.patch(path_, {"milestone": milestone})
        owner.patch(path_, {"milestone": None})
        owner.patch(path_, {"title": "y", "body": "c"})
        owner.put(f"{path_}/lock", {"lock_reason": "resolved"})
        owner.delete(f"{path_}/lock")
        owner.patch(path_, {"state": "closed"})
        owner.patch(path_, {"state": "open"})
        comment = owner.post(f"{path_}/comments", {"body": "hello"}).json()["id"]
        owner.patch(f"/issues/comments/{comment}", {"body": "changed"})
        owner.delete(f"/issues/comments/{comment}")
    other_id, number_id = (owner.read(f"/issues/{each}")["id"] for each in (other, number))
    assert owner.post(f"/issues/{number}/sub_issues", {"sub_issue_id": other_id}).status_code == 201
    assert owner.delete(f"/issues/{number}/sub_issue", {"sub_issue_id": other_id}).status_code == 200
    blocked = f"/issues/{number}/dependencies/blocked_by"
    assert owner.post(blocked, {"issue_id": other_id}).status_code == 201
    assert owner.delete(f"{blocked}/{other_id}").status_code == 200
    assert number_id != other_id
    asked = f"/pulls/{pull}/requested_reviewers"
    writer.post(asked, {"reviewers": ["tina"]})
    writer.delete(asked, {"reviewers": ["tina"]})
    line = {"path": "src/app.py", "line": 2, "body": "why?"}
    review = owner.post(
        f"/pulls/{pull}/reviews", {"event": "REQUEST_CHANGES", "body": "no", "comments": [line]}
    ).json()
    owner.put(f"/pulls/{pull}/reviews/{review['id']}", {"body": "not yet"})
    owner.put(f"/pulls/{pull}/reviews/{review['id']}/dismissals", {"message": "done"})
    said = owner.read(f"/pulls/{pull}/comments")[0]["id"]
    owner.patch(f"/pulls/comments/{said}", {"body": "why so?"})
    owner.delete(f"/pulls/comments/{said}")
    head = clone.branch("work", {"src/app.py": "one\n2\n3\n"}, "more", start="work")
    owner.post(f"/statuses/{head}", {"state": "success", "target_url": "http://127.0.0.1/"})
    clone.git("tag", "v1")
    clone.git("push", "-q", "origin", "v1")
    owner.delete(f"/milestones/{milestone}")
    owner.delete("/labels/careful")
    clone.git("push", "-q", "origin", ":v1")


@pytest.fixture(scope="module")
def published() -> tuple[Schemas, dict[str, Any]]:
    """The schemas of payloads, by name."""
    document = json.loads(gzip.decompress(PAYLOADS.read_bytes()))
    return Schemas({"components": document["components"], "paths": {}}), document["payloads"]


NOT_IN_ONE = ("/repo/has_discussions", "/repo/web_commit_signoff_required")
UNSENT_HERE = {
    # By GraphQL only, or by Apps: see the test below.
    "pull-request-converted-to-draft",
    "pull-request-ready-for-review",
    "pull-request-review-thread-resolved",
    "pull-request-review-thread-unresolved",
    "check-run-created",
    "check-run-completed",
}


def test_payloads_are_as_published(
    ground: Ground, ear: Ear, tmp_path: Path, published: tuple[Schemas, dict[str, Any]]
) -> None:
    _hook(ground, ear)
    _everything(ground, tmp_path / "clone")
    heard = ear.wait(lambda heard: [one.name for one in heard[-2:]] == ["delete", "push"])
    schemas, payloads = published
    problems = [problem for one in heard for problem in _problems(schemas, payloads, one)]
    assert not problems, "\n".join(dict.fromkeys(problems))
    assert {one.name for one in heard} == payloads.keys() - UNSENT_HERE


def test_payloads_of_what_rest_and_people_cannot_do(
    tmp_path: Path, ear: Ear, published: tuple[Schemas, dict[str, Any]]
) -> None:
    with (
        Store(tmp_path / "forge") as store,
        delivering(store, url="http://127.0.0.1:9"),
    ):
        with store.write() as tx:
            ann = users.ensure(tx, "ann")
            repo = repos.create(tx, "tools", owner=ann)
            main = contents.write(
                tx, repo, "a.txt", b"1\n", actor=ann, message="first", branch=None, known=None
            )
        with store.write() as tx:
            refmoves.create(tx, repo, "refs/heads/work", main.commit, actor=ann)
            contents.write(tx, repo, "b.txt", b"2\n", actor=ann, message="second", branch="work", known=None)
        with store.write() as tx:
            webhooks.create(tx, repo, f"{ear.url}/", actor=ann, content_type="json", events=["*"])
            pull = pulls.create(tx, repo, "Change", actor=ann, head="work", base="main")
            pull = pulls.set_draft(tx, repo, pull, draft=True, actor=ann)
            pull = pulls.set_draft(tx, repo, pull, draft=False, actor=ann)
            comment = reviews.comment(tx, repo, pull, Anchor("b.txt", line=1), "why?", actor=ann)
            thread = threads.find(tx, repo, comment.thread_id, viewer=ann)
            thread = threads.resolve(tx, repo, thread, actor=ann)
            threads.unresolve(tx, repo, thread, actor=ann)
            app = apps.ensure(tx, "teller", owner=ann, public_key="")
            apps.install(tx, app, ann, [repo])
            run = checks.create(tx, repo, "tests", pull.head_oid, actor=app.bot)
            checks.update(tx, repo, run, actor=app.bot, conclusion="success")
        heard = ear.wait(lambda heard: bool(heard) and heard[-1].name == "check-run-completed")
    assert {one.name for one in heard} >= UNSENT_HERE
    problems = [problem for one in heard for problem in _problems(*published, one)]
    assert not problems, "\n".join(dict.fromkeys(problems))


def _problems(schemas: Schemas, payloads: dict[str, Any], told: Told) -> Iterator[str]:
    schema = payloads.get(told.name)
    if schema is None:
        yield f"{told.name}: not published"
        return
    for where, message in (
        *schemas.mismatches(told.payload, schema, side="read"),
        *schemas.undeclared(told.payload, schema),
    ):
        # Dependencies are described for repositories of organizations only, which webhooks of users' have too.
        if "'organization' is a required property" in message:
            continue
        # The one description of a pull request without these two, which all others have.
        if told.name == "pull-request-review-edited" and where.endswith(NOT_IN_ONE):
            continue
        yield f"{told.name} at {where}: {message}"
