"""Codex, Gemini CLI, OpenCode against transcripts recorded from the real programs; Aider against its known words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cdock.adapters.agents import agent as make_agent
from cdock.core.events import Ending, Event, Job, Reading
from cdock.core.planning.proposal import schema
from cdock.core.task import Cap
from cdock.ports import Agent
from tests.agent_desk import Desk
from tests.contract.agent_contract import AgentContract, fold, verdict

TRANSCRIPTS = Path(__file__).parent.parent / "fixtures" / "transcripts"
SESSION = "0b5e8f5e-6f0c-4b6e-9a3f-2f1f6f9a7c11"


@dataclass(frozen=True)
class Expected:
    """What a transcript means. `says` is a part of the verdict's text."""

    kind: Ending
    exit_code: int = 1
    says: str = ""
    tokens: int = 0
    cost: float = 0.0


DONE = {
    "done": Expected(Ending.DONE, 0, "The file is there.", tokens=2340),
    "tool-failure": Expected(Ending.DONE, 0, "I could not build it.", tokens=2340),
    "resume": Expected(Ending.DONE, 0, "I went on.", tokens=1220),
}
EXPECTED: Mapping[str, Mapping[str, Expected]] = {
    "codex": {
        **DONE,
        "auth-401": Expected(Ending.AUTH, says="invalid key"),
        "limit-429": Expected(Ending.LIMITED, says="429"),
        "bad-request-400": Expected(Ending.FAILED, says="bad request"),
        "full": Expected(Ending.FULL, says="maximum context length"),
        "unknown-session": Expected(Ending.FAILED, says="no rollout found"),
    },
    "gemini": {
        **DONE,
        "auth-401": Expected(Ending.AUTH, 145, says="invalid key"),
        "bad-request-400": Expected(Ending.FAILED, 144, says="bad request"),
        "full": Expected(Ending.FULL, 144, says="maximum context length"),
        "max-turns": Expected(Ending.CAPPED, 53, says="max session turns", tokens=2340),
        "unknown-session": Expected(Ending.FAILED, 42, says="resuming session"),
    },
    "opencode": {
        "done": Expected(Ending.DONE, 0, "The file is there.", tokens=2340, cost=0.0021),
        "tool-failure": Expected(Ending.DONE, 0, "I could not build it.", tokens=2340, cost=0.0021),
        "resume": Expected(Ending.DONE, 0, "I went on.", tokens=1220, cost=0.0012),
        "auth-401": Expected(Ending.AUTH, says="invalid key"),
        "bad-request-400": Expected(Ending.FAILED, says="bad request"),
        "unknown-session": Expected(Ending.FAILED),
    },
}
CASES = [(name, scene) for name, scenes in EXPECTED.items() for scene in scenes]


def lines_of(name: str, scene: str) -> list[str]:
    [release] = (TRANSCRIPTS / name).iterdir()
    return (release / f"{scene}.jsonl").read_text().splitlines()


def events_of(name: str, scene: str) -> list[str]:
    """What it printed on standard output."""
    lines = lines_of(name, scene)
    return lines[: lines.index("[stderr]") - 1] if "[stderr]" in lines else lines


class TestCodexContract(AgentContract):
    # The lines that the script adds come after the end of the turn.
    good: ClassVar = [
        line for line in events_of("codex", "done") if '"token_count"' not in line and '"clock"' not in line
    ]

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("codex")


class TestGeminiContract(AgentContract):
    good: ClassVar = events_of("gemini", "done")

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("gemini")


class TestOpencodeContract(AgentContract):
    good: ClassVar = events_of("opencode", "done")

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("opencode")


