"""What the stories of people and agents have in common: quick settings, a person in a browser, an agent that waits."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
import requests
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.workshop import PERSON, Workshop

LIMIT = 240.0
"""Seconds that anything in a story may take; below the limit of a test, so that it says what it waited for."""

TABLES: Mapping[str, Mapping[str, Any]] = {
    "agent": {"default": "scripted"},
    "agent.scripted": {"script": "script.json"},
    "runner": {"kind": "local"},
    "budget": {"backoff": "0s"},
    "pull": {"debounce": "1s"},
    "poll": {"interval": "0.5s", "idle": "0.5s", "harvest_every": "0.5s", "push_every": "0.5s"},
}
"""A `cdock.toml` with which nothing waits for long."""


def settings(**more: Mapping[str, Any]) -> str:
    """A `cdock.toml`: the quick one, with these tables laid over it."""
    tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in TABLES.items()}
    for name, table in more.items():
        tables.setdefault(name.replace("__", "."), {}).update(table)
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _toml(value: Any) -> str:
    """A value; of tables only those on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def quick(script: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, str]:
    """Files that make the scripted agent play `script` for every task, with the quick settings and these tables."""
    return played({"*": script}, **more)


def played(scripts: Mapping[str, Mapping[str, Any]], **more: Mapping[str, Any]) -> dict[str, str]:
    """The same with a script for each kind of task, by patterns of their slugs."""
    return {"cdock.toml": settings(**more), "script.json": json.dumps({"tasks": scripts})}


class Gate:
    """Where a scripted agent waits until the test lets it go on; an agent without a sandbox can see it."""

    def __init__(self, workshop: Workshop, name: str = "gate") -> None:
        self._file = workshop.folder / name

    @property
    def step(self) -> dict[str, str]:
        """The step of a script that waits."""
        return {"run": f"until test -e {shlex.quote(str(self._file))}; do sleep 0.1; done"}

    def open(self) -> None:
        """Let it go on."""
        self._file.touch()


def write(path: str, text: str) -> dict[str, Any]:
    """The step that writes a file."""
    return {"write": {"path": path, "text": text}}


def visit(browser: Browser, workshop: Workshop, *, who: str = PERSON) -> Page:
    """A page of somebody who is logged in."""
    context = browser.new_context(base_url=f"{workshop.forge.url}/{workshop.repository}/")
    context.set_default_timeout(LIMIT * 300)
    page = context.new_page()
    code = workshop.forge.admin("login-code", who)["code"]
    page.goto(f"{workshop.forge.url}/_login?code={code}&next=/{workshop.repository}/issues")
    expect(page.get_by_text(f"Logged in as {who}")).to_be_attached()
    return page


def history(workshop: Workshop, number: int) -> list[dict[str, Any]]:
    """The attempts of a task, as far as the mirror tells them."""
    tasks = workshop.mirror()["tasks"]
    found = (task for task in tasks if task["github"]["issue_number"] == number)
    attempts: list[dict[str, Any]] = next((task["attempts"]["history"] for task in found), [])
    return attempts


def causes(workshop: Workshop, number: int) -> list[tuple[str, str | None]]:
    """Why each attempt was started, and how it ended."""
    return [(attempt["cause"], attempt["outcome"]) for attempt in history(workshop, number)]


def ended(workshop: Workshop, number: int, cause: str, outcome: str, *, count: int = 1) -> bool:
    """Whether so many attempts that were started for this cause ended so."""
    return causes(workshop, number).count((cause, outcome)) >= count


def said(workshop: Workshop, number: int) -> str:
    """All that the agents of a task said, in full."""
    texts = []
    for attempt in history(workshop, number):
        raw = workshop.cdock("logs", str(number), "--raw", "--attempt", str(attempt["number"])).stdout
        events = (
            json.loads(line) for line in raw.splitlines() if line.startswith("{") and line.endswith("}")
        )
        texts += [event["text"] for event in events if event["type"] == "text"]
    return "\n".join(texts)


def helps(workshop: Workshop, *, state: str = "open") -> list[dict[str, Any]]:
    """The help issues, oldest first."""
    found: list[dict[str, Any]] = workshop.api("GET", f"/issues?labels=agent-help&state={state}")
    return sorted(found, key=lambda issue: int(issue["number"]))


def asked(workshop: Workshop, *, besides: Sequence[int] = ()) -> dict[str, Any]:
    """The one open help issue, when there is one that is none of those known already."""

    def new() -> list[dict[str, Any]]:
        return [issue for issue in helps(workshop) if issue["number"] not in besides]

    workshop.until("the help issue", new, limit=LIMIT)
    (issue,) = new()
    return issue


def in_review(workshop: Workshop, number: int) -> bool:
    """Whether the issue says so, and its pull request is ready."""
    ready = [pull for pull in workshop.pulls() if f"Closes #{number}" in pull["body"] and not pull["draft"]]
    return bool(ready) and "in-review" in workshop.labels(number)


def unfinished(workshop: Workshop, number: int, path: str) -> str:
    """A file as it is in the work that was set down on the forge; empty when there is none."""
    name = f"refs/cdock/wip/{number}"
    if name not in remote(workshop, name):
        return ""
    workshop.git("fetch", "-q", "origin", name)
    return workshop.git("show", f"FETCH_HEAD:{path}")


def remote(workshop: Workshop, pattern: str) -> dict[str, str]:
    """The refs of the forge that fit a pattern, with their commits."""
    lines = workshop.git("ls-remote", "origin", pattern).splitlines()
    return {name: oid for oid, _, name in (line.partition("\t") for line in lines)}


class Robot:
    """A GitHub App that reports checks, as a CI system does."""

    def __init__(self, workshop: Workshop, key: Path) -> None:
        self._api = f"{workshop.forge.url}/api/v3"
        self._repository = workshop.repository
        made = workshop.forge.admin(
            "app", "Builder", "--key", str(key), "--install", workshop.repository,
            "--permissions", "checks=write,metadata=read",
        )  # fmt: skip
        now = int(time.time())
        claims = {"iat": now - 60, "exp": now + 500, "iss": str(made["id"])}
        signed = jwt.encode(claims, key.read_text(), algorithm="RS256")
        place = f"/app/installations/{made['installations'][0]['id']}/access_tokens"
        self._token = self._ask("POST", place, {}, token=signed)["token"]

    def check(self, commit: str, name: str, conclusion: str, **output: Any) -> None:
        """Report the end of a check."""
        body = {"name": name, "head_sha": commit, "status": "completed", "conclusion": conclusion}
        self._ask("POST", f"/repos/{self._repository}/check-runs", {**body, "output": output})

    def _ask(self, method: str, path: str, body: Any, *, token: str = "") -> Any:
        authorization = f"Bearer {token or self._token}"
        answer = requests.request(
            method, self._api + path, json=body, headers={"Authorization": authorization}, timeout=30
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()
