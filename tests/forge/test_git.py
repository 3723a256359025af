"""Git over HTTP with the real git: who may, in which ways, and what a race leaves behind."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.forge.ground import Api, Clone, Ground
from tests.forge_server import ForgeServer

LIMIT = 30


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    """A work tree of the writer's, with `main` pushed."""
    return ground.seeded(tmp_path / "clone")


def _git(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return Clone(path).run(*args)


# Who may


def test_everybody_clones_what_is_public(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    for token in (None, ground.people.stranger, ground.people.owner):
        target = tmp_path / f"copy-{token}"
        done = _git(tmp_path, "clone", "-q", ground.remote(token), str(target))
        assert done.returncode == 0, done.stderr
        assert Clone(target).git("rev-parse", "HEAD") == clone.git("rev-parse", "main")


def test_names_are_found_in_any_case_and_after_a_rename(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    main = clone.git("rev-parse", "main")
    address = ground.remote(None)
    shouted = address.replace("Olivia/Place", "OLIVIA/PLACE")
    assert main in _git(tmp_path, "ls-remote", shouted).stdout
    assert main in _git(tmp_path, "ls-remote", address.removesuffix(".git")).stdout
    ground.owner.patch("", {"name": "Moved-" + ground.name.partition("-")[2]})
    assert main in _git(tmp_path, "ls-remote", address).stdout
    clone.commit({"x": "1"}, "after")
    clone.git("push", "-q", "origin", "main")


def _service(ground: Ground, token: str | None, service: str) -> requests.Response:
    headers = {"Authorization": f"token {token}"} if token else {}
    address = f"{ground.forge.url}/{ground.name}.git/info/refs?service={service}"
    return requests.get(address, headers=headers, timeout=LIMIT)


def test_refusals(ground: Ground, private_ground: Ground) -> None:
    people = ground.people
    read, write = "git-upload-pack", "git-receive-pack"
    for place, token, service, status in (
        (ground, None, read, 200),
        (ground, people.stranger, read, 200),
        (ground, "ghp_wrong", read, 401),
        (ground, None, write, 401),
        (ground, people.stranger, write, 403),
        (ground, people.triager, write, 403),
        (ground, people.writer, write, 200),
        (private_ground, None, read, 401),
        (private_ground, people.stranger, read, 404),
        (private_ground, people.stranger, write, 404),
        (private_ground, people.triager, read, 200),
        (private_ground, people.triager, write, 403),
        (private_ground, people.writer, write, 200),
    ):
        answer = _service(place, token, service)
        assert answer.status_code == status, (place.name, token, service, answer.text)
        if status == 401:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="GitHub"'
        if status == 404:
            assert answer.text == "Repository not found.\n"
    answer = _service(ground, people.stranger, write)
    assert answer.text == f"Permission to {ground.name}.git denied to sam.\n"
    assert _service(ground, None, "").status_code == 403


def test_a_push_is_refused_where_it_must_be(ground: Ground, clone: Clone) -> None:
    clone.commit({"x": "1"}, "x")
    for token, why in ((ground.people.stranger, "denied to sam"), ("ghp_wrong", "Authentication failed")):
        done = clone.run("push", ground.remote(token), "main")
        assert done.returncode != 0
        assert why in done.stderr
    assert clone.run("push", ground.remote(None), "main").returncode != 0
    ground.owner.patch("", {"archived": True})
    assert "archived" in clone.run("push", "origin", "main").stderr


def test_only_what_git_asks_for_is_served(ground: Ground, clone: Clone) -> None:
    for path in ("HEAD", "config", "objects/info/packs", "hooks/post-receive", "forge-spool"):
        answer = requests.get(f"{ground.forge.url}/{ground.name}.git/{path}", timeout=LIMIT)
        assert answer.status_code == 404, path
    assert clone.git("rev-parse", "main")
    for method, path, status in (
        ("POST", "info/refs?service=git-upload-pack", 405),
        ("GET", "git-upload-pack", 405),
        ("GET", "git-receive-pack", 405),
    ):
        answer = requests.request(method, f"{ground.forge.url}/{ground.name}.git/{path}", timeout=LIMIT)
        assert answer.status_code == status, path


# In which ways


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_protocol_versions(ground: Ground, clone: Clone, tmp_path: Path, version: str) -> None:
    done = subprocess.run(
        ["git", "-c", f"protocol.version={version}", "ls-remote", ground.remote(None)],
        env={
            **os.environ,
            "GIT_TRACE_PACKET": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        },
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert clone.git("rev-parse", "main") in done.stdout
    assert ("< version 2" in done.stderr) == (version == "2")


def test_a_large_push_in_chunks(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    content = os.urandom(5 << 20)
    oid = clone.commit({"big.bin": content}, "big")
    clone.git("-c", "http.postBuffer=65536", "push", "-q", "origin", "main")
    copy = tmp_path / "copy"
    _git(tmp_path, "clone", "-q", ground.remote(None), str(copy))
    assert Clone(copy).git("rev-parse", "HEAD") == oid
    assert (copy / "big.bin").read_bytes() == content


def test_many_refs_compressed(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    main = clone.git("rev-parse", "main")
    clone.git("update-ref", "--stdin", stdin="".join(f"create refs/tags/t{i} {main}\n" for i in range(300)))
    clone.git("push", "-q", "--tags", "origin")
    copy = Clone(tmp_path / "copy")
    copy.git("init", "-q")
    copy.commit({"mine": "1"}, "so that git has something to say that it compresses")
    copy.git("fetch", "-q", ground.remote(None), "refs/tags/*:refs/tags/*")
    assert len(copy.git("tag").splitlines()) == 300


def test_a_compressed_request(ground: Ground, clone: Clone) -> None:
    body = b"0014command=ls-refs\n00010000"
    answer = requests.post(
        f"{ground.forge.url}/{ground.name}.git/git-upload-pack",
        data=gzip.compress(body),
        headers={
            "Content-Encoding": "gzip",
            "Content-Type": "application/x-git-upload-pack-request",
            "Git-Protocol": "version=2",
        },
        timeout=LIMIT,
    )
    assert answer.status_code == 200
    assert clone.git("rev-parse", "main").encode() in answer.content


def test_shallow_and_partial_clones(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    clone.commit({"x": "1"}, "second")
    clone.git("push", "-q", "origin", "main")
    for name, option in (("shallow", "--depth=1"), ("partial", "--filter=blob:none")):
        done = _git(tmp_path, "clone", "-q", option, ground.remote(None), str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert "filtering not recognized" not in done.stderr
    assert Clone(tmp_path / "shallow").git("rev-list", "--count", "HEAD") == "1"


def test_any_commit_can_be_fetched_by_its_id(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    first = clone.git("rev-parse", "main")
    clone.commit({"x": "1"}, "second")
    clone.git("push", "-q", "origin", "main")
    copy = Clone(tmp_path / "copy")
    copy.git("init", "-q")
    copy.git("fetch", "-q", ground.remote(None), first)
    assert copy.git("rev-parse", "FETCH_HEAD") == first


def test_the_first_branch_becomes_the_default_one(ground: Ground, tmp_path: Path) -> None:
    clone = ground.clone(tmp_path / "clone")
    clone.git("checkout", "-q", "-b", "trunk")
    clone.commit({"a": "1"}, "a")
    clone.git("push", "-q", "origin", "trunk")
    assert ground.owner.read("")["default_branch"] == "trunk"
    _git(tmp_path, "clone", "-q", ground.remote(None), str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "a").exists()
    assert clone.run("push", "origin", ":trunk").returncode != 0


def test_refs_of_pull_requests_are_the_forges_own(ground: Ground, clone: Clone) -> None:
    oid = clone.branch("a", {"a": "1"}, "a")
    number = ground.writer.post("/pulls", {"title": "x", "head": "a", "base": "main"}).json()["number"]
    done = clone.run("push", "origin", f"main:refs/pull/{number}/head")
    assert done.returncode != 0
    assert "deny updating a hidden ref" in done.stderr
    clone.git("fetch", "-q", "origin", f"refs/pull/{number}/head")
    assert clone.git("rev-parse", "FETCH_HEAD") == oid


def test_damaged_objects_are_refused(ground: Ground, clone: Clone) -> None:
    tree = clone.git("mktree", stdin="")
    bad = clone.git(
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--literally",
        "--stdin",
        stdin=f"tree {tree}\nauthor nobody\n\nx\n",
    )
    assert clone.run("push", "origin", f"{bad}:refs/heads/bad").returncode != 0
    assert ground.owner.get("/branches/bad").status_code == 404


# Races


def _claim(clone: Clone, text: str) -> str:
    """A commit without parents on the empty tree, as locks are made of."""
    tree = clone.git("mktree", stdin="")
    return clone.git("commit-tree", tree, stdin=text)


def test_of_eight_who_create_one_ref_one_wins(ground: Ground, tmp_path: Path) -> None:
    racers = [ground.clone(tmp_path / f"racer-{index}") for index in range(8)]
    oids = [_claim(racer, f"racer {index}") for index, racer in enumerate(racers)]
    name = "refs/own/claims/1"

    def push(racer: Clone, oid: str) -> bool:
        return racer.run("push", f"--force-with-lease={name}:", "origin", f"{oid}:{name}").returncode == 0

    with ThreadPoolExecutor(8) as pool:
        won = [oid for oid, ok in zip(oids, pool.map(push, racers, oids), strict=True) if ok]
    assert len(won) == 1
    assert ground.owner.read("/git/ref/own/claims/1")["object"]["sha"] == won[0]


def test_of_eight_who_take_over_with_a_branch_one_wins_and_losers_write_nothing(
    ground: Ground, clone: Clone, tmp_path: Path
) -> None:
    name = "refs/own/claims/1"
    old = _claim(clone, "the one before")
    clone.git("push", "-q", "origin", f"{old}:{name}")
    racers = [ground.clone(tmp_path / f"racer-{index}") for index in range(8)]
    for racer in racers:
        racer.git("fetch", "-q", "origin", "main", f"{name}:{name}")
    oids = [_claim(racer, f"racer {index}") for index, racer in enumerate(racers)]

    def push(index: int) -> bool:
        done = racers[index].run(
            "push",
            "--atomic",
            f"--force-with-lease={name}:{old}",
            "origin",
            f"{oids[index]}:{name}",
            f"FETCH_HEAD:refs/heads/work-{index}",
        )
        return done.returncode == 0

    with ThreadPoolExecutor(8) as pool:
        won = [index for index, ok in enumerate(pool.map(push, range(8))) if ok]
    assert len(won) == 1
    assert ground.owner.read("/git/ref/own/claims/1")["object"]["sha"] == oids[won[0]]
    branches = [branch["name"] for branch in ground.owner.read("/branches")]
    assert branches == ["main", f"work-{won[0]}"]


def test_a_stale_lease_is_refused_and_a_removal_needs_one(ground: Ground, clone: Clone) -> None:
    name = "refs/own/claims/1"
    one, two = _claim(clone, "one"), _claim(clone, "two")
    clone.git("push", "-q", f"--force-with-lease={name}:", "origin", f"{one}:{name}")
    assert clone.run("push", f"--force-with-lease={name}:{two}", "origin", f"{two}:{name}").returncode != 0
    clone.git("push", "-q", f"--force-with-lease={name}:{one}", "origin", f"{two}:{name}")
    assert clone.run("push", f"--force-with-lease={name}:{one}", "origin", f":{name}").returncode != 0
    clone.git("push", "-q", f"--force-with-lease={name}:{two}", "origin", f":{name}")
    assert ground.owner.get("/git/ref/own/claims/1").status_code == 404


def test_pushes_to_many_branches_at_once_all_count(ground: Ground, clone: Clone, tmp_path: Path) -> None:
    numbers = []
    for index in range(4):
        clone.branch(f"b{index}", {f"f{index}": "1"}, f"b{index}")
        made = ground.writer.post("/pulls", {"title": "x", "head": f"b{index}", "base": "main"})
        numbers.append(made.json()["number"])
    racers = []
    for index in range(4):
        racer = ground.clone(tmp_path / f"racer-{index}")
        racer.git("fetch", "-q", "origin", f"b{index}")
        racer.git("checkout", "-q", "-b", f"b{index}", "FETCH_HEAD")
        racers.append((racer, racer.commit({f"f{index}": "2"}, "more")))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one[0].git("push", "-q", "origin", "HEAD"), racers))
    for number, (_, oid) in zip(numbers, racers, strict=True):
        assert ground.owner.read(f"/pulls/{number}")["head"]["sha"] == oid


# Breakdowns


def test_a_client_that_leaves_in_the_middle_of_a_push_leaves_nothing(ground: Ground, clone: Clone) -> None:
    head = (
        f"POST /{ground.name}.git/git-receive-pack HTTP/1.1\r\nHost: 127.0.0.1:{ground.forge.port}\r\n"
        f"Authorization: token {ground.people.writer}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/x-git-receive-pack-request\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", ground.forge.port), timeout=LIMIT) as connection:
        connection.sendall(head.encode() + b"10\r\n0000PACKabcdefgh\r\n")
    clone.commit({"x": "1"}, "x")
    clone.git("push", "-q", "origin", "main")
    assert [branch["name"] for branch in ground.owner.read("/branches")] == ["main"]


def test_a_push_seen_by_git_and_not_by_the_server_is_made_up_for(tmp_path: Path) -> None:
    server = ForgeServer(tmp_path / "data").start()
    try:
        token = str(server.admin("token", "alice")["token"])
        git_dir = Path(server.admin("repo", "alice/proj")["git_dir"])
        api = Api(server, token, "alice/proj")
        clone = Clone(tmp_path / "clone")
        clone.git("init", "-q", "-b", "main")
        clone.git("remote", "add", "origin", f"http://x:{token}@127.0.0.1:{server.port}/alice/proj.git")
        clone.commit({"a": "1"}, "a")
        clone.git("push", "-q", "origin", "main")
        clone.branch("work", {"b": "1"}, "b")
        number = api.post("/pulls", {"title": "x", "head": "work", "base": "main"}).json()["number"]
        server.kill()
        # What a push leaves when the server dies before it has looked: refs that moved, and the hook's note.
        second = clone.commit({"b": "2"}, "c")
        done = subprocess.run(
            ["git", "push", "-q", str(git_dir), "work"],
            cwd=clone.path,
            env={**os.environ, "REMOTE_USER": "alice"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert list((git_dir / "forge-spool").iterdir())
        server.start()
        assert api.read(f"/pulls/{number}")["head"]["sha"] == second
        assert not list((git_dir / "forge-spool").iterdir())
    finally:
        server.stop()
