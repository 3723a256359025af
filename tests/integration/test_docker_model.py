"""The way from a container to the model's provider, from the proxy alone to the real Claude Code in a container."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from cdock.adapters.agents.claude import ClaudeAgent
from cdock.adapters.agents.codex import CodexAgent
from cdock.adapters.docker import modelproxy
from cdock.adapters.docker.modelproxy import ModelProxy
from cdock.core.errors import Misconfigured
from cdock.core.events import Ending, Job, Launch, Reading
from cdock.core.runs import Role, Verdict
from tests.contract.runner_contract import BRANCH, fetched_subjects, until
from tests.docker_engine import place
from tests.integration.test_docker_isolation import Prison
from tests.model_api import ModelApi, Turn, Use

KEY = {"ANTHROPIC_API_KEY": "sk-host-only"}


@dataclass
class Upstream:
    """A provider that remembers what it was asked, and waits in the middle of `/v1/slow` until it is let go."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    seen = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.asked.append((self.command, self.path, headers, body))
            if self.path == "/v1/slow":
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in (b"data: one\n\n", b"data: two\n\n"):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                    self.wfile.flush()
                    seen.go_on.wait(30)
                self.wfile.write(b"0\r\n\r\n")
                return
            said = b'{"ok":true}'
            self.send_response(418 if self.path == "/v1/teapot" else 200)
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Request-Id", "req_1")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    yield seen
    seen.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[ModelProxy]:
    with tempfile.TemporaryDirectory() as short:
        made = ModelProxy(
            socket=Path(short) / "run" / "model" / "llm.sock",
            upstream=upstream.url,
            environment={**os.environ, **KEY, "GH_TOKEN": "ghp_x"},
        )
        yield made
        for each in _processes(made):
            each.kill()


def _processes(proxy: ModelProxy) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(proxy.socket) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class Client(http.client.HTTPConnection):
    """HTTP over the unix socket."""

    def __init__(self, proxy: ModelProxy) -> None:
        super().__init__("container", timeout=30)
        self._path = str(proxy.socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def ask(
    proxy: ModelProxy, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    client = Client(proxy)
    try:
        client.request(
            method, path, body=body, headers=headers or {}, encode_chunked=not isinstance(body, bytes | None)
        )
        answer = client.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        client.close()


def test_the_key_is_added_outside_and_none_gets_through(proxy: ModelProxy, upstream: Upstream) -> None:
    modelproxy.ensure(proxy)
    sent = {
        "x-api-key": "placeholder",
        "Authorization": "Bearer mine",
        "Cookie": "a=b",
        "anthropic-version": "1",
    }
    status, said, headers = ask(proxy, "POST", "/v1/messages?beta=true", b'{"a":1}', sent)
    assert (status, said, headers["Request-Id"]) == (200, b'{"ok":true}', "req_1")
    method, path, got, body = upstream.asked[0]
    assert (method, path, body) == ("POST", "/v1/messages?beta=true", b'{"a":1}')
    assert got["x-api-key"] == "sk-host-only"
    assert got["anthropic-version"] == "1"
    assert got["host"] == upstream.url.removeprefix("http://")
    assert "authorization" not in got
    assert "cookie" not in got


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"}, "x-api-key", "k"),
        ({"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "t"}, "authorization", "Bearer t"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": "o"}, "authorization", "Bearer o"),
    ],
)
def test_each_kind_of_key(
    proxy: ModelProxy, upstream: Upstream, environment: dict[str, str], name: str, value: str
) -> None:
    modelproxy.ensure(replace(proxy, environment=environment))
    ask(proxy, "POST", "/v1/messages", b"{}", {"anthropic-beta": "x-1"})
    got = upstream.asked[0][2]
    assert got[name] == value
    assert len({"x-api-key", "authorization"} & set(got)) == 1
    assert got["anthropic-beta"] == (
        "x-1,oauth-2025-04-20" if "CLAUDE_CODE_OAUTH_TOKEN" in environment else "x-1"
    )


