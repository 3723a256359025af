"""Who is there: logging in and out, forged forms, headers that keep pages safe."""

from __future__ import annotations

import re

import pytest
import requests

from cdock.forge.domain import issues, repos
from tests.forge.web.visiting import Site, words


def test_a_code_logs_in_once(site: Site) -> None:
    code = site.code("ada")
    ada = site.visitor()
    answer = ada.look(f"/_login?code={code}&next={site.path}/issues")
    assert answer.url == f"{site.url}{site.path}/issues"
    assert "Logged in as ada" in words(answer.text)
    cookie = answer.history[0].headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    again = site.visitor()
    assert "used before" in again.get(f"/_login?code={code}", expect=403)
    assert not again.session.cookies


def test_an_old_link_is_no_problem_for_who_is_logged_in(site: Site) -> None:
    code = site.code("ada")
    ada = site.visitor().login(code)
    assert ada.look(f"/_login?code={code}&next={site.path}").url == site.url + site.path


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\r\nX: y", "evil"],
)
def test_a_login_leads_nowhere_else(site: Site, target: str) -> None:
    answer = site.visitor().look(
        "/_login", params={"code": site.code("ada"), "next": target}, allow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


def test_logging_out_ends_the_session(site: Site) -> None:
    ada = site.visitor("ada")
    stolen = dict(ada.session.cookies)
    ada.post("/_logout")
    assert "Log in" in words(ada.get("/"))
    answer = requests.get(site.url, cookies=stolen, headers={"Accept": "text/html"}, timeout=20)
    assert "Logged in" not in words(answer.text)


def test_a_stranger_reads_public_pages_and_cannot_write(site: Site) -> None:
    with site.store.write() as tx:
        repo = repos.by_id(tx, site.repo.id)
        issues.create(tx, repo, "Hello", actor=repo.owner)
    stranger = site.visitor()
    assert "Hello" in stranger.get(f"{site.path}/issues")
    page = stranger.get(f"{site.path}/issues/1")
    assert 'method="post"' not in page
    stranger.post(f"{site.path}/issues/1/comment", body="hi", expect=401)
    stranger.get(f"{site.path}/issues/new", expect=401)


def test_a_private_repository_is_not_there_for_others(site: Site) -> None:
    with site.store.write() as tx:
        repos.create(tx, "secret", owner=site.repo.owner, private=True)
    for visitor in (site.visitor(), site.visitor("eve")):
        assert "or you may not see it" in visitor.get("/ada/secret", expect=404)
        assert "secret" not in words(visitor.get("/"))
    assert "private" in words(site.visitor("ada").get("/ada/secret"))


@pytest.mark.parametrize("token", ["", "0" * 64, None])
def test_a_form_without_the_sessions_token_is_refused(site: Site, token: str | None) -> None:
    ada = site.visitor("ada")
    data = {"title": "x"} | ({} if token is None else {"csrf": token})
    answer = ada.session.post(f"{site.url}{site.path}/issues", data=data, timeout=20)
    assert answer.status_code == 403
    assert "not from your session" in answer.text
    with site.store.read() as tx:
        assert repos.open_issues(tx, site.repo) == 0


def test_the_token_of_another_session_is_refused(site: Site) -> None:
    eve, ada = site.visitor("eve"), site.visitor("ada")
    token = re.search(r'name="csrf" value="(\w+)"', eve.get("/"))
    assert token
    answer = ada.session.post(
        f"{site.url}{site.path}/issues", data={"csrf": token[1], "title": "x"}, timeout=20
    )
    assert answer.status_code == 403


def test_a_form_sent_by_another_site_is_refused(site: Site) -> None:
    ada = site.visitor("ada")
    ada.session.headers["Sec-Fetch-Site"] = "cross-site"
    ada.post(f"{site.path}/issues", title="x", expect=403)


def test_every_form_has_a_token_and_no_page_has_inline_code(site: Site) -> None:
    site.push("main", {"README.md": "# hi"})
    ada = site.visitor("ada")
    ada.post(f"{site.path}/labels", name="bug", color="#d73a4a")
    ada.post(f"{site.path}/issues", title="One", body="- [ ] do", label="bug")
    for path in (
        "/",
        "/_login",
        site.path,
        f"{site.path}/issues",
        f"{site.path}/issues/1",
        f"{site.path}/issues/1/edit",
        f"{site.path}/issues/new",
        f"{site.path}/labels",
        f"{site.path}/branches",
        "/nowhere/at-all",
    ):
        answer = ada.look(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-cache" in answer.headers["Cache-Control"]
        forms = re.findall(r'<form[^>]*method="post".*?</form>', answer.text, re.S)
        assert all('name="csrf"' in form for form in forms), path
        assert not re.search(r"<style|\sstyle=|<script(?![^>]* src=)|\son\w+=", answer.text), path
        assert forms, f"no form on {path}: logging out is one"


def test_too_much_is_refused(site: Site) -> None:
    ada = site.visitor("ada")
    ada.post(f"{site.path}/issues", title="x", body="y" * (3 * 1024 * 1024), expect=413)


def test_an_unchanged_page_is_not_sent_again(site: Site) -> None:
    ada = site.visitor("ada")
    ada.post(f"{site.path}/issues", title="One")
    first = ada.look(f"{site.path}/issues/1")
    again = ada.look(f"{site.path}/issues/1", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    ada.post(f"{site.path}/issues/1/comment", body="news")
    changed = ada.look(f"{site.path}/issues/1", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    stranger = site.visitor().look(
        f"{site.path}/issues/1", headers={"If-None-Match": changed.headers["ETag"]}
    )
    assert stranger.status_code == 200


def test_a_renamed_repository_is_found_under_its_old_name(site: Site) -> None:
    with site.store.write() as tx:
        repo = repos.by_id(tx, site.repo.id)
        repos.update(tx, repo, actor=repo.owner, changes={"name": "gear"})
    answer = site.visitor().look("/ada/tools/issues?state=closed")
    assert answer.url == f"{site.url}/ada/gear/issues?state=closed"


def test_our_files_may_be_kept(site: Site) -> None:
    page = site.visitor().get("/")
    for address in re.findall(r'(?:href|src)="(/_static/[^"]+)"', page):
        answer = site.visitor().look(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert site.visitor().look("/_static/../pages.py").status_code == 404
    assert site.visitor().look("/_static/pages.py").status_code == 404
