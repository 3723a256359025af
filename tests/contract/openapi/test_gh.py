"""gh, GitHub's own command line, against the embedded forge; it checks its answers for itself, we check both sides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forge_server import ForgeServer

from .contract import Contract
from .ground import OWNER, Ground, People, make_ground
from .proxy import Proxy, checked_proxy

pytestmark = pytest.mark.gh

LIMIT = 60.0
# The wheel puts it beside the interpreter; one that happens to be on the PATH would be another version.
GH = Path(sys.executable).parent / "gh"
HOST = "github.localhost"


@dataclass(frozen=True)
class Gh:
    """gh as one person on one repository, with no configuration but what is given here."""

    ground: Ground
    proxy: Proxy
    home: Path

    def run(self, *args: str, sent: str = "") -> subprocess.CompletedProcess[str]:
        """Run it and return what it printed, whatever its exit code."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GH_CONFIG_DIR": str(self.home / "gh"),
            "GH_HOST": HOST,
            "GH_REPO": f"{HOST}/{self.ground.name}",
            "GH_TOKEN": self.ground.owner.token,
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "HTTP_PROXY": self.proxy.url,
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [GH, *args],
            env=environment,
            cwd=self.home,
            input=sent,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def done(self, *args: str, sent: str = "") -> str:
        """Run it, insist on success, and return its output."""
        done = self.run(*args, sent=sent)
        assert done.returncode == 0, f"gh {' '.join(args)}: {done.stderr or done.stdout}"
        return done.stdout

    def api(self, path: str, *args: str, sent: str = "") -> Any:
        """`gh api` on a path below the repository, as JSON."""
        return json.loads(self.done("api", f"repos/{self.ground.name}{path}", *args, sent=sent))


@pytest.fixture
def gh(
    forge: ForgeServer, people: People, contract: Contract, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Gh]:
    (tmp_path / "clone").mkdir()
    (tmp_path / "home").mkdir()
    name = "gh-" + request.node.name.removeprefix("test_").replace("_", "-")
    with checked_proxy(forge.url, contract) as proxy:
        yield Gh(
            make_ground(forge, people, tmp_path / "clone", name=name, url=forge.url), proxy, tmp_path / "home"
        )


def test_issues_and_comments(gh: Gh) -> None:
    made = gh.api("/issues", "-f", "title=Add OAuth login", "-f", "labels[]=agent-ready", "-f", "body=please")
    assert made["url"] == f"http://api.{HOST}/repos/{gh.ground.name}/issues/1"
    assert [label["name"] for label in made["labels"]] == ["agent-ready"]
    said = gh.api("/issues/1/comments", "-f", "body=working")
    assert gh.api(f"/issues/comments/{said['id']}", "-X", "PATCH", "-f", "body=done")["body"] == "done"
    assert [each["body"] for each in gh.api("/issues/1/comments")] == ["done"]
    closed = gh.api(
        "/issues/1", "-X", "PATCH", "--input", "-", sent='{"state": "closed", "state_reason": "not_planned"}'
    )
    assert closed["state_reason"] == "not_planned"
    assert gh.api("/issues", "-X", "GET", "-f", "state=closed", "-f", "labels=agent-ready")[0]["number"] == 1
    assert gh.proxy.violations == []


def test_pages_are_followed_to_the_end(gh: Gh) -> None:
    for number in range(1, 8):
        gh.ground.owner.call(201, "POST", f"{gh.ground.repo}/issues", {"title": f"Number {number}"})
    path = f"repos/{gh.ground.name}/issues?per_page=3"
    found = gh.done("api", "--paginate", path, "--jq", ".[].number").split()
    assert found == ["7", "6", "5", "4", "3", "2", "1"]
    assert len(gh.proxy.exchanges) == 3
    labels = gh.done(
        "api", "--paginate", f"repos/{gh.ground.name}/labels?per_page=1", "--jq", ".[].name"
    ).split("\n")
    assert len(labels) >= 1
    assert gh.proxy.violations == []