class TestAiderContract(AgentContract):
    """The words are those that 0.86.2 was seen to print; it was not run for these tests."""

    good: ClassVar = [
        "Aider v0.86.2",
        "I will add the greeting.",
        "Applied edit to hello.txt",
        "Commit 1a2b3c4 feat: add a greeting",
        "Tokens: 1.5k sent, 30 received. Cost: $0.0023 message, $0.0053 session.",
    ]

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("aider")

    def test_it_counts(self, agent: Agent) -> None:
        end = verdict(agent, self.good, exit_code=0)
        assert (end.turns, end.tokens, end.cost) == (1, 1530, 0.0053)

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("litellm.AuthenticationError: AuthenticationError: invalid key", Ending.AUTH),
            ("litellm.RateLimitError: RateLimitError: slow down", Ending.LIMITED),
            ("litellm.InternalServerError: InternalServerError: 500 boom", Ending.UNAVAILABLE),
            ("Model gpt-5 has hit a token limit!", Ending.FULL),
            ("# 1 SEARCH/REPLACE block failed to match!", Ending.FAILED),
            ("Only 3 reflections allowed, stopping.", Ending.FAILED),
        ],
    )
    def test_it_fails_in_words_with_code_0(self, agent: Agent, line: str, kind: Ending) -> None:
        assert verdict(agent, [*self.good, line], exit_code=0).kind == kind

    def test_what_was_tried_again_and_worked_is_no_failure(self, agent: Agent) -> None:
        lines = ["litellm.RateLimitError: slow down", "Retrying in 0.2 seconds...", *self.good]
        assert verdict(agent, lines, exit_code=0).kind == Ending.DONE

    def test_a_conversation_that_goes_on_has_a_file(self, agent: Agent) -> None:
        start, resume = agent.start(Job("Do it.", "s1")), agent.resume(Job("Go on.", "s1"))
        assert set(resume.argv) - set(start.argv) == {"--restore-chat-history"}
        assert "{state}/aider-s1.md" in resume.argv


