"""A forge with a repository and people in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdock.forge.domain import repos, roles, users
from cdock.forge.domain.roles import Role
from cdock.forge.store import Store
from tests.forge.web.visiting import Site, serving


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A forge with ada (owner), bot (may write), tess (triage) and eve (a stranger), and ada's public repository."""
    with Store(tmp_path / "forge") as store:
        with store.write() as tx:
            ada, bot, tess, _ = (users.ensure(tx, login) for login in ("ada", "bot", "tess", "eve"))
            repo = repos.create(tx, "tools", owner=ada, description="Some tools")
            roles.set_role(tx, repo, bot, Role.WRITE)
            roles.set_role(tx, repo, tess, Role.TRIAGE)
        with serving(store) as url:
            made = Site(store=store, url=url, repo=repo)
            yield made
            made.close()
