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


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(Misconfigured, match="codexx") as caught:
        make_agent("codexx")
    assert "claude, command, scripted" in caught.value.fix
