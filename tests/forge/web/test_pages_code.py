"""Pull requests and code in a browser."""

from __future__ import annotations

import re
from contextlib import closing
from http.client import HTTPConnection

import pytest

from cdock.forge.domain import issues, pulls, refs, repos, statuses, users
from cdock.forge.domain.pulls import Pull
from tests.forge.web.visiting import Site, words


@pytest.fixture
def pull(site: Site) -> Pull:
    """A pull request by the bot that closes issue 1: one file changed, one added, one moved."""
    text = "".join(f"line {number}\n" for number in range(30))
    site.push(
        "main", {"a.txt": "one\ntwo\n", "docs/old name.md": text, "README.md": "# Tools\n\n[a](a.txt) #1"}
    )
    site.push("feat/x", {"a.txt": "one\n<b>2</b>\n"}, onto="main", message="Change two\n\nBecause of #1")
    site.push("feat/x", {"new.bin": b"\0\1", "b.txt": "b\n"}, message="Add more")
    with site.store.write() as tx:
        repo = repos.by_id(tx, site.repo.id)
        issues.create(tx, repo, "Wish", actor=repo.owner)
        bot = users.find(tx, "bot")
        return pulls.create(
            tx, repo, "Grant it", actor=bot, head="feat/x", base="main", body="Closes #1\n\n- [ ] seen"
        )


def now(site: Site) -> Pull:
    with site.store.read() as tx:
        return pulls.find(tx, site.repo, 2)


def test_the_conversation(site: Site, pull: Pull) -> None:
    with site.store.write() as tx:
        bot = users.find(tx, "bot")
        for state, context, url in (
            ("success", "tests", "https://ci.example/1"),
            ("failure", "lint", "javascript:x"),
        ):
            statuses.create(
                tx, site.repo, pull.head_oid, actor=bot, state=state, context=context, target_url=url
            )
    page = site.visitor().get(f"{site.path}/pull/2")
    text = words(page)
    assert "bot wants to merge 2 commits into main from feat/x" in text
    assert "Change two" in text
    assert "✓ passed tests" in text
    assert "✕ failed lint" in text
    assert "https://ci.example/1" in page
    assert "javascript:" not in page
    assert "not all checks have passed" in text
    assert "Merging needs write access" in text
    assert site.visitor().look(f"{site.path}/issues/2").url.endswith("/pull/2")
    assert site.visitor().look(f"{site.path}/pull/1").url.endswith("/issues/1")


def test_files_commits_and_diff(site: Site, pull: Pull) -> None:
    eve = site.visitor()
    page = eve.get(f"{site.path}/pull/2/files")
    text = words(page)
    assert "3 files changed, +2 added , −1 removed" in text
    assert '<tr class="removed"><td class="no">2</td><td class="no"></td>' in page
    assert '<td class="no">2</td><td class="sign">+</td><td class="code">&lt;b&gt;2&lt;/b&gt;</td>' in page
    assert "No lines to show" in text
    assert "Add more" in words(eve.get(f"{site.path}/pull/2/commits"))
    plain = eve.look(f"{site.path}/pull/2.diff")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "+<b>2</b>" in plain.text


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merging(site: Site, pull: Pull, method: str) -> None:
    bot = site.visitor("bot")
    bot.post(f"{site.path}/pull/2/merge", method=method, head=pull.head_oid)
    text = words(bot.get(f"{site.path}/pull/2"))
    assert "⇄ Merged" in text
    assert "bot merged 2 commits into main" in text
    assert "Merge pull request" not in text
    with site.store.read() as tx:
        assert not issues.find(tx, site.repo, 1).open
    assert "<b>2" in site.visitor().get(f"{site.path}/raw/main/a.txt")


def test_a_merge_takes_what_was_shown_or_nothing(site: Site, pull: Pull) -> None:
    bot = site.visitor("bot")
    shown = re.search(r'name="head" value="(\w+)"', bot.get(f"{site.path}/pull/2"))
    assert shown
    site.push("feat/x", {"evil.txt": "x"}, message="Slip in")
    answer = bot.post(f"{site.path}/pull/2/merge", method="merge", head=shown[1], expect=409)
    assert "Head branch was modified" in answer.text
    bot.post(f"{site.path}/pull/2/merge", method="merge", head="", expect=409)
    assert now(site).merged is None
    site.visitor("eve").post(f"{site.path}/pull/2/merge", method="merge", head=now(site).head_oid, expect=403)


def test_a_conflict_cannot_be_merged(site: Site, pull: Pull) -> None:
    site.push("main", {"a.txt": "one\nzwei\n"})
    bot = site.visitor("bot")
    page = bot.get(f"{site.path}/pull/2")
    assert "cannot be merged as it is" in words(page)
    assert "/merge" not in page
    bot.post(f"{site.path}/pull/2/merge", method="merge", head=pull.head_oid, expect=409)


def test_a_draft_is_made_ready_first(site: Site, pull: Pull) -> None:
    with site.store.write() as tx:
        pulls.set_draft(tx, site.repo, pull, draft=True, actor=site.repo.owner)
    bot = site.visitor("bot")
    page = bot.get(f"{site.path}/pull/2")
    assert "◌ Draft" in words(page)
    assert "/merge" not in page
    bot.post(f"{site.path}/pull/2/draft", draft="no")
    assert not now(site).draft


