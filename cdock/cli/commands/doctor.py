"""`cdock doctor`: what is there, what is missing, and how to get it."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import CdockError

if TYPE_CHECKING:
    from cdock.wiring import Site

SPACE = 2 * 1024**3
"""Bytes of free disk below which a task may not fit."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `verdict` is ok, warn or fail."""

    name: str
    verdict: str
    said: str
    fix: str = ""


@click.command(short_help="Say what is there, what is missing, and how to get it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(start: Path, as_json: bool) -> int:
    """Look at git, the clone, the forge, the token, the engine, the agent and the disk. Changes nothing.

    Exit code 0 when nothing failed, 1 otherwise; a warning is no failure.
    """
    from cdock.cli.console import data

    found = []
    looks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
    for finding in _findings(start):
        found.append(finding)
        if as_json:
            continue
        glyph, style = looks[finding.verdict]
        data().print(f"{glyph} {finding.name:<11} {finding.said}", style=style, markup=False, soft_wrap=True)
        if finding.fix and finding.verdict != "ok":
            data().print(f"  {'fix:':<11} {finding.fix}", markup=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({"schema": 1, "data": [asdict(finding) for finding in found]}))
    return 1 if any(finding.verdict == "fail" for finding in found) else 0


def _findings(start: Path) -> Iterator[Finding]:
    yield Finding("python", "ok", sys.version.split()[0])
    yield _look("git", _git)
    from cdock.wiring import site

    try:
        here = site(start)
    except CdockError as error:
        yield _failed("clone", error)
        return
    yield Finding("clone", "ok", str(here.clone.root))
    yield _look("settings", lambda: _settings(here))
    yield _look("disk", lambda: _disk(here.clone.root))
    yield _look("forge", lambda: _forge(here))
    yield _look("token", lambda: _token(here))
    yield _look("repository", lambda: _repository(here))
    yield _look("runner", lambda: _runner(here))
    yield _look("agent", lambda: _agent(here))
    yield _look("poller", lambda: _poller(here))


def _look(name: str, look: Callable[[], tuple[str, str, str]]) -> Finding:
    """The finding of `look`, or its error as one."""
    try:
        verdict, said, fix = look()
    except CdockError as error:
        return _failed(name, error)
    return Finding(name, verdict, said, fix)


def _failed(name: str, error: CdockError) -> Finding:
    return Finding(name, "fail", error.message, error.fix)


def _git() -> tuple[str, str, str]:
    from cdock.adapters.git.command import Git

    return "ok", Git(None).run("--version").text.removeprefix("git version "), ""


def _settings(here: "Site") -> tuple[str, str, str]:
    from cdock.settings import FILE

    if not (here.clone.root / FILE).exists():
        return (
            "warn",
            f"no {FILE}: the defaults are used, nothing is verified before a pull request",
            "cdock init",
        )
    if not here.settings.acceptance.commands:
        return "warn", "no acceptance commands: nothing is verified before a pull request", f"edit {FILE}"
    return "ok", f"{FILE}, {len(here.settings.acceptance.commands)} acceptance command(s)", ""


def _disk(root: Path) -> tuple[str, str, str]:
    free = shutil.disk_usage(root).free
    said = f"{free / 1024**3:.1f} GiB free"
    return ("ok", said, "") if free >= SPACE else ("fail", said, "make room")


def _forge(here: "Site") -> tuple[str, str, str]:
    from cdock.wiring import repository

    return "ok", f"{repository(here)} ({repository(here).host.rest})", ""


def _token(here: "Site") -> tuple[str, str, str]:
    from cdock.wiring import credential, forge

    found = credential(here)
    return "ok", f"{forge(here, by=found).login()}, from {found.source}", ""


def _repository(here: "Site") -> tuple[str, str, str]:
    from cdock.wiring import forge

    there = forge(here)
    if not there.may_push():
        fix = "give the token write access to contents, issues and pull requests"
        return "fail", "the token may not push", fix
    missing = there.missing_labels(here.settings.policy().labels)
    if missing:
        return "warn", f"labels are missing: {', '.join(missing)}", "cdock init"
    return "ok", "the token may push, all labels are there", ""


def _runner(here: "Site") -> tuple[str, str, str]:
    if here.settings.runner.kind == "local":
        return (
            "warn",
            "local: agents run as plain processes, without a sandbox",
            'set [runner] kind = "docker"',
        )
    from cdock.wiring import agent_image, engine_of

    engine = engine_of(here.env)
    image = agent_image(engine, wanted=here.settings.runner.image)
    return "ok", f"containers on {engine.address}, image {image}", ""


def _agent(here: "Site") -> tuple[str, str, str]:
    name = here.settings.agent.default
    if name != "claude":
        return "ok", name, ""
    if here.settings.runner.kind == "local" and not shutil.which("claude"):
        return "fail", "claude is not installed", "npm install -g @anthropic-ai/claude-code"
    from cdock.wiring import require_credential

    return "ok", f"claude, with {require_credential(here)}", ""


def _poller(here: "Site") -> tuple[str, str, str]:
    from cdock.adapters.files.poller import poller_runs

    return "ok", "runs" if poller_runs(here.clone.state) else "does not run (`cdock run` starts it)", ""
