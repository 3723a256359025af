"""The scripted agent: its adapter, and the program it ships, run for real."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cdock.adapters.agents import agent as make_agent
from cdock.adapters.agents.scripted import ScriptedAgent
from cdock.core.errors import Misconfigured
from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.ports import Agent
from tests.contract.agent_contract import AgentContract, fold, verdict

RUN_LIMIT = 60
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")


class Stage:
    """A repository to play in."""

    def __init__(self, root: Path) -> None:
        self.src = root / "src"
        self.run = root / "run"
        self.state = root / "state"
        self.output = ""
        self.reading = Reading()
        self.events: list[Event] = []
        for folder in (self.src, self.run, self.state):
            folder.mkdir()
        self.git("init", "--quiet")
        self.git("config", "user.name", "cdock agent")
        self.git("config", "user.email", "agent@example.com")

    def git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", *argv], cwd=self.src, capture_output=True, text=True, check=True, timeout=RUN_LIMIT
        )
        return done.stdout.strip()

    def play(
        self, script: Any, *, resume: bool = False, session: str = "s1", said: str = "", **settings: str
    ) -> Verdict:
        """Run the program as a runner would, with `said` on its standard input after the prompt; how it ended."""
        text = script if isinstance(script, str) else json.dumps(script)
        agent = ScriptedAgent()
        job = Job("The prompt.", session, settings={"script": text, "task": "add-login", **settings})
        launch = agent.resume(job) if resume else agent.start(job)
        exit_code = self._start(launch, said)
        self.reading, self.events = fold(agent, self.output.splitlines())
        return agent.end(self.reading, exit_code=exit_code, tail=self.output)

    def _start(self, launch: Launch, said: str = "") -> int:
        for path, text in launch.files.items():
            Path(self._filled(path)).write_text(text)
        assert launch.argv[0] == "python3"
        done = subprocess.run(
            [sys.executable, *map(self._filled, launch.argv[1:])],
            cwd=self.src,
            input=launch.stdin + said,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RUN_LIMIT,
        )
        self.output = done.stdout
        return done.returncode

    def _filled(self, text: str) -> str:
        return text.replace("{run}", str(self.run)).replace("{state}", str(self.state))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def steps(*attempt: Mapping[str, Any]) -> dict[str, Any]:
    """A script with this one attempt for every task."""
    return {"tasks": {"*": {"attempts": [list(attempt)]}}}


class TestContract(AgentContract):
    settings: ClassVar = {"script": '{"tasks": {}}', "task": "add-login", "attempt": "1"}
    good: ClassVar = [
        '{"type": "session", "session": "5a0c"}',
        '{"type": "text", "text": "I began."}',
        '{"type": "tool", "name": "Bash", "text": "make"}',
        '{"type": "end", "ok": true, "reason": "done"}',
    ]

    @pytest.fixture
    def agent(self) -> Agent:
        return make_agent("scripted")


def test_a_whole_attempt(stage: Stage) -> None:
    end = stage.play(
        steps(
            {"say": "I will add it."},
            {"write": {"path": "docs/a.txt", "text": "one\n"}},
            {"append": {"path": "docs/a.txt", "text": "two\n"}},
            {"run": "cat docs/a.txt"},
            {"wait": 0},
            {"commit": "Add a file"},
            {"say": "Done."},
        )
    )
    assert (end.kind, end.text, end.session) == (Ending.DONE, "Done.", "s1")
    assert stage.git("show", "--format=%s", "HEAD:docs/a.txt") == "one\ntwo"
    assert stage.git("log", "--format=%s") == "Add a file"
    assert [(event.kind, event.text) for event in stage.events][:5] == [
        ("text", "I will add it."),
        ("tool", "Write: docs/a.txt"),
        ("tool", "Edit: docs/a.txt"),
        ("tool", "Bash: cat docs/a.txt"),
        ("result", "one two"),
    ]


def test_its_last_words_may_be_a_proposal(stage: Stage) -> None:
    plan = {"title": 'A "plan"', "tasks": [{"id": "a", "after": []}, "x" * 9_000]}
    end = stage.play(steps({"say": "I look."}, {"propose": {"say": "As you say: {prompt}", "plan": plan}}))
    assert end.kind == Ending.DONE
    assert json.loads(end.text) == {"say": "As you say: The prompt.", "plan": plan}


def test_a_command_that_fails_fails_the_run_with_its_output(stage: Stage) -> None:
    end = stage.play(steps({"run": "echo broken >&2; exit 3"}, {"say": "never"}))
    assert (end.kind, end.text) == (Ending.FAILED, "echo broken >&2; exit 3: exit code 3\nbroken")
    assert "never" not in stage.output


def test_a_commit_of_nothing_fails_the_run(stage: Stage) -> None:
    assert "nothing to commit" in stage.play(steps({"commit": "Empty"})).text


def test_hooks_of_the_repository_do_not_run(stage: Stage) -> None:
    hook = stage.src / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    end = stage.play(steps({"write": {"path": "a", "text": ""}}, {"commit": "Add a"}, {"say": "Done."}))
    assert end.kind == Ending.DONE


def test_attempts_follow_each_other_and_the_last_is_repeated(stage: Stage) -> None:
    script = {"tasks": {"*": {"attempts": [[{"fail": "first"}], [{"fail": "second"}]]}}}
    texts = [stage.play(script, attempt=number).text for number in ("1", "2", "3", "9")]
    assert texts == ["first", "second", "second", "second"]


def test_the_first_pattern_that_matches_the_task_counts(stage: Stage) -> None:
    script = {
        "tasks": {
            "fix-*": {"attempts": [[{"say": "fix"}]]},
            "add-*": {"attempts": [[{"say": "add"}]]},
            "*": {"attempts": [[{"say": "any"}]]},
        }
    }
    assert [stage.play(script, task=task).text for task in ("add-login", "fix-it", "other")] == [
        "add",
        "fix",
        "any",
    ]


def test_a_question_and_its_answer(stage: Stage) -> None:
    script = {
        "tasks": {
            "*": {
                "attempts": [[{"ask": "Which colour?"}, {"say": "never"}]],
                "answered": [
                    {"write": {"path": "colour.txt", "text": "{answer}\n"}},
                    {"commit": "Paint it {answer}"},
                    {"say": "It is {answer} now."},
                ],
            }
        }
    }
    asked = stage.play(script)
    assert (asked.kind, asked.text) == (Ending.ASKED, "Which colour?")
    assert (stage.src / ".cdock" / "help.md").read_text() == "Which colour?\n"
    assert "never" not in stage.output

    done = stage.play(script, resume=True, answer="  blue\n")
    assert (done.kind, done.text) == (Ending.DONE, "It is blue now.")
    assert stage.git("log", "--format=%s") == "Paint it blue"


def test_an_answer_in_words_is_never_run(stage: Stage) -> None:
    script = {
        "tasks": {"*": {"attempts": [[]], "answered": [{"run": "echo '{answer}'"}, {"say": "{answer}"}]}}
    }
    end = stage.play(script, resume=True, answer="'; touch stolen; '")
    assert (end.kind, end.text) == (Ending.DONE, "'; touch stolen; '")
    assert not (stage.src / "stolen").exists()
    assert "{answer}" in stage.output


def test_a_script_without_an_answered_part_plays_its_attempt(stage: Stage) -> None:
    assert stage.play(steps({"say": "again"}), resume=True).text == "again"


def test_notes_for_the_next_attempt(stage: Stage) -> None:
    end = stage.play(steps({"handoff": "Half is done."}, {"say": "never"}))
    assert end.kind == Ending.DONE
    assert (stage.src / ".cdock" / "handoff.md").read_text() == "Half is done.\n"


def test_it_hears_what_is_said_to_it(stage: Stage) -> None:
    script = steps(
        {"say": "Begin."}, {"hear": 30}, {"say": "You said {heard}."}, {"hear": 30}, {"say": "{heard}!"}
    )
    said = "".join(f"{ScriptedAgent().say(text, uid=text[0])}\n" for text in ("blue", "no, red"))
    end = stage.play(script, said=said)
    assert (end.kind, end.text) == (Ending.DONE, "no, red!")
    assert "You said blue." in stage.output
    assert stage.reading.heard == {"b", "n"}


def test_it_fails_when_nobody_speaks(stage: Stage) -> None:
    assert "nobody spoke to it" in stage.play(steps({"hear": 0.1})).text


def test_it_tells_what_it_used_up(stage: Stage) -> None:
    end = stage.play(steps({"say": "1"}, {"cost": 1.5}, {"cost": 0.25}, {"turns": 3}, {"context": 0.8}))
    assert (end.kind, end.turns, end.cost) == (Ending.DONE, 4, 1.75)
    assert stage.reading.context / stage.reading.window == 0.8


def test_a_limit_tells_its_end(stage: Stage) -> None:
    before = datetime.now(UTC)
    end = stage.play(steps({"limit": 90}, {"say": "never"}))
    assert end.kind == Ending.LIMITED
    assert end.until is not None
    assert timedelta(seconds=89) < end.until - before < timedelta(minutes=30)


@pytest.mark.parametrize("kind", [Ending.UNAVAILABLE, Ending.AUTH, Ending.FULL])
def test_it_ends_as_a_provider_makes_it_end(stage: Stage, kind: Ending) -> None:
    assert stage.play(steps({"end": str(kind)})).kind == kind


def test_each_cause_has_steps_of_its_own(stage: Stage) -> None:
    task = {
        "attempts": [[{"say": "first"}]],
        "answered": [{"say": "answered"}],
        "review": [[{"say": "r1"}, {"replies": "T1: done"}], [{"say": "r2"}]],
    }
    script = {"tasks": {"*": task}}
    causes = ("task", "review", "answer", "review", "review")
    assert [stage.play(script, resume=cause != "task", cause=cause).text for cause in causes] == [
        "first", "r1", "answered", "r2", "r2",
    ]  # fmt: skip
    assert (stage.src / ".cdock" / "replies.md").read_text() == "T1: done\n"


def test_the_prompt_can_be_repeated(stage: Stage) -> None:
    assert stage.play(steps({"say": "I was told: {prompt}"})).text == "I was told: The prompt."


def test_a_person_at_its_terminal(stage: Stage) -> None:
    launch = ScriptedAgent().attach(Job("", "s1"))
    for path, text in launch.files.items():
        Path(stage.run / path.removeprefix("{run}/")).write_text(text)
    argv = [sys.executable, *(word.replace("{run}", str(stage.run)) for word in launch.argv[1:])]
    done = subprocess.run(
        argv, cwd=stage.src, input="echo hi >greeting\nexit\nnever\n",
        stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_LIMIT,
    )  # fmt: skip
    assert "conversation s1" in done.stdout
    assert (stage.src / "greeting").read_text() == "hi\n"


@pytest.mark.parametrize("path", ["../out.txt", "/etc/cdock-test", "link/out.txt", ".", "a/../../out.txt"])
def test_nothing_is_written_outside_of_the_workspace(stage: Stage, path: str) -> None:
    (stage.src / "link").symlink_to(stage.run)
    end = stage.play(steps({"write": {"path": path, "text": "x"}}))
    assert end.kind == Ending.FAILED
    assert "not inside the working directory" in end.text
    assert not list(stage.src.parent.rglob("out.txt"))


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("no JSON", "malformed"),
        ("[]", "malformed"),
        ({"tasks": {"fix-*": {}}}, "no steps for the task 'add-login', only for fix-*"),
        ({"tasks": {"*": {}}}, "malformed"),
        ({"tasks": {"*": {"attempts": []}}}, "malformed"),
        (steps({"fly": "away"}), "unknown step: 'fly'"),
        (steps({"say": "a", "wait": 1}), "malformed"),
        (steps({"write": "a"}), "malformed"),
    ],
)
def test_a_bad_script_says_what_is_wrong(stage: Stage, script: Any, says: str) -> None:
    end = stage.play(script)
    assert end.kind == Ending.FAILED
    assert says in end.text
    assert "Traceback" not in stage.output


def test_without_a_script_it_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no script"):
        ScriptedAgent().start(Job("Do it.", "s"))


def test_an_answer_is_not_in_the_command_line() -> None:
    settings = {"script": "{}", "answer": "a stranger's words"}
    launch = ScriptedAgent().resume(Job("Go on.", "s", settings=settings))
    assert "stranger" not in " ".join(launch.argv)
    assert "a stranger's words" in launch.files.values()


def test_a_run_killed_in_the_middle_is_stopped() -> None:
    assert verdict(ScriptedAgent(), TestContract.good[:2], exit_code=143).kind == Ending.STOPPED
