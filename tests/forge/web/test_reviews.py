"""Reviewing a pull request in a browser without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdock.forge.domain import apps, checks, pulls, repos, reviewers, reviews, threads, users
from cdock.forge.domain.pulls import Pull
from cdock.forge.domain.reviews import Review
from cdock.forge.domain.threads import Anchor, Thread
from cdock.forge.domain.users import User
from tests.forge.web.visiting import Site, words

TEXT = "".join(f"line {number}\n" for number in range(1, 31))


@pytest.fixture
def pull(site: Site) -> Pull:
    """A pull request of the bot's that changes line 10 of a.txt."""
    site.push("main", {"a.txt": TEXT})
    site.push("work", {"a.txt": TEXT.replace("line 10\n", "ten\n")}, onto="main")
    with site.store.write() as tx:
        bot = users.find(tx, "bot")
        return pulls.create(tx, repos.by_id(tx, site.repo.id), "Change", actor=bot, head="work", base="main")


def _path(site: Site, rest: str = "") -> str:
    return f"{site.path}/pull/1{rest}"


def _given(site: Site, pull: Pull, *, viewer: str = "") -> list[Review]:
    with site.store.read() as tx:
        return reviews.of_pull(tx, pull, viewer=users.find(tx, viewer) if viewer else None)


def _threads(site: Site, pull: Pull, *, viewer: str = "") -> list[Thread]:
    with site.store.read() as tx:
        now = pulls.find(tx, site.repo, pull.number)
        return threads.of_pull(tx, site.repo, now, viewer=users.find(tx, viewer) if viewer else None)


def _user(site: Site, login: str) -> User:
    with site.store.read() as tx:
        return users.find(tx, login)


def _talk(site: Site, pull: Pull, body: str = "why **ten**?", *, by: str = "ada") -> Thread:
    with site.store.write() as tx:
        reviews.comment(tx, site.repo, pull, Anchor("a.txt", line=10), body, actor=users.find(tx, by))
    return _threads(site, pull)[-1]


def test_approving_and_asking_for_changes(site: Site, pull: Pull) -> None:
    ada = site.visitor("ada")
    page = ada.get(_path(site, "/files"))
    assert "Approve" in words(page)
    answer = ada.post(_path(site, "/review"), event="REQUEST_CHANGES", body="Say *why*.")
    (review,) = _given(site, pull)
    assert answer.headers["Location"] == f"{_path(site)}#pullrequestreview-{review.id}"
    assert (review.state, review.body) == ("CHANGES_REQUESTED", "Say *why*.")
    page = ada.get(_path(site))
    assert f'id="pullrequestreview-{review.id}"' in page
    assert "<em>why</em>" in page
    assert "ada ✕ asks for changes" in words(page)
    ada.post(_path(site, "/review"), event="APPROVE", body="")
    assert [one.state for one in _given(site, pull)] == ["CHANGES_REQUESTED", "APPROVED"]
    side = words(ada.get(_path(site)).partition("<h2>Reviewers</h2>")[2])
    assert side.startswith("AD ada ✓ approved")


def test_ones_own_pull_request(site: Site, pull: Pull) -> None:
    bot = site.visitor("bot")
    page = words(bot.get(_path(site, "/files")))
    assert "somebody else has to approve it" in page
    assert "✓ Approve" not in page
    refused = bot.post(_path(site, "/review"), event="APPROVE", body="fine", expect=422)
    assert "Can not approve your own pull request" in words(refused.text)
    # What was written is not lost.
    assert "fine" in refused.text
    assert "Your review" not in words(site.visitor().get(_path(site, "/files")))


def test_a_comment_on_a_line(site: Site, pull: Pull) -> None:
    ada = site.visitor("ada")
    page = ada.get(_path(site, "/files"))
    links = re.findall(r'class="say-here" href="([^"]+)" aria-label="Comment on ([^"]+)"', page)
    address = next(link for link, name in links if name == "line 10").replace("&amp;", "&")
    assert any(name == "removed line 10" for _, name in links)
    page = ada.get(address.partition("#")[0])
    assert "Comment on line 10" in words(page)
    answer = ada.post(
        _path(site, "/remark"), file="a.txt", side="RIGHT", line="10", body="why <b>?", action="now"
    )
    (thread,) = _threads(site, pull)
    assert (thread.line, thread.comments[0].body) == (10, "why <b>?")
    assert answer.headers["Location"] == f"{_path(site, '/files')}#discussion_r{thread.comments[0].id}"
    page = ada.get(_path(site, "/files"))
    assert f'id="discussion_r{thread.comments[0].id}"' in page
    assert "<b>?" not in page
    talk = words(site.visitor().get(_path(site)))
    assert "a.txt line 10" in talk
    assert "why <b>?" in talk
    refused = ada.post(
        _path(site, "/remark"), file="a.txt", side="RIGHT", line="29", body="x", action="now", expect=422
    )
    assert "must be part of the diff" in words(refused.text)


def test_a_comment_on_a_file(site: Site, pull: Pull) -> None:
    ada = site.visitor("ada")
    assert "Comment on this file" in words(ada.get(_path(site, "/files?file=a.txt")))
    ada.post(_path(site, "/remark"), file="a.txt", line="", body="all of it", action="now")
    assert _threads(site, pull)[0].subject == "file"
    assert "all of it" in words(site.visitor().get(_path(site, "/files")))


