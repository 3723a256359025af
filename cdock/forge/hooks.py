"""What was pushed by git, taken from the spool that the hook fills (see `domain.gitdir.HOOK`)."""

from __future__ import annotations

import logging
from pathlib import Path

from cdock.forge.domain import gitdir, pushes, repos, users
from cdock.forge.domain.refs import RefUpdate
from cdock.forge.store import Store

log = logging.getLogger(__name__)


def drain(store: Store, repo_id: int) -> None:
    """Work through everything pushed to a repository and not yet seen.

    A push is taken off the spool after its consequences are stored, so after a crash it is looked at once more.
    """
    with store.read() as tx:
        spool = repos.by_id(tx, repo_id).git_dir / gitdir.SPOOL
    if not any(_waiting(spool)):
        return
    with store.write() as tx:
        repo = repos.by_id(tx, repo_id)
        # Looked at again: another request may have worked through them while this one waited.
        files = list(_waiting(spool))
        for file in files:
            login, updates = _read(file)
            log.info("push to %s by %s: %d refs", repo.full_name, login, len(updates))
            pushes.apply(tx, repo, updates, actor=users.find(tx, login))
            repo = repos.by_id(tx, repo_id)
    for file in files:
        file.unlink(missing_ok=True)


def start(store: Store) -> None:
    """Bring all repositories up to date when the server starts: settings, packing, and pushes left by a crash."""
    with store.read() as tx:
        found = repos.list_all(tx)
    for repo in found:
        gitdir.configure(repo.git_dir)
        gitdir.tidy(repo.git_dir)
        drain(store, repo.id)


def _waiting(spool: Path) -> list[Path]:
    """Pushes in the order in which they were finished; what begins with a dot is being written."""
    return sorted(file for file in spool.glob("*") if not file.name.startswith("."))


def _read(file: Path) -> tuple[str, list[RefUpdate]]:
    login, *lines = file.read_text().splitlines()
    updates = []
    for line in lines:
        old, new, name = line.split(" ", 2)
        updates.append(RefUpdate(name, old, new))
    return login, updates
