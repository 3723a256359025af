"""A forge under controls for all tests of this folder, with nothing turned on when a test begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forge.ground import Ground, People, new_ground
from tests.forge_server import ForgeServer


@pytest.fixture(scope="session")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    """A running forge that lets tests meddle."""
    server = ForgeServer(tmp_path_factory.mktemp("controlled"))
    server.start("--test-controls")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def their_tokens(controlled: ForgeServer) -> People:
    """Tokens of the people on it."""
    logins = ("Olivia", "wendy", "tina", "sam")
    return People(*(str(controlled.admin("token", login)["token"]) for login in logins))


@pytest.fixture
def ground(controlled: ForgeServer, their_tokens: People) -> Iterator[Ground]:
    """A new public repository on it."""
    controlled.clear_faults()
    controlled.clock(reset=True)
    controlled.limits("off")
    yield new_ground(controlled, their_tokens)
    controlled.clear_faults()
    controlled.clock(reset=True)
