"""The main job on real input: this repository, a person in a real browser, the real Claude Code in a real container.

Only the model behind Claude Code is scripted, on loopback. Nothing here is skipped in CI.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.acceptance.workshop import LIMIT, PERSON, Workshop
from tests.model_api import ModelApi, Use

ROOT = Path(__file__).parents[2]
KEY = "sk-ant-api03-scripted-key-of-the-host"
SENTENCE = "Written by an agent, reviewed by people."

SETTINGS = """
[acceptance]
commands = ["python3 -m compileall -q cdock", "grep -q 'reviewed by people' docs/agents.md"]

[agent]
default = "claude"

[agent.claude]
model = "claude-sonnet-4-5"

[runner]
kind = "docker"

[budget]
backoff = "1s"

[poll]
interval = "1s"
harvest_every = "2s"
push_every = "2s"
"""


def bash(command: str) -> Use:
    """The agent runs a command."""
    return Use("Bash", {"command": command, "description": "work"})


TURNS = [
    ["I look at the repository first.", bash("git log --oneline | head -n 3; ls; cat cdock.toml")],
    [
        "What am I, and what may I see?",
        bash("id; env; cat /proc/net/dev; ls -la /cdock /run/cdock; cat .git/config"),
    ],
    [Use("Write", {"file_path": "/workspace/src/docs/agents.md", "content": f"# Agents\n\n{SENTENCE}\n"})],
    [bash("git add docs/agents.md && git commit -q -m 'Say who writes here' && git log -1 --stat")],
    [bash("sleep 3; sed -i '1s/$/ and people/' docs/agents.md && git commit -q -am 'Name the people too'")],
    ["docs/agents.md now says who writes here, and that people review it."],
]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def ours(name: str) -> list[str]:
    """Names of containers and volumes of a task, alive or not."""
    import docker

    client = docker.APIClient(timeout=30)
    try:
        containers = [n.lstrip("/") for c in client.containers(all=True) for n in c["Names"]]
        volumes = [v["Name"] for v in client.volumes()["Volumes"] or []]
    finally:
        client.close()
    return [found for found in (*containers, *volumes) if found.startswith(name)]


@pytest.mark.docker
@pytest.mark.browser
@pytest.mark.timeout(400)
def test_a_real_issue_of_this_repository_becomes_a_merged_pull_request(tmp_path: Path, page: Page) -> None:
    workshop = Workshop(tmp_path, name="cdock")
    try:
        with ModelApi(TURNS) as model:
            workshop.extra_env |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": KEY}
            walk(workshop, page, model)
    finally:
        workshop.close()


def walk(workshop: Workshop, page: Page, model: ModelApi) -> None:
    # The repository as it is, on the forge; prepared with the product's own command.
    workshop.git("clone", "-q", "--no-hardlinks", str(ROOT), str(workshop.clone), cwd=ROOT)
    workshop.git("checkout", "-q", "-B", "main")
    workshop.git("remote", "set-url", "origin", workshop.url)
    workshop.git("push", "-q", "origin", "main")
    done = workshop.cdock("init", "--yes")
    assert done.returncode == 0, done.stderr
    workshop.write({"cdock.toml": SETTINGS})
    workshop.git("add", "-f", "cdock.toml", ".github", ".gitignore")
    workshop.git("commit", "-q", "-m", "Use cdock on cdock")
    workshop.git("push", "-q", "origin", "main")

    # A person opens the issue from the form and labels it, in the browser.
    base = f"{workshop.forge.url}/{workshop.repository}"
    code = workshop.forge.admin("login-code", PERSON)["code"]
    page.goto(f"{workshop.forge.url}/_login?code={code}&next=/{workshop.repository}/issues")
    page.get_by_role("link", name="New issue").click()
    page.get_by_role("link", name="Agent task").click()
    page.get_by_label("Title").fill("Say who writes here")
    page.get_by_label("Goal").fill("A page docs/agents.md that says who writes this code.")
    page.get_by_role("button", name="Open issue").click()
    expect(page.get_by_role("heading", name=re.compile("Say who writes here"))).to_be_visible()
    number = int(page.url.rstrip("/").rpartition("/")[2])
    page.get_by_text("Change labels").click()
    page.get_by_label("agent-ready").check()
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator(".side .chip", has_text="agent-ready").first).to_be_visible()

    poller = workshop.poller()
    workshop.until("the first push", lambda: "↑ pushed" in workshop.said)
    workshop.until("the pull request", lambda: "in-review" in workshop.labels(number), limit=180)
    task = workshop.task()
    name = f"cdock.{task['worktree_id']}.{task['short_uuid']}"

    # What is on the forge.
    (pull,) = workshop.pulls()
    assert f"Closes #{number}" in pull["body"]
    files = {file["filename"] for file in workshop.api("GET", f"/pulls/{pull['number']}/files")}
    assert files == {"docs/agents.md"}
    commits = [c["commit"]["message"] for c in workshop.api("GET", f"/pulls/{pull['number']}/commits")]
    assert commits == ["Say who writes here", "Name the people too"]
    (status,) = workshop.comments(number)
    assert "In review" in status["body"]
    assert status["updated_at"] > status["created_at"], "the comment was edited in place"
    assert workshop.labels(number) == {"in-review", name}
    (attempt,) = task["attempts"]["history"]
    assert attempt["outcome"] == "succeeded"
    assert attempt["turns"] > 1
    assert attempt["tokens"] > 0
    assert attempt["session"]

    # What the agent could see: no key, no token, no network but the model's.
    log = workshop.cdock("logs", str(number), "--raw").stdout
    for secret in (KEY, *workshop.tokens.values()):
        assert secret not in log
    assert "uid=1000" in log
    assert "lo:" in log
    assert "eth0" not in log
    assert {request.key for request in model.conversation} == {KEY}, "the key is added outside"
    assert "A page docs/agents.md" in model.conversation[0].text, "the issue reached the agent"

    # Merged in the browser; everything of the task goes away.
    assert ours(name), "the task's volume is kept while the pull request is open"
    page.goto(f"{base}/pull/{pull['number']}")
    page.get_by_role("button", name="Merge pull request").click()
    expect(page.locator(".heading .state")).to_contain_text("Merged")
    workshop.until("the claim's end", lambda: workshop.claims() == "")
    workshop.end(poller)
    assert ours(name) == []
    assert not Path(task["worktree"]).exists()
    assert workshop.labels(number) == {"done", name}
    assert workshop.api("GET", f"/issues/{number}")["state"] == "closed"
    assert len(workshop.comments(number)) == 1
    assert len(workshop.pulls()) == 1
    workshop.git("fetch", "-q", "origin")
    assert SENTENCE in workshop.git("show", "origin/main:docs/agents.md")


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_a_killed_poller_adopts_the_container_it_had_started(tmp_path: Path) -> None:
    """kill -9 in the middle; the container goes on; one attempt, one comment, one pull request, every line once."""
    workshop = Workshop(tmp_path)
    turns = [
        ["line-one", bash("echo first > a.txt && git add a.txt && git commit -q -m First")],
        ["line-two", bash("sleep 8; echo second > b.txt && git add b.txt && git commit -q -m Second")],
        ["line-three"],
    ]
    try:
        with ModelApi(turns) as model:
            workshop.extra_env |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": KEY}
            settings = SETTINGS.split("[agent]")[1]
            workshop.start_repository({"cdock.toml": f"[agent]{settings}", "README.md": "# hello\n"})
            number = workshop.open_issue("Take your time")
            first = workshop.poller()
            workshop.until("the first push", lambda: "↑ pushed" in workshop.said)
            workshop.kill(first)
            name = f"cdock.{workshop.task()['worktree_id']}.{workshop.task()['short_uuid']}"
            alive = [found for found in ours(name) if found == f"{name}.1"]
            assert alive, "the container outlives the poller"
            before = workshop.said
            time.sleep(1)
            second = workshop.poller("--once")
            assert second.wait(LIMIT) == 0, workshop.said
            said = workshop.said[len(before) :]
            assert "attempt starts" not in said
            assert len(workshop.pulls()) == 1
            assert len(workshop.comments(number)) == 1
            (attempt,) = workshop.task()["attempts"]["history"]
            assert attempt["outcome"] == "succeeded"
            lines = workshop.cdock("logs", str(number)).stdout.split()
            words = [word for word in lines if word in ("line-one", "line-two", "line-three")]
            assert words == ["line-one", "line-two", "line-three"]
            (pull,) = workshop.pulls()
            workshop.api("PUT", f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]})
            assert workshop.cdock("run", "--once").returncode == 0
            assert ours(name) == []
    finally:
        workshop.close()
