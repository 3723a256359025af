"""The conversation at the terminal, with a person and an agent who are played."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cdock.cli.planningloop import Loop
from cdock.cli.planningpublish import outcome
from cdock.cli.planningtalk import PUSHES, Talk, forget_published, show_words
from cdock.core.errors import Refused
from cdock.core.planning.drafts import PARENT, Stand
from cdock.reconciler.conversing import talk_id
from cdock.reconciler.planwords import PERSON
from tests.unit.test_conversing import GOAL, PLAN
from tests.unit.test_conversing import Talk as Ground

FULL = {"say": "Like this.", "plan": PLAN}


@dataclass
class Person:
    """Types these lines; one that is an exception is raised, as Ctrl-C does."""

    lines: list[str | type[BaseException]] = field(default_factory=list)

    def words(self) -> str | None:
        """See `Asking`."""
        if not self.lines:
            return None
        line = self.lines.pop(0)
        if not isinstance(line, str):
            raise line
        return line


class Stage:
    """A loop with all that is played."""

    def __init__(self, start: Path) -> None:
        self.ground = Ground()
        self.talk = Talk(self.ground.table, self.ground.draft)
        self.person = Person()
        self.published: list[str] = []
        self.agrees = True
        self.loop = Loop(start, self.talk, self.person, self._publish)

    def _publish(self, about: Talk) -> bool:
        self.published.append(about.require_plan().title)
        return self.agrees

    def play(self, *lines: str | type[BaseException], answers: Iterable[Any] = (), first: str = "") -> None:
        self.ground.clock.steps = [
            answer if callable(answer) else self.ground.says(answer) for answer in answers
        ]
        self.person.lines = list(lines)
        assert self.loop.run(first) == 0
        assert not self.ground.machine.runs


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def interrupts(stage: Stage) -> Callable[[], None]:
    def act() -> None:
        raise KeyboardInterrupt

    return act


def test_words_go_to_the_agent_and_commands_do_not(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.play("Ours.", "/show", "/help", "", first=GOAL, answers=[{"say": "Which?"}, FULL])
    shown = capsys.readouterr()
    assert shown.out.index("Which?") < shown.out.index("Like this.") < shown.out.index("1. Add it")
    assert shown.out.count("2. Show it") == 2
    assert "/publish" in shown.out
    assert f"--resume {str(stage.talk.draft.id)[:8]}" in shown.err
    assert len(stage.ground.prompts) == 2


def test_the_first_words_are_the_goal_even_where_they_look_like_a_command(stage: Stage) -> None:
    stage.play(first="/etc is to be gone", answers=[FULL])
    assert "/etc is to be gone" in stage.ground.prompts[0]


def test_without_a_goal_the_first_words_become_it(stage: Stage) -> None:
    stage.talk.draft = replace(stage.talk.draft, plan=replace(stage.talk.draft.plan, title="", goal=""))
    stage.play("Log out\nof everything", answers=[{"say": "Why?"}])
    assert stage.talk.draft.plan.title == "Log out"
    assert "of everything" in stage.talk.draft.plan.goal


def test_changes_by_hand_are_kept_and_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.play("/order ui api", "/drop 1", "Fine?", first=GOAL, answers=[FULL, {"say": "Yes."}])
    assert [task.key for task in stage.talk.draft.plan.tasks] == ["api"]
    assert stage.ground.plans.list() == (stage.talk.draft,)
    for words in ("put in order ui, then api", "took out ui", "Fine?"):
        assert words in stage.ground.prompts[1]
    assert "Stage 2" in capsys.readouterr().out


def test_splitting_is_the_agents_work(stage: Stage) -> None:
    stage.play("/split 2 by page", first=GOAL, answers=[FULL, FULL])
    assert "Split the task `ui` (Show it)" in stage.ground.prompts[1]
    assert "by page" in stage.ground.prompts[1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/drop", "usage: /drop"),
        ("/order 1", "usage: /order"),
        ("/split", "usage: /split"),
        ("/drop 3", "no task '3'"),
        ("/frob", "no command /frob"),
        ("/order api api", "named twice"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    stage: Stage, line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.play(line, first=GOAL, answers=[FULL])
    assert why in capsys.readouterr().err
    assert len(stage.talk.draft.plan.tasks) == 2
    assert len(stage.ground.prompts) == 1


def test_before_there_is_a_plan_nothing_is_done_with_it(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.play("/show", "/drop 1", "/publish", "/edit")
    assert capsys.readouterr().err.count("[CD495] there is no plan yet") == 4
    assert stage.ground.plans.list() == ()


def test_ctrl_c_ends_a_turn_and_not_the_talk(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.play(
        KeyboardInterrupt, "Again", "/quit", "never", first=GOAL, answers=[interrupts(stage), {"say": "Yes."}]
    )
    assert "stopped; what you said is kept" in capsys.readouterr().err
    assert stage.talk.draft.turns[:2] == ((PERSON, GOAL), (PERSON, "Again"))
    assert stage.person.lines == ["never"]


def test_a_failure_of_the_agent_ends_a_turn_only(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.play("Again", first=GOAL, answers=[stage.ground.ends(3, "no such \x1b[2Jmodel"), {"say": "Yes."}])
    shown = capsys.readouterr()
    assert "no such" in shown.err
    assert "\x1b" not in shown.err
    assert "Yes." in shown.out


def test_publishing_ends_it_unless_the_person_says_no(stage: Stage) -> None:
    stage.agrees = False
    stage.play("/publish", first=GOAL, answers=[FULL])
    stage.agrees = True
    stage.play("/publish", "never")
    assert stage.published == ["Log in", "Log in"]
    assert stage.person.lines == ["never"]


def test_what_others_changed_meanwhile_counts(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.play(first=GOAL, answers=[FULL])
    draft = stage.talk.draft
    stage.ground.plans.put(replace(draft, stand=Stand.PUBLISHED, numbers={PARENT: 7}))
    stage.play("/drop 1", "More")
    assert capsys.readouterr().err.count("is on the forge already as #7") == 2
    assert len(stage.talk.draft.plan.tasks) == 2


def test_one_task_is_edited_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ncp "$1" "$0.seen"\nsed -i \'s/Show it/Show it all/\' "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    stage.play("/edit ui", "/edit api", first=GOAL, answers=[FULL])
    assert [(task.title, task.after) for task in stage.talk.draft.plan.tasks] == [
        ("Add it", ()),
        ("Show it all", ("api",)),
    ]
    assert "Show it" not in (tmp_path / "editor.seen").read_text(), "only one of them is in the document"
    assert "nothing was changed" in capsys.readouterr().err


def test_without_a_person_the_agent_is_pushed_to_a_plan(stage: Stage) -> None:
    stage.ground.clock.steps = [stage.ground.says({"say": "Which?"}), stage.ground.says(FULL)]
    assert stage.talk.propose(GOAL).say == "Like this."
    assert "Nobody is there" in stage.ground.prompts[1]
    told = outcome(stage.talk.draft, "Like this.")
    assert (told["published"], [task["id"] for task in told["tasks"]]) == (False, ["api", "ui"])


def test_one_that_proposes_nothing_is_given_up(stage: Stage) -> None:
    stage.ground.clock.steps = [stage.ground.says({"say": "Which?"})] * (PUSHES + 1)
    with pytest.raises(Refused, match=r"proposed no plan: Which\?"):
        stage.talk.propose(GOAL)


def test_what_is_remembered_of_published_plans_goes(stage: Stage) -> None:
    stage.play(first=GOAL, answers=[FULL])
    stage.ground.plans.put(replace(stage.talk.draft, stand=Stand.PUBLISHED))
    forget_published(stage.ground.table)
    (draft,) = stage.ground.plans.list()
    assert draft.session == ""
    assert talk_id(draft) not in stage.ground.machine.heads


def test_words_of_an_agent_keep_their_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    show_words("One [bold]thing[/bold]:\n  - \x1b[31mred\x07\u202e\n\n\r\tlast\x9b2J")
    shown = capsys.readouterr().out
    assert shown.splitlines() == ["One [bold]thing[/bold]:", "  - [31mred", "", "last2J"]


def test_help_and_the_loop_load_nothing_heavy() -> None:
    program = (
        "import sys; from cdock.cli.main import run; run(['orchestrate', '--help']);"
        "import cdock.cli.planningloop, cdock.cli.planninginput;"
        "print('LOADED', sorted({'prompt_toolkit', 'asyncio', 'rich', 'github', 'docker', 'git', 'requests',"
        "'jinja2', 'pydantic', 'yaml', 'markdown_it'} & set(sys.modules)))"
    )
    done = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"
