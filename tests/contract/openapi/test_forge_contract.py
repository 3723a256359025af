"""The embedded forge keeps GitHub's contract on every operation that is listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.forge_server import ForgeServer

from .contract import Contract
from .ground import People, make_ground
from .proxy import Proxy, checked_proxy
from .refresh import OPERATIONS
from .stories import STORIES

Told = Callable[[str], Proxy]


def operations() -> set[str]:
    """Every listed operation."""
    lines = OPERATIONS.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.fixture(scope="module")
def told(
    forge: ForgeServer, people: People, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    """Tell a story through a proxy of its own, once per run, and give what the proxy saw."""
    seen: dict[str, Proxy] = {}

    def tell(name: str) -> Proxy:
        if name not in seen:
            with checked_proxy(forge.url, contract) as proxy:
                slug = name.replace(" ", "-")
                ground = make_ground(
                    forge, people, tmp_path_factory.mktemp(slug), name=slug, url=f"{proxy.url}/api/v3"
                )
                seen[name] = proxy  # also when the story fails, so that it is told once
                STORIES[name](ground)
        return seen[name]

    return tell


@pytest.mark.parametrize("name", STORIES)
def test_the_forge_keeps_the_contract(told: Told, name: str) -> None:
    violations = told(name).violations
    assert not violations, "\n".join(map(str, violations))


def test_every_operation_is_driven(told: Told) -> None:
    assert {operation for name in STORIES for operation in told(name).operations} >= operations()


def test_every_waiver_is_still_needed(told: Told, contract: Contract) -> None:
    for name in STORIES:
        told(name)
    assert [waiver for waiver in contract.waivers if waiver not in contract.used] == []
