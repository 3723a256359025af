"""The contract, loaded once."""

from __future__ import annotations

import pytest

from .contract import Contract, load_contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    """GitHub's contract with the waivers kept here."""
    return load_contract()