def test_close_reopen_comment_and_tick(site: Site, pull: Pull) -> None:
    bot = site.visitor("bot")
    answer = bot.post(f"{site.path}/issues/2/comment", body="no more", action="close")
    assert answer.headers["Location"].startswith(f"{site.path}/pull/2#comment-")
    assert "✕ Closed" in words(bot.get(f"{site.path}/pull/2"))
    bot.post(f"{site.path}/issues/2/comment", body="", action="reopen")
    assert now(site).issue.open
    page = bot.get(f"{site.path}/pull/2")
    version = re.search(r'id="tick-body".*?name="version" value="(\w+)"', page, re.S)
    assert version
    bot.post(f"{site.path}/issues/2/task", task="2:on", version=version[1], comment="")
    assert now(site).issue.body == "Closes #1\n\n- [x] seen"


def test_the_list_of_pull_requests(site: Site, pull: Pull) -> None:
    page = site.visitor().get(f"{site.path}/pulls")
    assert 'href="/ada/tools/pull/2">Grant it</a>' in page
    assert "Wish" not in page


def test_a_deleted_head_branch(site: Site, pull: Pull) -> None:
    refs.swap(site.repo, "refs/heads/feat/x", old=pull.head_oid, new=refs.ZERO)
    for part in ("", "/files", "/commits"):
        site.visitor().get(f"{site.path}/pull/2{part}")


def test_the_front_of_a_repository(site: Site, pull: Pull) -> None:
    page = site.visitor().get(site.path)
    text = words(page)
    assert "2 branches" in text
    assert "git clone http://127.0.0.1:" in text
    assert '<a href="/ada/tools/blob/main/a.txt" rel=' in page
    assert '<a href="/ada/tools/issues/1" class="number"' in page
    assert "docs/" in text


def test_folders_and_files(site: Site, pull: Pull) -> None:
    eve = site.visitor("eve")
    page = eve.get(f"{site.path}/tree/main/docs")
    assert 'href="/ada/tools/blob/main/docs/old%20name.md"' in page
    assert "line 29" in eve.get(f"{site.path}/blob/main/docs/old%20name.md")
    assert "&lt;b&gt;2" in eve.get(f"{site.path}/blob/feat/x/a.txt"), "branch names may have slashes"
    assert 'id="L2"' in eve.get(f"{site.path}/blob/{pull.head_oid}/a.txt")
    assert "A binary file" in eve.get(f"{site.path}/blob/feat/x/new.bin")
    assert "# Tools" in eve.get(f"{site.path}/blob/main/README.md?source=1")
    for missing in (
        "tree/main/nope",
        "blob/main/docs",
        "blob/nope/a.txt",
        "raw/main/.git/config",
        "tree/--all",
        "commit/--all",
        "commit/zzz",
        "commits/nope",
    ):
        eve.get(f"{site.path}/{missing}", expect=404)


@pytest.mark.parametrize(
    "path", ["..", "../..", "../../../forge.db", "/etc/passwd", "%2e%2e/%2e%2e/forge.db", "a%00b", "a//b"]
)
@pytest.mark.parametrize("kind", ["tree", "blob", "raw"])
def test_no_path_leads_out_of_a_repository(site: Site, pull: Pull, kind: str, path: str) -> None:
    """Sent as it is: a browser would tidy the address first."""
    with closing(HTTPConnection(site.url.removeprefix("http://"), timeout=20)) as connection:
        connection.request("GET", f"{site.path}/{kind}/main/{path}")
        answer = connection.getresponse()
        content = answer.read()
    assert (answer.status, b"SQLite" in content) == (404, False)


def test_raw_files_are_never_pages(site: Site) -> None:
    site.push("main", {"x.html": "<script>alert(1)</script>", "y.svg": "<svg/>", "z": b"\0<html>"})
    for name in ("x.html", "y.svg", "z"):
        answer = site.visitor("ada").look(f"{site.path}/raw/main/{name}")
        assert answer.headers["Content-Type"].split(";")[0] in ("text/plain", "application/octet-stream")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_branches_and_commits(site: Site, pull: Pull) -> None:
    eve = site.visitor("eve")
    text = words(eve.get(f"{site.path}/branches"))
    assert text.index("main default") < text.index("feat/x")
    assert "2 ahead, 0 behind" in text
    assert words(eve.get(f"{site.path}/commits/feat/x")).count("Ada") >= 3
    commit = words(eve.get(f"{site.path}/commit/{pull.head_oid}"))
    assert "Add more" in commit
    assert "2 files changed" in commit
    assert eve.look(f"{site.path}/commit/{pull.head_oid[:8]}").status_code == 200


def test_many_commits_come_in_pages(site: Site) -> None:
    for number in range(33):
        site.push("main", {"n": str(number)}, message=f"Commit {number}")
    eve = site.visitor("eve")
    first = eve.get(f"{site.path}/commits/main")
    assert "Commit 32" in first
    assert "Commit 2<" not in first
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert "Commit 0<" in eve.get(older[1])


def test_an_empty_repository_says_how_to_begin(site: Site) -> None:
    eve = site.visitor("eve")
    assert "git remote add forge http://127.0.0.1:" in words(eve.get(site.path))
    assert "No branches yet" in eve.get(f"{site.path}/branches")
    eve.get(f"{site.path}/tree/main", expect=404)
    eve.get(f"{site.path}/commits", expect=404)
    eve.get(f"{site.path}/issues")


def test_a_change_too_long_for_a_page_is_left_out(site: Site) -> None:
    site.push("main", {"a": "a\n"})
    oid = site.push("main", {"big": "x\n" * 3000, "small": "y\n"})
    text = words(site.visitor().get(f"{site.path}/commit/{oid}"))
    assert "too long to show here" in text
    assert "3,001" in text or "+3001" in text
    assert "+ y" in text
