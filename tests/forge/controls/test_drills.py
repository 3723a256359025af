"""The forge made wrong on purpose: for each behaviour that look-alikes get wrong, a check of ours has to notice.

Were there none, a green run would not mean that the forge is right there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.openapi import ground as contract_ground
from tests.contract.openapi.contract import Contract, load_contract
from tests.contract.openapi.proxy import checked_proxy
from tests.contract.openapi.stories import STORIES
from tests.forge import test_http as http
from tests.forge import test_issues_http as issues
from tests.forge import test_pulls_http as pulls
from tests.forge.ground import Ground, People, new_ground
from tests.forge_server import ForgeServer

Check = Callable[..., None]

CHECKED: dict[str, tuple[Check, dict[str, Any]]] = {
    "pulls are no issues": (pulls.test_a_pull_request_is_an_issue, {}),
    "issues have a null pull request": (issues.test_an_issue, {}),
    "labels are filtered with regard to case": (issues.test_lists_are_filtered, {}),
    "since is passed over": (issues.test_since_includes_its_own_second, {}),
    "issues have a last page": (http.test_pages_of_issues_are_walked_by_cursor, {}),
    "events are newest first": (issues.test_labels_on_an_issue, {}),
    "events have no label": (issues.test_labels_on_an_issue, {}),
    "reopening has no reason": (issues.test_reasons_for_a_state, {}),
    "duplicates are completed": (issues.test_reasons_for_a_state, {}),
    "no status is success": (pulls.test_statuses, {}),
    "mergeable is known at once to be false": (pulls.test_a_pull_request, {}),
    "making is answered 200": (issues.test_comments, {}),
    "assigning is answered 200": (issues.test_assignees, {}),
    "a reaction that is there is made again": (issues.test_reactions, {}),
    "private is forbidden": (http.test_private_is_not_there, {}),
    "a second merge is a conflict": (pulls.test_merging, {"method": "merge"}),
    "a wrong head is not allowed": (pulls.test_merging, {"method": "merge"}),
    "what cannot be moved forward is a conflict": (pulls.test_refs, {}),
    "a bad token is nobody": (
        http.test_a_bad_token_is_refused_even_for_public_things,
        {"header": "Bearer nonsense"},
    ),
    "write is called push": (issues.test_roles_in_both_vocabularies, {}),
    "a label that is not there is not found": (issues.test_labels_on_an_issue, {}),
    "a label that is there is invalid": (issues.test_labels_of_a_repository, {}),
    "lines end as in Unix": (issues.test_comments, {}),
    "times have fractions": (issues.test_an_issue, {}),
    "nothing is ever new": (http.test_etags, {}),
    "everything is always new": (http.test_modified_since, {}),
    "a move forgets the query": (http.test_a_renamed_repository_sends_on_with_the_query, {}),
}
"""What is wrong, the check that notices, and the check's own arguments."""

SCHEMA = {
    "a required key is missing": "'comments' is a required property",
    "a key is invented": "status",
    "making is answered 200": "200",
    "issues have a null pull request": "pull_request",
}
"""What is wrong, and what GitHub's published contract says to that."""


@pytest.fixture
def wrong(controlled: ForgeServer) -> Iterator[Callable[[str], None]]:
    """Turns one behaviour wrong until the test ends."""

    def turn(behaviour: str) -> None:
        controlled.faults([{"kind": "wrong", "args": {"behaviour": behaviour}}])

    yield turn
    controlled.clear_faults()


def run(check: Check, given: dict[str, Any], forge: ForgeServer, people: People, place: Path) -> None:
    """Run a test of another module as it would be run there, in a repository of its own."""
    ground = new_ground(forge, people)
    parts: dict[str, Callable[[], Any]] = {
        "ground": lambda: ground,
        "private_ground": lambda: new_ground(forge, people, private=True),
        "clone": lambda: ground.seeded(place),
        "forge": lambda: forge,
    }
    wanted = {name: parts[name]() for name in inspect.signature(check).parameters if name in parts}
    check(**wanted, **given)


@pytest.mark.parametrize("behaviour", CHECKED)
def test_a_check_notices(
    behaviour: str,
    wrong: Callable[[str], None],
    controlled: ForgeServer,
    their_tokens: People,
    ground: Ground,
    tmp_path: Path,
) -> None:
    check, given = CHECKED[behaviour]
    wrong(behaviour)
    # A check that finds less than it reads fails, too.
    with pytest.raises((AssertionError, KeyError)):
        run(check, given, controlled, their_tokens, tmp_path / "wrong")
    # It was this that was wrong, and nothing else.
    controlled.clear_faults()
    run(check, given, controlled, their_tokens, tmp_path / "right")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract()


@pytest.mark.parametrize("behaviour", [None, *SCHEMA])
def test_the_published_contract_notices(
    behaviour: str | None,
    wrong: Callable[[str], None],
    controlled: ForgeServer,
    ground: Ground,
    contract: Contract,
    tmp_path: Path,
) -> None:
    people = contract_ground.make_people(controlled)
    name = f"drill-{list(SCHEMA).index(behaviour) if behaviour else 'right'}"
    with checked_proxy(controlled.url, contract) as proxy:
        place = contract_ground.make_ground(
            controlled, people, tmp_path, name=name, url=f"{proxy.url}/api/v3"
        )
        if behaviour is None:
            STORIES["issues"](place)
            assert proxy.violations == []
            return
        wrong(behaviour)
        number = place.owner.send("POST", f"{place.repo}/issues", {"title": "x"}).json()["number"]
        place.owner.send("GET", f"{place.repo}/issues/{number}")
    assert any(SCHEMA[behaviour] in str(violation) for violation in proxy.violations), proxy.violations


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"kind": "secondary"}, 403),
        ({"kind": "secondary", "args": {"status": 429}}, 429),
        ({"kind": "primary"}, 403),
        ({"kind": "auth"}, 401),
        ({"kind": "auth", "args": {"variant": "forbidden"}}, 403),
        ({"kind": "moved"}, 301),
        ({"kind": "gone"}, 410),
        ({"kind": "fresh_404"}, 404),
        ({"kind": "status", "args": {"status": 503}}, 503),
    ],
)
def test_faults_look_like_github(
    rule: dict[str, Any],
    status: int,
    controlled: ForgeServer,
    ground: Ground,
    contract: Contract,
) -> None:
    """What a fault says has the form that GitHub publishes; some statuses of limits GitHub sends and does not list."""
    number = ground.owner.issue()
    controlled.faults([rule])
    with checked_proxy(controlled.url, contract) as proxy:
        api = contract_ground.Api(f"{proxy.url}/api/v3", ground.people.owner)
        assert api.send("GET", f"/repos/{ground.name}/issues/{number}").status_code == status
    found = {(violation.rule, violation.where) for violation in proxy.violations}
    assert found <= {("unpublished-status", str(status))}


def test_every_behaviour_is_drilled(controlled: ForgeServer) -> None:
    with pytest.raises(RuntimeError) as refused:
        controlled.faults([{"kind": "wrong", "args": {"behaviour": "?"}}])
    known = str(refused.value).partition("must be one of ")[2].partition('"')[0].split(", ")
    assert sorted(known) == sorted({*CHECKED, *SCHEMA})
