"""The one place where adapters are chosen and put together."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from cdock.adapters.git.clone import Clone, find_clone, recalled_poller, remember_poller
from cdock.core.errors import Misconfigured, Missing, NotPermitted
from cdock.core.secrets import secrets_in
from cdock.settings import Settings, environment, home, load_settings

if TYPE_CHECKING:
    from cdock.adapters.docker.engine import Engine
    from cdock.adapters.docker.modelproxy import ModelProxy
    from cdock.adapters.files.logs import FileLogs
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.adapters.files.wishes import FileWishes
    from cdock.adapters.gitea.account import GiteaAccount
    from cdock.adapters.gitea.forge import GiteaForge
    from cdock.adapters.github.account import Account
    from cdock.adapters.github.hosts import Repository
    from cdock.adapters.github.rest import GitHubForge
    from cdock.adapters.github.tokens import Credential
    from cdock.core.policy import Policy
    from cdock.ports import Clock, Forge, Outbox, Runner
    from cdock.reconciler.house import House

PROVIDER = "https://api.anthropic.com"
"""Claude Code's model provider, where the environment names no other."""
GH_LIMIT = 15.0
"""Seconds for `gh auth token`."""


@dataclass(frozen=True)
class Site:
    """A clone with its settings: all a command needs that does not talk to the forge."""

    clone: Clone
    settings: Settings
    env: Mapping[str, str]

    @property
    def logs(self) -> "FileLogs":
        """What runs of this clone printed."""
        from cdock.adapters.files.logs import FileLogs

        return FileLogs(self.clone.state / "tasks")

    @property
    def wishes(self) -> "FileWishes":
        """What commands ask of this clone's poller."""
        from cdock.adapters.files.wishes import FileWishes

        return FileWishes(self.clone.state / "wishes")

    @property
    def outbox(self) -> "FileOutbox":
        """What people said and the forge has not heard yet."""
        from cdock.adapters.files.outbox import FileOutbox

        return FileOutbox(self.clone.state / "outbox")

    @cached_property
    def poller(self) -> str:
        """The lasting id of this clone's poller, kept in two places."""
        from cdock.adapters.files.poller import identity

        remembered = recalled_poller(self.clone)
        known = identity(self.clone.state, spare=remembered)
        if known != remembered:
            remember_poller(self.clone, known)
        return known


def site(start: Path) -> Site:
    """The clone that `start` is in, with its settings.

    Raises:
        Misconfigured: there is no clone, or its `cdock.toml` is wrong.
    """
    clone = find_clone(start)
    return Site(clone=clone, settings=load_settings(clone.root), env=environment())


def repository(of: Site) -> "Repository":
    """Which repository on which host the clone's remote is.

    Raises:
        Misconfigured: there is no such remote, or it is no forge we know.
    """
    from cdock.adapters.github.hosts import parse_repository

    url = of.clone.remote(of.settings.repository.remote)
    there = parse_repository(url, alias=of.env.get("GH_HOST", "").strip())
    if not _is_gitea(of):
        return there
    if there.host.github:
        raise Misconfigured(
            f"{there.host.name} is GitHub, and cdock.toml says that it is Gitea",
            tried=f"looking at the remote {of.settings.repository.remote!r}",
            fix="name another remote in cdock.toml ([repository] remote = …), or take out [repository] forge",
        )
    return replace(there, host=replace(there.host, rest=f"{there.host.web}/api/v1"))


def _is_gitea(of: Site) -> bool:
    return of.settings.repository.forge == "gitea"


def credential(of: Site) -> "Credential":
    """What the clone's forge is asked with.

    Raises:
        Misconfigured: a file that is named cannot be read, or does not hold what it should.
        NotPermitted: there is none.
    """
    from cdock.adapters.github.credentials import Named, credential_for

    if _is_gitea(of):
        return _gitea_credential(of)
    remote, table = repository(of), of.settings.github

    def named(variable: str, setting: str) -> Path | None:
        if given := of.env.get(variable):
            return Path(given).expanduser()
        return of.clone.root / Path(setting).expanduser() if setting else None

    return credential_for(
        remote,
        named=Named(
            token_file=named("CDOCK_TOKEN_FILE", table.token_file),
            app_id=of.env.get("CDOCK_APP_ID") or table.app_id,
            installation=table.installation_id,
            key_file=named("CDOCK_APP_KEY_FILE", table.key_file),
        ),
        kept=token_file(of.env, remote.host.name) if remote.host.loopback else None,
        env=of.env,
        run_gh=partial(_run_gh, env=of.env),
    )


