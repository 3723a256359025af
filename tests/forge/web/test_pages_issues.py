"""Issues in a browser: list, read, answer, label, tick, edit, open by form."""

from __future__ import annotations

import re

import pytest

from cdock.forge.domain import comments, issues, labels, marks, reactions, repos, users
from cdock.forge.domain.issues import Issue
from tests.forge.web.visiting import Site, words

FORM = """
name: Agent task
description: Work for an agent
title: "[task] "
labels: [triage, unknown]
body:
  - type: markdown
    attributes: {value: "Say what **done** looks like."}
  - type: textarea
    id: goal
    attributes: {label: Goal}
    validations: {required: true}
  - type: dropdown
    id: worktree
    attributes: {label: Worktree, options: [auth, logging]}
  - type: input
    attributes: {label: Files}
  - type: checkboxes
    id: checks
    attributes: {label: Checks, options: [{label: I searched, required: true}, {label: I can help}]}
"""


def issue_of(site: Site, number: int = 1) -> Issue:
    with site.store.read() as tx:
        return issues.find(tx, site.repo, number)


def label_names(site: Site, number: int = 1) -> list[str]:
    return [label.name for label in issue_of(site, number).labels]


def opened(
    site: Site, title: str = "One", *, by: str = "ada", body: str = "", on: tuple[str, ...] = ()
) -> int:
    with site.store.write() as tx:
        issue = issues.create(tx, site.repo, title, actor=users.find(tx, by), body=body)
        if on:
            marks.add_labels(tx, site.repo, issue.id, on, actor=site.repo.owner)
        return issue.number


def said(site: Site, body: str, *, by: str = "ada", number: int = 1) -> int:
    with site.store.write() as tx:
        issue = issues.find(tx, site.repo, number)
        return comments.create(tx, site.repo, issue, body, actor=users.find(tx, by)).id


def bodies(site: Site, number: int = 1) -> list[str]:
    with site.store.read() as tx:
        return [comment.body for comment in comments.of_issue(tx, issues.find(tx, site.repo, number))]


def titles(page: str) -> list[str]:
    return re.findall(r'class="title"[^>]*>([^<]+)</a>', page)


def test_the_list_filters_by_state_label_and_text(site: Site) -> None:
    opened(site, "Log twice", on=("bug",))
    opened(site, "Greet", body="in French", on=("bug", "Stage 1"))
    opened(site, "Old thing")
    with site.store.write() as tx:
        issues.close(tx, site.repo, issues.find(tx, site.repo, 3), actor=site.repo.owner)
    eve = site.visitor("eve")
    assert titles(eve.get(f"{site.path}/issues")) == ["Greet", "Log twice"]
    assert titles(eve.get(f"{site.path}/issues?state=closed")) == ["Old thing"]
    assert titles(eve.get(f"{site.path}/issues?state=all&sort=oldest")) == ["Log twice", "Greet", "Old thing"]
    assert titles(eve.get(f"{site.path}/issues?label=BUG&label=stage+1")) == ["Greet"]
    assert titles(eve.get(f"{site.path}/issues?q=french")) == ["Greet"]
    nothing = eve.get(f"{site.path}/issues?q=zebra")
    assert titles(nothing) == []
    assert "Nothing matches" in nothing


def test_filter_chips_add_and_take_out(site: Site) -> None:
    opened(site, "Greet", on=("bug", "c++ & <co>"))
    eve = site.visitor("eve")
    page = eve.get(f"{site.path}/issues?label=bug&q=greet")
    assert 'href="/ada/tools/issues?q=greet"' in page
    both = re.search(r'href="(/ada/tools/issues\?label=bug&amp;label=[^"]+)"', page)
    assert both
    assert titles(eve.get(both[1].replace("&amp;", "&"))) == ["Greet"]


