"""The GitHub adapter keeps the promises of `Forge` on the embedded forge, and sends only what GitHub publishes."""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from cdock.adapters.github.hosts import parse_repository
from cdock.adapters.github.rest import GitHubForge
from cdock.core.issues import Watch
from cdock.core.policy import Labels
from cdock.core.pulls import Opinion
from tests.contract.forge_contract import ForgeContract
from tests.contract.help_contract import HelpContract
from tests.contract.openapi.contract import Contract, load_contract
from tests.contract.openapi.proxy import Proxy, checked_proxy
from tests.contract.plan_contract import PartsContract, StackContract
from tests.contract.pull_contract import PullContract, PullHub, ThreadContract
from tests.forge_server import ForgeServer

LIMIT = 30.0
# What the forge answers is judged by tests of its own.
REQUEST_RULES = {
    "unknown-operation",
    "unknown-query-key",
    "missing-query-key",
    "repeated-query-key",
    "parameter-value",
    "missing-body",
    "unexpected-body",
    "unknown-body-key",
    "body",
}
BOT, WRITER, STRANGER = "cdock-bot", "maria", "mallory"


class Site:
    """A running forge with its people and their tokens."""

    def __init__(self, server: ForgeServer) -> None:
        self.server = server
        self.serial = itertools.count(1)
        server.admin("user", BOT, "--bot")
        for login in (WRITER, STRANGER):
            server.admin("user", login)
        self.tokens = {login: server.admin("token", login)["token"] for login in (BOT, WRITER, STRANGER)}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One forge for all tests; each makes a repository of its own."""
    with ForgeServer(tmp_path_factory.mktemp("forge")) as server:
        yield Site(server)


@pytest.fixture(scope="session")
def published() -> Contract:
    """What GitHub publishes about its REST interface."""
    return load_contract()


EVENTS = {
    Opinion.APPROVED: "APPROVE",
    Opinion.CHANGES: "REQUEST_CHANGES",
    Opinion.COMMENT: "COMMENT",
}


class GitHubHub:
    """See `PullHub` and `HelpHub`. People act through REST and GraphQL with their own tokens, and through git."""

    bot, writer, stranger = BOT, WRITER, STRANGER

    def __init__(self, site: Site, *, address: str, work: Path) -> None:
        self._site = site
        self._work = work
        name = f"demo-{next(site.serial)}"
        self._name = f"{WRITER}/{name}"
        self._request("POST", f"{site.server.url}/user/repos", WRITER, {"name": name})
        self.allow(BOT, write=True)
        self._git("init", "--quiet", "--initial-branch=main", ".")
        self._commit("main")
        self._passed = 0.0
        self.forge = GitHubForge(
            parse_repository(f"{address}/{self._name}.git"),
            token=site.tokens[BOT],
            timeout=LIMIT,
            clock=lambda: time.monotonic() + self._passed,
        )

    def open_issue(self, title: str, *, body: str = "", by: str, labels: Sequence[str] = ()) -> int:
        number: int = self._call("POST", "issues", by=by, body={"title": title, "body": body})["number"]
        for name in labels:
            self.label(number, name, by=by)
        return number

    def label(self, number: int, name: str, *, by: str) -> None:
        self._call("POST", f"issues/{number}/labels", by=by, body={"labels": [name]})

    def unlabel(self, number: int, name: str, *, by: str) -> None:
        self._call("DELETE", f"issues/{number}/labels/{quote(name, safe='')}", by=by)

    def comment(self, number: int, body: str, *, by: str) -> None:
        self._call("POST", f"issues/{number}/comments", by=by, body={"body": body})

    def edit(self, number: int, *, by: str, title: str | None = None, body: str | None = None) -> None:
        changes = {"title": title, "body": body}
        changes = {key: text for key, text in changes.items() if text is not None}
        self._call("PATCH", f"issues/{number}", by=by, body=changes)

    def edit_comment(self, number: int, body: str, *, by: str) -> None:
        newest = self._all(f"issues/{number}/comments")[-1]["id"]
        self._call("PATCH", f"issues/comments/{newest}", by=by, body={"body": body})

    def close(self, number: int, *, by: str) -> None:
        self._call("PATCH", f"issues/{number}", by=by, body={"state": "closed"})

    def reopen(self, number: int, *, by: str) -> None:
        self._call("PATCH", f"issues/{number}", by=by, body={"state": "open"})

    def push(self, branch: str) -> None:
        self._git("checkout", "--quiet", "-B", branch, "main")
        self._commit(branch)

    def write(self, branch: str, path: str, text: str) -> str:
        known = self._git("branch", "--list", branch)
        self._git("checkout", "--quiet", *([branch] if known else ["-b", branch, "main"]))
        file = self._work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self._git("add", "--", path)
        self._commit(branch)
        return self._git("rev-parse", "HEAD").strip()

    def review(
        self, pull: int, opinion: Opinion, body: str, *, by: str, on: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        self._review(pull, {"event": EVENTS[opinion], "body": body}, by=by, on=on)

    def draft_review(self, pull: int, body: str, *, by: str, on: Sequence[tuple[str, int, str]]) -> None:
        self._review(pull, {"body": body}, by=by, on=on)

    def _review(
        self, pull: int, fields: Mapping[str, Any], *, by: str, on: Sequence[tuple[str, int, str]]
    ) -> None:
        said = [{"path": path, "line": line, "body": text} for path, line, text in on]
        self._call("POST", f"pulls/{pull}/reviews", by=by, body={**fields, "comments": said})

    def answer(self, pull: int, body: str, *, by: str) -> None:
        first = [row for row in self._all(f"pulls/{pull}/comments") if "in_reply_to_id" not in row][-1]
        self._call("POST", f"pulls/{pull}/comments/{first['id']}/replies", by=by, body={"body": body})

    def resolve(self, pull: int, *, by: str) -> None:
        node = self._call("GET", f"pulls/{pull}")["node_id"]
        asked = "query($id:ID!){node(id:$id){... on PullRequest{reviewThreads(last:1){nodes{id}}}}}"
        (thread,) = self._graphql(asked, by=by, id=node)["node"]["reviewThreads"]["nodes"]
        settle = "mutation($id:ID!){resolveReviewThread(input:{threadId:$id}){clientMutationId}}"
        self._graphql(settle, by=by, id=thread["id"])

    def say_status(self, commit: str, name: str, state: str, *, description: str = "", url: str = "") -> None:
        body = {"state": state, "context": name, "description": description, "target_url": url}
        self._call("POST", f"statuses/{commit}", body=body)

    def text_of_pull(self, pull: int) -> tuple[str, bool]:
        row = self._call("GET", f"pulls/{pull}")
        return row["body"], row["draft"]

    def said_on_lines(self, pull: int) -> list[tuple[str, str]]:
        return [(row["user"]["login"], row["body"]) for row in self._all(f"pulls/{pull}/comments")]

    def later(self) -> None:
        self._passed += 60.0

    def parent_of(self, number: int) -> int:
        url = self._call("GET", f"issues/{number}").get("parent_issue_url")
        return int(url.rpartition("/")[2]) if url else 0

    def set_parent(self, number: int, parent: int) -> None:
        body = {"sub_issue_id": self._call("GET", f"issues/{number}")["id"], "replace_parent": True}
        self._call("POST", f"issues/{parent}/sub_issues", body=body)

    def block(self, number: int, by: int) -> None:
        body = {"issue_id": self._call("GET", f"issues/{by}")["id"]}
        self._call("POST", f"issues/{number}/dependencies/blocked_by", body=body)

    def _graphql(self, document: str, *, by: str, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        answer = self._request("POST", f"{self._site.server.url}/api/graphql", by, body).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def merge(self, pull: int) -> None:
        self._call("PUT", f"pulls/{pull}/merge", by=WRITER, body={})

    def close_pull(self, pull: int) -> None:
        self._call("PATCH", f"pulls/{pull}", by=WRITER, body={"state": "closed"})

    def base_of(self, pull: int) -> str:
        return str(self._call("GET", f"pulls/{pull}")["base"]["ref"])

    def is_merged(self, pull: int) -> bool:
        return bool(self._call("GET", f"pulls/{pull}")["merged"])

    def conflict(self, branch: str) -> None:
        self.write(branch, "a.txt", "ours\n")
        self.write("main", "a.txt", "theirs\n")

    def drop(self, number: int, *, by: str) -> None:
        body = {"state": "closed", "state_reason": "not_planned"}
        self._call("PATCH", f"issues/{number}", by=by, body=body)

    def delete_branch(self, branch: str) -> None:
        self._git("push", "--quiet", f"{self._site.server.url}/{self._name}.git", f":refs/heads/{branch}")

    def demote_bot(self) -> None:
        self.allow(BOT, write=False)

    def next_second(self) -> None:
        limit = time.monotonic() + LIMIT
        # The server renews its header once a second: what it shows first may have been over for a while.
        for _ in range(2):
            began = self._second()
            while self._second() == began:
                assert time.monotonic() < limit, "the forge's clock stands still"

    def _second(self) -> str:
        url = f"{self._site.server.url}/repos/{self._name}"
        return self._request("GET", url, WRITER, None).headers["Date"]

    def labels_on(self, number: int) -> frozenset[str]:
        return frozenset(row["name"] for row in self._call("GET", f"issues/{number}")["labels"])

    def comments_on(self, number: int) -> list[tuple[str, str]]:
        rows = self._all(f"issues/{number}/comments")
        return [(row["user"]["login"], row["body"]) for row in rows]

    def is_open(self, number: int) -> bool:
        return bool(self._call("GET", f"issues/{number}")["state"] == "open")

    def issues(self) -> list[int]:
        rows = self._all("issues?state=all")
        return sorted(row["number"] for row in rows if "pull_request" not in row)

    def pulls(self) -> list[int]:
        return sorted(row["number"] for row in self._all("pulls?state=all"))

    def repository_labels(self) -> set[str]:
        """The names of all labels of the repository."""
        return {row["name"] for row in self._all("labels")}

    def allow(self, person: str, *, write: bool) -> None:
        url = f"{self._site.server.url}/repos/{self._name}/collaborators/{person}"
        self._request("PUT", url, WRITER, {"permission": "push" if write else "pull"})

    def _call(self, method: str, path: str, *, by: str = WRITER, body: Any = None) -> Any:
        return self._request(method, f"{self._site.server.url}/repos/{self._name}/{path}", by, body).json()

    def _all(self, path: str) -> list[Any]:
        url: str | None = f"{self._site.server.url}/repos/{self._name}/{path}"
        rows: list[Any] = []
        while url:
            answer = self._request("GET", url, WRITER, None)
            rows += answer.json()
            url = answer.links.get("next", {}).get("url")
        return rows

    def _request(self, method: str, url: str, by: str, body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._site.tokens[by]}", "User-Agent": "a person"}
        answer = requests.request(method, url, headers=headers, json=body, timeout=LIMIT)
        assert answer.ok, f"{by}: {method} {url}: {answer.status_code} {answer.text}"
        return answer

    def _commit(self, branch: str) -> None:
        self._git("commit", "--quiet", "--allow-empty", "--message", f"Work on {branch}")
        self._git("push", "--quiet", f"{self._site.server.url}/{self._name}.git", f"HEAD:refs/heads/{branch}")

    def _git(self, *args: str) -> str:
        credential = base64.b64encode(f"x:{self._site.tokens[WRITER]}".encode()).decode()
        settings = {
            "user.name": "Maria",
            "user.email": "maria@example.org",
            "http.extraHeader": f"Authorization: Basic {credential}",
        }
        done = subprocess.run(
            ["git", *args],
            cwd=self._work,
            env=_git_environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout


def _git_environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    numbered = {
        f"GIT_CONFIG_{part}_{n}": text
        for n, pair in enumerate(settings.items())
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **quiet, **numbered, "GIT_CONFIG_COUNT": str(len(settings))}


class TestGitHubForge(
    ForgeContract, PullContract, ThreadContract, HelpContract, StackContract, PartsContract
):
    """Each test also fails on a request that GitHub's published contract does not know."""

    @pytest.fixture
    def proxy(self, site: Site, published: Contract) -> Iterator[Proxy]:
        with checked_proxy(site.server.url, published) as proxy:
            yield proxy
            assert [found for found in proxy.violations if found.rule in REQUEST_RULES] == []

    @pytest.fixture
    def hub(self, site: Site, proxy: Proxy, tmp_path: Path) -> Iterator[PullHub]:
        hub = GitHubHub(site, address=proxy.url, work=tmp_path)
        yield hub
        hub.forge.close()

    def test_all_labels_are_made_with_their_looks(self, hub: GitHubHub) -> None:
        labels = Labels()
        hub.forge.ensure_repository_labels(labels)
        assert hub.repository_labels() >= labels.states | {labels.help_issue}

    @pytest.mark.parametrize("count", [1, 10])
    def test_a_quiet_look_is_two_answers_that_nothing_changed(
        self, hub: GitHubHub, proxy: Proxy, count: int
    ) -> None:
        held = [hub.open_issue(f"Held {n}", by=WRITER, labels=["agent-ready"]) for n in range(count)]
        hub.comment(held[0], "Words", by=WRITER)
        watch = Watch(
            ready="agent-ready", help="agent-help", held=frozenset(held), asking=frozenset(held),
            branches=frozenset({"cdock/x.0b9b54d"}),
        )  # fmt: skip
        first = hub.forge.look(watch)
        assert [issue.number for issue in first.issues] == held
        count = len(proxy.exchanges)
        assert hub.forge.look(watch) is first
        assert hub.forge.look(watch, fresh=False) is first
        assert [(each.method, each.status) for each in proxy.exchanges[count:]] == [("GET", 304)] * 2

    def test_with_an_open_pull_request_a_quiet_look_is_three(self, hub: GitHubHub, proxy: Proxy) -> None:
        hub.push("cdock/x.0b9b54d")
        hub.forge.ensure_pull(head="cdock/x.0b9b54d", title="X", body="")
        watch = Watch(ready="agent-ready", help="agent-help", branches=frozenset({"cdock/x.0b9b54d"}))
        first = hub.forge.look(watch)
        assert len(first.pulls) == 1
        hub.later()
        for _ in range(2):
            assert hub.forge.look(watch) is first
        count = len(proxy.exchanges)
        assert hub.forge.look(watch) is first
        assert [(each.method, each.status) for each in proxy.exchanges[count:]] == [("GET", 304)] * 3
