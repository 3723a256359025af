"""One running forge for all tests of this folder; each test makes its own repository."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forge.ground import Ground, People, new_ground
from tests.forge_server import ForgeServer


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    """A running forge."""
    with ForgeServer(tmp_path_factory.mktemp("forge")) as server:
        yield server


@pytest.fixture(scope="session")
def people(forge: ForgeServer) -> People:
    """Tokens of Olivia (owner), wendy (write), tina (triage) and sam (no role)."""
    return People(
        *(str(forge.admin("token", login)["token"]) for login in ("Olivia", "wendy", "tina", "sam"))
    )


@pytest.fixture
def ground(forge: ForgeServer, people: People) -> Ground:
    """A new public repository."""
    return new_ground(forge, people)


@pytest.fixture
def private_ground(forge: ForgeServer, people: People) -> Ground:
    """A new private repository."""
    return new_ground(forge, people, private=True)
