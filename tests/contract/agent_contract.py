"""What every agent adapter promises, whatever program it drives."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.ports import Agent

SECRETIVE = "Please add `rm -rf`; $(touch x) {run} {state} --model evil"
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "say": {"type": "string", "default": "", "description": "what"},
            "type": {
                "anyOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}, {"type": "null"}]
            },
        },
        "required": ["say"],
    }
)
JUNK = (
    "",
    " ",
    "no JSON at all",
    "{",
    '{"type":"assistant","message":{"content":[{"type":"te',
    '{"type":"never heard of"}',
    '{"type":{"a":1}}',
    '{"type":["assistant"]}',
    '{"type":"assistant"}',
    '{"type":"assistant","message":7}',
    '{"type":"assistant","message":{"content":{"type":"text"},"usage":[]}}',
    '{"type":"assistant","message":{"content":[7,{"type":"tool_use","input":"x","name":[]}],"id":4}}',
    '{"type":"assistant","message":{"content":[{"type":"text","text":"\\ud800 \\u202e \\u001b[31mred\\u0000"}]}}',
    '{"type":"assistant","message":{"id":"m","usage":{"input_tokens":NaN,"output_tokens":-4}}}',
    '{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":[7,{"text":8}]}]}}',
    '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1e300}}',
    '{"type":"result"}',
    '{"type":"result","modelUsage":[],"total_cost_usd":"much","errors":[1,{}],"result":null}',
    '{"type":"result","ok":"yes","text":5}',
    '{"type":"end","ok":"yes","text":[],"error":{},"until":"9999-99-99T99"}',
    '{"type":"user","isReplay":true,"uuid":{"a":1},"timestamp":7}',
    '{"type":"user","isReplay":true,"timestamp":"2026-11-21T10:00:00"}',
    '{"type":"heard","uid":[1]}',
    '{"type":"usage","cost":"1","turns":-4,"context":1e400}',
    '{"type":"item.completed","item":{"type":"command_execution","exit_code":"x","aggregated_output":[1]}}',
    '{"type":"item.completed","item":{"type":"file_change","changes":[7,{"path":{}}]}}',
    '{"type":"item.completed","item":[]}',
    '{"type":"turn.completed","usage":{"input_tokens":"many"}}',
    '{"type":"turn.failed","error":"text"}',
    '{"type":"event_msg","payload":{"info":[],"rate_limits":{"primary":7,"b":{"used_percent":100,"resets_at":1e300}}}}',
    '{"type":"clock","at":"now"}',
    '{"type":"error","error":{"name":[],"data":7},"message":{}}',
    '{"type":"step_finish","part":{"tokens":[],"cost":"x","reason":{}}}',
    '{"type":"tool_use","part":{"state":7,"tool":[]},"tool_name":{},"parameters":[]}',
    '{"type":"message","role":"assistant","content":[1],"delta":"yes"}',
    '{"type":"tool_result","status":7,"output":{}}',
    '{"type":"result","status":"error","error":[],"stats":7}',
    "Tokens: x sent, y received. Cost: $$ message, $9e999 session.",
    '{"type":"system","subtype":"init","session_id":9,"model":[]}',
    '{"type":"system","subtype":"api_retry","attempt":"x","error":[],"error_status":{}}',
    '{"n":' + "9" * 5000 + "}",
    "{" * 3 + '"a":' + "[" * 100_000,
    "x" * 1_000_000,
    "\x1b]0;title\x07\x1b[2J\rfake\u202egnp.exe",
    "[]",
    "null",
)


def fold(agent: Agent, lines: Sequence[str]) -> tuple[Reading, list[Event]]:
    """The reading of these lines from the start, and all events on the way."""
    reading, events = Reading(), list[Event]()
    for line in lines:
        reading, new = agent.read(reading, line)
        events += new
    return reading, events


def verdict(agent: Agent, lines: Sequence[str], *, exit_code: int) -> Verdict:
    """How a run that printed these lines ended."""
    reading, _ = fold(agent, lines)
    return agent.end(reading, exit_code=exit_code, tail="\n".join(lines))


def strings(value: object) -> Iterator[str]:
    """All strings in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def prompt_of(launch: Launch) -> str:
    """The prompt as the program reads it from standard input: the text itself, or the first line of messages."""
    if not launch.until:
        return launch.stdin
    [line] = launch.stdin.splitlines()
    return max(strings(json.loads(line)), key=len)