def test_labels(gh: Gh) -> None:
    gh.done("label", "create", "needs help", "--color", "d73a4a", "--description", "stuck")
    refused = gh.run("label", "create", "needs help", "--color", "ffffff")
    assert refused.returncode != 0
    assert "already exists" in refused.stderr
    gh.done("label", "create", "needs help", "--color", "ffffff", "--force")
    assert gh.api("/labels/needs%20help")["color"] == "ffffff"
    gh.done("label", "edit", "needs help", "--name", "stuck", "--description", "waits for a person")
    assert gh.api("/labels/stuck")["description"] == "waits for a person"
    gh.done("label", "delete", "stuck", "--yes")
    gone = gh.run("api", f"repos/{gh.ground.name}/labels/stuck")
    assert gone.returncode != 0
    assert "HTTP 404" in gone.stderr
    assert gh.proxy.violations == []


def test_pull_requests(gh: Gh) -> None:
    head = gh.ground.commit("feature/oauth", {"login.py": "login = True\n"})
    made = gh.api("/pulls", "-f", "title=OAuth", "-f", "head=feature/oauth", "-f", "base=main")
    assert made["head"]["sha"] == head
    assert [each["filename"] for each in gh.api("/pulls/1/files")] == ["login.py"]
    difference = gh.done(
        "api", f"repos/{gh.ground.name}/pulls/1", "-H", "Accept: application/vnd.github.diff"
    )
    assert "+login = True" in difference
    assert (
        gh.api("/pulls/1/merge", "-X", "PUT", "-f", "merge_method=squash", "-f", f"sha={head}")["merged"]
        is True
    )
    assert gh.api("/pulls", "-X", "GET", "-f", "state=closed")[0]["merged_at"]
    assert gh.proxy.violations == []


def test_sub_issues_and_dependencies(gh: Gh) -> None:
    whole, part = (gh.api("/issues", "-f", f"title={title}") for title in ("Whole", "Part"))
    path = f"/issues/{whole['number']}/sub_issues"
    assert gh.api(path, "-F", f"sub_issue_id={part['id']}")["sub_issues_summary"]["total"] == 1
    # `-f` sends a text, which GitHub takes for no id; and a number is none either.
    for wrong in (("-f", f"sub_issue_id={part['id']}"), ("-F", f"sub_issue_id={part['number']}")):
        assert gh.run("api", f"repos/{gh.ground.name}{path}", *wrong).returncode != 0
    assert [each["id"] for each in gh.api(path)] == [part["id"]]
    assert gh.api(f"/issues/{part['number']}/parent")["id"] == whole["id"]
    waits = f"/issues/{whole['number']}/dependencies/blocked_by"
    gh.api(waits, "-F", f"issue_id={part['id']}")
    found = gh.done("api", "search/issues", "-X", "GET", "-f", f"q=repo:{gh.ground.name} is:blocked")
    assert [each["id"] for each in json.loads(found)["items"]] == [whole["id"]]
    gh.api(f"{waits}/{part['id']}", "-X", "DELETE")
    assert gh.api(waits) == []
    assert [violation.rule for violation in gh.proxy.violations] == ["body"]  # our text in place of an id


def test_boards(gh: Gh) -> None:
    issue = gh.api("/issues", "-f", "title=Card")
    number = gh.ground.admin("project", OWNER, "gh's board")["number"]
    board = f"users/{OWNER}/projectsV2/{number}"
    item = json.loads(gh.done("api", f"{board}/items", "-f", "type=Issue", "-F", f"id={issue['id']}"))
    fields = json.loads(gh.done("api", f"{board}/fields?per_page=100"))
    status = next(each for each in fields if each["name"] == "Status")
    change = json.dumps({"fields": [{"id": status["id"], "value": status["options"][2]["id"]}]})
    gh.done("api", "-X", "PATCH", f"{board}/items/{item['id']}", "--input", "-", sent=change)
    walked = gh.done("api", "--paginate", f"{board}/fields?per_page=2", "--jq", ".[].name").splitlines()
    assert walked == [each["name"] for each in fields]
    found = json.loads(gh.done("api", "-X", "GET", f"{board}/items", "-f", "q=status:Done"))
    assert [each["id"] for each in found] == [item["id"]]
    assert gh.proxy.violations == []


def test_errors_are_told_as_github_tells_them(gh: Gh) -> None:
    refused = gh.run("api", f"repos/{gh.ground.name}/issues", "-f", "body=no title")
    assert refused.returncode != 0
    assert "HTTP 422" in refused.stderr
    missing = gh.run("api", "repos/alice/none")
    assert "HTTP 404" in missing.stderr
    assert json.loads(missing.stdout)["status"] == "404"
