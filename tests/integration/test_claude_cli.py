"""The real Claude Code command line, driven by a scripted model API: what we believe of it still holds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdock.adapters.agents.claude import ClaudeAgent
from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.model import Cap, Verdict
from tests.model_api import Failure, ModelApi, Turn, Use

pytestmark = pytest.mark.claude

RUN_LIMIT = 90.0
SESSION = "0b5e8f5e-6f0c-4b6e-9a3f-2f1f6f9a7c11"
MODEL = "claude-sonnet-4-5"
KEY = "sk-scripted"


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    verdict: Verdict
    reading: Reading
    events: Sequence[Event]
    api: ModelApi

    @property
    def asked(self) -> str:
        """All that was sent to the model."""
        return "\n".join(request.text for request in self.api.conversation)


class Desk:
    """A repository and the directory that keeps the agent's state, as a runner would give them."""

    def __init__(self, root: Path) -> None:
        self.src = root / "src"
        self.state = root / "state"
        self.home = root / "home"
        for folder in (self.src, self.state, self.home):
            folder.mkdir()
        self.git("init", "--quiet")
        self.git("config", "user.name", "cdock agent")
        self.git("config", "user.email", "agent@example.com")

    def git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", *argv], cwd=self.src, capture_output=True, text=True, check=True, timeout=RUN_LIMIT
        )
        return done.stdout.strip()

    def lay(self, files: Mapping[str, str]) -> None:
        """Put files into the repository."""
        for path, text in files.items():
            (self.src / path).parent.mkdir(parents=True, exist_ok=True)
            (self.src / path).write_text(text)

    def start(self, turns: Sequence[Turn], prompt: str = "Do the work.", **options: object) -> Ran:
        """Run a new conversation to its end."""
        return self._run(ClaudeAgent().start(self._job(prompt, options)), turns, options)

    def resume(self, turns: Sequence[Turn], prompt: str = "Go on.", **options: object) -> Ran:
        """Run the conversation on."""
        return self._run(ClaudeAgent().resume(self._job(prompt, options)), turns, options)

    def _job(self, prompt: str, options: Mapping[str, object]) -> Job:
        max_turns = options.get("max_turns", 0)
        assert isinstance(max_turns, int)
        return Job(prompt, SESSION, model=MODEL, max_turns=max_turns)

    def _run(self, launch: Launch, turns: Sequence[Turn], options: Mapping[str, object]) -> Ran:
        agent = ClaudeAgent()
        reading, events, lines = Reading(), list[Event](), list[str]()
        with ModelApi(turns) as api:
            process = self._spawn(launch, api.url)
            alarm = threading.Timer(RUN_LIMIT, process.kill)
            alarm.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(launch.stdin)
                process.stdin.close()
                for line in process.stdout:
                    lines.append(line)
                    reading, new = agent.read(reading, line)
                    events += new
                    if any(event.text == options.get("kill_at") for event in new):
                        process.send_signal(signal.SIGTERM)
                exit_code = process.wait()
            finally:
                alarm.cancel()
                process.kill()
                process.wait()
                if process.stdout:
                    process.stdout.close()
        return Ran(agent.end(reading, exit_code=exit_code, tail="".join(lines)), reading, events, api)

    def _spawn(self, launch: Launch, url: str) -> subprocess.Popen[str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": KEY,
            **{name: value.replace("{state}/", f"{self.state}/") for name, value in launch.env.items()},
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }
        if os.geteuid() == 0:
            env["IS_SANDBOX"] = "1"  # as root, the program refuses to work without asking unless told so
        return subprocess.Popen(
            launch.argv,
            cwd=self.src,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    if shutil.which("claude") is None:
        pytest.fail(
            "there is no `claude` on PATH: install it with `npm install -g @anthropic-ai/claude-code`"
        )
    return Desk(tmp_path)


def test_it_works_commits_and_ends_done(desk: Desk) -> None:
    ran = desk.start(
        [
            [
                "I will write it.",
                Use("Write", {"file_path": str(desk.src / "hello.txt"), "content": "hello\n"}),
            ],
            [Use("Bash", {"command": "git add hello.txt && git commit -q -m 'Say hello'"})],
            ["It is committed."],
        ],
        prompt="--please add a greeting; it's for $USER",
    )
    assert (ran.verdict.kind, ran.verdict.text) == (Ending.DONE, "It is committed.")
    assert (ran.verdict.session, ran.verdict.turns) == (SESSION, 3)
    assert ran.verdict.tokens > 0
    assert ran.verdict.cost > 0
    assert (ran.reading.model, ran.reading.window) == (MODEL, 200_000)
    assert desk.git("log", "--format=%s") == "Say hello"
    assert desk.git("show", "HEAD:hello.txt") == "hello"
    assert {request.key for request in ran.api.conversation} == {KEY}
    assert "--please add a greeting; it's for $USER" in ran.asked


def test_a_resumed_conversation_remembers(desk: Desk) -> None:
    desk.start([["I need to know the colour."]], prompt="Paint the shed.")
    ran = desk.resume([[], ["Blue it is."]], prompt="The colour is blue.")
    assert (ran.verdict.kind, ran.verdict.text, ran.verdict.session) == (Ending.DONE, "Blue it is.", SESSION)
    for said in ("Paint the shed.", "I need to know the colour.", "The colour is blue."):
        assert said in ran.asked
    # The money of the first run is not counted again.
    assert ran.verdict.tokens == 200 + 1000 + 20


def test_a_killed_run_is_stopped_and_can_be_resumed(desk: Desk) -> None:
    # A limit of its own: some releases leave a running command behind when they are killed.
    wait = "timeout 5 tail -f /dev/null"
    killed = desk.start([["Wait.", Use("Bash", {"command": wait})]], kill_at=f"Bash: {wait}")
    assert killed.verdict.kind == Ending.STOPPED
    ran = desk.resume([[], ["Here I am again."], ["Here I am again."]])
    assert (ran.verdict.kind, ran.verdict.text) == (Ending.DONE, "Here I am again.")


def test_a_refused_key_ends_as_auth(desk: Desk) -> None:
    ran = desk.start([Failure(401, "invalid x-api-key")])
    assert ran.verdict.kind == Ending.AUTH
    assert ran.verdict.text
    assert [event.kind for event in ran.events] == ["note", "error"]


def test_a_provider_that_is_away_ends_as_unavailable(desk: Desk) -> None:
    assert desk.start([Failure(500, "boom")]).verdict.kind == Ending.UNAVAILABLE


def test_the_limit_of_turns_holds(desk: Desk) -> None:
    ran = desk.start([[Use("Bash", {"command": "true"})]] * 5, max_turns=2)
    assert (ran.verdict.kind, ran.verdict.turns) == (Ending.CAPPED, 2)
    assert ran.verdict.cap == Cap.TURNS
    assert len(ran.api.conversation) == 2


def test_an_unknown_conversation_cannot_be_resumed(desk: Desk) -> None:
    ran = desk.resume([["Never said."]])
    assert ran.verdict.kind == Ending.FAILED
    assert "No conversation found" in ran.verdict.text
    assert ran.api.conversation == []


def test_a_prompt_that_begins_with_a_slash_is_said_to_the_model(desk: Desk) -> None:
    ran = desk.start([["Understood."]], prompt="/cost is too high, see the issue")
    assert (ran.verdict.kind, ran.verdict.text) == (Ending.DONE, "Understood.")
    assert "/cost is too high, see the issue" in ran.asked


def test_the_repository_is_read_and_not_obeyed(desk: Desk, tmp_path: Path) -> None:
    """Its CLAUDE.md reaches the model; its hooks, servers and environment do nothing."""
    marks = {name: tmp_path / name for name in ("hook", "server", "plugin")}
    hooks = {"SessionStart": [{"hooks": [{"type": "command", "command": f"touch {marks['hook']}"}]}]}
    plugin_hooks = {"SessionStart": [{"hooks": [{"type": "command", "command": f"touch {marks['plugin']}"}]}]}
    market = {"name": "m", "owner": {"name": "x"}, "plugins": [{"name": "p", "source": "./plugin"}]}
    settings = {
        "hooks": hooks,
        "env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "FROM_REPOSITORY": "obeyed"},
        "enabledPlugins": {"p@m": True},
        "extraKnownMarketplaces": {"m": {"source": {"source": "directory", "path": str(desk.src)}}},
    }
    server = {"mcpServers": {"evil": {"command": "touch", "args": [str(marks["server"])]}}}
    desk.lay(
        {
            "CLAUDE.md": "Indent with tabs, says the house.\n@docs/style.md\n",
            "docs/style.md": "Name things plainly, says the style.\n",
            ".claude/settings.json": json.dumps(settings),
            ".claude/settings.local.json": json.dumps(settings),
            ".mcp.json": json.dumps(server),
            ".claude-plugin/marketplace.json": json.dumps(market),
            "plugin/.claude-plugin/plugin.json": json.dumps({"name": "p", "version": "1.0.0"}),
            "plugin/hooks/hooks.json": json.dumps({"hooks": plugin_hooks}),
        }
    )
    ran = desk.start([[Use("Bash", {"command": "echo [${FROM_REPOSITORY:-unset}]"})], ["Done."]])
    assert ran.verdict.kind == Ending.DONE
    assert "Indent with tabs, says the house." in ran.asked
    assert "Name things plainly, says the style." in ran.asked
    assert "[unset]" in ran.asked
    assert [name for name, path in marks.items() if path.exists()] == []
