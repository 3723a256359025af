"""The forge in a real browser: what a newcomer does, and that the page stays fresh without getting in the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cdock.forge.domain import comments, issues, labels, pulls, repos, users
from tests.forge.web.test_pages_issues import FORM, bodies, issue_of, label_names, opened, said
from tests.forge.web.visiting import Site

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
LIMIT = 15_000
"""Milliseconds that anything on a page may take to appear."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """Ada's page, logged in; anything that the browser complains about fails the test."""
    with browser.new_context(base_url=site.url) as context:
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/_login?code={site.code('ada')}&next={site.path}/issues")
        expect(page.get_by_text("Logged in as ada")).to_be_attached()
        yield page
        assert complaints == []


def test_from_a_form_to_a_closed_issue(site: Site, page: Page) -> None:
    site.push("main", {".github/ISSUE_TEMPLATE/task.yml": FORM})
    with site.store.write() as tx:
        labels.create(tx, site.repo, "ready", actor=site.repo.owner, color="0e8a16")
    page.get_by_role("link", name="New issue").click()
    page.get_by_role("link", name="Agent task").click()
    expect(page.get_by_label("Title")).to_be_focused()
    page.get_by_label("Title").fill("[task] Greet in French")
    page.get_by_label("Goal").fill("It says bonjour\nto everybody")
    page.get_by_label("Worktree").select_option("logging")
    page.get_by_label("I searched").check()
    page.get_by_role("button", name="Open issue").click()
    expect(page.get_by_role("heading", name="[task] Greet in French #1")).to_be_visible()
    assert (issue_of(site).body or "").startswith(
        "### Goal\n\nIt says bonjour\r\nto everybody\n\n### Worktree\n\nlogging"
    )

    page.get_by_text("Change labels").click()
    page.get_by_label("ready").check()
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator(".side .chip", has_text="ready").first).to_be_visible()
    assert label_names(site) == ["ready"]

    page.get_by_label("Write a comment").fill("Use **formal** French.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator("article strong", has_text="formal")).to_be_visible()

    page.locator("#body").get_by_role("checkbox", name="Not done; change").first.click()
    expect(page.locator("#body").get_by_role("checkbox", name="Done; change", exact=True)).to_have_count(2)
    assert "- [x] I can help" in (issue_of(site).body or "")

    page.get_by_label("Write a comment").fill("That is all.")
    page.get_by_role("button", name="Comment and close").click()
    expect(page.locator(".heading .state")).to_contain_text("Closed")
    assert bodies(site) == ["Use **formal** French.", "That is all."]
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".heading .state")).to_contain_text("Open")


def test_reviewing_and_merging(site: Site, page: Page) -> None:
    site.push("main", {"hello.py": "print('hello')\n"})
    site.push("french", {"hello.py": "print('bonjour')\n"}, onto="main", message="Say bonjour")
    opened(site, "Greet in French")
    with site.store.write() as tx:
        repo = repos.by_id(tx, site.repo.id)
        pulls.create(
            tx, repo, "Bonjour", actor=users.find(tx, "bot"), head="french", base="main", body="Closes #1"
        )
    page.goto(f"{site.path}/pulls")
    page.get_by_role("link", name="Bonjour").click()
    page.get_by_role("link", name="Files 1").click()
    expect(page.locator("tr.removed .code")).to_have_text("print('hello')")
    expect(page.locator("tr.added .code")).to_have_text("print('bonjour')")
    page.get_by_role("link", name="Conversation").click()
    page.get_by_label("How").select_option("Squash into one commit")
    page.get_by_role("button", name="Merge pull request").click()
    expect(page.locator(".heading .state")).to_contain_text("Merged")
    assert not issue_of(site).open
    page.get_by_role("link", name="Code").click()
    page.get_by_role("link", name="hello.py").click()
    expect(page.locator("#L1 .code")).to_have_text("print('bonjour')")


