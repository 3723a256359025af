"""A workshop per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    place = Workshop(tmp_path)
    yield place
    place.close()
