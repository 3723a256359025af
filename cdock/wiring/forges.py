"""The forge of a clone: which repository it is, and with what it is asked."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cdock.core.errors import Misconfigured, NotPermitted
from cdock.settings import home
from cdock.wiring.site import Site

if TYPE_CHECKING:
    from cdock.adapters.gitea.account import GiteaAccount
    from cdock.adapters.gitea.forge import GiteaForge
    from cdock.adapters.github.account import Account
    from cdock.adapters.github.gate import Budget
    from cdock.adapters.github.hosts import Repository
    from cdock.adapters.github.projects import GitHubBoard
    from cdock.adapters.github.rest import GitHubForge
    from cdock.adapters.github.tokens import Credential

GH_LIMIT = 15.0
"""Seconds for `gh auth token`."""


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
    from cdock.adapters.github.rest import GitHubForge
    from cdock.adapters.github.writers import WRITING

    remote, budget = repository(of), _budget(of)
    trust = of.settings.trust
    roles = (*WRITING, "triage") if trust.triage else WRITING
    return GitHubForge(remote, token=by or credential(of), budget=budget, trusted=trust.bots, roles=roles)


def board(of: Site, *, by: "Credential | None" = None) -> "GitHubBoard | None":
    """Where plans are shown beside; None where the forge has no boards, or none is wanted."""
    if _is_gitea(of) or not of.settings.plan.board:
        return None
    from cdock.adapters.github.projects import GitHubBoard

    return GitHubBoard(repository(of), token=by or credential(of), budget=_budget(of))


def _budget(of: Site) -> "Budget | None":
    """What may be written; the embedded forge has no limits that anybody has to keep to."""
    from cdock.adapters.github.gate import Budget

    return None if repository(of).host.loopback else Budget.of_hour(of.settings.github.writes_per_hour)
