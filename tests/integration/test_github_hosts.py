"""Where a repository lives and which token goes there, from all that people and git remotes say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cdock.adapters.github.hosts import host_of, parse_repository
from cdock.adapters.github.tokens import GhRunner, token_for
from cdock.core.errors import Misconfigured, NotPermitted

GITHUB = ("github.com", "https://api.github.com", "https://github.com")
GHE = ("octo.ghe.com", "https://api.octo.ghe.com", "https://octo.ghe.com")
GHES = ("git.example.org", "https://git.example.org/api/v3", "https://git.example.org")
LOCAL = ("127.0.0.1:8123", "http://127.0.0.1:8123/api/v3", "http://127.0.0.1:8123")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maria/demo", GITHUB),
        ("github.com/maria/demo", GITHUB),
        ("https://github.com/maria/demo", GITHUB),
        ("https://github.com/maria/demo.git", GITHUB),
        ("https://github.com/maria/demo/", GITHUB),
        ("https://github.com/maria/demo/issues/42?x=1#top", GITHUB),
        ("http://github.com/maria/demo", GITHUB),
        ("https://www.github.com/maria/demo", GITHUB),
        ("https://maria:ghp_secret@github.com/maria/demo.git", GITHUB),
        ("https://GitHub.com:443/maria/demo.git", GITHUB),
        ("git@github.com:maria/demo.git", GITHUB),
        ("github.com:maria/demo.git", GITHUB),
        ("org-123@github.com:/maria/demo.git", GITHUB),
        ("ssh://git@github.com/maria/demo.git", GITHUB),
        ("ssh://git@ssh.github.com:443/maria/demo.git", GITHUB),
        ("git+ssh://git@github.com/maria/demo", GITHUB),
        ("git://github.com/maria/demo.git", GITHUB),
        ("  maria/demo\n", GITHUB),
        ("git@octo.ghe.com:maria/demo.git", GHE),
        ("https://octo.ghe.com/maria/demo", GHE),
        ("octo.ghe.com/maria/demo", GHE),
        ("https://git.example.org/maria/demo.git", GHES),
        ("ssh://git@git.example.org:2222/maria/demo.git", GHES),
        ("git@git.example.org:maria/demo.git", GHES),
        ("git.example.org/maria/demo", GHES),
        ("http://127.0.0.1:8123/maria/demo.git", LOCAL),
        ("127.0.0.1:8123/maria/demo", LOCAL),
    ],
)
def test_all_ways_to_name_a_repository(text: str, expected: tuple[str, str, str]) -> None:
    found = parse_repository(text)
    assert (found.owner, found.name) == ("maria", "demo")
    assert (found.host.name, found.host.rest, found.host.web) == expected
    assert found.clone_url == f"{expected[2]}/maria/demo.git"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("http://localhost:8123/o/r", "http://localhost:8123/api/v3"),
        ("http://[::1]:8123/o/r.git", "http://[::1]:8123/api/v3"),
        ("http://localhost/o/r", "http://localhost/api/v3"),
        ("https://git.example.org:8443/o/r", "https://git.example.org:8443/api/v3"),
        ("https://intranet/o/r", "https://intranet/api/v3"),
        ("intranet/o/r", "https://intranet/api/v3"),
    ],
)
def test_ports_and_short_names_are_kept(text: str, rest: str) -> None:
    assert parse_repository(text).host.rest == rest


def test_only_this_machine_is_loopback() -> None:
    names = (
        "127.0.0.1:1",
        "127.8.8.8",
        "localhost:1",
        "[::1]:1",
        "forge.localhost",
        "localhost.example.org",
        "10.0.0.1",
    )
    assert [host_of(name).loopback for name in names] == [True, True, True, True, True, False, False]


def test_the_default_host_is_for_short_names_only() -> None:
    assert parse_repository("o/r", default_host="git.example.org").host.name == "git.example.org"
    assert (
        parse_repository("https://github.com/o/r", default_host="git.example.org").host.name == "github.com"
    )


@pytest.mark.parametrize("remote", ["git@work:o/r.git", "ssh://git@work:2222/o/r"])
def test_an_alias_stands_for_the_host_that_is_named(remote: str) -> None:
    assert parse_repository(remote, alias="git.example.org").host.name == "git.example.org"
    assert parse_repository("git@github.com:o/r", alias="git.example.org").host.name == "github.com"
    with pytest.raises(Misconfigured, match="alias") as caught:
        parse_repository(remote)
    assert "GH_HOST" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("github.com", "https://api.github.com/graphql"),
        ("octo.ghe.com", "https://api.octo.ghe.com/graphql"),
        ("git.example.org", "https://git.example.org/api/graphql"),
        ("127.0.0.1:8123", "http://127.0.0.1:8123/api/graphql"),
    ],
)
def test_graphql_is_beside_rest(name: str, endpoint: str) -> None:
    assert host_of(name).graphql == endpoint


def test_a_repository_is_shown_with_its_host_unless_that_is_github() -> None:
    assert str(parse_repository("o/r")) == "o/r"
    assert str(parse_repository("http://127.0.0.1:8123/o/r.git")) == "127.0.0.1:8123/o/r"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "demo",
        "/srv/git/demo.git",
        "./maria/demo",
        "../demo",
        "file:///srv/git/demo.git",
        "C:/src/demo",
        "C:\\src\\demo",
        "https://github.com/maria",
        "https://github.com",
        "https:///maria/demo",
        "https://github.com:port/maria/demo",
        "git@github.com:demo.git",
        "git@github.com:a/b/c.git",
        "maria/..",
        "maria/de mo",
        "maria/demo\x00",
        "-o/r",
        "https://github.com/maria/%2e%2e",
        "http://git.example.org/maria/demo",
        "git@work:maria/demo.git",
        "ssh://git@work/maria/demo.git",
    ],
)
def test_what_names_no_safe_repository_is_a_mistake_in_the_settings(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_repository(text)
    assert caught.value.fix


def test_a_password_in_a_remote_is_not_repeated() -> None:
    for text in ("https://maria:ghp_secret@github.com/maria", "http://x:ghp_secret@git.example.org/o/r"):
        with pytest.raises(Misconfigured) as caught:
            parse_repository(text)
        assert (
            "ghp_secret"
            not in f"{caught.value} {caught.value.tried} {caught.value.fix} {caught.value.__cause__}"
        )


# Tokens.


def silent(argv: Sequence[str]) -> str:
    return ""


ALL = {
    "CDOCK_TOKEN": "cdock",
    "GH_TOKEN": "gh",
    "GITHUB_TOKEN": "github",
    "GH_ENTERPRISE_TOKEN": "gh-enterprise",
    "GITHUB_ENTERPRISE_TOKEN": "github-enterprise",
}


@pytest.mark.parametrize(
    ("host", "order"),
    [
        ("github.com", ["CDOCK_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]),
        ("octo.ghe.com", ["CDOCK_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]),
        ("git.example.org", ["CDOCK_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]),
        ("127.0.0.1:8123", ["CDOCK_TOKEN"]),
    ],
)
def test_variables_count_in_ghs_order(host: str, order: list[str]) -> None:
    env = dict(ALL)
    for name in order:
        found = token_for(host_of(host), env=env, token_file=None, run_gh=silent)
        assert (found.value, found.source) == (ALL[name], f"the variable {name}")
        env[name] = " "
    with pytest.raises(NotPermitted) as caught:
        token_for(host_of(host), env=env, token_file=None, run_gh=silent)
    assert all(name in caught.value.tried for name in order)
    assert caught.value.fix


def test_gh_is_asked_last_and_for_this_host() -> None:
    asked = []

    def gh(argv: Sequence[str]) -> str:
        asked.append(list(argv))
        return "gho_stored\n"

    assert token_for(host_of("git.example.org"), env={}, token_file=None, run_gh=gh).value == "gho_stored"
    assert asked == [["gh", "auth", "token", "--hostname", "git.example.org"]]
    with pytest.raises(NotPermitted):
        token_for(host_of("127.0.0.1:8123"), env={}, token_file=None, run_gh=gh)
    assert len(asked) == 1


def test_a_token_file_outranks_all(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("ghp_file\n")
    found = token_for(host_of("127.0.0.1:8123"), env=ALL, token_file=path, run_gh=silent)
    assert (found.value, found.source) == ("ghp_file", f"the file {path}")


def test_a_missing_token_file_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        token_for(host_of("github.com"), env=ALL, token_file=tmp_path / "token", run_gh=silent)


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "ghp_ü", "\x1b[31m", "x" * 1001])
def test_what_is_no_token_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        token_for(host_of("github.com"), env={"CDOCK_TOKEN": value}, token_file=None, run_gh=silent)
    assert value not in f"{caught.value} {caught.value.fix}"


def test_an_empty_token_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("\n")
    with pytest.raises(Misconfigured, match="does not hold a token"):
        token_for(host_of("github.com"), env={}, token_file=path, run_gh=silent)


def test_a_token_does_not_show_in_its_representation() -> None:
    found = token_for(host_of("github.com"), env={"GH_TOKEN": "ghp_secret"}, token_file=None, run_gh=silent)
    assert "ghp_secret" not in repr(found)


# The GitHub command line itself.


@pytest.fixture
def gh_env(tmp_path: Path) -> dict[str, str]:
    """An environment in which gh has one token of its own, for git.example.org."""
    (tmp_path / "hosts.yml").write_text("git.example.org:\n    user: maria\n    oauth_token: gho_stored\n")
    return {"PATH": os.environ["PATH"], "GH_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)}


def real_gh(env: dict[str, str]) -> GhRunner:
    def run(argv: Sequence[str]) -> str:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    return run


@pytest.mark.gh
def test_gh_gives_what_it_keeps(gh_env: dict[str, str]) -> None:
    found = token_for(host_of("git.example.org"), env={}, token_file=None, run_gh=real_gh(gh_env))
    assert (found.value, found.source) == ("gho_stored", "`gh auth login`")


@pytest.mark.gh
def test_gh_without_a_login_gives_nothing(gh_env: dict[str, str]) -> None:
    with pytest.raises(NotPermitted):
        token_for(host_of("github.com"), env={}, token_file=None, run_gh=real_gh(gh_env))