def test_the_page_keeps_itself_fresh_and_leaves_people_alone(site: Site, page: Page) -> None:
    opened(
        site, "Watch me", body="<details><summary>More</summary>\n\nhidden words\n\n</details>\n\n- [ ] box"
    )
    status = said(site, "attempt 1\n\n<details><summary>Log</summary>\n\nlines of it\n\n</details>", by="bot")
    page.goto(f"{site.path}/issues/1")
    page.get_by_label("Write a comment").fill("half a sen")
    page.get_by_text("Log", exact=True).click()
    page.get_by_text("Change labels").click()
    page.evaluate("document.querySelector('#body').dataset.mine = 'kept'")
    with site.store.write() as tx:
        ada = site.repo.owner
        issue = issues.find(tx, site.repo, 1)
        text = "attempt 2\n\n<details><summary>Log</summary>\n\nother lines\n\n</details>"
        comments.edit(tx, site.repo, comments.find(tx, site.repo, status), text, actor=users.find(tx, "bot"))
        comments.create(tx, site.repo, issue, "news", actor=ada)
        issues.close(tx, site.repo, issue, actor=ada)
    expect(page.locator(".heading .state")).to_contain_text("Closed", timeout=LIMIT)
    expect(page.get_by_text("attempt 2")).to_be_visible()
    expect(page.get_by_text("other lines")).to_be_visible()  # the fold that was opened is open still
    expect(page.get_by_text("news", exact=True)).to_be_visible()
    expect(page.get_by_label("Write a comment")).to_have_value("half a sen")
    expect(page.locator("#body")).to_have_attribute(
        "data-mine", "kept"
    )  # what did not change was not touched
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()


def test_a_form_in_use_waits_for_its_news(site: Site, page: Page) -> None:
    with site.store.write() as tx:
        for name in ("red", "green"):
            labels.create(tx, site.repo, name, actor=site.repo.owner)
    opened(site)
    page.goto(f"{site.path}/issues/1")
    page.get_by_text("Change labels").click()
    page.get_by_label("red").check()
    with site.store.write() as tx:
        issue = issues.find(tx, site.repo, 1)
        issues.edit(tx, site.repo, issue, actor=site.repo.owner, title="Renamed")
        labels.create(tx, site.repo, "blue", actor=site.repo.owner)
    expect(page.get_by_role("heading", name="Renamed #1")).to_be_visible(timeout=LIMIT)
    expect(page.get_by_label("red")).to_be_checked()
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator(".side .chip", has_text="red").first).to_be_visible()
    assert label_names(site) == ["red"]


def test_everything_works_without_a_script(browser: Browser, site: Site) -> None:
    opened(site, body="- [ ] box")
    with browser.new_context(base_url=site.url, java_script_enabled=False) as context:
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.goto(f"/_login?code={site.code('ada')}&next={site.path}/issues/1")
        page.get_by_role("checkbox", name="Not done; change").click()
        expect(page.get_by_role("checkbox", name="Done; change", exact=True)).to_be_visible()
        page.get_by_role("button", name="Comment and close").click()
        expect(page.locator(".heading .state")).to_contain_text("Closed")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_hangs_out_and_words_can_be_read(
    browser: Browser, site: Site, scheme: str
) -> None:
    wide = (
        "| a | b | c |\n|---|---|---|\n"
        + f"| {'wide ' * 5} | `{'x' * 80}` | {'y' * 60} |\n\n```\n{'z' * 200}\n```"
    )
    opened(site, "W" * 80, body=wide, on=("a-label-with-a-very-long-name-that-goes-on-and-on",))
    site.push("main", {"README.md": wide, "a/" * 8 + "long-file-name-of-a-file.txt": "w " * 300})
    with browser.new_context(
        base_url=site.url, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True
    ) as context:  # type: ignore[call-overload]
        page = context.new_page()
        page.goto(f"/_login?code={site.code('ada')}")
        for path in (
            "/",
            site.path,
            f"{site.path}/issues",
            f"{site.path}/issues/1",
            f"{site.path}/commit/main",
        ):
            page.goto(path)
            over = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over <= 0, f"{path} is {over} px too wide"
            faint = page.evaluate(CONTRAST)
            assert faint == [], path


CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const text = getComputedStyle(at).backgroundColor;
      const c = parse(text);
      if (text.startsWith("rgb") && (c.length === 3 || c[3] === 1)) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest(".visually-hidden, .skip")) continue;
    const colour = parse(getComputedStyle(element).color).slice(0, 3);
    const [a, b] = [light(colour), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${element.className || element.tagName} ${ratio}: ${element.textContent.trim()}`);
  }
  return faint;
}
"""


def test_the_keyboard_reaches_the_answer(site: Site, page: Page) -> None:
    opened(site)
    page.goto(f"{site.path}/issues/1")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_label("Write a comment").focus()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Tab")
    for _ in range(3):
        if page.get_by_role("button", name="Comment", exact=True).evaluate(
            "e => e === document.activeElement"
        ):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("by keyboard")).to_be_visible()