@pytest.mark.parametrize(
    ("path", "reached", "header", "value"),
    [
        ("/openai/v1/responses?a=b", "/oai/v1/responses?a=b", "authorization", "Bearer sk-oai"),
        (
            "/gemini/v1beta/models/m:generateContent",
            "/v1beta/models/m:generateContent",
            "x-goog-api-key",
            "sk-g",
        ),
        ("/v1/messages", "/v1/messages", "x-api-key", "sk-host-only"),
    ],
)
def test_each_provider_gets_its_own_key(
    proxy: ModelProxy, upstream: Upstream, path: str, reached: str, header: str, value: str
) -> None:
    several = replace(
        proxy,
        environment={
            **KEY,
            "OPENAI_API_KEY": "sk-oai",
            "OPENAI_BASE_URL": f"{upstream.url}/oai/v1/",
            "GEMINI_API_KEY": "sk-g",
            "GOOGLE_GEMINI_BASE_URL": upstream.url,
        },
    )
    modelproxy.ensure(several)
    sent = {
        "x-api-key": "placeholder",
        "x-goog-api-key": "placeholder",
        "authorization": "Bearer placeholder",
    }
    assert ask(several, "POST", path, b"{}", sent)[0] == 200
    _, asked, got, _ = upstream.asked[0]
    assert asked == reached
    assert got[header] == value
    assert len({"x-api-key", "x-goog-api-key", "authorization"} & set(got)) == 1
    assert several.inside == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8081",
        "ANTHROPIC_API_KEY": "placeholder",
        "OPENAI_BASE_URL": "http://127.0.0.1:8081/openai/v1",
        "OPENAI_API_KEY": "placeholder",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8081/gemini",
        "GEMINI_API_KEY": "placeholder",
    }


def test_a_provider_that_no_agent_needs_is_not_led_to(proxy: ModelProxy, upstream: Upstream) -> None:
    environment = {**KEY, "OPENAI_API_KEY": "sk-oai", "OPENAI_BASE_URL": upstream.url}
    one = replace(proxy, environment=environment, providers=frozenset({"anthropic"}))
    modelproxy.ensure(one)
    (process,) = _processes(one)
    assert "OPENAI_API_KEY" not in process.environ()
    assert ask(one, "POST", "/openai/v1/responses", b"{}")[0] == 403
    assert upstream.asked == []


def test_the_process_holds_one_key_and_no_other_secret(proxy: ModelProxy) -> None:
    modelproxy.ensure(proxy)
    (process,) = _processes(proxy)
    environment = process.environ()
    assert environment["ANTHROPIC_API_KEY"] == "sk-host-only"
    assert "GH_TOKEN" not in environment
    assert "sk-host-only" not in " ".join(process.cmdline())
    assert "sk-host-only" not in repr(proxy)
    assert "sk-host-only" not in proxy.lock.read_text()
    assert proxy.socket.parent.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in proxy.socket.parent.iterdir()] == ["llm.sock"]


def test_a_stream_arrives_event_by_event(proxy: ModelProxy, upstream: Upstream) -> None:
    modelproxy.ensure(proxy)
    client = Client(proxy)
    client.request("GET", "/v1/slow")
    answer = client.getresponse()
    assert answer.read1(100) == b"data: one\n\n"
    upstream.go_on.set()
    assert answer.read() == b"data: two\n\n"
    client.close()


def test_only_the_api_can_be_reached(proxy: ModelProxy, upstream: Upstream) -> None:
    modelproxy.ensure(proxy)
    for path in ("/admin", "/v1/../admin", "/v1/%2e%2e/admin", "http://169.254.169.254/latest", "//evil/v1/"):
        status, said, _ = ask(proxy, "GET", path)
        assert status == 403, path
        assert json.loads(said)["error"]["type"] == "permission_error"
    assert upstream.asked == []
    assert ask(proxy, "HEAD", "/")[0] == 200
    assert ask(proxy, "GET", "/v1/teapot")[0] == 418


def test_bodies_in_chunks(proxy: ModelProxy, upstream: Upstream) -> None:
    modelproxy.ensure(proxy)
    status, _, _ = ask(
        proxy, "POST", "/v1/messages", iter([b"a" * 70000, b"b"]), {"Transfer-Encoding": "chunked"}
    )
    assert status == 200
    assert upstream.asked[0][3] == b"a" * 70000 + b"b"
    assert ask(proxy, "POST", "/v1/messages", b"", {"Content-Length": str(10**9)})[0] == 413


