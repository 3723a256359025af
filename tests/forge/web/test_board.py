"""The pages of boards, and what an issue's page says of its relations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from cdock.forge.domain import (
    dependencies,
    issues,
    labels,
    marks,
    projectfields,
    projectitems,
    projects,
    pulls,
    repos,
    subissues,
    users,
)
from cdock.forge.domain.issues import Issue
from cdock.forge.domain.projectfields import Field, NewOption
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Access, Project
from tests.forge.web.test_browser import CHROMIUM, CONTRAST, LIMIT
from tests.forge.web.visiting import Site, words


@pytest.fixture
def board(site: Site) -> Project:
    """A private board of ada's that bot may change, linked to her repository."""
    with site.store.write() as tx:
        made = projects.create(tx, site.repo.owner, "Roadmap", actor=site.repo.owner, repo=site.repo)
        projects.set_access(tx, made, users.find(tx, "bot"), Access.WRITE, actor=site.repo.owner)
    return made


def opened(site: Site, *titles: str) -> list[Issue]:
    with site.store.write() as tx:
        return [issues.create(tx, site.repo, title, actor=site.repo.owner) for title in titles]


def carded(site: Site, board: Project, *titles: str) -> list[Item]:
    """New issues on the board."""
    made = opened(site, *titles)
    with site.store.write() as tx:
        return [projectitems.add(tx, board, issue.id, actor=site.repo.owner) for issue in made]


def status_field(site: Site, board: Project) -> Field:
    with site.store.read() as tx:
        field = projectfields.by_name(tx, board, "Status")
    assert field is not None
    return field


def status_of(site: Site, board: Project, item: Item) -> str:
    """The name of an item's status, empty without one."""
    field = status_field(site, board)
    with site.store.read() as tx:
        value = projectitems.find(tx, board, item.id, actor=site.repo.owner).values.get(field.id)
    return value.option.name if value and value.option else ""


def option_id(site: Site, board: Project, name: str) -> str:
    option = status_field(site, board).option_named(name)
    assert option is not None
    return option.id


# Boards


def test_cards_stand_in_the_columns_of_their_status(site: Site, board: Project) -> None:
    first, _ = carded(site, board, "Alpha", "Beta <b>")
    with site.store.write() as tx:
        changes = {status_field(site, board).id: option_id(site, board, "In Progress")}
        projectitems.set_values(tx, board, first, changes, actor=site.repo.owner)
    html = site.visitor("ada").get(board.path)
    said = words(html)
    assert "No status 1" in said
    assert said.index("No status 1") < said.index("Beta <b>") < said.index("Todo 0")
    assert said.index("In Progress 1") < said.index("Alpha") < said.index("Done 0")
    assert "Beta <b>" not in html


