"""A double for each test, for modules that import these fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.gitea.double import Double, serving
from tests.contract.gitea.hub import fresh_site
from tests.git_repos import bare


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository to be copied."""
    return bare(tmp_path_factory.mktemp("gitea") / "template.git")


@pytest.fixture
def double(tmp_path: Path, template: Path) -> Iterator[Double]:
    """A server of its own; the test fails on what the interface does not know, whoever sent it."""
    with serving(fresh_site(tmp_path, template=template)) as double:
        yield double
        assert double.violations == []
