"""The contract, loaded once, and one embedded forge for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forge_server import ForgeServer

from .contract import Contract, load_contract
from .ground import People, make_people


@pytest.fixture(scope="session")
def contract() -> Contract:
    """GitHub's contract with the waivers kept here."""
    return load_contract()


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    """A running forge with nothing in it; each test makes its own repository."""
    with ForgeServer(tmp_path_factory.mktemp("forge")) as server:
        yield server


@pytest.fixture(scope="session")
def people(forge: ForgeServer) -> People:
    """The tokens of the people on the forge."""
    return make_people(forge)