def test_long_lists_come_in_pages(site: Site) -> None:
    for number in range(60):
        opened(site, f"Thing {number}")
    eve = site.visitor("eve")
    seen: list[str] = []
    path = f"{site.path}/issues"
    for _ in range(3):
        page = eve.get(path)
        seen += titles(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert not path
    assert seen == [f"Thing {number}" for number in reversed(range(60))]
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer
    assert titles(eve.get(newer[1].replace("&amp;", "&"))) == seen[25:50]
    assert "does not lead to a page" in eve.get(f"{site.path}/issues?after=nonsense", expect=422)


def test_an_issue_tells_what_happened(site: Site) -> None:
    opened(site, "Greet", by="eve", body="<!-- mark -->Please **greet**.")
    opened(site, "Other", body="because of #1")
    with site.store.write() as tx:
        ada, issue = site.repo.owner, issues.find(tx, site.repo, 1)
        marks.add_labels(tx, site.repo, issue.id, ["bug", "now"], actor=ada)
        marks.remove_label(tx, site.repo, issue.id, "now", actor=ada)
        marks.assign(tx, site.repo, issue.id, ["bot"], actor=ada)
        issue = issues.edit(tx, site.repo, issue, actor=ada, title="Greet all")
        issues.close(tx, site.repo, issue, actor=ada, reason="not_planned")
        issues.reopen(tx, site.repo, issues.find(tx, site.repo, 1), actor=ada)
    comment_id = said(site, "first", by="eve")
    with site.store.write() as tx:
        comments.edit(
            tx, site.repo, comments.find(tx, site.repo, comment_id), "second", actor=site.repo.owner
        )
    page = site.visitor().get(f"{site.path}/issues/1")
    text = words(page)
    assert "<strong>greet</strong>" in page
    assert "mark" not in text
    assert "ada added bug now and removed now" in text
    assert "ada assigned bot" in text
    assert "changed the title from Greet to Greet all" in text
    assert "closed this as not planned" in text
    assert "ada reopened this" in text
    assert "ada mentioned this in Other #2" in text
    assert "· edited by ada second" in text
    assert "first" not in text


def test_reactions_are_shown(site: Site) -> None:
    opened(site)
    comment_id = said(site, "hello")
    with site.store.write() as tx:
        bot = users.find(tx, "bot")
        reactions.ensure(tx, site.repo, "comment", comment_id, actor=bot, content="eyes")
    assert 'title="eyes"' in site.visitor().get(f"{site.path}/issues/1")


def test_commenting_keeps_line_ends(site: Site) -> None:
    opened(site)
    eve = site.visitor("eve")
    answer = eve.post(f"{site.path}/issues/1/comment", body="one\r\ntwo <!-- x -->", action="comment")
    assert re.fullmatch(r"/ada/tools/issues/1#comment-\d+", answer.headers["Location"])
    assert bodies(site) == ["one\r\ntwo <!-- x -->"]
    assert "needs" not in words(eve.get(f"{site.path}/issues/1"))


def test_an_empty_comment_is_refused(site: Site) -> None:
    opened(site)
    answer = site.visitor("ada").post(
        f"{site.path}/issues/1/comment", body=" \r\n", action="comment", expect=422
    )
    assert "Body is needed." in words(answer.text)
    assert bodies(site) == []


def test_comment_and_close_then_reopen(site: Site) -> None:
    opened(site)
    ada = site.visitor("ada")
    ada.post(f"{site.path}/issues/1/comment", body="Use French.", action="close")
    assert (issue_of(site).state, issue_of(site).state_reason, bodies(site)) == (
        "closed",
        "completed",
        ["Use French."],
    )
    assert "✓ Closed" in words(ada.get(f"{site.path}/issues/1"))
    ada.post(f"{site.path}/issues/1/comment", body="", action="reopen")
    assert issue_of(site).open
    ada.post(f"{site.path}/issues/1/comment", body="", action="duplicate")
    assert issue_of(site).state_reason == "duplicate"
    assert len(bodies(site)) == 1


def test_a_stranger_comments_but_does_not_close(site: Site) -> None:
    opened(site)
    eve = site.visitor("eve")
    assert "Comment and close" not in words(eve.get(f"{site.path}/issues/1"))
    answer = eve.post(f"{site.path}/issues/1/comment", body="a long text", action="close", expect=403)
    assert "a long text" in answer.text, "what was written comes back with the refusal"
    assert issue_of(site).open
    assert bodies(site) == [], "a refusal leaves nothing half done"


def test_labels_are_put_on_and_taken_off_as_changed_on_the_page(site: Site) -> None:
    opened(site, on=("one", "two"))
    tess = site.visitor("tess")
    with site.store.write() as tx:
        labels.create(tx, site.repo, "three", actor=site.repo.owner)
        marks.add_labels(
            tx, site.repo, issues.find(tx, site.repo, 1).id, ["meanwhile"], actor=site.repo.owner
        )
    tess.post(f"{site.path}/issues/1/labels", was=["one", "two"], label=["two", "three"])
    assert sorted(label_names(site)) == ["meanwhile", "three", "two"]
    site.visitor("eve").post(f"{site.path}/issues/1/labels", was=["two"], label=[], expect=403)


def test_assignees(site: Site) -> None:
    opened(site)
    ada = site.visitor("ada")
    ada.post(f"{site.path}/issues/1/assignees", assignee=["ada", "bot"])
    ada.post(f"{site.path}/issues/1/assignees", was=["ada", "bot"], assignee=["bot"])
    assert [person.login for person in issue_of(site).assignees] == ["bot"]


def ticks(page: str, anchor: str) -> tuple[list[str], dict[str, str]]:
    """The boxes of a text that can be clicked, and the fields of their form."""
    values = re.findall(rf'form="tick-{anchor}" name="task" value="([^"]+)"', page)
    form = re.search(rf'<form id="tick-{anchor}".*?</form>', page, re.S)
    fields = dict(re.findall(r'name="(version|comment)" value="([^"]*)"', form[0])) if form else {}
    return values, fields


def test_ticking_a_box_edits_the_text(site: Site) -> None:
    opened(site, body="Do:\r\n\r\n- [ ] one\r\n- [x] two\r\n")
    comment_id = said(site, "1. [ ] a\n2. [ ] b", by="bot")
    ada = site.visitor("ada")
    page = ada.get(f"{site.path}/issues/1")
    boxes, fields = ticks(page, "body")
    assert boxes == ["2:on", "3:off"]
    ada.post(f"{site.path}/issues/1/task", task="2:on", **fields)
    assert issue_of(site).body == "Do:\r\n\r\n- [x] one\r\n- [x] two\r\n"
    boxes, fields = ticks(page, f"comment-{comment_id}")
    assert boxes == ["0:on", "1:on"]
    ada.post(f"{site.path}/issues/1/task", task="1:on", **fields)
    assert bodies(site) == ["1. [ ] a\n2. [x] b"]


def test_a_click_on_a_text_that_changed_is_refused(site: Site) -> None:
    opened(site, body="- [ ] safe thing")
    ada = site.visitor("ada")
    _, fields = ticks(ada.get(f"{site.path}/issues/1"), "body")
    with site.store.write() as tx:
        issues.edit(
            tx, site.repo, issues.find(tx, site.repo, 1), actor=site.repo.owner, body="- [ ] other thing"
        )
    answer = ada.post(f"{site.path}/issues/1/task", task="0:on", **fields, expect=409)
    assert "The text changed" in answer.text
    assert issue_of(site).body == "- [ ] other thing"


@pytest.mark.parametrize("task", ["", "x:on", "9:on", "-1:on", "1:on"])
def test_a_click_on_no_box_is_refused(site: Site, task: str) -> None:
    opened(site, body="- [ ] thing\nmore")
    ada = site.visitor("ada")
    _, fields = ticks(ada.get(f"{site.path}/issues/1"), "body")
    ada.post(f"{site.path}/issues/1/task", task=task, **fields, expect=409)
    assert issue_of(site).body == "- [ ] thing\nmore"


def test_a_stranger_cannot_tick(site: Site) -> None:
    opened(site, body="- [ ] thing")
    page = site.visitor("ada").get(f"{site.path}/issues/1")
    _, fields = ticks(page, "body")
    eve = site.visitor("eve")
    assert ticks(eve.get(f"{site.path}/issues/1"), "body") == ([], {})
    eve.post(f"{site.path}/issues/1/task", task="0:on", **fields, expect=403)
    assert issue_of(site).body == "- [ ] thing"


def test_editing_and_removing(site: Site) -> None:
    opened(site, "Old", body="\nold </textarea><script>")
    comment_id = said(site, "comment")
    ada = site.visitor("ada")
    page = ada.get(f"{site.path}/issues/1/edit")
    assert "\n\nold &lt;/textarea&gt;&lt;script&gt;</textarea>" in page
    version = re.search(r'name="version" value="(\w+)"', page)
    assert version
    fields = {"version": version[1], "action": "save"}
    ada.post(f"{site.path}/issues/1/edit", title="New", body="new", **fields)
    assert (issue_of(site).title, issue_of(site).body) == ("New", "new")
    again = ada.post(f"{site.path}/issues/1/edit", title="Lost", body="my text", **fields, expect=409)
    assert "my text" in again.text
    page = ada.get(f"{site.path}/issues/1/edit?comment={comment_id}")
    version = re.search(r'name="version" value="(\w+)"', page)
    assert version
    fields = {"version": version[1], "comment": str(comment_id)}
    site.visitor("eve").post(f"{site.path}/issues/1/edit", body="x", **fields, expect=403)
    ada.post(f"{site.path}/issues/1/edit", action="delete", body="", **fields)
    assert bodies(site) == []


def test_hostile_texts_stay_texts_on_every_page(site: Site) -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    opened(site, bad, by="eve", body=bad)
    said(site, bad, by="eve")
    with site.store.write() as tx:
        labels.create(tx, site.repo, '"><script>alert(2)', actor=site.repo.owner, description=bad)
        issue = issues.find(tx, site.repo, 1)
        marks.add_labels(tx, site.repo, issue.id, ['"><script>alert(2)'], actor=site.repo.owner)
        issues.edit(tx, site.repo, issue, actor=site.repo.owner, title=bad + "2")
    site.push("main", {"<script>alert(3)</script>.md": bad, "README.md": bad}, message=bad)
    site.push("b-<img>", {"x": "y"}, message=bad, onto="main")
    for visitor in (site.visitor(), site.visitor("ada")):
        for path in (
            f"{site.path}/issues",
            f"{site.path}/issues?q={bad}&label={bad}",
            f"{site.path}/issues/1",
            f"{site.path}/labels",
            site.path,
            f"{site.path}/commits",
            f"{site.path}/branches",
            f"{site.path}/blob/main/%3Cscript%3Ealert(3)%3C/script%3E.md",
            f"{site.path}/commit/main",
            f"/{bad}",
            f"/{bad}/{bad}",
        ):
            page = visitor.look(path).text
            assert "<script>alert" not in page, path
            assert "<img src=x" not in page, path
            assert "<img>" not in page, path


def test_opening_a_blank_issue(site: Site) -> None:
    with site.store.write() as tx:
        labels.create(tx, site.repo, "bug", actor=site.repo.owner)
    site.visitor("ada").post(f"{site.path}/issues", title=" A title ", body="x\r\ny", label="bug")
    assert (issue_of(site).title, issue_of(site).body, label_names(site)) == ("A title", "x\r\ny", ["bug"])
    site.visitor("eve").post(f"{site.path}/issues", title="Mine", body="", label="bug")
    assert label_names(site, 2) == []
    answer = site.visitor("eve").post(f"{site.path}/issues", title=" ", body="not lost", expect=422)
    assert "not lost" in answer.text


def test_opening_by_form(site: Site) -> None:
    with site.store.write() as tx:
        labels.create(tx, site.repo, "triage", actor=site.repo.owner)
    site.push("main", {".github/ISSUE_TEMPLATE/task.yml": FORM})
    eve = site.visitor("eve")
    assert "Agent task" in words(eve.get(f"{site.path}/issues/new"))
    page = eve.get(f"{site.path}/issues/new?form=task.yml")
    assert "<strong>done</strong>" in page
    assert 'value="[task] "' in page
    fields = {
        "form": "task.yml",
        "title": "[task] Greet",
        "answer-worktree": "1",
        "answer-goal": "be\r\nnice",
    }
    answer = eve.post(f"{site.path}/issues", **fields, expect=422)
    assert "Still needed: I searched." in words(answer.text)
    assert "be\r\nnice</textarea>" in answer.text
    eve.post(f"{site.path}/issues", **fields, **{"answer-checks": "0"})
    assert issue_of(site).body == (
        "### Goal\n\nbe\r\nnice\n\n### Worktree\n\nlogging\n\n### Files\n\n_No response_\n\n"
        "### Checks\n\n- [x] I searched\n- [ ] I can help"
    )
    assert label_names(site) == ["triage"], "a form's labels count when they exist, whoever fills it in"
    eve.get(f"{site.path}/issues/new?form=other.yml", expect=404)
    eve.get(f"{site.path}/issues/new?form=../config", expect=404)


def test_a_repository_may_insist_on_its_forms(site: Site) -> None:
    folder = ".github/ISSUE_TEMPLATE"
    config = "blank_issues_enabled: false\ncontact_links: [{name: Chat, url: 'javascript:x', about: no}]"
    site.push(
        "main", {f"{folder}/a.yml": FORM, f"{folder}/config.yml": config, f"{folder}/bad.yml": "name: ["}
    )
    eve, ada = site.visitor("eve"), site.visitor("ada")
    page = eve.get(f"{site.path}/issues/new")
    assert "Something else" not in page
    assert "javascript" not in page
    assert "bad.yml" not in page
    eve.get(f"{site.path}/issues/new?form=blank", expect=403)
    assert "bad.yml: not readable" in ada.get(f"{site.path}/issues/new")
    ada.get(f"{site.path}/issues/new?form=blank")


def test_labels_page(site: Site) -> None:
    ada = site.visitor("ada")
    ada.post(f"{site.path}/labels", name="bug", color="#D73A4A", description="wrong")
    ada.post(f"{site.path}/labels", name="Bug", color="#000000", expect=422)
    opened(site, on=("bug",))
    page = ada.get(f"{site.path}/labels")
    assert "bug wrong 1 open" in words(page)
    sheet = re.search(r'id="label-colours" href="([^"]+)"', page)
    assert sheet
    assert ".tint-d73a4a{" in ada.get(sheet[1])
    ada.post(
        f"{site.path}/labels/change", was="bug", name="defect", color="#00ff00", description="", action="save"
    )
    assert label_names(site) == ["defect"]
    site.visitor("eve").post(f"{site.path}/labels/change", was="defect", action="remove", expect=403)
    ada.post(f"{site.path}/labels/change", was="defect", action="remove")
    assert label_names(site) == []


def test_an_archived_repository_offers_nothing_to_change(site: Site) -> None:
    opened(site, body="- [ ] x")
    with site.store.write() as tx:
        repos.update(tx, site.repo, actor=site.repo.owner, changes={"archived": True})
    page = site.visitor("ada").get(f"{site.path}/issues/1")
    assert re.findall(r'action="([^"]+)"', page) == ["/_logout"]


@pytest.mark.parametrize("number", ["0", "99", "abc", "99999999999999999999", "1.5", "-1"])
def test_no_such_issue(site: Site, number: str) -> None:
    site.visitor("ada").get(f"{site.path}/issues/{number}", expect=404)
    site.visitor("ada").get(f"{site.path}/pull/{number}", expect=404)
