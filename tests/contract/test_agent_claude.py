"""Claude Code's adapter, against transcripts recorded from the real program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cdock.adapters.agents import agent as make_agent
from cdock.adapters.agents.claude import ClaudeAgent
from cdock.core.events import Ending, Event, Job, Reading
from cdock.core.task import Cap
from cdock.ports import Agent
from tests.contract.agent_contract import AgentContract, fold, prompt_of, verdict

TRANSCRIPTS = Path(__file__).parent.parent / "fixtures" / "transcripts" / "claude"
RELEASES = sorted(folder.name for folder in TRANSCRIPTS.iterdir())
SESSION = "11111111-2222-4333-8444-555555555555"


@dataclass(frozen=True)
class Expected:
    """What a transcript means. `says` is a part of the verdict's text."""

    kind: Ending
    exit_code: int = 1
    says: str = ""
    session: str = SESSION
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    cap: Cap | None = None
    until: datetime | None = None


EXPECTED: Mapping[str, Expected] = {
    "done": Expected(Ending.DONE, 0, "The file is there.", turns=3, tokens=3660, cost=0.0036),
    "tool-failure": Expected(Ending.DONE, 0, "I could not build it.", turns=2, tokens=2340, cost=0.0021),
    "resume": Expected(Ending.DONE, 0, "I went on.", turns=1, tokens=1220, cost=0.0012),
    "retried": Expected(Ending.DONE, 0, "It worked after all.", turns=1, tokens=1120, cost=0.0009),
    "auth-401": Expected(Ending.AUTH, says="Invalid API key"),
    "no-key": Expected(Ending.AUTH, says="Not logged in"),
    "credit-400": Expected(Ending.AUTH, says="Credit balance is too low"),
    "limit-429": Expected(Ending.LIMITED, says="slow down"),
    "plan-limit": Expected(
        Ending.LIMITED,
        says="the limit ends at 2027-01-15 08:00 UTC",
        until=datetime(2027, 1, 15, 8, tzinfo=UTC),
    ),
    "error-500": Expected(Ending.UNAVAILABLE, says="500 boom"),
    "overloaded-529": Expected(Ending.UNAVAILABLE, says="529 busy"),
    "no-server": Expected(Ending.UNAVAILABLE, says="API Error"),
    "bad-model-404": Expected(Ending.FAILED, says="selected model (claude-sonnet-4-5)"),
    "bad-request-400": Expected(Ending.FAILED, says="bad request"),
    "max-turns": Expected(
        Ending.CAPPED, says="maximum number of turns (2)", turns=2, tokens=2340, cost=0.0021, cap=Cap.TURNS
    ),
    # Without a result there is no price, and the tokens are those of the messages that were begun.
    "killed": Expected(Ending.STOPPED, 143, "signal 15", turns=1, tokens=1101, cost=0.000615),
    "unknown-session": Expected(Ending.FAILED, says="No conversation found with session ID", session=""),
}


def lines_of(name: str, release: str = RELEASES[0]) -> list[str]:
    return (TRANSCRIPTS / release / f"{name}.jsonl").read_text().splitlines()


def result(**fields: Any) -> str:
    """A result event as the program prints it, changed in these fields."""
    return json.dumps({**json.loads(lines_of("done")[-1]), **fields})


def usage(tokens: int, cost: float, window: int = 200_000) -> dict[str, Any]:
    return {"claude-sonnet-4-5": {"inputTokens": tokens, "costUSD": cost, "contextWindow": window}}


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


class TestContract(AgentContract):
    good = lines_of("done")

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("claude")


