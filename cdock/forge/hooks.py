"""What was pushed by git, taken from the spool that the hook fills (see `domain.gitdir.HOOK`)."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from cdock.forge.domain import gitdir, pushes, repos, users
from cdock.forge.domain.refs import RefUpdate
from cdock.forge.domain.repos import Repo
from cdock.forge.store import Store, Tx

log = logging.getLogger(__name__)


# One at a time: what one takes off the spool, another may just be about to read.
_turn: Final = threading.Lock()


def drain(store: Store, repo_id: int) -> None:
    """Work through everything pushed to a repository and not yet seen.

    A push is taken off the spool after its consequences are stored, so after a crash it is looked at once more. One
    that cannot be worked through is put aside and logged: the refs have moved, and later pushes must not wait for it.
    """
    with _turn:
        with store.read() as tx:
            spool = repos.by_id(tx, repo_id).git_dir / gitdir.SPOOL
        for file in _waiting(spool):
            try:
                with store.write() as tx:
                    _apply(tx, repos.by_id(tx, repo_id), file)
            except Exception:
                log.exception("what follows from the push in %s could not be stored", file)
                file.rename(file.with_name(f".failed-{file.name}"))
            else:
                file.unlink()


def _apply(tx: Tx, repo: Repo, file: Path) -> None:
    login, updates = _read(file)
    # Who pushes past the server, by path, has no name here and owns the machine.
    actor = users.find(tx, login) if login else repo.owner
    log.info("push to %s by %s: %d refs", repo.full_name, actor.login, len(updates))
    pushes.apply(tx, repo, updates, actor=actor)


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