def _gitea_credential(of: Site) -> "Credential":
    """The token that was set for cdock; what is there for `gh` is meant for GitHub and never sent elsewhere."""
    from cdock.adapters.github.tokens import token_for

    host, setting = repository(of).host, of.settings.github.token_file
    file = of.env.get("CDOCK_TOKEN_FILE") or (setting and str(of.clone.root / Path(setting).expanduser()))
    own = {"CDOCK_TOKEN": of.env.get("CDOCK_TOKEN", "")}
    try:
        return token_for(
            host, env=own, token_file=Path(file).expanduser() if file else None, run_gh=lambda _: ""
        )
    except NotPermitted as error:
        raise NotPermitted(
            f"no token for {host.name} was found",
            tried="looked at CDOCK_TOKEN_FILE, [github] token_file and CDOCK_TOKEN",
            fix=f"Make one at {host.web}/user/settings/applications, and set CDOCK_TOKEN.",
        ) from error


def token_file(env: Mapping[str, str], host: str) -> Path:
    """Where the token for an embedded forge is kept: readable for this user alone."""
    return home(env) / "tokens" / host.replace(":", "_")


def lock_directory(env: Mapping[str, str], remote: "Repository") -> Path:
    """Where the processes of this person keep the locks of a repository's issues, whatever their clones."""
    # GitHub takes names of any case for the same repository.
    return home(env) / "locks" / remote.host.name.replace(":", "_") / remote.full_name.casefold()


