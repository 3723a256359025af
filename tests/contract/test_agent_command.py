"""Any program as an agent."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from cdock.adapters.agents import agent as make_agent
from cdock.core.errors import Misconfigured
from cdock.core.events import Ending, Job, Launch
from cdock.ports import Agent
from tests.contract.agent_contract import AgentContract, fold, verdict


def launch(*argv: str, model: str = "") -> Launch:
    return make_agent("command").start(Job("Do it.", "s", model=model, settings={"argv": json.dumps(argv)}))


class TestContract(AgentContract):
    settings: ClassVar = {"argv": '["aider", "--message-file", "{prompt_file}"]'}
    good: ClassVar = ["Reading the code", "Changed two files", "Done."]

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("aider", kind="command", settings=self.settings)


def test_the_prompt_comes_as_a_file_where_the_command_says() -> None:
    made = launch("aider", "--message-file={prompt_file}", "--model", "{model}", '{"a": 1}', model="m")
    assert made.argv == ("aider", "--message-file={run}/prompt.md", "--model", "m", '{"a": 1}')
    assert (made.stdin, made.files) == ("", {"{run}/prompt.md": "Do it."})


def test_the_prompt_comes_on_standard_input_otherwise() -> None:
    made = launch("codex", "exec", "-")
    assert made.argv == ("codex", "exec", "-")
    assert (made.stdin, made.files) == ("Do it.", {})


@pytest.mark.parametrize("argv", ["", "[]", "aider", '"aider"', '[""]', '["a", 1]', "{}"])
def test_a_command_that_is_no_list_of_words_is_refused(argv: str) -> None:
    with pytest.raises(Misconfigured, match="has no command") as caught:
        make_agent("command").start(Job("Do it.", "s", settings={"argv": argv}))
    assert "argv" in caught.value.fix


@pytest.mark.parametrize("codes", ["", "0", '["0"]', "[]", "[true]"])
def test_exit_codes_that_are_no_list_of_numbers_are_refused(codes: str) -> None:
    with pytest.raises(Misconfigured, match="exit codes"):
        make_agent("command", settings={"ok_codes": codes})


def test_exit_codes_that_mean_success_are_configured() -> None:
    picky = make_agent("command", settings={"ok_codes": "[0, 3]"})
    assert picky.end(fold(picky, ["nothing to do"])[0], exit_code=3, tail="").kind == Ending.DONE
    assert picky.end(fold(picky, [])[0], exit_code=1, tail="").kind == Ending.FAILED


def test_the_last_lines_are_what_it_said() -> None:
    end = verdict(make_agent("command"), [*map(str, range(9)), "", "bye"], exit_code=0)
    assert end.text == "5\n6\n7\n8\nbye"


def test_error_output_is_not_what_it_said() -> None:
    command = make_agent("command")
    lines = ["Done.", "", "[stderr]", "warning: old"]
    assert verdict(command, lines, exit_code=0).text == "Done."
    assert verdict(command, lines, exit_code=1).text == "Done.\nwarning: old"
    assert [event.kind for event in fold(command, lines)[1]] == ["text", "note"]


def test_the_end_of_the_output_is_the_error() -> None:
    lines = [*map(str, range(99)), "Traceback", '{"error": "no key"}']
    end = verdict(make_agent("command"), lines, exit_code=1)
    assert end.text.splitlines()[0] == "81"
    assert end.text.endswith('Traceback\n{"error": "no key"}')


def test_a_conversation_goes_on_where_that_is_configured() -> None:
    settings = {
        "argv": '["x", "--id", "{session}"]',
        "resume": '["x", "--resume", "{session}", "{prompt_file}"]',
        "session_regex": "^session: (\\S+)$",
    }
    agent = make_agent("command", settings=settings)
    assert agent.can.resume
    assert agent.start(Job("Do it.", "s-{model}", model="m", settings=settings)).argv == (
        "x",
        "--id",
        "s-{model}",
    )
    assert agent.resume(Job("Go on.", "s", settings=settings)).argv == (
        "x", "--resume", "s", "{run}/prompt.md",
    )  # fmt: skip
    assert verdict(agent, ["session: abc", "Done."], exit_code=0).session == "abc"
    assert not make_agent("command").can.resume


def test_patterns_find_what_is_only_told_in_words() -> None:
    settings = {
        "ok_regex": "^Commit [0-9a-f]+",
        "error_regex": "Error:",
        "cost_regex": r"Cost: \$([0-9.]+) session",
    }
    agent = make_agent("command", settings=settings)
    assert agent.can.cost
    good = verdict(agent, ["Cost: $0.5 session", "Commit abc1234 Add it", "Cost: $0.75 session"], exit_code=0)
    assert (good.kind, good.cost) == (Ending.DONE, 0.75)
    assert verdict(agent, ["I did nothing."], exit_code=0).kind == Ending.FAILED
    lines = ["Commit abc1234", "litellm.RateLimitError: Error: 429 slow down"]
    assert verdict(agent, lines, exit_code=0).kind == Ending.LIMITED
    assert verdict(agent, [*lines[:1], "Error: no such file"], exit_code=0).text == "Error: no such file"


@pytest.mark.parametrize(
    ("setting", "text"), [("ok_regex", "("), ("cost_regex", "Cost"), ("session_regex", "(a)(b)")]
)
def test_patterns_that_cannot_be_used_are_refused(setting: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=setting):
        make_agent("command", settings={setting: text})


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(Misconfigured, match="codexx") as caught:
        make_agent("codexx")
    assert "claude, codex, command" in caught.value.fix