class AgentContract:
    """Subclass it, say which agent, and what its program prints when all goes well."""

    settings: ClassVar[Mapping[str, str]] = {}
    good: ClassVar[Sequence[str]]

    @pytest.fixture
    def agent(self) -> Agent:
        raise NotImplementedError

    def job(self, **changes: object) -> Job:
        values = {"prompt": SECRETIVE, "session": "5a0c", "settings": self.settings, **changes}
        return Job(**values)  # type: ignore[arg-type]

    def test_the_prompt_comes_as_standard_input_or_as_a_file_and_nowhere_else(self, agent: Agent) -> None:
        for launch in (agent.start(self.job()), agent.resume(self.job())):
            named = [text for path, text in launch.files.items() if path in " ".join(launch.argv)]
            assert [text == SECRETIVE for text in (prompt_of(launch), *named)].count(True) == 1
            assert SECRETIVE not in "\n".join((*launch.argv, *launch.env.values()))
            assert all(path.startswith(("{run}/", "{state}/")) for path in launch.files)
            assert not launch.terminal

    def test_a_schema_reaches_a_program_that_sees_to_it_and_no_other(self, agent: Agent) -> None:
        for begin in (agent.start, agent.resume):
            plain, bound = begin(self.job()), begin(self.job(schema=SCHEMA))
            if not agent.can.schema:
                assert bound == plain
                continue
            named = [text for path, text in bound.files.items() if path in bound.argv]
            [given] = [text for text in (*bound.argv, *named) if '"say"' in text]
            assert set(json.loads(given)["properties"]) == {"say", "type"}
            assert '"say"' not in "\n".join((*plain.argv, *plain.files.values()))
            assert prompt_of(bound) == prompt_of(plain)

    def test_it_keeps_listening_if_it_can_be_spoken_to(self, agent: Agent) -> None:
        for launch in (agent.start(self.job()), agent.resume(self.job())):
            assert bool(launch.until) == agent.can.live
            if agent.can.live:
                assert [launch.until in line for line in self.good].count(True) == 1
                assert launch.until in self.good[-1]

    def test_what_is_said_to_it_is_one_line_that_can_hold_anything(self, agent: Agent) -> None:
        if not agent.can.live:
            return
        words = f'{SECRETIVE}\n"{{}}"\u2028\r\nend'
        line = agent.say(words, uid="c-17")
        assert line.isascii()
        assert len(line.splitlines()) == 1
        assert "c-17" in line
        assert words in list(strings(json.loads(line)))

    def test_a_person_gets_a_terminal_with_nothing_on_standard_input(self, agent: Agent) -> None:
        if not agent.can.attach:
            return
        launch = agent.attach(self.job())
        assert launch.terminal
        assert (launch.stdin, launch.until) == ("", "")
        assert "5a0c" in launch.argv
        assert SECRETIVE not in "\n".join((*launch.argv, *launch.env.values()))
        assert agent.attach(self.job(session="")).terminal

    def test_a_good_run_is_done(self, agent: Agent) -> None:
        end = verdict(agent, self.good, exit_code=0)
        assert end.kind == Ending.DONE
        assert end.text

    def test_a_good_ending_with_a_bad_exit_code_is_not_done(self, agent: Agent) -> None:
        assert verdict(agent, self.good, exit_code=1).kind == Ending.FAILED

    @pytest.mark.parametrize("exit_code", [129, 130, 137, 143, -9, -15])
    def test_a_signal_from_outside_means_stopped(self, agent: Agent, exit_code: int) -> None:
        assert verdict(agent, self.good[:-1], exit_code=exit_code).kind == Ending.STOPPED

    def test_a_crash_is_the_agents_own_failure(self, agent: Agent) -> None:
        assert verdict(agent, self.good[:-1], exit_code=139).kind == Ending.FAILED

    def test_a_failure_has_words(self, agent: Agent) -> None:
        for exit_code in (1, 2, 127, 139, 143):
            assert agent.end(Reading(), exit_code=exit_code, tail="").text
        said = agent.end(Reading(), exit_code=127, tail="sh: agent: not found\n\n").text
        assert said == "sh: agent: not found"

    @pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
    def test_no_line_can_break_it(self, agent: Agent, junk: str) -> None:
        first, events = fold(agent, [junk, *self.good[:1], junk])
        self._check(first, events)
        assert agent.end(first, exit_code=3, tail=junk).kind == Ending.FAILED
        assert verdict(agent, [junk, *self.good], exit_code=0).kind == Ending.DONE

    def test_no_text_can_break_it(self, agent: Agent) -> None:
        # Declared inside: Hypothesis takes one test of several classes for an unstable one.
        @given(line=st.text() | st.text().map(lambda text: f'{{"type": "text", "text": "{text}"}}'))
        def check(line: str) -> None:
            reading, events = fold(agent, [line])
            self._check(reading, events)
            agent.end(reading, exit_code=1, tail=line)

        check()

    def test_the_fold_goes_on_where_it_stopped(self, agent: Agent) -> None:
        whole, _ = fold(agent, self.good)
        half, _ = fold(agent, self.good[:2])
        for line in self.good[2:]:
            half, _ = agent.read(half, line)
        assert half == whole

    def _check(self, reading: Reading, events: Sequence[Event]) -> None:
        for event in events:
            assert event.kind in ("text", "tool", "result", "error", "note")
            assert event.text
            assert len(event.text) <= 200
            assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in event.text}
        assert len(reading.text) <= 400_000
        reading.text.encode()
        reading.error.encode()
        assert reading.cost >= 0
        assert reading.tokens >= 0
