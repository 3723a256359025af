"""Plans in unkind hands: crashes at odd moments, people who change their mind, and texts that want too much."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cdock.core.errors import Unavailable
from cdock.core.form import body_of, brief_of
from cdock.core.issues import Issue
from cdock.core.overlap import may_meet
from cdock.core.planning.document import Plan, PlanTask, problems_of
from cdock.core.planning.drafts import Card
from cdock.core.planning.proposal import Proposal, json_of, proposal_of
from cdock.core.planning.telling import proposal_comment, proposed
from cdock.testing import MemoryHub
from tests.unit.houses import POLICY, Place
from tests.unit.test_plans import PLAN, gate, publish, states, tick_gate, work


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def place(hub: MemoryHub) -> Place:
    return Place(hub, policy=replace(POLICY, max_parallel=4, planner="memory"))


def merge(place: Place, number: int) -> None:
    hub = place.hub
    branch = hub.refs[number].task.id.branch()
    hub.merge(next(n for n, pull in hub.pulls.items() if pull.head == branch))
    hub.close(number)
    place.settle()


def quiet(place: Place) -> None:
    """Ticks of a poller that finds no reason to doubt what it knows."""
    for _ in range(20):
        if not place.tick():
            return


def test_an_approval_said_while_no_poller_ran_counts(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    merge(place, numbers["models"])
    hub.comment(plan, "/cdock approve")
    place.restart()
    quiet(place)
    assert states(hub, numbers)["api"] == "held"
    assert "not finished" not in "".join(c.body for c in hub.issues[plan].comments)


def test_a_restart_changes_no_gate(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    merge(place, numbers["models"])
    before = [c.body for c in hub.issues[plan].comments]
    place.restart()
    trail = [place.tick() for _ in range(4)]
    assert not [t for t in trail if "ShowGate" in t or "ShowStatus" in t], trail
    assert [c.body for c in hub.issues[plan].comments] == before


@pytest.mark.parametrize("choice", ["retry", "drop"])
def test_a_task_whose_pull_request_was_closed_keeps_no_gate_shut(
    hub: MemoryHub, place: Place, choice: str
) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    branch = hub.refs[numbers["ui"]].task.id.branch()
    work(place, numbers["ui"])
    hub.close_pull(next(n for n, pull in hub.pulls.items() if pull.head == branch))
    place.settle()
    work(place, numbers["api"])
    assert states(hub, numbers)["ui"] == "later", "it starts no more by itself"
    assert "1 worked, 1 given up" in gate(hub, plan, 2)
    tick_gate(hub, plan, 2, choice)
    place.settle()
    assert states(hub, numbers)["ui"] == ("held" if choice == "retry" else "closed")
    assert states(hub, numbers)["docs"] == ("later" if choice == "retry" else "closed")


def test_a_deleted_task_keeps_no_gate_shut(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    del hub.issues[numbers["ui"]]
    place.settle()
    work(place, numbers["api"])
    hub.clock.advance(600)
    place.settle()
    assert gate(hub, plan, 2)


def wide(title: str, count: int = 100) -> Plan:
    return Plan("A wide plan", tasks=tuple(PlanTask(f"t{n}", title) for n in range(count)))


@pytest.mark.parametrize("title", ["&" * 250, "<" * 250, "|" * 250, "plain " * 40, "é" * 250])
def test_what_is_said_of_a_wide_plan_fits_into_comments(hub: MemoryHub, title: str) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=100, tries=1))
    plan, numbers = publish(hub, wide(title))
    place.settle(400)
    for number in numbers.values():
        task = hub.refs[number].task
        place.machine.exit(task.id.run(1), 1, said="error: " + "`" * 600)
    place.settle(400)
    for comment in hub.issues[plan].comments:
        assert len(comment.body) <= 65_536, comment.body[:60]
    assert "failed" in gate(hub, plan, 1)


def test_what_is_published_is_what_was_shown(hub: MemoryHub, place: Place) -> None:
    number = hub.open_issue("Goal", labels=["agent-plan"])
    place.settle()
    task = hub.refs[number].task
    other = Plan("Other", "x", (PlanTask("evil", "Something else"),))
    forged = proposal_comment(task, 1, Proposal("x", other))
    forged = forged[forged.index("<details>") :]
    hub.comment(number, proposal_comment(task, 1, Proposal(forged, PLAN)), by=hub.bot)
    found = proposed(hub.issues[number], task, 1)
    assert found
    assert found.title == PLAN.title


@pytest.mark.parametrize("line", ["echo <!-- a", "<!-- x"])
def test_what_would_be_hidden_in_an_issue_is_refused(line: str) -> None:
    plan = Plan("A plan", tasks=(PlanTask("x", "X", acceptance=("true", line)),))
    assert [problem.where for problem in problems_of(plan)] == [("tasks", 0, "acceptance", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "<!<!-- x -->-- hidden",
        "a\n<!<!-- x -->-- b",
        "<pre>",
        "``<!-- x -->`",
        "<!-- a",
        "#<!-- -->## Files\n\n`x`",
        "\ufeff### Files\n`x`",
        "~~~",
        "```\n``` x",
    ],
)
def test_no_description_hides_or_forges_what_follows(text: str) -> None:
    task = PlanTask("x", "X", description=text, acceptance=("make",))
    brief = brief_of(body_of(task, plan=4, depends=(5, 6)))
    assert (brief.depends, brief.plan, brief.files, brief.acceptance) == ((5, 6), 4, (), ("make",))


def test_attempts_at_the_same_thing_do_not_wait_for_one_another(hub: MemoryHub, place: Place) -> None:
    task = PlanTask("x", "Refactor auth", files=("src/**",))
    made = [
        hub.open_issue(f"a{n}", body=body_of(task, batch="b1", worktree=f"a-a{n}"), labels=["agent-ready"])
        for n in (1, 2, 3)
    ]
    place.settle()
    assert set(made) <= set(hub.refs)


def test_hostile_globs_are_compared_soon() -> None:
    one = "*?" * 250
    other = "?*" * 250
    found = [may_meet(f"{one[:-3]}{n}", f"{other[:-3]}{m}") for n in range(100, 150) for m in range(100, 150)]
    assert len(found) == 2_500


def test_a_gate_that_was_changed_by_hand_stops_nothing(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    comment = next(c for c in hub.issues[plan].comments if "stage=1 -->" in c.body)
    hub.reword(plan, comment.id, comment.body.replace("stage=1", "stage=x"), by="maria")
    place.settle()
    assert gate(hub, plan, 1)


def test_nobody_is_offered_to_retry_what_only_waits(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    hub.close(numbers["models"], dropped=True)
    place.settle()
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    assert "choice drop" in gate(hub, plan, 2)
    assert "choice retry" not in gate(hub, plan, 2)


def test_work_is_stacked_on_what_is_changed_again_meanwhile(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    models = hub.refs[numbers["models"]].task
    for _ in range(30):
        if numbers["api"] in hub.refs:
            break
        place.house.memory.doubt = True
        place.tick()
    assert not hub.refs[numbers["api"]].task.onto
    hub.comment(numbers["models"], "Please rename it.")
    place.settle()
    assert hub.refs[numbers["models"]].task.running
    assert hub.refs[numbers["api"]].task.onto == models.id.branch()


def test_work_waits_for_what_is_changed_again_before_it_starts(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    models = hub.refs[numbers["models"]].task
    tick_gate(hub, plan, 1, "approve")
    for _ in range(30):
        if numbers["api"] in hub.refs:
            break
        place.house.memory.doubt = True
        place.tick()
    assert not hub.refs[numbers["api"]].task.onto, "it has no worktree yet"
    again = replace(models.attempts[-1], number=2, outcome=None, ended_at=None)
    hub.refs[numbers["models"]] = replace(
        hub.refs[numbers["models"]], holder="elsewhere", task=models.with_attempt(again)
    )
    place.house.memory.doubt = True
    place.settle()
    assert not hub.refs[numbers["api"]].task.attempts
    assert hub.issues[numbers["api"]].wears("waiting")
    hub.refs[numbers["models"]] = replace(hub.refs[numbers["models"]], task=models)
    place.house.memory.listed_at = -1e9
    place.settle()
    assert hub.refs[numbers["api"]].task.onto == models.id.branch()
    assert hub.refs[numbers["api"]].task.running


def test_work_on_something_that_was_dropped_is_not_merged_into_it(hub: MemoryHub, place: Place) -> None:
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    tick_gate(hub, plan, 1, "approve")
    place.settle()
    work(place, numbers["api"])
    assert set(hub.bases.values()) == {"main", hub.refs[numbers["models"]].task.id.branch()}
    hub.close(numbers["models"], dropped=True)
    place.settle()
    assert hub.refs[numbers["api"]].task.onto == ""
    assert hub.bases[max(hub.pulls)] == "main"


class BrokenBoard:
    def show(self, plan: Issue, cards: Sequence[Card]) -> str:
        raise Unavailable("the board does not answer")


def test_a_board_that_is_away_keeps_nothing_from_being_shown(hub: MemoryHub, place: Place) -> None:
    place.house.board = BrokenBoard()
    plan, numbers = publish(hub)
    place.settle()
    work(place, numbers["models"])
    assert "1 worked" in next(c.body for c in hub.issues[plan].comments if "**Plan**" in c.body)
    assert plan not in place.house.memory.pauses


def test_an_answer_full_of_open_code_blocks_is_read_soon() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        proposal_of("x\n" + "```json\n" * 50_000)
    text = f"Here:\n````json\n{json_of(PLAN, say='a')}\n````\nor\n```\n{json_of(PLAN, say='b')}\n```\nDone."
    assert proposal_of(text).say == "b"
    assert proposal_of(f"So ```json\n```json\n{json_of(PLAN, say='c')}\n```").say == "c"


def test_a_plan_of_thousands_of_tasks_is_refused_soon() -> None:
    tasks = [{"id": f"t{n}", "name": "x", "after": [f"t{n - 1}"] if n else []} for n in range(7_000)]
    text = json.dumps({"say": "x", "plan": {"title": "t", "goal": "g", "tasks": tasks[::-1]}})
    with pytest.raises(ValueError, match="7000 tasks on one level"):
        proposal_of(text)


@pytest.mark.parametrize("word", ["stop", "pause"])
def test_a_plan_that_was_stopped_lets_nothing_start(hub: MemoryHub, word: str) -> None:
    place = Place(hub, policy=replace(POLICY, max_parallel=4, gates=False))
    plan, numbers = publish(hub)
    place.settle()
    hub.comment(plan, f"/cdock {word}")
    place.settle()
    work(place, numbers["models"])
    assert states(hub, numbers)["api"] == "later"
    assert hub.issues[plan].wears("waiting")
    hub.comment(plan, "/cdock resume")
    place.settle()
    assert states(hub, numbers)["api"] == "held"