def _run_gh(command: Sequence[str], *, env: Mapping[str, str]) -> str:
    if not shutil.which(command[0], path=env.get("PATH")):
        return ""
    try:
        done = subprocess.run(
            list(command),
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=GH_LIMIT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def account(of: Site) -> "Account | GiteaAccount":
    """The account on the clone's forge, to be looked at. Raises as `credential` does."""
    remote, by = repository(of), credential(of)
    if _is_gitea(of):
        from cdock.adapters.gitea.account import GiteaAccount

        return GiteaAccount(
            remote.host.web, remote.full_name, token=by.token, account=by.account, source=by.source
        )
    from cdock.adapters.github.account import Account

    return Account(remote, credential=by)


def forge(of: Site, *, by: "Credential | None" = None) -> "GitHubForge | GiteaForge":
    """The forge of the clone's remote, asked `by` a credential that was found before, or by a new one."""
    if _is_gitea(of):
        from cdock.adapters.gitea.forge import GiteaForge

        remote, by = repository(of), by or credential(of)
        return GiteaForge(
            remote.host.web,
            remote.full_name,
            token=by.token,
            account=by.account,
            trusted=of.settings.trust.bots,
        )
    from cdock.adapters.github.gate import Budget
    from cdock.adapters.github.rest import GitHubForge
    from cdock.adapters.github.writers import WRITING

    remote = repository(of)
    # The embedded forge has no limits that anybody has to keep to.
    budget = None if remote.host.loopback else Budget.of_hour(of.settings.github.writes_per_hour)
    trust = of.settings.trust
    roles = (*WRITING, "triage") if trust.triage else WRITING
    return GitHubForge(remote, token=by or credential(of), budget=budget, trusted=trust.bots, roles=roles)


def runner(of: Site) -> "Runner":
    """Where this clone's agents run.

    Raises:
        Missing: the engine does not answer.
    """
    table = of.settings.runner
    state = of.clone.state
    if table.kind == "local":
        from cdock.adapters.docker.modelproxy import KEYS
        from cdock.adapters.local.runner import LocalRunner

        # What an agent's own provider needs: a plain process has nobody else to give it to it.
        allow = (*KEYS, "ANTHROPIC_BASE_URL", "IS_SANDBOX", *table.pass_env)
        return LocalRunner(state, environment=of.env, allow=allow)
    from cdock.adapters.docker.runner import DockerRunner
    from cdock.adapters.docker.walls import Limits

    engine = engine_of(of.env)
    limits = Limits(memory=table.memory_bytes, cpus=table.cpus, processes=table.pids)
    return DockerRunner(
        engine=engine,
        instance=of.poller,
        image=agent_image(engine, wanted=table.image),
        limits=limits,
        model=_model(of),
    )


def engine_of(env: Mapping[str, str]) -> "Engine":
    """The Docker Engine of this environment."""
    from cdock.adapters.docker.engine import Engine

    return Engine(env)


def agent_image(engine: "Engine", *, wanted: str = "") -> str:
    """The image agents run in: the one that is wanted, else the newest one that was built here.

    Raises:
        Missing: the engine does not answer, or has no such image.
    """
    from cdock.adapters.docker.image import find, images

    there = find(wanted, engine=engine) if wanted else next(iter(images(engine=engine)), None)
    if there is None:
        raise Missing(
            f"the engine has no image {wanted}" if wanted else "the agent image is not built yet",
            code="CD432",
            tried=f"looking for it on {engine.address}",
            fix="cdock image build",
        )
    return there.tag


def _model(of: Site) -> "ModelProxy | None":
    """The way from containers to the agent's provider; the key stays with us."""
    from cdock.adapters.docker.modelproxy import ModelProxy
    from cdock.adapters.docker.sockets import socket_directory

    if of.settings.agent.default != "claude":
        return None
    folder = socket_directory(of.env, instance=of.poller)
    return ModelProxy(
        socket=folder / "model" / "llm.sock",
        upstream=of.env.get("ANTHROPIC_BASE_URL", PROVIDER),
        environment=of.env,
    )


def require_credential(of: Site) -> str:
    """The variable with the agent's credential; empty for agents that need none.

    Raises:
        NotPermitted: there is none, or the agent would refuse to run as this user.
    """
    from cdock.adapters.docker.modelproxy import KEYS

    if of.settings.agent.default != "claude":
        return ""
    found = next((name for name in KEYS if of.env.get(name)), "")
    if not found:
        raise NotPermitted(
            "claude has no credential",
            code="CD421",
            tried=f"looking at {', '.join(KEYS)}",
            fix="set one of them, for instance CLAUDE_CODE_OAUTH_TOKEN from `claude setup-token`",
        )
    if of.settings.runner.kind == "local" and os.geteuid() == 0 and not of.env.get("IS_SANDBOX"):
        raise NotPermitted(
            "claude refuses to work without asking as root",
            code="CD422",
            tried="looking at the user who would run it",
            fix="run cdock as another user, or in containers; in a throw-away machine set IS_SANDBOX=1",
        )
    return found


@dataclass(frozen=True)
class PostOffice:
    """What delivers the words of people without a poller; see `cdock.reconciler.delivering.Post`."""

    forge: "Forge"
    outbox: "Outbox"
    clock: "Clock"
    policy: "Policy"


def post(of: Site) -> PostOffice:
    """The part of a house that delivers what people said.

    Raises:
        Refused: something a person has to mend first, such as a token that is not there.
    """
    from cdock.adapters.system import SystemClock

    return PostOffice(forge=forge(of), outbox=of.outbox, clock=SystemClock(), policy=of.settings.policy())


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
    from cdock.adapters.agents import KINDS, agent
    from cdock.adapters.files.locks import FileLocks
    from cdock.adapters.files.mirror import FileMirror
    from cdock.adapters.git.claims import GitClaims
    from cdock.adapters.git.place import Place
    from cdock.adapters.git.worktrees import GitWorkspaces
    from cdock.adapters.prompts import TemplatePrompts
    from cdock.adapters.system import RandomIds, SystemClock
    from cdock.reconciler.house import House

    settings = of.settings
    if max_parallel is not None:
        poll = settings.poll.model_copy(update={"max_parallel": max_parallel})
        settings = settings.model_copy(update={"poll": poll})
    policy = settings.policy()
    require_credential(of)
    tables = _agent_settings(of)
    remote, by = repository(of), credential(of)
    place = Place(of.clone.state)
    return House(
        forge=forge(of, by=by),
        claims=GitClaims(
            place,
            url=remote.clone_url,
            token=by.token,
            policy=policy,
            namespace=settings.claims.namespace,
        ),
        workspaces=GitWorkspaces(place, url=remote.clone_url, token=by.token),
        runner=runner(of),
        agents={
            name: agent(name, settings=tables.get(name, {}))
            for name in {*KINDS, policy.agent}
            if name == policy.agent or name != "command" or tables["command"]
        },
        logs=of.logs,
        mirror=FileMirror(of.clone.state / "state.json"),
        outbox=of.outbox,
        locks=FileLocks(lock_directory(of.env, remote)),
        wishes=of.wishes,
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


def _lasting(by: "Credential") -> frozenset[str]:
    """The token to be kept out of texts. An App's change every hour, and are known by their shape alone."""
    from cdock.adapters.github.tokens import Token

    return frozenset({by.value}) if isinstance(by, Token) else frozenset()


def _agent_settings(of: Site) -> dict[str, dict[str, str]]:
    """The agents' tables as strings; a script is read here, because agents' adapters do no I/O."""
    import json

    tables: dict[str, dict[str, str]] = {}
    for name in ("claude", "command", "scripted"):
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