class TestTranscripts:
    def test_every_one_is_expected(self) -> None:
        assert len(RELEASES) >= 2
        for release in RELEASES:
            assert {path.stem for path in (TRANSCRIPTS / release).iterdir()} == set(EXPECTED)

    @pytest.mark.parametrize("release", RELEASES)
    @pytest.mark.parametrize("name", EXPECTED)
    def test_means_what_happened(self, name: str, release: str) -> None:
        expected = EXPECTED[name]
        end = verdict(ClaudeAgent(), lines_of(name, release), exit_code=expected.exit_code)
        assert end.kind == expected.kind
        assert expected.says in end.text
        assert (end.session, end.turns, end.tokens) == (expected.session, expected.turns, expected.tokens)
        assert end.cost == pytest.approx(expected.cost)
        assert (end.cap, end.until) == (expected.cap, expected.until)

    @pytest.mark.parametrize("release", RELEASES)
    @pytest.mark.parametrize("name", EXPECTED)
    def test_cut_off_in_its_last_line_is_never_done(self, name: str, release: str) -> None:
        *before, last = lines_of(name, release)
        end = verdict(ClaudeAgent(), [*before, last[: len(last) // 2]], exit_code=0)
        assert end.kind == Ending.FAILED

    def test_events_are_what_a_person_wants_to_see(self) -> None:
        _, events = fold(ClaudeAgent(), lines_of("done"))
        assert events == [
            Event("text", "I will write it."),
            Event("tool", "Write: /run-dir/src/hello.txt"),
            Event("tool", "Bash: cat hello.txt"),
            Event("text", "The file is there."),
        ]

    def test_a_failing_tool_shows_why(self) -> None:
        _, events = fold(ClaudeAgent(), lines_of("tool-failure"))
        assert Event("result", "failed: Exit code 2 no rule to make it") in events

    def test_waiting_for_the_api_shows(self) -> None:
        reading, events = fold(ClaudeAgent(), lines_of("retried")[:2])
        assert events == [Event("note", "the model API failed: overloaded (529), try 1 of 1")]
        assert reading.error
        assert fold(ClaudeAgent(), lines_of("retried"))[0].error == ""

    def test_the_reading_while_it_runs(self) -> None:
        reading, _ = fold(ClaudeAgent(), lines_of("done")[:6])
        assert (reading.model, reading.turns, reading.ended) == ("claude-sonnet-4-5", 2, False)
        assert (reading.context, reading.window) == (1200, 200_000)


class TestResults:
    """A process may print several results; each is about what came since the one before."""

    def test_the_last_one_counts(self) -> None:
        bad = result(is_error=True, result="API Error: 500", terminal_reason="api_error")
        assert verdict(ClaudeAgent(), [result(), bad], exit_code=1).kind == Ending.FAILED
        assert verdict(ClaudeAgent(), [bad, result()], exit_code=0).kind == Ending.DONE

    def test_a_turn_begun_after_a_result_has_not_ended(self) -> None:
        end = verdict(ClaudeAgent(), [result(), lines_of("done")[0]], exit_code=0)
        assert (end.kind, end.text) == (Ending.FAILED, "claude said nothing: it ended with exit code 0")

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_error": True},
            {"subtype": "error_during_execution"},
            {"terminal_reason": "hook_stopped"},
            {"terminal_reason": "tool_deferred"},
            {"terminal_reason": None},
            {"is_error": None},
        ],
    )
    def test_every_sign_of_a_good_end_is_needed(self, changes: dict[str, Any]) -> None:
        assert verdict(ClaudeAgent(), [result(**changes)], exit_code=0).kind == Ending.FAILED

    @pytest.mark.parametrize("reason", ["aborted_tools", "aborted_streaming"])
    def test_an_interrupt_means_stopped(self, reason: str) -> None:
        cut = result(subtype="error_during_execution", is_error=True, terminal_reason=reason)
        assert verdict(ClaudeAgent(), [cut], exit_code=0).kind == Ending.STOPPED

    def test_money_of_releases_that_count_within_a_process(self) -> None:
        one = result(modelUsage=usage(100, 0.1), total_cost_usd=0.1)
        two = result(modelUsage=usage(300, 0.3), total_cost_usd=0.3)
        end = verdict(ClaudeAgent(), [one, two], exit_code=0)
        assert (end.tokens, end.cost) == (300, 0.3)

    def test_money_of_releases_that_count_over_resumes(self) -> None:
        # The whole holds what earlier processes spent, 9 dollars; only the parts are this attempt's.
        one = result(
            modelUsage=usage(9100, 9.1), total_cost_usd=9.1, model_usage_since_last_result=usage(100, 0.1)
        )
        two = result(
            modelUsage=usage(9300, 9.3), total_cost_usd=9.3, model_usage_since_last_result=usage(200, 0.2)
        )
        end = verdict(ClaudeAgent(), [one, two], exit_code=0)
        assert end.tokens == 300
        assert end.cost == pytest.approx(0.3)

    def test_a_spent_budget_is_a_cap(self) -> None:
        spent = result(
            subtype="error_max_budget_usd", is_error=True, terminal_reason="completed", result=None
        )
        end = verdict(ClaudeAgent(), [spent], exit_code=1)
        assert (end.kind, end.cap) == (Ending.CAPPED, Cap.COST)

    @pytest.mark.parametrize("reason", ["blocking_limit", "prompt_too_long"])
    def test_a_full_window_is_no_failure(self, reason: str) -> None:
        full = result(is_error=True, terminal_reason=reason, result="Prompt is too long")
        assert verdict(ClaudeAgent(), [full], exit_code=1).kind == Ending.FULL

    def test_the_end_of_a_limit_is_read_from_the_text_where_there_is_no_field(self) -> None:
        said = json.dumps(
            {"type": "assistant", "error": "rate_limit", "message": {}, "timestamp": "2026-11-21T10:00:00Z"}
        )
        hit = result(is_error=True, result="You've hit your session limit · resets 11:18am (UTC)")
        end = verdict(ClaudeAgent(), [said, hit], exit_code=1)
        assert (end.kind, end.until) == (Ending.LIMITED, datetime(2026, 11, 21, 11, 18, tzinfo=UTC))

    def test_the_window_is_what_the_program_says(self) -> None:
        reading, _ = fold(ClaudeAgent(), [*lines_of("done")[:-1], result(modelUsage=usage(1, 0, 500_000))])
        assert reading.window == 500_000


class TestAnswersBySchema:
    def test_the_object_is_the_text(self) -> None:
        plan = {"say": "é\u202e", "plan": {"tasks": ["x" * 50_000]}}
        end = verdict(ClaudeAgent(), [result(structured_output=plan)], exit_code=0)
        assert end.kind == Ending.DONE
        assert json.loads(end.text) == plan
        assert end.text.isascii()

    @pytest.mark.parametrize("answer", [None, "text", [1], {}])
    def test_without_one_the_words_count(self, answer: Any) -> None:
        end = verdict(ClaudeAgent(), [result(structured_output=answer)], exit_code=0)
        assert end.text == ("{}" if answer == {} else "The file is there.")

    def test_of_a_bad_end_it_does_not_count(self) -> None:
        bad = result(is_error=True, result="API Error: 500", structured_output={"say": "Hi."})
        assert "Hi." not in verdict(ClaudeAgent(), [bad], exit_code=1).text

    def test_giving_it_is_no_step_of_the_work(self) -> None:
        use = {"type": "tool_use", "name": "StructuredOutput", "input": {"say": "Hi."}}
        line = json.dumps({"type": "assistant", "message": {"id": "m", "content": [use]}})
        assert fold(ClaudeAgent(), [line])[1] == []


class TestHearing:
    def test_the_program_names_what_it_read(self) -> None:
        lines = [json.dumps({"type": "user", "uuid": uid, "isReplay": True}) for uid in ("c-1", "c-2")]
        assert fold(ClaudeAgent(), lines)[0].heard == {"c-1", "c-2"}

    def test_no_other_line_is_taken_for_that(self) -> None:
        said = json.dumps({"type": "user", "uuid": "c-1", "message": {"content": '"isReplay":true'}})
        assert fold(ClaudeAgent(), [said])[0].heard == frozenset()


class TestContext:
    def assistant(self, number: int, held: int, **fields: Any) -> str:
        message = {"id": f"m{number}", "content": [], "usage": {"cache_read_input_tokens": held}}
        return json.dumps({"type": "assistant", "message": message, "parent_tool_use_id": None, **fields})

    def test_blocks_of_one_message_count_once(self) -> None:
        reading, _ = fold(
            ClaudeAgent(), [self.assistant(1, 500), self.assistant(1, 500), self.assistant(2, 600)]
        )
        assert (reading.turns, reading.tokens, reading.context) == (2, 1100, 600)

    def test_a_subagent_has_a_window_of_its_own(self) -> None:
        sub = self.assistant(9, 90_000, parent_tool_use_id="toolu_1")
        reading, _ = fold(ClaudeAgent(), [self.assistant(1, 500), sub])
        assert (reading.turns, reading.context) == (1, 500)

    def test_a_conversation_larger_than_the_assumed_window_corrects_it(self) -> None:
        reading, _ = fold(ClaudeAgent(), [lines_of("done")[0], self.assistant(1, 250_000)])
        assert reading.window == 1_000_000

    def test_a_long_window_is_told_by_the_models_name(self) -> None:
        init = json.dumps({**json.loads(lines_of("done")[0]), "model": "claude-sonnet-4-5[1m]"})
        assert fold(ClaudeAgent(), [init])[0].window == 1_000_000


class TestLaunch:
    def test_the_command_line(self) -> None:
        launch = ClaudeAgent().start(Job("Do it.", SESSION, model="claude-sonnet-4-5", max_turns=40))
        assert " ".join(launch.argv) == (
            "claude -p --input-format stream-json --output-format stream-json --verbose --replay-user-messages"
            " --dangerously-skip-permissions --setting-sources user --add-dir . --strict-mcp-config"
            f" --model claude-sonnet-4-5 --session-id {SESSION} --max-turns 40"
        )
        assert launch.env["CLAUDE_CONFIG_DIR"] == "{state}/claude"
        assert (prompt_of(launch), launch.files) == ("Do it.", {})

    def test_a_resumed_conversation_keeps_its_id_and_all_else(self) -> None:
        job = Job("Go on.", SESSION, model="claude-sonnet-4-5")
        start, resume = ClaudeAgent().start(job), ClaudeAgent().resume(job)
        assert resume.argv == tuple("--resume" if word == "--session-id" else word for word in start.argv)

    def test_without_a_model_or_a_limit_there_is_no_flag(self) -> None:
        argv = ClaudeAgent().start(Job("Do it.", SESSION)).argv
        assert argv[-2:] == ("--session-id", SESSION)

    def test_a_prompt_is_never_a_command_of_the_program(self) -> None:
        assert prompt_of(ClaudeAgent().start(Job("/help me", SESSION))) == "Read this:\n/help me"
        assert json.loads(ClaudeAgent().say(" /cost", uid="u"))["message"]["content"] == "Read this:\n /cost"

    def test_a_prompt_has_no_uid(self) -> None:
        # A conversation that goes on would take the second prompt of one uid for the first, and say nothing.
        assert "uuid" not in json.loads(ClaudeAgent().resume(Job("Go on.", SESSION)).stdin)

    def test_money_permission_and_extra_words_come_from_the_settings(self) -> None:
        settings = {"permission": "acceptEdits", "args": '["--effort", "high"]'}
        argv = ClaudeAgent().start(Job("Do it.", SESSION, max_cost=2.5, settings=settings)).argv
        assert argv[-4:] == ("--max-budget-usd", "2.5", "--effort", "high")
        assert argv[argv.index("--permission-mode") + 1] == "acceptEdits"
        assert "--dangerously-skip-permissions" not in argv

    def test_words_of_the_error_output_explain_a_run_without_a_result(self) -> None:
        tail = "\n".join([*lines_of("killed"), "", "[stderr]", "error: unknown option '--nope'"])
        assert ClaudeAgent().end(Reading(), exit_code=1, tail=tail).text == "error: unknown option '--nope'"
