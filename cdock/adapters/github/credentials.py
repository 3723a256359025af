"""What cdock proves itself with: chosen among what was named for it, what is configured, and what `gh` has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdock.adapters.github.hosts import Repository
from cdock.adapters.github.tokens import Credential, GhRunner, token_for
from cdock.core.errors import Misconfigured


@dataclass(frozen=True)
class Named:
    """What settings and environment name: a file with a token, or an App by id, installation and key file."""

    token_file: Path | None = None
    app_id: str = ""
    installation: int = 0
    key_file: Path | None = None


def credential_for(
    repository: Repository,
    *,
    named: Named,
    kept: Path | None,
    env: Mapping[str, str],
    run_gh: GhRunner,
) -> Credential:
    """The first of: the named file, `CDOCK_TOKEN`, the named App, the `kept` file, gh's variables, gh's own store.

    `kept` is where the token of an embedded forge lies; it need not be there.

    Raises:
        Misconfigured: a file cannot be read or does not hold what it should, or an App is named by half.
        NotPermitted: there is nothing.
    """
    explicit = bool(env.get("CDOCK_TOKEN", "").strip())
    if named.token_file is None and not explicit and (named.app_id or named.key_file):
        return _installation(repository, named)
    file = named.token_file
    if file is None and not explicit and kept and kept.is_file():
        file = kept
    return token_for(repository.host, env=env, token_file=file, run_gh=run_gh)


def _installation(repository: Repository, named: Named) -> Credential:
    from cdock.adapters.github.apps import App, Installation

    if not named.app_id or named.key_file is None:
        lacking = "key_file" if named.app_id else "app_id"
        raise Misconfigured(
            f"a GitHub App needs its id and its key, and {lacking} is not set",
            tried=f"find a token for {repository.host.name}",
            fix=f"Set [github] {lacking}, or CDOCK_{'APP_KEY_FILE' if named.app_id else 'APP_ID'}.",
        )
    try:
        key = named.key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"the App's key file {named.key_file} cannot be read ({type(error).__name__})",
            tried=f"find a token for {repository.host.name}",
            fix="Check the path and its permissions.",
        ) from error
    return Installation(repository, app=App(named.app_id, key, named.installation))
