"""The real Claude Code command line, driven by a scripted model API: what we believe of it still holds."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cdock.adapters.agents.claude import ClaudeAgent
from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.planning.proposal import schema
from cdock.core.runs import Verdict
from cdock.core.task import Cap
from tests.model_api import Failure, ModelApi, Turn, Use
from tests.terminal import Terminal

pytestmark = pytest.mark.claude

RUN_LIMIT = 240.0
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
        limits: Any = {name: options[name] for name in ("max_turns", "max_cost", "schema") if name in options}
        return Job(prompt, SESSION, model=MODEL, **limits)

    def _run(self, launch: Launch, turns: Sequence[Turn], options: Mapping[str, object]) -> Ran:
        agent = ClaudeAgent()
        reading, events, lines = Reading(), list[Event](), list[str]()
        held = options.get("held")
        assert held is None or isinstance(held, dict)
        with ModelApi(turns, held=held) as api:
            process = self._spawn(launch, api.url, subscription=bool(options.get("subscription")))
            alarm = threading.Timer(RUN_LIMIT, process.kill)
            alarm.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(launch.stdin)
                process.stdin.flush()
                for line in process.stdout:
                    lines.append(line)
                    reading, new = agent.read(reading, line)
                    events += new
                    if any(event.text == options.get("say_at") for event in new):
                        said = agent.say(str(options["say"]), uid="comment-7")
                        process.stdin.write(f"{said}\n")
                        process.stdin.flush()
                    if (
                        '"comment-7","state":"queued"' in line
                    ):  # what it was told is there, so its command may end
                        (self.src / "seen").touch()
                    if launch.until in line:
                        process.stdin.close()
                    if any(event.text == options.get("kill_at") for event in new):
                        process.send_signal(signal.SIGTERM)
                exit_code = process.wait()
            finally:
                alarm.cancel()
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    with contextlib.suppress(BrokenPipeError):
                        assert pipe is not None
                        pipe.close()
        return Ran(agent.end(reading, exit_code=exit_code, tail="".join(lines)), reading, events, api)

    def environment(self, launch: Launch, url: str, *, subscription: bool = False) -> dict[str, str]:
        """What the program finds in its environment."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "ANTHROPIC_BASE_URL": url,
            "CLAUDE_CODE_OAUTH_TOKEN" if subscription else "ANTHROPIC_API_KEY": KEY,
            **{name: value.replace("{state}/", f"{self.state}/") for name, value in launch.env.items()},
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }
        if os.geteuid() == 0:
            env["IS_SANDBOX"] = "1"  # as root, the program refuses to work without asking unless told so
        return env

    def _spawn(self, launch: Launch, url: str, *, subscription: bool) -> subprocess.Popen[str]:
        return subprocess.Popen(
            launch.argv,
            cwd=self.src,
            env=self.environment(launch, url, subscription=subscription),
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


def test_words_reach_it_while_it_works_and_it_says_so(desk: Desk) -> None:
    turns: list[Turn] = [
        ["Begin.", Use("Bash", {"command": "while [ ! -e seen ]; do sleep 0.1; done"})],
        ["Blue."],
    ]
    ran = desk.start(turns, say_at="Bash: while [ ! -e seen ]; do sleep 0.1; done", say="/paint it blue")
    assert (ran.verdict.kind, ran.verdict.text) == (Ending.DONE, "Blue.")
    assert "comment-7" in ran.reading.heard
    assert "/paint it blue" in ran.api.conversation[1].text
    # The same conversation, resumed with another prompt, works as before.
    assert desk.resume([[], [], ["Done."]]).verdict.text == "Done."


def test_it_tells_how_full_the_model_is(desk: Desk) -> None:
    ran = desk.start([[Use("Bash", {"command": "true"})], ["Nearly full."]], held={1: 160_000})
    assert ran.reading.context / ran.reading.window == pytest.approx(0.801)


def test_a_conversation_that_is_too_long_ends_as_full(desk: Desk) -> None:
    long = Failure(400, "prompt is too long: 213462 tokens > 200000 maximum")
    assert desk.start([long]).verdict.kind == Ending.FULL


def test_the_limit_of_money_holds(desk: Desk) -> None:
    ran = desk.start([[Use("Bash", {"command": "true"})]] * 5, max_cost=0.001)
    assert (ran.verdict.kind, ran.verdict.cap) == (Ending.CAPPED, Cap.COST)
    assert ran.verdict.cost >= 0.001
    assert len(ran.api.conversation) == 2


def test_a_usage_limit_tells_when_it_ends(desk: Desk) -> None:
    headers = {
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": "1900000000",
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
    }
    ran = desk.start([Failure(429, "limit", headers)], subscription=True)
    assert ran.verdict.kind == Ending.LIMITED
    assert ran.verdict.until == datetime.fromtimestamp(1_900_000_000, UTC)


def test_it_asks_a_person_nothing_at_a_terminal(desk: Desk) -> None:
    """In a real terminal: it shows the conversation and answers; what was said there is known to the next run."""
    desk.start([["I began."]], prompt="Paint the shed.")
    turns: list[Turn] = [[], ["Hello, person."]]
    launch = ClaudeAgent().attach(Job("", SESSION, model=MODEL))
    for path, text in launch.files.items():
        (desk.state / path.removeprefix("{run}/")).write_text(text)
    argv = [word.replace("{run}", str(desk.state)) for word in launch.argv]
    with (
        ModelApi(turns) as api,
        Terminal(argv, cwd=desk.src, env=desk.environment(launch, api.url)) as terminal,
    ):
        terminal.wait_for("I began.")
        terminal.type("Who is there?")
        terminal.wait_for("Hello, person.")
        terminal.type("/exit")
        terminal.wait_for_end()
        assert [request.key for request in api.conversation] == [KEY]
    ran = desk.resume([[], [], ["Done."]], prompt="Go on.")
    assert ran.verdict.text == "Done."
    assert "Who is there?" in ran.asked


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


def test_an_answer_by_schema_is_the_text(desk: Desk) -> None:
    answer = {"say": "Two tasks.", "plan": {"title": "T", "goal": "G", "tasks": [{"id": "a", "name": "A"}]}}
    ran = desk.start([["I look."], [Use("StructuredOutput", answer)], ["Done."]], schema=schema())
    assert ran.verdict.kind == Ending.DONE
    assert json.loads(ran.verdict.text) == answer


def test_an_answer_that_does_not_fit_is_asked_again(desk: Desk) -> None:
    wrong, right = {"say": 7, "plan": None}, {"say": "Which one?"}
    turns: list[Turn] = [[Use("StructuredOutput", wrong)], [Use("StructuredOutput", right)], ["Done."]]
    ran = desk.start(turns, schema=schema())
    assert json.loads(ran.verdict.text) == right


def test_words_count_where_there_is_no_answer_by_schema(desk: Desk) -> None:
    ran = desk.start([["Which one?"]] * 8, schema=schema())
    assert (ran.verdict.kind, ran.verdict.text) == (Ending.DONE, "Which one?")
