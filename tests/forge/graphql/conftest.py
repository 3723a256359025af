"""gh for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forge.graphql.asking import Gh
from tests.forge.ground import Ground


@pytest.fixture
def gh(ground: Ground, tmp_path: Path) -> Gh:
    """gh as the owner of a new repository."""
    home = tmp_path / "home"
    home.mkdir()
    return Gh(ground, home, ground.people.owner)
