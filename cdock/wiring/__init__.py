"""The one place where adapters are chosen and put together."""

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from cdock.core.errors import Misconfigured
from cdock.core.secrets import secrets_in
from cdock.settings import home
from cdock.wiring.agents import require_agents, to_ask_for
from cdock.wiring.forges import account, board, credential, forge, lock_directory, repository, token_file
from cdock.wiring.runners import agent_image, engine_of, runner
from cdock.wiring.site import Site, site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdock.adapters.files.journal import Journal
    from cdock.adapters.github.tokens import Credential
    from cdock.core.policy import Policy
    from cdock.ports import Agent, Board, Clock, Forge, Outbox, Plans, Workspaces
    from cdock.reconciler.house import House

__all__ = (
    "PostOffice",
    "Site",
    "account",
    "agent_image",
    "board",
    "build",
    "credential",
    "engine_of",
    "forge",
    "journal",
    "known_agents",
    "lock_directory",
    "post",
    "repository",
    "runner",
    "site",
    "token_file",
    "workspaces",
)


@dataclass(frozen=True)
class PostOffice:
    """What delivers words and plans of people without a poller; see `cdock.reconciler.publishing.Press`."""

    forge: "Forge"
    outbox: "Outbox"
    plans: "Plans"
    board: "Board | None"
    clock: "Clock"
    policy: "Policy"


def post(of: Site) -> PostOffice:
    """The part of a house that delivers what people said and planned.

    Raises:
        Refused: something a person has to mend first, such as a token that is not there.
    """
    from cdock.adapters.system import SystemClock

    by = credential(of)
    return PostOffice(
        forge=forge(of, by=by),
        outbox=of.outbox,
        plans=of.plans,
        board=board(of, by=by),
        clock=SystemClock(),
        policy=of.settings.policy(),
    )


def workspaces(of: Site, *, by: "Credential | None" = None) -> "Workspaces":
    """The worktrees of the clone. Without a credential they can be looked at, and nothing be fetched."""
    from cdock.adapters.git.worktrees import GitWorkspaces

    return GitWorkspaces(
        of.place,
        url=repository(of).clone_url,
        token=by.token if by else "",
        namespace=of.settings.claims.namespace,
    )


def journal(of: Site) -> "Journal":
    """What writes down all that the loop says of this clone's tasks, once it is made a handler of the log."""
    from cdock.adapters.files.journal import Journal

    return Journal(of.clone.state / "tasks")


def build(
    of: Site,
    *,
    clock: "Clock | None" = None,
    only: frozenset[int] = frozenset(),
    max_parallel: int | None = None,
) -> "House":
    """Everything the loop works with, for the clone. Clones that one process works on share a `clock`.

    Raises:
        Refused: something a person has to mend first, such as a token that is not there.
    """
    from cdock.adapters.files.ledger import FileLedger
    from cdock.adapters.files.locks import FileLocks
    from cdock.adapters.files.mirror import FileMirror
    from cdock.adapters.git.claims import GitClaims
    from cdock.adapters.prompts import TemplatePrompts
    from cdock.adapters.system import RandomIds, SystemClock
    from cdock.reconciler.house import House

    settings = of.settings
    if max_parallel is not None:
        poll = settings.poll.model_copy(update={"max_parallel": max_parallel})
        settings = settings.model_copy(update={"poll": poll})
    policy = settings.policy()
    tables = _agent_settings(of)
    there = _agents(policy.agent, tables)
    can = {name: each.can for name, each in there.items()}
    require_agents(of, can)
    policy = replace(policy, agents=to_ask_for(settings, can))
    remote, by = repository(of), credential(of)
    place = of.place
    return House(
        forge=forge(of, by=by),
        claims=GitClaims(
            place,
            url=remote.clone_url,
            token=by.token,
            policy=policy,
            namespace=settings.claims.namespace,
        ),
        workspaces=workspaces(of, by=by),
        runner=runner(of),
        agents=there,
        logs=of.logs,
        mirror=FileMirror(of.clone.state / "state.json", shown=of.clone.shown / "state.json"),
        outbox=of.outbox,
        plans=of.plans,
        board=board(of, by=by),
        locks=FileLocks(lock_directory(of.env, remote)),
        wishes=of.wishes,
        ledger=FileLedger(home(of.env) / "ledger.json"),
        prompts=TemplatePrompts(of.clone.root),
        clock=clock or SystemClock(),
        ids=RandomIds(),
        policy=policy,
        me=of.poller,
        process=str(uuid4()),
        machine=socket.gethostname(),
        poll_every=settings.poll.interval.total_seconds(),
        poll_idle=settings.poll.idle.total_seconds(),
        only=only,
        agent_settings=tables,
        secrets=secrets_in(of.env) | _lasting(by),
    )


def known_agents(of: Site) -> "dict[str, Agent]":
    """All agents there are; the one that is any program only where it is configured, or wanted.

    Raises:
        Misconfigured: a table cannot be used, or the default is none of them.
    """
    return _agents(of.settings.agent.default, _agent_settings(of))


def _agents(default: str, tables: "Mapping[str, Mapping[str, str]]") -> "dict[str, Agent]":
    from cdock.adapters.agents import KINDS, agent

    return {
        name: agent(name, settings=tables.get(name, {}))
        for name in {*KINDS, default}
        if name == default or name != "command" or tables["command"]
    }


def _lasting(by: "Credential") -> frozenset[str]:
    """The token to be kept out of texts. An App's change every hour, and are known by their shape alone."""
    from cdock.adapters.github.tokens import Token

    return frozenset({by.value}) if isinstance(by, Token) else frozenset()


def _agent_settings(of: Site) -> dict[str, dict[str, str]]:
    """The agents' tables as strings; a script is read here, because agents' adapters do no I/O."""
    import json

    from cdock.adapters.agents import KINDS

    tables: dict[str, dict[str, str]] = {}
    for name in KINDS:
        table = getattr(of.settings.agent, name).model_dump(mode="json", exclude_unset=True)
        tables[name] = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in table.items()
        }
    if path := tables["scripted"].get("script"):
        file = of.clone.root / path
        try:
            tables["scripted"]["script"] = file.read_text(encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                f"cannot read the script of the scripted agent: {error.strerror}",
                code="CD417",
                tried=f"reading {file}",
                fix="name a file that exists in cdock.toml ([agent.scripted] script = …)",
            ) from error
    return tables
