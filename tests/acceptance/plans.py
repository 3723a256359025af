"""Plans in the stories: documents of them, what GitHub shows of them, and what has to be gone when they are over."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import docker
from playwright.sync_api import Page, expect

from tests.acceptance.stories import LIMIT, helps, remote
from tests.acceptance.workshop import Workshop


def document(title: str, goal: str, *tasks: Mapping[str, Any]) -> str:
    """A plan document in cdock's own format; JSON is YAML."""
    rows = "\n".join(f"    - {json.dumps(task)}" for task in tasks)
    return f"# {title}\n\n## Overview\n\n{goal}\n\n```yaml\ncdock:\n  version: 1\n  tasks:\n{rows}\n```\n"


def published(workshop: Workshop, file: str) -> tuple[int, dict[str, int]]:
    """Publish a plan: the number of its issue, and those of its tasks by their titles."""
    done = workshop.cdock("plan", "import", file, "--publish")
    assert done.returncode == 0, done.stderr
    (parent, _), *tasks = (line.removeprefix("#").split(maxsplit=1) for line in done.stdout.splitlines())
    return int(parent), {title: int(number.removeprefix("#")) for number, title in tasks}


def marked(workshop: Workshop, number: int, kind: str) -> list[dict[str, Any]]:
    """The comments of an issue that begin with our marker of this kind."""
    return [c for c in workshop.comments(number) if c["body"].startswith(f"<!-- cdock:{kind} ")]


def gate(workshop: Workshop, plan: int, stage: int) -> str:
    """What the comment on a stage says; empty when there is none."""
    found = [c["body"] for c in marked(workshop, plan, "gate") if f" stage={stage} -->" in c["body"]]
    assert len(found) <= 1, "a stage has one comment"
    return str(found[0]) if found else ""


def until_gate(workshop: Workshop, plan: int, stage: int, words: str, *, limit: float = LIMIT) -> str:
    """The comment on a stage, once it says that."""
    workshop.until(
        f"{words!r} at the gate of stage {stage}",
        lambda: words in gate(workshop, plan, stage),
        limit=limit,
    )
    return gate(workshop, plan, stage)


def tick(page: Page, plan: int, stage: int, *words: str) -> None:
    """Tick boxes in the comment on a stage, in one visit to the page."""
    page.goto(f"issues/{plan}")
    comment = page.locator("li.said", has_text=re.compile(rf"Stage {stage} of \d+: ")).last
    for text in words:
        box = comment.locator("li.task", has_text=text).get_by_role("checkbox")
        box.click()
        expect(box).to_have_attribute("aria-checked", "true")


def choose(workshop: Workshop, plan: int, stage: int, *keys: str) -> None:
    """The same in one change of the comment."""
    (found,) = (c for c in marked(workshop, plan, "gate") if f" stage={stage} -->" in c["body"])
    text = found["body"]
    for key in keys:
        text, count = re.subn(rf"- \[ \] (.*<!-- cdock:choice {key} -->)", r"- [x] \1", text)
        assert count == 1, f"there is no box {key} in {found['body']}"
    workshop.api("PATCH", f"/issues/comments/{found['id']}", {"body": text})


def label(page: Page, name: str) -> None:
    """Put a label on the issue that is shown."""
    page.get_by_text("Change labels").click()
    page.get_by_label(name).check()
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator(".side .chip", has_text=name).first).to_be_visible()


def comment(page: Page, number: int, text: str) -> None:
    """Write a comment on an issue."""
    page.goto(f"issues/{number}")
    page.get_by_label("Write a comment").fill(text)
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".prose", has_text=text).first).to_be_visible()


def state(workshop: Workshop, number: int) -> str:
    """What the mirror says of a task; empty when it knows none."""
    found = (task for task in workshop.mirror()["tasks"] if task["github"]["issue_number"] == number)
    return str(next((task["status"] for task in found), ""))


def pull_of(workshop: Workshop, number: int) -> dict[str, Any]:
    """The one pull request of a task."""
    (found,) = (p for p in workshop.pulls() if f"Closes #{number}" in p["body"])
    return found


def on_engine(instance: str) -> list[str]:
    """Names of the containers, volumes and networks of one poller, alive or not."""
    client = docker.APIClient(timeout=60)
    chosen = {"label": f"io.cdock.instance={instance}"}
    try:
        names = [name for found in client.containers(all=True, filters=chosen) for name in found["Names"]]
        names += [found["Name"] for found in client.volumes(filters=chosen)["Volumes"] or ()]
        names += [found["Name"] for found in client.networks(filters=chosen)]
    finally:
        client.close()
    return names


def leaves_nothing(workshop: Workshop) -> None:
    """Neither on this machine nor among the refs of the forge is anything of a task left."""
    assert remote(workshop, "refs/heads/cdock/*") == {}
    assert remote(workshop, "refs/cdock/*") == {}
    assert list((workshop.clone / ".cdock" / "worktrees").glob("[a-z]*")) == []
    assert list(workshop.home.glob("local/*/runs/cdock.*")) == []
    assert helps(workshop) == []


def is_single(workshop: Workshop, plan: int, numbers: Sequence[int], *, stages: int) -> None:
    """Nothing was made twice: issues, pull requests, comments."""
    issues = workshop.api("GET", "/issues?state=all&per_page=100")
    titles = Counter(issue["title"] for issue in issues if "pull_request" not in issue)
    assert set(titles.values()) == {1}, titles
    parts = [part["number"] for part in workshop.api("GET", f"/issues/{plan}/sub_issues")]
    assert sorted(parts) == sorted(numbers)
    for number in numbers:
        pull_of(workshop, number)
        assert len(marked(workshop, number, "status")) == 1
    assert len(marked(workshop, plan, "status")) == 1
    assert len(marked(workshop, plan, "planned")) == 1
    for stage in range(1, stages + 1):
        gate(workshop, plan, stage)
