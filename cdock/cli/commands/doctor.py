"""`cdock doctor`: what is there, what is missing, and how to get it."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import CdockError

if TYPE_CHECKING:
    from cdock.adapters.gitea.account import GiteaAccount
    from cdock.adapters.github.account import Account
    from cdock.core.events import Capabilities
    from cdock.wiring import Site

SOON = timedelta(days=7)
"""How long before its end a token is worth a warning."""
SPACE = 2 * 1024**3
"""Bytes of free disk below which a task may not fit."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `verdict` is ok, warn, fail, or unknown.

    For a permission: the `feature`, what it `needs`, and whether the token `has` it (have, lacks, unknown).
    """

    name: str
    verdict: str
    said: str
    fix: str = ""
    feature: str = ""
    needs: str = ""
    has: str = ""


@click.command(short_help="Say what is there, what is missing, and how to get it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def command(start: Path, as_json: bool) -> int:
    """Look at git, the clone, the forge, the token, the engine, the agent and the disk. Changes nothing.

    Exit code 0 when nothing failed, 1 otherwise; a warning is no failure.
    """
    from cdock.cli.console import data

    found = []
    looks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "unknown": ("?", "dim")}
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
    yield from _account(here)
    yield _look("repository", lambda: _repository(here))
    yield _look("runner", lambda: _runner(here))
    yield from _agents(here)
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


def _account(here: "Site") -> Iterator[Finding]:
    """Whose the token is, until when, and what it may do."""
    from cdock.wiring import account

    try:
        there = account(here)
    except CdockError as error:
        yield _failed("token", error)
        return
    try:
        token = _look("token", lambda: _token(there))
        yield token
        if token.verdict != "fail":
            yield from _rights(there)
    finally:
        there.close()


def _token(account: "Account | GiteaAccount") -> tuple[str, str, str]:
    said = [f"{account.login()}, from {account.source}", str(account.kind())]
    if quota := account.quota:
        said.append(f"{quota.remaining:,} of {quota.limit:,} requests left until {quota.reset:%H:%M} UTC")
    if not (ends := account.expires_at):
        return "ok", ", ".join(said), ""
    said.append(f"ends {ends:%Y-%m-%d %H:%M} UTC")
    if ends - datetime.now(UTC) > SOON:
        return "ok", ", ".join(said), ""
    return "warn", ", ".join(said), "make a new token, and put it in the place of this one"


def _rights(account: "Account | GiteaAccount") -> Iterator[Finding]:
    from cdock.adapters.github.permissions import Has

    try:
        rights = account.rights()
    except CdockError as error:
        yield _failed("may", error)
        return
    for right in rights:
        feature = right.feature
        verdict = {Has.HAVE: "ok", Has.UNKNOWN: "unknown", Has.LACKS: "fail" if feature.required else "warn"}[
            right.has
        ]
        said = feature.name
        if right.has is Has.UNKNOWN:
            said += f": shows when it is tried; needs {right.needs}"
        elif right.has is Has.LACKS:
            said += f": no{f' ({right.why})' if right.why else ''}"
            said += "" if feature.required else "; it is left out"
        yield Finding(
            "may",
            verdict,
            said,
            fix=account.remedy(right) if right.has is Has.LACKS else "",
            feature=feature.name,
            needs=right.needs,
            has=str(right.has),
        )


def _repository(here: "Site") -> tuple[str, str, str]:
    from cdock.wiring import forge

    there = forge(here)
    try:
        missing = there.missing_labels(here.settings.policy().labels)
    finally:
        there.close()
    if missing:
        return "warn", f"labels are missing: {', '.join(missing)}", "cdock init"
    return "ok", "all labels are there", ""


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


def _agents(here: "Site") -> Iterator[Finding]:
    """Each agent that may be asked for: its credential, and what it can do."""
    from cdock.wiring import known_agents
    from cdock.wiring.agents import used

    try:
        there = known_agents(here)
    except CdockError as error:
        yield _failed("agent", error)
        return
    wanted = used(here.settings)
    for name in sorted(wanted | set(here.settings.agent.names), key=lambda name: (name not in wanted, name)):
        if name not in there:
            known = ", ".join(sorted(there))
            yield Finding("agent", "fail", f"there is no agent {name!r}", f"name some of {known}")
            continue
        found = _look("agent", partial(_agent, here, name, there[name].can))
        # What nobody has to use yet may lack something.
        yield found if name in wanted or found.verdict == "ok" else replace(found, verdict="warn")


def _agent(here: "Site", name: str, can: "Capabilities") -> tuple[str, str, str]:
    from cdock.wiring.agents import NEEDS, credential_of, lacks

    if name in NEEDS and here.settings.runner.kind == "local" and not shutil.which(name):
        return "fail", f"{name} is not installed", _INSTALL[name]
    key = credential_of(here, name)
    said = f"{name}, with {key}" if key else name
    said += f"; {_abilities(can)}"
    if lacking := lacks(can, here.settings):
        return "fail", f"{said}; {lacking[0]}", "leave that limit out, or choose another agent"
    return "ok", said, ""


_INSTALL: Mapping[str, str] = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "gemini": "npm install -g @google/gemini-cli",
    "opencode": "npm install -g opencode-ai",
    "aider": "python -m pip install aider-chat",
}


def _abilities(can: "Capabilities") -> str:
    """`can go on, tell its turns; cannot be spoken to, tell its cost`."""
    words = {
        "go on with a conversation": can.resume,
        "be spoken to while it works": can.live,
        "tell turns": can.turns,
        "tell money": can.cost,
        "tell how full it is": can.context,
        "tell when a limit ends": can.limits,
        "answer by a schema": can.schema,
        "be attached to": can.attach,
    }
    able, unable = ([word for word, there in words.items() if there is wanted] for wanted in (True, False))
    parts = (f"can {', '.join(able)}" if able else "", f"cannot {', '.join(unable)}" if unable else "")
    return "; ".join(part for part in parts if part)


def _poller(here: "Site") -> tuple[str, str, str]:
    from cdock.adapters.files.poller import poller_runs

    return "ok", "runs" if poller_runs(here.clone.state) else "does not run (`cdock run` starts it)", ""
