"""The process: its command line, its lock, whom it answers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.forge.ground import Api, Ground
from tests.forge_server import ForgeServer


def _forge(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cdock.forge", *args], capture_output=True, text=True, timeout=30, check=False
    )


def test_it_starts_says_where_ends_when_asked_and_keeps_everything(tmp_path: Path) -> None:
    server = ForgeServer(tmp_path / "data")
    token = server.admin("token", "alice")["token"]
    server.admin("repo", "alice/proj")
    server.start()
    port = server.port
    known = json.loads((tmp_path / "data" / "forge.json").read_text())
    assert known == {"pid": server.pid, "port": port, "url": server.url}
    assert server.log == f"The forge listens on {server.url}\n"
    assert server.admin("status")["running"] is True
    api = Api(server, str(token), "alice/proj")
    number = api.issue("kept")
    assert server.stop() == 0
    assert not (tmp_path / "data" / "forge.json").exists()
    assert server.admin("status")["running"] is False
    server.start()
    assert server.port == port
    assert api.read(f"/issues/{number}")["title"] == "kept"
    server.kill()
    assert server.admin("status")["running"] is False
    server.start()
    assert api.read(f"/issues/{number}")["title"] == "kept"
    server.stop()


def test_one_server_per_data_directory(forge: ForgeServer) -> None:
    done = _forge("serve", "--data", str(forge.data_dir))
    assert done.returncode == 1
    assert f"process {forge.pid} at {forge.url}" in done.stderr


@pytest.mark.parametrize("host", ["10.1.2.3", "192.0.2.1", "example.org", "::"])
def test_only_loopback(tmp_path: Path, host: str) -> None:
    done = _forge("serve", "--data", str(tmp_path), "--host", host)
    assert done.returncode == 1
    assert "not an address of this machine alone" in done.stderr


def test_a_port_in_use_is_said(tmp_path: Path, forge: ForgeServer) -> None:
    done = _forge("serve", "--data", str(tmp_path), "--port", str(forge.port))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {forge.port}" in done.stderr


def test_admin_commands_may_be_repeated(forge: ForgeServer) -> None:
    first = forge.admin("user", "robot", "--bot")
    assert first == forge.admin("user", "ROBOT", "--bot")
    assert first["type"] == "Bot"
    one = forge.admin("repo", "robot/thing", "--description", "what it is")
    assert one["new"] is True
    assert forge.admin("repo", "robot/thing")["new"] is False
    assert forge.admin("role", "Robot/Thing", "sam", "triage")["role"] == "triage"
    assert len(forge.admin("login-code", "robot")["code"]) > 20


@pytest.mark.parametrize(
    "args",
    [
        ("role", "nobody/nothing", "sam", "write"),
        ("repo", "no-slash"),
        ("repo", "a/..git"),
        ("user", "bad login"),
        ("user", "repos"),
        ("login-code", "never-seen"),
    ],
)
def test_admin_says_what_is_wrong(forge: ForgeServer, args: tuple[str, ...]) -> None:
    done = _forge("admin", "--data", str(forge.data_dir), *args)
    assert done.returncode == 1
    assert done.stderr.startswith("forge: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "127.0.0.1:9", "api.github.localhost"]
)
def test_own_names(forge: ForgeServer, host: str) -> None:
    name = host.format(port=forge.port)
    answer = requests.get(f"{forge.url}/user", headers={"Host": name, "User-Agent": "t"}, timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "host", ["example.org", "evil.github.localhost.example.org", "127.0.0.1.nip.io", "github.com"]
)
def test_foreign_names_are_refused(forge: ForgeServer, host: str) -> None:
    for path in ("/user", "/", "/olivia/x.git/info/refs"):
        answer = requests.get(f"{forge.url}{path}", headers={"Host": host}, timeout=30)
        assert answer.status_code == 403, path


def _raw(forge: ForgeServer, request: str) -> str:
    with socket.create_connection(("127.0.0.1", forge.port), timeout=30) as connection:
        connection.sendall(request.encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def test_absolute_targets_as_gh_sends_them(ground: Ground) -> None:
    head = (
        f"Host: api.github.localhost\r\nUser-Agent: t\r\nConnection: close\r\n"
        f"Authorization: token {ground.people.owner}\r\n\r\n"
    )
    answer = _raw(ground.forge, f"GET http://api.github.localhost/user HTTP/1.1\r\n{head}")
    assert answer.startswith("HTTP/1.1 200")
    body = json.loads(answer.split("\r\n\r\n", 1)[1])
    assert body["login"] == "Olivia"
    assert body["url"] == "http://api.github.localhost/users/Olivia"
    assert body["html_url"] == "http://github.localhost/Olivia"
    answer = _raw(
        ground.forge, f"GET http://api.github.localhost/repos/{ground.name}?x=%2F HTTP/1.1\r\n{head}"
    )
    assert '"clone_url":"http://github.localhost/' in answer


def test_it_is_no_open_proxy(forge: ForgeServer) -> None:
    for target in (
        "http://example.org/",
        "https://github.com/user",
        "http://api.github.localhost.example.org/user",
    ):
        answer = _raw(
            forge, f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{forge.port}\r\nConnection: close\r\n\r\n"
        )
        assert answer.startswith("HTTP/1.1 403"), target
    answer = _raw(
        forge, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nConnection: close\r\n\r\n"
    )
    assert answer.split(" ")[1] in {"400", "403", "404", "405"}


def test_avatars_are_pictures(forge: ForgeServer, ground: Ground) -> None:
    address = ground.owner.read("//user")["avatar_url"]
    answer = requests.get(address, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert requests.get(f"{forge.url}/_avatar/1", timeout=30).status_code == 404


def test_the_address_of_a_user_leads_to_a_page(forge: ForgeServer, ground: Ground) -> None:
    address = ground.owner.read("//user")["html_url"]
    answer = requests.get(address, headers={"Accept": "text/html"}, timeout=30)
    assert answer.status_code == 200
    assert "Olivia" in answer.text
    assert requests.get(f"{forge.url}/Nobody-of-this-name", timeout=30).status_code == 404
