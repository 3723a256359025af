"""Finding out where a forge can hold claims: forges that refuse, that do not compare, that forget."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdock.adapters.git.claims import FALLBACK, NAMESPACE, GitClaims
from cdock.adapters.git.place import Place
from cdock.core.errors import NotPermitted, Refused, Unavailable
from tests import git_repos
from tests.contract.claims_contract import claim_of
from tests.forge_server import ForgeServer


@pytest.fixture
def forge(tmp_path: Path) -> Path:
    return git_repos.bare(tmp_path / "forge.git")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeServer]:
    with ForgeServer(tmp_path_factory.mktemp("forge")) as running:
        yield running


def claims_at(root: Path, url: str, *, token: str = "", namespace: str = NAMESPACE) -> GitClaims:
    return GitClaims(Place(root / "here"), url=url, token=token, namespace=namespace)


def refs(forge: Path) -> set[str]:
    return set(git_repos.git(forge, "for-each-ref", "--format=%(refname)").split())


def update_hook(forge: Path, text: str) -> None:
    """What the forge does before it moves the ref `$1` from `$2` to `$3`."""
    path = forge / "hooks" / "update"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_forge_that_takes_any_ref_holds_claims_out_of_sight(tmp_path: Path, forge: Path) -> None:
    before = refs(forge)
    assert claims_at(tmp_path, f"file://{forge}").probe() == NAMESPACE
    assert refs(forge) == before


def test_the_embedded_forge_does(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/probed")
    token = str(server.admin("token", "maria")["token"])
    url = f"{server.url}/maria/probed.git"
    assert claims_at(tmp_path, url, token=token).probe() == NAMESPACE
    person_url = url.replace("http://", f"http://maria:{token}@")
    assert git_repos.git(tmp_path, "ls-remote", person_url) == ""


def test_a_forge_that_takes_branches_only_holds_them_as_branches(tmp_path: Path, forge: Path) -> None:
    before = refs(forge)
    update_hook(forge, 'case "$1" in refs/heads/*) exit 0;; *) exit 1;; esac')
    assert claims_at(tmp_path, f"file://{forge}").probe() == FALLBACK
    assert refs(forge) == before


def test_claims_work_as_branches(tmp_path: Path, forge: Path) -> None:
    claims = claims_at(tmp_path, f"file://{forge}", namespace=FALLBACK)
    assert claims.probe() == FALLBACK
    oid = claims.swap(42, expected="", claim=claim_of())
    assert [claim.oid for claim in claims.list()] == [oid]
    assert git_repos.git(forge, "rev-parse", "cdock-claims/42") == oid


def test_a_namespace_of_ones_own_comes_first(tmp_path: Path, forge: Path) -> None:
    own = "refs/team/claims"
    assert claims_at(tmp_path, f"file://{forge}", namespace=own).probe() == own


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("exit 1", "does not take such refs"),
        ('[ "$2" = 0000000000000000000000000000000000000000 ]', "does not move such refs"),
        ('[ "$3" != 0000000000000000000000000000000000000000 ]', "does not delete such refs"),
    ],
)
def test_a_forge_that_cannot_hold_them_is_named_with_the_reason(
    tmp_path: Path, forge: Path, behaviour: str, said: str
) -> None:
    update_hook(forge, behaviour)
    with pytest.raises(Refused, match=said) as caught:
        claims_at(tmp_path, f"file://{forge}").probe()
    assert caught.value.code == "CD454"
    assert NAMESPACE in caught.value.fix


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that forgets what it was to compare: every push forces, as one to a forge that does not compare would."""
    real = next(Path(f) / "git" for f in os.environ["PATH"].split(":") if (Path(f) / "git").exists())
    spy = tmp_path / "bin/git"
    spy.parent.mkdir()
    spy.write_text(
        '#!/bin/sh\nfor word in "$@"; do shift; case "$word" in --force-with-lease=*) word=--force;; esac; '
        f'set -- "$@" "$word"; done\nexec {real} "$@"\n'
    )
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("careless")
def test_a_forge_that_does_not_compare_is_found_out(tmp_path: Path, forge: Path) -> None:
    before = refs(forge)
    with pytest.raises(Refused, match="without comparing"):
        claims_at(tmp_path, f"file://{forge}").probe()
    assert refs(forge) == before


def test_who_may_not_push_learns_that_and_nothing_else(tmp_path: Path, server: ForgeServer) -> None:
    server.admin("repo", "maria/readonly")
    token = str(server.admin("token", "sam")["token"])
    with pytest.raises(NotPermitted):
        claims_at(tmp_path, f"{server.url}/maria/readonly.git", token=token).probe()


def test_without_the_forge_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        claims_at(tmp_path, f"file://{tmp_path}/nowhere.git").probe()
