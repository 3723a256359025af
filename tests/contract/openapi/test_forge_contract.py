"""The embedded forge keeps GitHub's contract on every operation it has, and announces the ones it has not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.forge_server import ForgeServer

from .contract import Contract
from .ground import Ground, People, make_ground
from .proxy import Proxy, checked_proxy
from .refresh import OPERATIONS
from .stories import STORIES

# Listed for later steps. The forge must say so itself, in a header; once it has one of them, the test for that
# fails and the operation moves into a story.
LATER_GROUPS = ("hooks",)
Told = Callable[[str], Proxy]


def operations() -> dict[str, str]:
    """Every listed operation and its group."""
    group, found = "", {}
    for line in OPERATIONS.read_text().splitlines():
        if line.startswith("# "):
            group = line.removeprefix("# ")
        elif line:
            found[line] = group
    return found


def later() -> list[str]:
    return [name for name, group in operations().items() if group in LATER_GROUPS]


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


def test_every_operation_is_driven_or_announced_as_missing(told: Told) -> None:
    driven = {operation for name in STORIES for operation in told(name).operations}
    assert set(operations()) - driven == set(later())


def test_every_waiver_is_still_needed(told: Told, contract: Contract) -> None:
    for name in STORIES:
        told(name)
    assert [waiver for waiver in contract.waivers if waiver not in contract.used] == []


@pytest.fixture(scope="module")
def ground(forge: ForgeServer, people: People, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return make_ground(forge, people, tmp_path_factory.mktemp("later"), name="later", url=forge.url)


@pytest.mark.parametrize("operation", later())
def test_an_operation_the_forge_lacks_is_loudly_missing(ground: Ground, operation: str) -> None:
    method, template = operation.split()
    path = re.sub(r"\{\w+\}", "1", template.replace("{owner}/{repo}", ground.name))
    answer = ground.owner.send(method, path)
    assert answer.status_code == 404
    assert answer.headers["X-Forge-Unimplemented"] == f"{method} {path}"