class TestTranscripts:
    def test_every_one_is_expected(self) -> None:
        for name, scenes in EXPECTED.items():
            [release] = (TRANSCRIPTS / name).iterdir()
            assert {path.stem for path in release.iterdir()} == set(scenes)

    @pytest.mark.parametrize(("name", "scene"), CASES)
    def test_means_what_happened(self, name: str, scene: str) -> None:
        expected = EXPECTED[name][scene]
        end = verdict(make_agent(name), lines_of(name, scene), exit_code=expected.exit_code)
        assert end.kind == expected.kind
        assert expected.says in end.text
        assert end.tokens == expected.tokens
        assert end.cost == pytest.approx(expected.cost)
        assert end.cap == (Cap.TURNS if scene == "max-turns" else None)

    @pytest.mark.parametrize("name", EXPECTED)
    def test_cut_off_before_its_end_is_never_done(self, name: str) -> None:
        lines = events_of(name, "done")
        last = max(n for n, line in enumerate(lines) if '"clock"' not in line and '"token_count"' not in line)
        cut = [*lines[:last], lines[last][: len(lines[last]) // 2]]
        assert verdict(make_agent(name), cut, exit_code=0).kind == Ending.FAILED
        assert verdict(make_agent(name), cut, exit_code=143).kind == Ending.STOPPED

    @pytest.mark.parametrize("name", EXPECTED)
    def test_events_are_what_a_person_wants_to_see(self, name: str) -> None:
        _, events = fold(make_agent(name), events_of(name, "done"))
        shown = [event for event in events if event.kind != "note"]
        assert [event.kind for event in shown] == ["text", "tool", "text"]
        assert shown[0] == Event("text", "I will write it.")
        assert "echo hello >hello.txt" in shown[1].text

    @pytest.mark.parametrize("name", ["codex", "opencode"])
    def test_a_failing_tool_shows_why(self, name: str) -> None:
        assert (
            Event("result", "failed: no rule to make it")
            in fold(make_agent(name), events_of(name, "tool-failure"))[1]
        )


class TestLimits:
    """Whole streams that no scripted API makes these programs print: shaped like those that were recorded."""

    def test_codex_tells_the_end_of_a_limit_in_words(self) -> None:
        failed = {
            "type": "turn.failed",
            "error": {"message": "You've hit your usage limit. Try again at 3:05 PM."},
        }
        clock = {"type": "clock", "at": "2026-11-21T12:00:00+0200"}
        end = verdict(make_agent("codex"), [json.dumps(failed), json.dumps(clock)], exit_code=1)
        assert (end.kind, end.until) == (Ending.LIMITED, datetime(2026, 11, 21, 13, 5, tzinfo=UTC))

    def test_codex_tells_it_in_its_file(self) -> None:
        used_up = {"used_percent": 100.0, "window_minutes": 300, "resets_at": 1_800_000_000}
        counted = {
            "type": "token_count",
            "info": None,
            "rate_limits": {"primary": used_up, "secondary": None},
        }
        lines: list[Mapping[str, Any]] = [
            {"type": "turn.started"},
            {"type": "turn.failed", "error": {"message": "You've hit your usage limit."}},
            {"type": "event_msg", "payload": counted},
            {"type": "clock", "at": "2026-11-21T12:00:00+0000"},
        ]
        end = verdict(make_agent("codex"), [json.dumps(line) for line in lines], exit_code=1)
        assert (end.kind, end.until) == (Ending.LIMITED, datetime(2027, 1, 15, 8, tzinfo=UTC))

    def test_gemini_tells_the_end_of_a_limit_in_words(self) -> None:
        error = {"type": "unknown", "message": "[API Error: RESOURCE_EXHAUSTED: Please retry in 1h2m3s.]"}
        line = {"type": "result", "timestamp": "2026-11-21T10:00:00.000Z", "status": "error", "error": error}
        end = verdict(make_agent("gemini"), [json.dumps(line)], exit_code=173)
        assert (end.kind, end.until) == (Ending.LIMITED, datetime(2026, 11, 21, 11, 2, 3, tzinfo=UTC))

    def test_opencode_passes_the_header_on(self) -> None:
        data = {"message": "slow down", "statusCode": 429, "responseHeaders": {"retry-after": "30"}}
        line = {"type": "error", "timestamp": 1_800_000_000_000, "error": {"name": "APIError", "data": data}}
        end = verdict(make_agent("opencode"), [json.dumps(line)], exit_code=1)
        assert (end.kind, end.until) == (Ending.LIMITED, datetime(2027, 1, 15, 8, 0, 30, tzinfo=UTC))

    @pytest.mark.parametrize(("status", "kind"), [(503, Ending.UNAVAILABLE), (403, Ending.AUTH)])
    def test_opencode_passes_the_status_on(self, status: int, kind: Ending) -> None:
        line = {
            "type": "error",
            "error": {"name": "APIError", "data": {"message": "no", "statusCode": status}},
        }
        assert verdict(make_agent("opencode"), [json.dumps(line)], exit_code=1).kind == kind


AIDER = """#!/bin/sh
# Stands in for Aider: keeps the conversation in its file, edits, commits, and says so.
while [ $# -gt 0 ]; do
    case $1 in
        --message-file) message=$2; shift ;;
        --chat-history-file) history=$2; shift ;;
        --restore-chat-history) cat "$history" ;;
    esac
    shift
done
cat "$message" >>"$history"
echo "Working on: $(cat "$message")"
echo hello >>hello.txt && git add hello.txt && git commit -q -m "Say hello"
echo 'Tokens: 1.5k sent, 30 received. Cost: $0.0023 message, $0.0053 session.'
"""


def test_aider_starts_streams_finishes_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "aider"
    stub.write_text(AIDER)
    stub.chmod(0o755)
    desk = Desk(
        tmp_path,
        make_agent("aider"),
        model="gpt-5",
        told=lambda _: {"PATH": f"{stub.parent}:{os.environ['PATH']}"},
    )
    first = desk.start([], Job("Greet people.", SESSION))
    assert (first.verdict.kind, first.verdict.cost) == (Ending.DONE, 0.0053)
    assert "Working on: Greet people." in first.verdict.text
    second = desk.resume([], Job("Now in French.", SESSION))
    assert second.output.startswith("Greet people.")
    assert desk.git("log", "--format=%s") == "Say hello\nSay hello"


def test_an_unread_run_has_said_nothing() -> None:
    for name in ("codex", "gemini", "opencode", "aider"):
        assert make_agent(name).end(Reading(), exit_code=0, tail="").kind == Ending.FAILED


def test_codex_gets_a_schema_as_its_provider_takes_it() -> None:
    launch = make_agent("codex").start(Job("Plan it.", "", schema=schema()))
    given = json.loads(launch.files[launch.argv[launch.argv.index("--output-schema") + 1]])

    def check(node: Any) -> None:
        for part in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
            check(part)
        if isinstance(node, dict) and node.get("type") == "object":
            assert node["required"] == list(node["properties"])
            assert node["additionalProperties"] is False
            assert set(node) <= {"type", "properties", "required", "additionalProperties", "description"}

    check(given)
    assert set(given["properties"]["plan"]["anyOf"][0]["properties"]) == {"title", "goal", "tasks"}


@pytest.mark.parametrize("name", ["aider", "command"])
@pytest.mark.parametrize("fence", [True, False])
def test_an_answer_of_many_lines_is_kept_whole(name: str, *, fence: bool) -> None:
    answer = json.dumps({"say": "Well.", "tasks": ["x"] * 30}, indent=2)
    lines = ["I looked around.", *(["```json", answer, "```"] if fence else [answer])]
    reading, _ = fold(make_agent(name), "\n".join(lines).split("\n"))
    text = reading.text.removeprefix("```json\n").removesuffix("\n```")
    assert json.loads(text)["tasks"] == ["x"] * 30