def test_a_review_that_waits(site: Site, pull: Pull) -> None:
    ada = site.visitor("ada")
    fields: dict[str, Any] = {
        "file": "a.txt",
        "side": "RIGHT",
        "line": "10",
        "body": "first thought",
        "action": "later",
    }
    ada.post(_path(site, "/remark"), expect=303, **fields)
    assert _threads(site, pull) == []
    assert [one.state for one in _given(site, pull, viewer="ada")] == ["PENDING"]
    page = words(ada.get(_path(site, "/files")))
    assert "first thought" in page
    assert "1 comment on lines will be sent with it" in page
    assert "Your review is not sent yet" in words(ada.get(_path(site)))
    assert "first thought" not in words(site.visitor("bot").get(_path(site, "/files")))
    ada.post(_path(site, "/remark"), expect=303, **(fields | {"body": "second thought", "line": "11"}))
    ada.post(_path(site, "/review"), event="COMMENT", body="my thoughts")
    (review,) = _given(site, pull)
    assert (review.state, review.body, len(_threads(site, pull))) == ("COMMENTED", "my thoughts", 2)
    ada.post(_path(site, "/remark"), expect=303, **fields)
    ada.post(_path(site, "/review"), event="discard", body="")
    assert len(_threads(site, pull, viewer="ada")) == 2
    assert len(_given(site, pull, viewer="ada")) == 1


def test_answering_and_settling(site: Site, pull: Pull) -> None:
    thread = _talk(site, pull)
    bot = site.visitor("bot")
    bot.post(_path(site, f"/threads/{thread.id}"), body="because", action="reply")
    bot.post(_path(site, f"/threads/{thread.id}"), body="done", action="resolve", on="files")
    (now,) = _threads(site, pull)
    assert [one.body for one in now.comments] == ["why **ten**?", "because", "done"]
    assert now.resolver == _user(site, "bot")
    page = site.visitor("ada").get(_path(site))
    assert "✓ resolved by bot" in words(page)
    assert "<strong>ten</strong>" in page
    assert f'<details class="thread" data-thread="{thread.id}">' in page
    site.visitor("ada").post(_path(site, f"/threads/{thread.id}"), body="", action="unresolve")
    assert _threads(site, pull)[0].resolver is None
    eve = site.visitor("eve")
    eve.post(_path(site, f"/threads/{thread.id}"), body="me too", action="reply")
    eve.post(_path(site, f"/threads/{thread.id}"), body="", action="resolve", expect=403)
    eve.post(_path(site, f"/threads/{thread.id}"), body=" ", action="reply", expect=422)
    eve.post(_path(site, "/threads/1"), body="x", action="reply", expect=404)


def test_changing_and_removing_a_comment(site: Site, pull: Pull) -> None:
    thread = _talk(site, pull)
    said = thread.comments[0]
    ada = site.visitor("ada")
    ada.post(_path(site, f"/remarks/{said.id}"), body="better", action="save")
    assert _threads(site, pull)[0].comments[0].body == "better"
    assert "· edited" in words(ada.get(_path(site)))
    site.visitor("eve").post(_path(site, f"/remarks/{said.id}"), body="mine", action="save", expect=403)
    ada.post(_path(site, f"/remarks/{said.id}"), body="", action="delete")
    assert _threads(site, pull) == []
    assert site.visitor().look(_path(site)).status_code == 200


def test_an_outdated_thread_stays_in_the_conversation(site: Site, pull: Pull) -> None:
    _talk(site, pull)
    site.push("work", {"a.txt": TEXT.replace("line 10\n", "TEN\n")}, message="Shout")
    page = words(site.visitor().get(_path(site)))
    assert "a.txt line 10 outdated" in page
    assert "+ ten" in page
    assert "why ten?" not in words(site.visitor().get(_path(site, "/files")))


def test_asking_for_a_review(site: Site, pull: Pull) -> None:
    tess = site.visitor("tess")
    page = tess.get(_path(site))
    assert 'name="reviewer" value="ada"' in page
    assert 'name="reviewer" value="bot"' not in page
    tess.post(_path(site, "/reviewers"), reviewer=["ada", "tess"])
    with site.store.read() as tx:
        assert [one.login for one in reviewers.of_pull(tx, pull)] == ["ada", "tess"]
    assert "tess asked ada for a review" in words(tess.get(_path(site)))
    tess.post(_path(site, "/reviewers"), was=["ada", "tess"], reviewer=["tess"])
    with site.store.read() as tx:
        assert [one.login for one in reviewers.of_pull(tx, pull)] == ["tess"]
    site.visitor("eve").post(_path(site, "/reviewers"), reviewer="ada", expect=403)


def test_a_dismissed_review(site: Site, pull: Pull) -> None:
    with site.store.write() as tx:
        given = reviews.create(tx, site.repo, pull, actor=users.find(tx, "tess"), event="APPROVE")
        reviews.dismiss(tx, site.repo, pull, given, "it changed", actor=users.find(tx, "ada"))
    page = words(site.visitor().get(_path(site)))
    assert "ada dismissed a review: it changed" in page
    assert "tess ⊘ dismissed" in page


def test_check_runs_and_drafts(site: Site, pull: Pull) -> None:
    with site.store.write() as tx:
        app = apps.ensure(tx, "Builder", owner=site.repo.owner, public_key="")
        apps.install(tx, app, site.repo.owner, [site.repo])
        checks.create(
            tx,
            site.repo,
            "tests",
            pull.head_oid,
            actor=app.bot,
            conclusion="failure",
            title="2 failed",
            details_url="javascript:x",
        )
    bot = site.visitor("bot")
    page = bot.get(_path(site))
    assert "✕ failed tests Builder: 2 failed" in words(page)
    assert "javascript:" not in page
    assert "not all checks have passed" in words(page)
    bot.post(_path(site, "/draft"), draft="yes")
    assert "A draft is not merged" in words(bot.get(_path(site)))
    bot.post(_path(site, "/draft"))
    assert "Draft" not in words(bot.get(_path(site)))
