"""The whole loop on Gitea's double, as `cdock.toml` chooses it: from a label to a merge, with a question between."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cdock.adapters.git.clone import find_clone
from cdock.adapters.gitea.account import GiteaAccount
from cdock.adapters.gitea.forge import GiteaForge
from cdock.core.errors import Misconfigured, NotPermitted
from cdock.reconciler.house import House
from cdock.reconciler.loop import tick
from cdock.settings import load_settings
from cdock.wiring import Site, account, build, credential, forge, repository
from tests.acceptance.workshop import scripted
from tests.contract.forge_contract import ASKS, READY
from tests.contract.gitea.double import Double
from tests.contract.gitea.fixtures import double, template
from tests.contract.gitea.hub import BOT, STRANGER, TOKEN, WRITER, GiteaHub
from tests.git_repos import git, write

__all__ = ["double", "template"]

LIMIT = 60.0
WORK = [{"run": "echo done > work.txt"}, {"commit": "Do it"}, {"say": "done"}]
SCRIPT = {
    "tasks": {"ask": {"attempts": [[{"ask": "Which port?"}]], "answered": WORK}, "*": {"attempts": [WORK]}}
}


@pytest.fixture
def hub(double: Double) -> Iterator[GiteaHub]:
    hub = GiteaHub(double)
    yield hub
    hub.forge.close()


@pytest.fixture
def site(hub: GiteaHub, tmp_path: Path) -> Site:
    """A clone whose remote is the double, with the settings of somebody who uses Gitea."""
    files = scripted({}, more='[repository]\nforge = "gitea"\n')
    write(hub.site.bare, {**files, "script.json": json.dumps(SCRIPT)})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(hub.site.bare), str(clone))
    git(clone, "remote", "set-url", "origin", f"{hub.site.url}/{hub.site.full_name}.git")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CDOCK_HOME": str(tmp_path / "home"),
        "CDOCK_TOKEN": TOKEN,
        "GH_ENTERPRISE_TOKEN": "theirs",
    }
    return Site(clone=find_clone(clone), settings=load_settings(clone), env=env)


def with_env(site: Site, changes: Mapping[str, str]) -> Site:
    return Site(clone=site.clone, settings=site.settings, env={**site.env, **changes})


def turn(house: House, what: str, holds: Callable[[], object]) -> None:
    """Tick until something is true."""
    end = time.monotonic() + LIMIT
    while not holds():
        tick(house)
        assert time.monotonic() < end, f"{what} did not happen within {LIMIT:g} s"


@pytest.mark.timeout(300)
def test_an_issue_becomes_a_merged_pull_request(hub: GiteaHub, site: Site) -> None:
    house = build(site)
    house.forge.ensure_repository_labels(house.policy.labels)
    plain = hub.open_issue("Plain", body="Please", by=WRITER, labels=[READY])
    asking = hub.open_issue("Ask", body="Please", by=STRANGER)
    hub.label(asking, READY, by=WRITER)
    unwanted = hub.open_issue("Unwanted", by=STRANGER, labels=[READY])

    def asked() -> list[int]:
        return [n for n in hub.issues() if ASKS in hub.labels_on(n)]

    turn(house, "a question", asked)
    hub.comment(asked()[0], "Port 80", by=STRANGER)
    hub.comment(asked()[0], "Port 443", by=WRITER)
    turn(house, "two pull requests", lambda: len(hub.pulls()) == 2)
    turn(house, "both in review", lambda: {"in-review"} <= hub.labels_on(plain) & hub.labels_on(asking))
    for number in hub.pulls():
        hub.merge(number)
    turn(house, "no claim left", lambda: not git(hub.site.bare, "for-each-ref", "refs/cdock"))
    assert not hub.is_open(plain)
    assert not hub.is_open(asking)
    assert hub.is_open(unwanted)
    assert hub.labels_on(unwanted) == {READY}
    assert len(git(hub.site.bare, "for-each-ref", "refs/heads/cdock").splitlines()) == 2
    for number in (plain, asking):
        ((author, text),) = hub.comments_on(number)
        assert author == BOT
        assert "Done" in text
        assert "done" in hub.labels_on(number)
    assert len(hub.issues()) == 4, "one question, and no other issue"
    house.forge.close()


@pytest.mark.timeout(300)
def test_a_text_that_changed_while_no_poller_ran_has_to_be_labelled_again(hub: GiteaHub, site: Site) -> None:
    """Gitea does not tell who changed it, so whoever it was is not believed to be allowed."""
    house = build(site)
    house.forge.ensure_repository_labels(house.policy.labels)
    asking = hub.open_issue("Ask", body="Please", by=STRANGER)
    hub.label(asking, READY, by=WRITER)
    turn(house, "a question", lambda: len(hub.issues()) == 2)
    # What the system does for a process that ends.
    house.locks.release(asking)
    house.forge.close()
    hub.site.now += 600
    hub.edit(asking, by=STRANGER, body="Mine coins")
    hub.comment(hub.issues()[-1], "Port 443", by=WRITER)
    house = build(site)

    def doubts() -> bool:
        return any("added the label" in text for _, text in hub.comments_on(asking))

    turn(house, "a request for a new label", doubts)
    for _ in range(20):
        tick(house)
    assert hub.pulls() == []
    hub.site.now += 600
    hub.label(asking, READY, by=WRITER)
    turn(house, "a pull request", hub.pulls)
    house.forge.close()


def test_settings_choose_the_forge_and_its_token(hub: GiteaHub, site: Site, tmp_path: Path) -> None:
    there = forge(site)
    assert isinstance(there, GiteaForge)
    assert (there.login(), there.may_push()) == (BOT, True)
    there.close()
    assert repository(site).host.rest == f"{hub.site.url}/api/v1"
    file = tmp_path / "token"
    file.write_text("from a file\n".replace(" ", "-"))
    assert credential(with_env(site, {"CDOCK_TOKEN_FILE": str(file)})).token() == "from-a-file"


def test_tokens_for_github_are_not_sent_to_gitea(site: Site) -> None:
    with pytest.raises(NotPermitted) as caught:
        credential(with_env(site, {"CDOCK_TOKEN": "", "GH_TOKEN": "theirs"}))
    assert "CDOCK_TOKEN" in caught.value.fix
    assert "gh auth" not in caught.value.fix


def test_github_is_no_gitea(site: Site) -> None:
    git(site.clone.root, "remote", "set-url", "origin", "git@github.com:maria/demo.git")
    with pytest.raises(Misconfigured, match="is GitHub"):
        repository(Site(clone=find_clone(site.clone.root), settings=site.settings, env=site.env))


@pytest.mark.parametrize(
    ("level", "says"), [("admin", ""), ("write", "administrator"), ("read", "write access")]
)
def test_doctor_is_told_what_the_account_lacks(hub: GiteaHub, site: Site, level: str, says: str) -> None:
    hub.site.levels[BOT] = level
    there = account(site)
    assert isinstance(there, GiteaAccount)
    assert there.login() == BOT
    if says:
        with pytest.raises(NotPermitted) as caught:
            there.rights()
        assert says in caught.value.fix
    else:
        assert there.rights() == ()
    there.close()