def test_a_card_is_moved_by_select_and_button(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    ada, by = site.visitor("ada"), status_field(site, board).id
    move: dict[str, Any] = {"item": item.id, "by": by, "action": "move"}
    ada.post(f"{board.path}/items", page=board.path, option=option_id(site, board, "Done"), **move)
    assert status_of(site, board, item) == "Done"
    site.visitor("bot").post(f"{board.path}/items", option="", **move)
    assert status_of(site, board, item) == ""
    ada.post(f"{board.path}/items", expect=422, option="nothing", **move)
    ada.post(f"{board.path}/items", expect=404, option="", **{**move, "item": "1"})
    ada.post(f"{board.path}/items", expect=404, option="", **{**move, "by": "x"})
    ada.post(f"{board.path}/items", expect=404, item=item.id, action="burn")


def test_a_form_from_elsewhere_moves_nothing(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    fields: dict[str, Any] = {
        "item": item.id,
        "by": status_field(site, board).id,
        "action": "move",
        "option": option_id(site, board, "Done"),
    }
    for path in (f"{board.path}/items", f"{board.path}/add", "/users/ada/projects"):
        site.visitor("ada").post(path, expect=403, csrf="0" * 64, **fields)
        site.visitor().post(path, page="/", expect=401, **fields)
    assert status_of(site, board, item) == ""


def test_a_private_board_is_for_those_invited(site: Site, board: Project) -> None:
    for who in ("tess", "eve", ""):
        visitor = site.visitor(who)
        visitor.get(board.path, expect=404)
        assert "Roadmap" not in visitor.get("/users/ada/projects")
    assert "Roadmap" in site.visitor("bot").get("/users/ada/projects")
    site.visitor("ada").get("/orgs/ada/projects", expect=404)
    site.visitor("ada").get("/users/nobody/projects", expect=404)
    site.visitor("ada").get("/users/ada/projects/99", expect=404)


def test_a_public_board_is_read_by_all_without_forms(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    with site.store.write() as tx:
        projects.update(tx, board, actor=site.repo.owner, public=True)
    for who in ("eve", ""):
        html = site.visitor(who).get(board.path)
        assert "Alpha" in html
        assert "/items" not in html
    site.visitor("eve").post(
        f"{board.path}/items",
        expect=403,
        item=item.id,
        by=status_field(site, board).id,
        action="move",
        option="",
    )


def test_what_a_visitor_may_not_see_is_a_card_without_words(site: Site, board: Project) -> None:
    with site.store.write() as tx:
        hidden = repos.create(tx, "hidden", owner=site.repo.owner, private=True)
        secret = issues.create(tx, hidden, "Secret plan", actor=site.repo.owner)
        projectitems.add(tx, board, secret.id, actor=site.repo.owner)
    assert "Secret plan" in site.visitor("ada").get(board.path)
    seen = site.visitor("bot").get(board.path)
    assert "Secret plan" not in seen
    assert "hidden" not in words(seen)
    assert "not yours to see" in seen


def test_issues_and_notes_are_put_on_the_board(site: Site, board: Project) -> None:
    opened(site, "Alpha", "Beta", "Gamma")
    ada = site.visitor("ada")
    for what in ("#1", "ada/tools#2", f"{site.url}/ada/tools/issues/3", "1"):
        ada.post(f"{board.path}/add", what=what, action="issue")
    ada.post(f"{board.path}/add", what="Buy milk", action="note")
    with site.store.read() as tx:
        found = projectitems.list_of(tx, board, actor=site.repo.owner)
    assert [item.title for item in found] == ["Alpha", "Beta", "Gamma", "Buy milk"]
    for what in ("#9", "nobody/nothing#1", "some words", "", "#"):
        ada.post(f"{board.path}/add", expect=422, what=what, action="issue")


def test_a_card_is_archived_brought_back_and_taken_off(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    ada = site.visitor("ada")

    def do(action: str) -> str:
        ada.post(f"{board.path}/items", item=item.id, action=action)
        return words(ada.get(board.path))

    assert "Archived 1 Alpha" in do("archive")
    assert "Archived" not in do("restore")
    assert "Alpha" not in do("remove")


def test_a_note_becomes_an_issue(site: Site, board: Project) -> None:
    ada = site.visitor("ada")
    ada.post(f"{board.path}/add", what="Buy milk", action="note")
    with site.store.read() as tx:
        (note,) = projectitems.list_of(tx, board, actor=site.repo.owner)
    assert "Make an issue in tools" in words(ada.get(board.path))
    ada.post(f"{board.path}/items", item=note.id, action="convert", home=site.repo.id)
    assert "Buy milk" in ada.get(f"{site.path}/issues/1")
    ada.post(f"{board.path}/items", expect=422, item=note.id, action="convert", home=site.repo.id)
    ada.post(f"{board.path}/items", expect=404, item=note.id, action="convert", home=1)


def test_the_board_of_an_organisation(site: Site) -> None:
    with site.store.write() as tx:
        crew = users.ensure(tx, "crew", kind="Organization")
        made = projects.create(tx, crew, "Together", actor=crew)
        projects.set_access(tx, made, users.find(tx, "bot"), Access.WRITE, actor=crew)
    bot = site.visitor("bot")
    assert made.path == "/orgs/crew/projects/1"
    bot.post(f"{made.path}/add", page=made.path, what="Meet", action="note")
    assert "Meet" in bot.get(made.path)
    assert "Together" in bot.get("/orgs/crew/projects")
    bot.get("/users/crew/projects/1", expect=404)


def test_a_pull_request_shows_its_boards(site: Site, board: Project) -> None:
    site.push("main", {"a.txt": "a\n"})
    site.push("work", {"a.txt": "b\n"}, onto="main")
    with site.store.write() as tx:
        repo = repos.by_id(tx, site.repo.id)
        pull = pulls.create(tx, repo, "Work", actor=repo.owner, head="work", base="main")
        projectitems.add(tx, board, pull.issue.id, actor=repo.owner)
    assert "Boards Roadmap" in words(site.visitor("ada").get(f"{site.path}/pull/1"))
    html = site.visitor("ada").get(board.path)
    assert f'href="{site.path}/pull/1"' in html


def test_columns_by_another_field(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    with site.store.write() as tx:
        ada = site.repo.owner
        size = projectfields.create(
            tx, board, "Size", "single_select", actor=ada, options=[NewOption("Small"), NewOption("Large")]
        )
        changes = {
            size.id: size.options[1].id,
            status_field(site, board).id: option_id(site, board, "Todo"),
        }
        projectitems.set_values(tx, board, item, changes, actor=ada)
    visitor = site.visitor("ada")
    assert "Size: Large" in words(visitor.get(board.path))
    said = words(visitor.get(f"{board.path}?by={size.id}"))
    assert "Large 1 Alpha" in said
    assert "Status: Todo" in said
    visitor.get(f"{board.path}?by=1", expect=422)
    answer = visitor.post(
        f"{board.path}/items", item=item.id, by=size.id, action="move", option=size.options[0].id
    )
    assert answer.headers["Location"] == f"{board.path}?by={size.id}"


def test_a_board_is_made_on_its_owners_page(site: Site) -> None:
    ada = site.visitor("ada")
    answer = ada.post("/users/ada/projects", title="Fresh")
    assert "Fresh" in ada.get(answer.headers["Location"])
    site.visitor("bot").post("/users/ada/projects", expect=403, title="Not mine")
    ada.post("/users/ada/projects", expect=422, title=" ")


def test_boards_are_linked_where_they_belong(site: Site, board: Project) -> None:
    for who, seen in (("ada", True), ("bot", True), ("eve", False)):
        visitor = site.visitor(who)
        for path in ("/", site.path):
            assert (f'href="{board.path}"' in visitor.get(path)) is seen, (who, path)
    with site.store.write() as tx:
        projects.update(tx, board, actor=site.repo.owner, closed=True)
    for path in ("/", site.path):
        assert f'href="{board.path}"' not in site.visitor("ada").get(path)


# Relations of an issue


def test_an_issue_shows_its_parent_and_parts(site: Site) -> None:
    whole, first, second = opened(site, "Whole", "First", "Second")
    with site.store.write() as tx:
        ada = site.repo.owner
        for part in (first, second):
            subissues.add(tx, site.repo, whole, part.id, actor=ada)
        issues.close(tx, site.repo, first, actor=ada)
    said = words(site.visitor("eve").get(f"{site.path}/issues/1"))
    assert "Sub-issues 50 % 1 of 2 closed" in said
    assert said.index("First #2") < said.index("Second #3")
    assert "ada added the sub-issue First #2" in said
    said = words(site.visitor("eve").get(f"{site.path}/issues/2"))
    assert "Part of Whole #1" in said
    assert "ada made this a part of Whole #1" in said


def test_relations_are_changed_on_the_page(site: Site) -> None:
    whole, first, second = opened(site, "Whole", "First", "Second")
    tess, path = site.visitor("tess"), f"{site.path}/issues/1"
    for what in ("#2", "ada/tools#3"):
        tess.post(f"{path}/relations", page=path, other=what, action="part")

    def order() -> list[int]:
        with site.store.read() as tx:
            return [part.number for part in subissues.list_of(tx, whole, actor=None)]

    assert order() == [2, 3]
    tess.post(f"{path}/relations", other=second.id, action="raise")
    tess.post(f"{path}/relations", other=second.id, action="raise")
    assert order() == [3, 2]
    tess.post(f"{path}/relations", other=first.id, action="not-part")
    assert order() == [3]
    tess.post(f"{path}/relations", other="#2", action="blocker")
    said = words(tess.get(path))
    assert "Waits for 1 open issue: First #2" in said
    assert "tess let this wait for First #2" in said
    assert "Blocking" in words(tess.get(f"{site.path}/issues/2"))
    with site.store.write() as tx:
        issues.close(tx, site.repo, first, actor=site.repo.owner)
    assert "Waits" not in words(tess.get(path))
    tess.post(f"{path}/relations", other=first.id, action="not-blocker")
    with site.store.read() as tx:
        assert dependencies.blockers_of(tx, whole, actor=None) == []
    for other, action, status in (
        ("#9", "part", 422),
        ("#1", "part", 422),
        ("#1", "blocker", 422),
        ("x", "raise", 404),
        (first.id, "not-part", 404),
        (first.id, "burn", 404),
    ):
        tess.post(f"{path}/relations", expect=status, other=other, action=action)
    site.visitor("eve").post(f"{path}/relations", expect=403, other="#2", action="part")
    assert "relations" not in site.visitor("eve").get(path).replace('data-part="relations"', "")


def test_an_issue_shows_its_boards_to_those_who_may_see_them(site: Site, board: Project) -> None:
    (item,) = carded(site, board, "Alpha")
    with site.store.write() as tx:
        changes = {status_field(site, board).id: option_id(site, board, "In Progress")}
        projectitems.set_values(tx, board, item, changes, actor=site.repo.owner)
    path = f"{site.path}/issues/1"
    assert "Boards Roadmap In Progress" in words(site.visitor("ada").get(path))
    assert "Roadmap" not in site.visitor("eve").get(path)


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def busy_board(site: Site, board: Project) -> list[Item]:
    """A board with long words, labels, parts, blockers, a note and a card in every column."""
    items = carded(site, board, "Alpha", "Beta " + "long" * 30, "Gamma", "Delta")
    with site.store.write() as tx:
        ada, found = site.repo.owner, [item.issue for item in items if item.issue]
        for colour, name in (("ff0000", "a-label-with-a-long-name-that-goes-on"), ("ffffff", "pale")):
            labels.create(tx, site.repo, name, actor=ada, color=colour)
        issues.create(tx, site.repo, "Waits", actor=ada)
        subissues.add(tx, site.repo, found[0], found[1].id, actor=ada)
        subissues.add(tx, site.repo, found[0], found[3].id, actor=ada)
        dependencies.add(tx, site.repo, found[0], found[2].id, actor=ada)
        dependencies.add(tx, site.repo, found[3], found[0].id, actor=ada)
        marks.add_labels(
            tx, site.repo, found[0].id, ["a-label-with-a-long-name-that-goes-on", "pale"], actor=ada
        )
        marks.assign(tx, site.repo, found[0].id, ["bot"], actor=ada)
        points = projectfields.create(tx, board, "Points", "number", actor=ada)
        field = status_field(site, board)
        for item, option in zip(items[1:], field.options, strict=True):
            projectitems.set_values(tx, board, item, {field.id: option.id, points.id: 3}, actor=ada)
        projectitems.add_draft(tx, board, "Buy milk", actor=ada)
        issues.close(tx, site.repo, found[3], actor=ada)
    return items


@pytest.mark.browser
def test_moving_a_card_in_a_browser(browser: Browser, site: Site, board: Project) -> None:
    items = busy_board(site, board)
    with browser.new_context(base_url=site.url) as context:
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.goto(f"/_login?code={site.code('ada')}&next={board.path}")
        expect(page.get_by_role("heading", name="Roadmap #1")).to_be_visible()
        card = page.locator("li.card", has_text="Alpha")
        card.get_by_label("Status of Alpha").select_option("In Progress")
        card.get_by_role("button", name="Move").click()
        expect(
            page.locator("section.column", has_text="In Progress").locator("li", has_text="Alpha")
        ).to_be_visible()
        assert status_of(site, board, items[0]) == "In Progress"
        # Somebody else moves it: the page follows.
        with site.store.write() as tx:
            changes = {status_field(site, board).id: option_id(site, board, "Done")}
            projectitems.set_values(tx, board, items[0], changes, actor=users.find(tx, "bot"))
        expect(
            page.locator("section.column", has_text="Done").locator("li", has_text="Alpha")
        ).to_be_visible()
        expect(page.locator("li", has_text="Alpha")).to_have_count(1)
        page.get_by_label("Issue, or the words of a note").fill("#5")
        page.get_by_role("button", name="Add issue").click()
        expect(page.locator("section.column").first.locator("li", has_text="Waits")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_boards_fit_and_can_be_read(
    browser: Browser, site: Site, board: Project, scheme: str, width: int
) -> None:
    busy_board(site, board)
    with browser.new_context(
        base_url=site.url,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
    ) as context:
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.goto(f"/_login?code={site.code('ada')}")
        for path in (
            board.path,
            "/users/ada/projects",
            *(f"{site.path}/issues/{number}" for number in (1, 2, 4)),
        ):
            page.goto(path)
            over = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over <= 0, f"{path} is {over} px too wide"
            assert page.evaluate(CONTRAST) == [], path
