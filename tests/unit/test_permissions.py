"""What is thought of a token's rights, from what the host showed."""

from __future__ import annotations

import pytest

from cdock.adapters.github.hosts import host_of
from cdock.adapters.github.permissions import (
    FEATURES,
    Feature,
    Has,
    Kind,
    Right,
    Seen,
    Tried,
    right_of,
    where_to_give,
)

ROLES = ("pull", "triage", "push", "maintain", "admin")
CLASSIC = Seen(kind=Kind.CLASSIC, public=False, scopes={"repo"}, roles=ROLES)
FINE = Seen(kind=Kind.FINE, public=False, roles=ROLES)


def feature(name: str) -> Feature:
    return next(f for f in FEATURES if name in f.name)


def judge(name: str, seen: Seen, tried: Tried | None = None) -> Right:
    return right_of(feature(name), seen, tried or Tried())


@pytest.mark.parametrize(
    ("scopes", "public", "name", "has"),
    [
        ({"repo"}, False, "labels", Has.HAVE),
        ({"public_repo"}, True, "labels", Has.HAVE),
        ({"public_repo"}, False, "labels", Has.LACKS),
        ((), True, "pull requests", Has.LACKS),
        ({"repo"}, False, "workflow", Has.LACKS),
        ({"workflow"}, False, "workflow", Has.HAVE),
        ({"repo"}, False, "boards", Has.LACKS),
        ({"project"}, False, "boards", Has.HAVE),
        ({"admin:repo_hook"}, False, "webhooks", Has.HAVE),
        ({"repo:status"}, False, "statuses", Has.HAVE),
    ],
)
def test_a_classic_token_is_judged_by_its_scopes(scopes: set[str], public: bool, name: str, has: Has) -> None:
    found = judge(name, Seen(kind=Kind.CLASSIC, public=public, scopes=scopes, roles=ROLES))
    assert found.has is has
    assert found.needs.startswith("the scope ")


@pytest.mark.parametrize(
    ("given", "has"),
    [(None, Has.LACKS), ("read", Has.LACKS), ("write", Has.HAVE), ("admin", Has.HAVE), ("odd", Has.LACKS)],
)
def test_an_app_is_judged_by_what_it_was_given(given: str | None, has: Has) -> None:
    permissions = {"contents": given} if given else {}
    found = judge("push", Seen(kind=Kind.APP, public=True, permissions=permissions))
    assert (found.has, found.needs) == (has, "Contents: write")


def test_a_fine_grained_token_is_judged_by_trying_what_is_harmless() -> None:
    assert judge("push", FINE, Tried(answered=True)).has is Has.HAVE
    assert judge("read issues", FINE, Tried(answered=True)).has is Has.HAVE
    assert judge("pull requests", FINE, Tried(answered=True)).has is Has.UNKNOWN
    assert judge("labels", FINE).has is Has.UNKNOWN
    assert judge("check runs", FINE, Tried(answered=False, said="no")) == Right(
        feature("check runs"), Has.LACKS, "Checks: read", "no"
    )
    assert judge("check runs", FINE, Tried(said="no commits")).has is Has.UNKNOWN


def test_a_refusal_counts_more_than_papers() -> None:
    for seen in (CLASSIC, Seen(kind=Kind.APP, public=True, permissions={"issues": "write"})):
        assert judge("read issues", seen, Tried(answered=False, said="gone")).has is Has.LACKS


def test_no_token_gives_more_than_its_user_has() -> None:
    reader = Seen(kind=Kind.CLASSIC, public=True, scopes={"repo", "workflow"}, roles=("pull",))
    assert judge("read issues", reader).has is Has.HAVE
    for name in ("labels", "push", "pull requests", "webhooks", "workflow"):
        found = judge(name, reader)
        assert (found.has, found.by_role) == (Has.LACKS, True)


def test_an_app_needs_no_role() -> None:
    app = Seen(kind=Kind.APP, public=True, permissions={"contents": "write"}, roles=None)
    assert judge("push", app).has is Has.HAVE


def test_what_the_loop_cannot_do_without_is_required() -> None:
    assert {f.area for f in FEATURES if f.required} == {"issues", "metadata", "contents", "pull_requests"}


def test_a_person_is_sent_to_the_right_page() -> None:
    github, own = host_of("github.com"), host_of("git.example.org")
    assert "https://github.com/settings/tokens" in where_to_give(Kind.CLASSIC, github)
    assert "https://git.example.org/settings/personal-access-tokens" in where_to_give(Kind.FINE, own)
    assert "App's page" in where_to_give(Kind.APP, github)