def test_a_provider_that_is_away_is_said_in_its_own_words(proxy: ModelProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = replace(proxy, upstream=f"http://127.0.0.1:{port}")
    modelproxy.ensure(away)
    status, said, _ = ask(away, "POST", "/v1/messages", b"{}")
    assert status == 502
    assert json.loads(said)["error"]["type"] == "api_error"


def test_a_path_in_the_upstream_is_kept(proxy: ModelProxy, upstream: Upstream) -> None:
    modelproxy.ensure(replace(proxy, upstream=f"{upstream.url}/gateway/"))
    ask(proxy, "POST", "/v1/messages", b"{}")
    assert upstream.asked[0][1] == "/gateway/v1/messages"


def test_there_is_one_per_socket(proxy: ModelProxy) -> None:
    threads = [threading.Thread(target=modelproxy.ensure, args=(proxy,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(_processes(proxy)) == 1
    first = _processes(proxy)[0].pid
    modelproxy.ensure(proxy)
    assert [each.pid for each in _processes(proxy)] == [first]


def test_it_outlives_its_starter(proxy: ModelProxy) -> None:
    text = (
        "import os; from pathlib import Path; from cdock.adapters.docker.modelproxy import ModelProxy, ensure\n"
        f"ensure(ModelProxy(socket=Path({str(proxy.socket)!r}), upstream={proxy.upstream!r}, environment=os.environ))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], check=False, timeout=60, env={**os.environ, **KEY})
    assert done.returncode == -9
    assert ask(proxy, "GET", "/v1/models")[0] == 200
    (process,) = _processes(proxy)
    assert os.getsid(process.pid) == process.pid or process.ppid() == 1


def test_a_killed_one_is_started_again(proxy: ModelProxy) -> None:
    modelproxy.ensure(proxy)
    (process,) = _processes(proxy)
    process.kill()
    process.wait(10)
    modelproxy.ensure(proxy)
    assert ask(proxy, "GET", "/v1/models")[0] == 200


def test_a_new_key_gets_a_new_one_and_the_old_finishes_its_answer(
    proxy: ModelProxy, upstream: Upstream
) -> None:
    modelproxy.ensure(proxy)
    client = Client(proxy)
    client.request("GET", "/v1/slow")
    answer = client.getresponse()
    assert answer.read1(100) == b"data: one\n\n"
    changed = replace(proxy, environment={"ANTHROPIC_API_KEY": "sk-new"})
    modelproxy.ensure(changed)
    ask(changed, "GET", "/v1/models")
    assert upstream.asked[-1][2]["x-api-key"] == "sk-new"
    upstream.go_on.set()
    assert answer.read() == b"data: two\n\n"
    client.close()
    until(lambda: len(_processes(proxy)) == 1, limit=20, what="the old one is gone")
    assert ask(changed, "GET", "/v1/models")[0] == 200


def test_it_ends_when_it_is_idle(proxy: ModelProxy) -> None:
    proxy.socket.parent.mkdir(parents=True)
    command = [sys.executable, "-I", "-m", "cdock.adapters.docker.modelserver", "--idle", "0.5"]
    command += ["--socket", str(proxy.socket), "--upstream", proxy.upstream]
    subprocess.run(command, check=True, timeout=30, env=proxy.own_environment)
    assert ask(proxy, "GET", "/v1/models")[0] == 200
    until(lambda: not _processes(proxy), limit=20, what="it ended")
    assert not proxy.socket.exists()


def test_it_ends_on_sigterm(proxy: ModelProxy) -> None:
    modelproxy.ensure(proxy)
    (process,) = _processes(proxy)
    process.send_signal(signal.SIGTERM)
    until(lambda: not _processes(proxy), limit=20, what="it ended")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": {"PATH": "/bin"}}, "no key"),
        ({"upstream": "ftp://x"}, "not the address"),
        ({"socket": Path("/tmp") / ("x" * 100) / "llm.sock"}, "more than 100 bytes"),
    ],
)
def test_faulty_settings_are_said(proxy: ModelProxy, change: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        modelproxy.ensure(replace(proxy, **change))


# — from inside —


@pytest.fixture
def prison(tmp_path: Path) -> Iterator[Prison]:
    with place() as at:
        yield Prison(at, tmp_path)


@pytest.mark.docker
def test_from_inside_the_provider_is_all_there_is(
    prison: Prison, proxy: ModelProxy, upstream: Upstream
) -> None:
    runner = prison.place.runner(model=proxy)
    text = (
        "env; ls -la /run/cdock; touch /run/cdock/x; rm -f /run/cdock/llm.sock; "
        'curl -sS -m 20 -H "x-api-key: $ANTHROPIC_API_KEY" $ANTHROPIC_BASE_URL/v1/models; echo; '
        "curl -sS -m 20 -x $ANTHROPIC_BASE_URL http://127.0.0.1:22/; echo"
    )
    _, said = prison.run(text, runner=runner)
    assert '{"ok":true}' in said
    assert "sk-host-only" not in said
    assert "ANTHROPIC_API_KEY=placeholder\n" in said
    assert '"permission_error"' in said
    assert proxy.socket.exists()
    assert [asked[2]["x-api-key"] for asked in upstream.asked] == ["sk-host-only"]
    client = prison.place.engine.connect(tried="looking")
    assert "sk-host-only" not in json.dumps(client.inspect_container(prison.place.task.run(1)))


@pytest.mark.docker
def test_a_proxy_that_starts_again_serves_runs_that_were_there(
    prison: Prison, proxy: ModelProxy, upstream: Upstream
) -> None:
    runner = prison.place.runner(model=proxy)
    ask_twice = "curl -sS -m 20 $ANTHROPIC_BASE_URL/v1/a; until [ -e ../go ]; do sleep 0.1; done; "
    ask_twice += "curl -sS -m 20 $ANTHROPIC_BASE_URL/v1/b"
    spec = prison.spec(Launch(argv=("sh", "-c", ask_twice)))
    runner.start(spec)
    until(lambda: upstream.asked)
    for process in _processes(proxy):
        process.kill()
        process.wait(10)
    modelproxy.ensure(proxy)
    client = prison.place.engine.connect(tried="going on")
    client.exec_start(client.exec_create(spec.name, ["touch", "/workspace/go"])["Id"])
    until(lambda: not prison.seen(runner, spec.name).alive)
    assert [asked[1] for asked in upstream.asked] == ["/v1/a", "/v1/b"]


@pytest.mark.docker
def test_a_check_gets_no_way_to_the_provider(prison: Prison, proxy: ModelProxy) -> None:
    runner = prison.place.runner(model=proxy)
    spec = prison.spec(Launch(argv=("true",)))
    check = replace(
        spec, name=prison.place.task.check(1), role=Role.CHECK.value, launch=None,
        commands=("test ! -e /run/cdock/llm.sock", "test -z \"${ANTHROPIC_BASE_URL-}\""),
    )  # fmt: skip
    runner.start(check)
    until(lambda: not prison.seen(runner, check.name).alive)
    assert prison.seen(runner, check.name).exit_code == 0


@pytest.mark.docker
def test_claude_code_works_in_there_and_goes_on_later(prison: Prison, proxy: ModelProxy) -> None:
    agent, session = ClaudeAgent(), "0b5e8f5e-6f0c-4b6e-9a3f-2f1f6f9a7c11"
    turns: list[Turn] = [
        [Use("Bash", {"command": "echo made >made && git add made && git commit -q -m made && id -u"})],
        ["It is made."],
        [Use("Bash", {"command": "echo more >>made"})],
        ["There is more."],
    ]
    with ModelApi(turns) as api:
        runner = prison.place.runner(model=replace(proxy, upstream=api.url))
        first = agent.start(Job(prompt="Make it.", session=session, model="claude-sonnet-4-5"))
        run, said = prison.run(first, runner=runner)
        assert run.exit_code == 0, said
        assert "It is made." in said
        second = agent.resume(Job(prompt="More.", session=session, model="claude-sonnet-4-5"))
        run, said = prison.run(second, attempt=2, runner=runner)
        assert run.exit_code == 0, said
        assert "There is more." in said
        assert {request.key for request in api.conversation} == {"sk-host-only"}
        assert "Make it." in api.conversation[-1].text
    subjects = fetched_subjects(runner.remote(prison.place.task), branch=BRANCH, scratch=prison.scratch)
    assert subjects == ("Keep work the agent left uncommitted", "made", "base")


@pytest.mark.docker
def test_codex_works_in_there_and_goes_on_later(prison: Prison, proxy: ModelProxy) -> None:
    agent = CodexAgent()
    made = "echo made >made && git add made && git commit -q -m made"
    turns: list[Turn] = [[Use("exec_command", {"cmd": made})], ["It is made."], ["I looked again."]]
    with ModelApi(turns) as api:
        environment = {**os.environ, "OPENAI_API_KEY": "sk-host-only", "OPENAI_BASE_URL": f"{api.url}/v1"}
        runner = prison.place.runner(model=replace(proxy, environment=environment))
        run, said = prison.run(agent.start(Job("Make it.", "", model="gpt-5")), runner=runner)
        first = _verdict(agent, said, exit_code=run.exit_code)
        assert (first.kind, first.text, first.tokens) == (Ending.DONE, "It is made.", 2340)
        second = agent.resume(Job("Look again.", first.session, model="gpt-5"))
        run, said = prison.run(second, attempt=2, runner=runner)
        again = _verdict(agent, said, exit_code=run.exit_code)
        assert (again.kind, again.text, again.tokens) == (Ending.DONE, "I looked again.", 1320)
        assert again.session == first.session
        assert {request.key for request in api.conversation} == {"sk-host-only"}
        assert "sk-host-only" not in said
    subjects = fetched_subjects(runner.remote(prison.place.task), branch=BRANCH, scratch=prison.scratch)
    assert subjects == ("made", "base")


def _verdict(agent: CodexAgent, said: str, *, exit_code: int | None) -> Verdict:
    reading = Reading()
    for line in said.splitlines():
        reading, _ = agent.read(reading, line)
    assert exit_code is not None
    return agent.end(reading, exit_code=exit_code, tail=said)


def test_an_agent_is_told_the_kind_of_key_and_not_the_key(proxy: ModelProxy) -> None:
    """Claude Code understands the usage limit of a subscription only where it knows that there is one."""
    subscribed = replace(proxy, environment={"CLAUDE_CODE_OAUTH_TOKEN": "secret"})
    assert subscribed.inside == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8081",
        "CLAUDE_CODE_OAUTH_TOKEN": "placeholder",
    }
