"""A goal is talked over with an agent on a machine of memory: kept, told again, asked again, and always cleared up."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Event
from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import Draft, Stand
from cdock.core.planning.proposal import Proposal
from cdock.reconciler.conversing import Table, begun, converse, forget_talk, talk_id
from cdock.reconciler.loop import tick
from cdock.reconciler.planwords import AGENT, PERSON
from cdock.testing import MemoryHub, MemoryLocks, MemoryMachine, MemoryPlans
from cdock.testing.clock import MemoryClock
from tests.unit.houses import Place

GOAL = "Log in with OAuth\n\nPeople have accounts already."
PLAN = {
    "title": "Log in",
    "goal": "People log in.",
    "tasks": [{"id": "api", "name": "Add it"}, {"id": "ui", "name": "Show it", "after": ["api"]}],
}


@dataclass
class Script(MemoryClock):
    """A clock; each time somebody waits, the next thing happens."""

    steps: list[Callable[[], None]] = field(default_factory=list)

    def sleep(self, seconds: float) -> bool:
        if self.steps:
            self.steps.pop(0)()
        return super().sleep(seconds)


class Talk:
    """A table on a machine, and a draft that is talked about."""

    def __init__(self) -> None:
        self.place = Place(MemoryHub())
        house = self.place.house
        self.machine: MemoryMachine = self.place.machine
        self.clock = Script()
        self.plans = MemoryPlans()
        self.table = Table(
            runner=house.runner,
            workspaces=house.workspaces,
            locks=house.locks,
            plans=self.plans,
            ledger=house.ledger,
            prompts=house.prompts,
            clock=self.clock,
            ids=house.ids,
            policy=replace(house.policy, planner="memory"),
            agents=house.agents,
        )
        self.draft = begun(self.table, GOAL)
        self.run = talk_id(self.draft).run(1)
        self.events: list[Event] = []

    def says(self, answer: Any) -> Callable[[], None]:
        """The agent answers with this object and ends."""
        text = answer if isinstance(answer, str) else json.dumps(answer)

        def act() -> None:
            self.machine.print(self.run, f":propose {text}\n")
            self.machine.exit(self.run, 0)

        return act

    def ends(self, code: int, said: str = "") -> Callable[[], None]:
        return lambda: self.machine.exit(self.run, code, said=said)

    def say(self, words: str, *steps: Callable[[], None]) -> Proposal:
        self.clock.steps = list(steps)
        try:
            self.draft, proposal = converse(self.table, self.draft, words, on_event=self.events.append)
        finally:
            self.draft = self.plans.kept.get(self.draft.id, self.draft)
            assert not self.machine.runs, "nothing of a turn is left"
        return proposal

    @property
    def prompts(self) -> list[str]:
        return [spec.launch.stdin for spec in self.machine.started if spec.launch]

    @property
    def resumed(self) -> list[bool]:
        return ["--resume" in spec.launch.argv for spec in self.machine.started if spec.launch]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_conversation_is_kept_and_goes_on(talk: Talk) -> None:
    assert talk.say(GOAL, talk.says({"say": "Which provider?"})) == Proposal("Which provider?")
    assert talk.draft.plan == Plan("Log in with OAuth", GOAL), "there is none yet"
    answer = talk.say("Ours.", talk.says({"say": "Like this.", "plan": PLAN}))
    assert answer.plan == talk.draft.plan
    assert [task.stage for task in talk.draft.plan.tasks] == [1, 2]
    assert talk.draft.turns == (
        (PERSON, GOAL),
        (AGENT, "Which provider?"),
        (PERSON, "Ours."),
        (AGENT, "Like this."),
    )
    assert talk.resumed == [False, True]
    assert len({spec.launch.argv[-1] for spec in talk.machine.started if spec.launch}) == 1, "one session"
    assert all(spec.apart and spec.name == talk.run for spec in talk.machine.started)
    assert "People have accounts already." in talk.prompts[0]
    assert "Ours." in talk.prompts[1]
    assert "Which provider?" not in talk.prompts[1], "the agent knows that"


def test_the_agent_is_told_how_the_plan_stands(talk: Talk) -> None:
    talk.say(GOAL, talk.says({"say": "Like this.", "plan": PLAN}))
    changed = replace(talk.draft.plan, tasks=(PlanTask("mine", "By hand"),))
    talk.draft = replace(talk.draft, plan=changed)
    talk.say("Go on.", talk.says({"say": "Well."}))
    assert '"mine"' in talk.prompts[1].replace("\\", "")
    assert talk.draft.plan == changed, "an answer without a plan leaves it as it is"


@pytest.mark.parametrize("code", [1, 2])
def test_where_it_cannot_go_on_the_whole_talk_is_told_again(talk: Talk, code: int) -> None:
    talk.say(GOAL, talk.says({"say": "Which provider?", "plan": PLAN}))
    former = talk.draft.session
    talk.say("Ours.", talk.ends(code, "No conversation found"), talk.says({"say": "Ah."}))
    assert talk.resumed == [False, True, False]
    assert talk.draft.session != former
    for words in ("People have accounts already.", "Which provider?", "Ours.", "api"):
        assert words in talk.prompts[2]


def test_an_answer_that_cannot_be_used_is_asked_again_with_what_is_wrong(talk: Talk) -> None:
    circle = {**PLAN, "tasks": [{"id": "a", "name": "A", "after": ["a"]}]}
    answer = talk.say(
        GOAL,
        talk.says({"say": "So.", "plan": circle}),
        talk.says("No JSON"),
        talk.says({"say": "So.", "plan": PLAN}),
    )
    assert answer.plan is not None
    assert talk.resumed == [False, True, True]
    assert "wait for one another" in talk.prompts[1]
    assert "it is not JSON" in talk.prompts[2]
    assert talk.draft.turns == ((PERSON, GOAL), (AGENT, "So.")), "what was wrong in between is not part of it"


def test_after_three_tries_a_person_sees_it(talk: Talk) -> None:
    answer = talk.say(GOAL, *[talk.says("I would rather talk.")] * 3)
    assert answer.plan is None
    assert answer.say.startswith("I would rather talk.\n\n(This could not be read as a plan: it is not JSON")
    assert talk.draft.turns[-1] == (AGENT, answer.say)


def test_events_are_told_as_they_come_without_secrets(talk: Talk) -> None:
    talk.table = replace(talk.table, secrets=frozenset({"hunter2hunter2"}))
    seen: list[int] = []

    def look() -> None:
        talk.machine.print(talk.run, "reading hunter2hunter2\nmor")

    def look_again() -> None:
        seen.append(len(talk.events))
        talk.machine.print(talk.run, "e\n")

    talk.say(GOAL, look, look_again, talk.says({"say": "hunter2hunter2"}))
    assert seen == [1]
    assert "hunter2" not in "".join(event.text for event in talk.events)
    assert "hunter2" not in talk.draft.turns[-1][1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_turn_keeps_what_was_said(talk: Talk, error: type[BaseException]) -> None:
    def broken() -> None:
        raise error

    with pytest.raises(error):
        talk.say(GOAL, broken)
    assert talk.draft.turns == ((PERSON, GOAL),)
    talk.say("And quickly.", talk.says({"say": "Yes."}))
    assert talk.resumed == [False, True]
    assert GOAL.partition("\n")[0] in talk.prompts[1], "perhaps it never heard that"
    assert "And quickly." in talk.prompts[1]


@pytest.mark.parametrize("minutes", [10, 30])
def test_it_has_to_answer_in_time(talk: Talk, minutes: int) -> None:
    quiet = talk.table.policy.stall if minutes == 10 else talk.table.policy.time_box
    talk.table = replace(talk.table, policy=replace(talk.table.policy, stall=quiet))
    with pytest.raises(Refused, match=r"answer within|sign of life"):
        talk.say(GOAL, lambda: talk.clock.advance(quiet.total_seconds()))
    assert talk.draft.turns == ((PERSON, GOAL),)


def test_what_keeps_the_agent_from_answering_is_said(talk: Talk) -> None:
    with pytest.raises(Refused, match="memory failed: no such model"):
        talk.say(GOAL, talk.ends(3, "no such model"))
    with pytest.raises(Unavailable, match="memory: exit"):
        talk.say("Again.", talk.ends(143, "exit"))
    with pytest.raises(Unavailable, match="is gone"):
        talk.say("Again.", lambda: talk.machine.lose(talk.run))
    talk.draft = replace(talk.draft, agent="nobody")
    with pytest.raises(Refused, match="not configured"):
        talk.say("Again.")


def test_it_costs_what_it_costs(talk: Talk) -> None:
    def paid(answer: Any) -> Callable[[], None]:
        def act() -> None:
            talk.machine.print(talk.run, ":cost 1.5\n")
            talk.says(answer)()

        return act

    talk.say(GOAL, paid("what?"), paid({"say": "Well."}))
    assert talk.table.ledger.spent(talk.clock.now().replace(hour=0, minute=0, second=0)) == 3.0
    talk.table = replace(talk.table, policy=replace(talk.table.policy, day_cost=2.0))
    with pytest.raises(Refused, match="money of one day"):
        talk.say("More.")


def test_nobody_else_talks_about_the_same(talk: Talk) -> None:
    shared: dict[int, object] = {}
    talk.table = replace(talk.table, locks=MemoryLocks(held=shared))
    other = replace(talk.table, locks=MemoryLocks(held=shared))

    def meanwhile() -> None:
        with pytest.raises(Refused, match="another command talks"):
            converse(other, talk.draft, "Me too.", on_event=talk.events.append)

    talk.say(GOAL, meanwhile, talk.says({"say": "Well."}))
    assert not shared


def test_what_a_killed_one_left_goes_first(talk: Talk) -> None:
    talk.say(GOAL, talk.says({"say": "Well."}))
    talk.table.runner.start(talk.machine.started[0])
    talk.say("Go on.", talk.says({"say": "Well."}))
    assert len(talk.machine.started) == 3


def test_the_loop_leaves_a_talk_alone_and_clears_up_after_a_killed_one(talk: Talk) -> None:
    shared: dict[int, object] = {}
    talk.table = replace(talk.table, locks=MemoryLocks(held=shared))
    talk.place.house.locks = MemoryLocks(held=shared)

    def ticks() -> None:
        for _ in range(5):
            talk.place.hub.clock.advance(3600)
            talk.place.house.memory.doubt = True
            tick(talk.place.house)

    seen: list[object] = []
    talk.say(GOAL, ticks, lambda: seen.extend(talk.machine.alive), talk.says({"say": "Well."}))
    assert seen == [talk.run]
    talk.table.runner.start(talk.machine.started[0])
    ticks()
    assert not talk.machine.runs
    assert talk_id(talk.draft) not in talk.machine.heads


def test_a_talk_can_be_forgotten_and_go_on(talk: Talk) -> None:
    talk.say(GOAL, talk.says({"say": "Well."}))
    assert talk_id(talk.draft) in talk.machine.heads
    forget_talk(talk.table, talk.draft)
    assert talk_id(talk.draft) not in talk.machine.heads


def test_what_is_said_anew_is_a_talk_again(talk: Talk) -> None:
    talk.draft = replace(talk.draft, stand=Stand.APPROVED)
    talk.say(GOAL, talk.says({"say": "Well."}))
    assert talk.draft.stand is Stand.TALK


def test_a_draft_for_a_goal() -> None:
    talk = Talk()
    draft: Draft = begun(talk.table, f"  {'x' * 300}  \nmore\n", agent="codex")
    assert (len(draft.plan.title), draft.agent, draft.turns) == (250, "codex", ())
    assert draft.plan.goal.endswith("more")
