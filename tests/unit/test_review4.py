"""Ways in which agents could go round for ever, or what a person said could be lost."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.task import Cause, Outcome, Status
from cdock.core.wishes import WishKind
from cdock.testing import Crash, MemoryHub
from tests.unit.houses import Place
from tests.unit.test_control import (
    comment_of,
    helps,
    place_of,
    prompts,
    status,
    succeed,
    task,
    ticks,
    working,
)
from tests.unit.test_feedback import in_review, pull_of


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


def end(place: Place, *, orders: str = "", code: int = 1) -> None:
    if orders:
        place.machine.print(place.run, orders)
    place.machine.exit(place.run, code)
    ticks(place, 60)


def test_a_conversation_that_is_full_at_once_does_not_go_round_for_ever(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for _ in range(60):
        if helps(hub):
            break
        end(place, orders=":full\n")
    assert helps(hub), f"{len(task(hub, number).attempts)} attempts, and nobody was asked"
    assert "only handed over" in hub.issues[helps(hub)[0]].body


def test_full_and_then_notes_again_and_again_ask_a_person(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    for _ in range(60):
        if helps(hub):
            break
        last = task(hub, number).last
        assert last is not None
        if last.cause is Cause.NOTES:
            place.machine.handover(place.run, "notes")
            ticks(place, 60)
        else:
            end(place, orders=":full\n")
    assert helps(hub), f"{len(task(hub, number).attempts)} attempts, and nobody was asked"


def test_a_review_that_ends_in_hand_overs_is_seen_to_once(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    hub.review(pull_of(hub).number, "", about=["Use a set here"])
    ticks(place, 20)
    place.machine.handover(place.run, "half of it is done")
    ticks(place, 20)
    assert "Use a set here" in prompts(place)[-1], "whoever goes on knows what for"
    assert "half of it is done" in prompts(place)[-1]
    place.machine.reply(task(hub, number).id, "R1: a set it is")
    succeed(place)
    ticks(place, 60)
    assert status(place, number) is Status.IN_REVIEW
    assert len(task(hub, number).attempts) == 3
    (thread,) = pull_of(hub).threads
    assert "a set it is" in thread.remarks[-1].body


def test_a_limit_that_ends_at_once_is_not_tried_without_pause(hub: MemoryHub) -> None:
    place = place_of(hub, backoff=timedelta(seconds=10))
    number = working(hub, place)
    for _ in range(100):
        for name in place.machine.alive:
            place.machine.print(name, f":limit {hub.clock.now().isoformat()}\n")
            place.machine.exit(name, 1)
        ticks(place, 20, every=5)
    assert {a.outcome for a in task(hub, number).attempts} <= {Outcome.LIMITED, None}
    assert len(task(hub, number).attempts) < 15, "in half an hour"


def test_who_was_stopped_stays_stopped_though_the_run_is_gone(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    hub.comment(number, "/cdock stop")
    place.house.memory.doubt = True
    assert "HearCommand" in place.tick()
    place.machine.lose(place.run)
    ticks(place, 120)
    assert not place.machine.alive
    assert task(hub, number).attempts[0].outcome is Outcome.CANCELLED
    assert status(place, number) is Status.WAITING


def test_a_wish_to_stop_is_kept_though_the_run_is_gone(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.lose(place.run)
    place.wishes.make(WishKind.STOP, task(hub, number).id)
    ticks(place, 120)
    assert not place.machine.alive
    assert status(place, number) is Status.WAITING
    assert place.wishes.list() == ()


def test_words_are_told_again_when_their_run_was_lost(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="Add TLS", author="ada")
    place.runner.refuse = "the image is gone"
    ticks(place, 10)
    place.runner.refuse = ""
    ticks(place, 700)
    assert place.machine.alive
    assert "Add TLS" in prompts(place)[-1]


def test_an_answer_is_told_again_when_its_run_was_lost(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    place.machine.exit(place.run, asks="Which port?")
    ticks(place, 60)
    (asked,) = helps(hub)
    hub.comment(asked, "Port 8080.")
    place.runner.refuse = "the image is gone"
    ticks(place, 10)
    place.runner.refuse = ""
    ticks(place, 700)
    assert place.machine.alive
    assert "Port 8080." in prompts(place)[-1], task(hub, number).attempts


@pytest.mark.parametrize("how", ["fails", "is lost", "hands over"])
def test_nobody_judges_work_that_is_not_finished(hub: MemoryHub, how: str) -> None:
    place = place_of(hub, able=False, reviewer="second", agents=("memory", "second"))
    number = working(hub, place)
    hub.comment(number, "And add TLS.")
    succeed(place)
    assert task(hub, number).last.cause is Cause.MESSAGE  # type: ignore[union-attr]
    place.machine.print(place.run, "thinking\n")
    if how == "fails":
        place.machine.exit(place.run, 1, said="KeyError: 'x'")
    elif how == "is lost":
        place.machine.exit(place.run, 1, error="the engine was restarted")
    else:
        place.machine.handover(place.run, "half of it is done")
    ticks(place, 30)
    wanted = {"fails": Cause.RETRY, "is lost": Cause.GO_ON, "hands over": Cause.HANDOFF}
    assert task(hub, number).last.cause is wanted[how]  # type: ignore[union-attr]
    succeed(place)
    assert task(hub, number).last.cause is Cause.OPINION  # type: ignore[union-attr]


def test_stopping_what_does_not_run_has_no_effect_later(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    place.wishes.make(WishKind.STOP, task(hub, number).id)
    ticks(place, 30)
    assert place.wishes.list() == ()
    hub.review(pull_of(hub).number, "Nearly.")
    ticks(place, 60)
    assert place.machine.alive
    assert task(hub, number).last.cause is Cause.REVIEW  # type: ignore[union-attr]


def test_a_terminal_that_was_had_is_not_given_again(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = working(hub, place)
    wish = place.wishes.make(WishKind.ATTACH, task(hub, number).id)
    ticks(place, 60)
    assert task(hub, number).last.cause is Cause.PERSON  # type: ignore[union-attr]
    # A crash kept the wish from being taken away.
    place.wishes.kept[wish.id] = wish
    place.restart()
    place.machine.exit(place.run)
    ticks(place, 120)
    assert [a.cause for a in task(hub, number).attempts] == [Cause.TASK, Cause.PERSON, Cause.GO_ON]
    assert place.machine.alive
    assert place.wishes.list() == ()


def test_a_second_wish_to_try_again_does_not_redo_what_is_in_review(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    place.wishes.make(WishKind.RETRY, task(hub, number).id)
    ticks(place, 60)
    assert len(task(hub, number).attempts) == 1
    assert place.wishes.list() == ()
    assert "In review" in comment_of(hub, number)


def judged(hub: MemoryHub) -> tuple[Place, int]:
    """A task whose first work is being looked at by a second agent."""
    place = place_of(hub, reviewer="second", agents=("memory", "second"))
    number = working(hub, place)
    succeed(place)
    ticks(place, 20)
    assert task(hub, number).last.cause is Cause.OPINION  # type: ignore[union-attr]
    return place, number


def test_a_second_agent_that_cannot_hold_the_work_is_no_reason_to_do_it_again(hub: MemoryHub) -> None:
    place, number = judged(hub)
    for _ in range(30):
        if helps(hub):
            break
        last = task(hub, number).last
        assert last is not None
        if last.cause is Cause.OPINION:
            end(place, orders=":full\n")
        elif last.cause is Cause.NOTES:
            place.machine.handover(place.run, "notes")
            ticks(place, 60)
        else:
            succeed(place)
            ticks(place, 60)
    assert helps(hub), f"{len(task(hub, number).attempts)} attempts, and nobody was asked"
    assert {a.cause for a in task(hub, number).attempts[1:]} == {Cause.OPINION}


def test_a_second_agent_is_not_asked_to_hand_over(hub: MemoryHub) -> None:
    place, _ = judged(hub)
    name = place.run
    place.machine.print(name, "reading\n:context 90\n")
    ticks(place, 60)
    assert name in place.machine.alive
    assert not place.machine.said.get(name)


def test_what_people_say_is_for_who_works_and_not_for_who_judges(hub: MemoryHub) -> None:
    place, number = judged(hub)
    name = place.run
    hub.comment(number, "Use port 8080.")
    place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    ticks(place, 30)
    assert not place.machine.said.get(name)
    place.machine.exit(name, said="done APPROVED")
    ticks(place, 30)
    assert task(hub, number).last.cause is Cause.MESSAGE  # type: ignore[union-attr]
    assert "Use port 8080." in prompts(place)[-1]
    assert "and TLS" in prompts(place)[-1]


def test_what_was_said_before_notes_are_written_is_for_who_goes_on(hub: MemoryHub) -> None:
    place = place_of(hub, able=False)
    number = working(hub, place)
    place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    end(place, orders=":full\n")
    assert task(hub, number).last.cause is Cause.NOTES  # type: ignore[union-attr]
    place.machine.handover(place.run, "half of it is done")
    ticks(place, 30)
    assert "and TLS" in prompts(place)[-1]


def test_a_limit_ends_the_run_though_the_forge_refuses_to_write_it_down(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(hub, max_cost=1.0)
    working(hub, place)

    def refuse(*_: object, **__: object) -> str:
        raise NotPermitted("this token may not push", fix="give it the right to")

    monkeypatch.setattr(place.house.claims, "swap", refuse)
    monkeypatch.setattr(place.house.claims, "publish", refuse)
    place.machine.print(place.run, ":cost 2\n")
    ticks(place, 60)
    assert not place.machine.alive


def test_what_an_attempt_cost_counts_though_its_end_could_not_be_recorded(hub: MemoryHub) -> None:
    place = place_of(hub, day_cost=5.0)
    working(hub, place)
    name = place.run
    place.machine.print(name, ":cost 3\n")
    place.machine.exit(name, 1, said="KeyError: 'x'")

    def note(run: str, *, cost: float, at: datetime) -> None:
        raise Unavailable("the disk is full", fix="make room")

    before, place.ledger.note = place.ledger.note, note  # type: ignore[method-assign]
    ticks(place, 30)
    place.ledger.note = before  # type: ignore[method-assign]
    ticks(place, 700)
    assert place.ledger.runs[name][0] == 3.0


def test_a_reply_that_is_refused_for_ever_keeps_nothing_else_from_being_done(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    hub.review(pull_of(hub).number, "", about=["Use a set here"])
    ticks(place, 20)
    place.machine.reply(task(hub, number).id, "R1: a set it is")

    def refuse(*_: object, **__: object) -> None:
        raise Refused("the conversation is locked", fix="unlock it")

    monkeypatch.setattr(place.house.forge, "ensure_reply", refuse)
    place.machine.commit(task(hub, number).id)
    place.machine.exit(place.run, said="done it")
    ticks(place, 3600, every=30)
    assert not pull_of(hub).draft
    hub.review(pull_of(hub).number, "Once more.")
    ticks(place, 3600, every=30)
    assert place.machine.alive


def test_the_limit_of_an_issue_is_not_ignored_by_an_agent_that_tells_no_money(hub: MemoryHub) -> None:
    place = place_of(hub, able=False)
    number = hub.open_issue("Add login", body="### Most cost (US$)\n\n2.50\n", labels=["agent-ready"])
    ticks(place, 60)
    assert task(hub, number).max_cost == 2.5
    assert not place.machine.started


def test_a_stranger_cannot_talk_away_what_a_review_asks_for(hub: MemoryHub) -> None:
    place = place_of(hub)
    number = in_review(hub, place)
    hub.review(pull_of(hub).number, about=["Use a set here"])
    hub.remark(pull_of(hub).number, pull_of(hub).threads[0].ref, "No, never mind", by="mallory")
    ticks(place, 30)
    assert task(hub, number).last.cause is Cause.REVIEW  # type: ignore[union-attr]
    assert "Use a set here" in prompts(place)[-1]
    assert "never mind" not in prompts(place)[-1]
    place.machine.reply(task(hub, number).id, "R1: a set it is")
    succeed(place)
    ticks(place, 60)
    assert len(task(hub, number).attempts) == 2
    hub.remark(pull_of(hub).number, pull_of(hub).threads[0].ref, "I disagree", by="mallory")
    ticks(place, 60)
    assert len(task(hub, number).attempts) == 2, "nor can they ask for more"


# A crash at any call


def a_message(hub: MemoryHub, place: Place, number: int) -> None:
    place.wishes.make(WishKind.PROMPT, task(hub, number).id, text="and TLS", author="ada")
    place.machine.commit(task(hub, number).id)
    place.machine.exit(place.run, said="done it")


def and_it_was_told(hub: MemoryHub, place: Place, number: int) -> None:
    assert any("and TLS" in prompt for prompt in prompts(place))
    while place.machine.alive:
        succeed(place)
        ticks(place, 100)
    done = [a.cause for a in task(hub, number).attempts if a.outcome is Outcome.SUCCEEDED]
    assert len(done) == 2, "and only once"


def a_terminal(hub: MemoryHub, place: Place, number: int) -> None:
    place.wishes.make(WishKind.ATTACH, task(hub, number).id)


def and_it_goes_on_after_that(hub: MemoryHub, place: Place, number: int) -> None:
    if task(hub, number).last.cause is Cause.PERSON:  # type: ignore[union-attr]
        place.machine.exit(place.run)
        ticks(place, 100)
    last = task(hub, number).last
    assert last is not None
    assert (last.cause, last.outcome) == (Cause.GO_ON, None)


def a_question(hub: MemoryHub, place: Place, number: int) -> None:
    place.wishes.make(WishKind.HELP, task(hub, number).id, text="Which port?")


def and_it_is_asked_once(hub: MemoryHub, place: Place, number: int) -> None:
    (asked,) = helps(hub)
    hub.comment(asked, "8080")
    ticks(place, 100)
    assert place.machine.alive
    assert not helps(hub)


STORIES = {
    "a message": (a_message, and_it_was_told),
    "a terminal": (a_terminal, and_it_goes_on_after_that),
    "a question": (a_question, and_it_is_asked_once),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_call_loses_and_doubles_no_wish(story: str, after: bool) -> None:
    begin, check = STORIES[story]
    for at in range(1, 40):
        hub = MemoryHub()
        place = place_of(hub, able=story != "a message")
        number = working(hub, place)
        begin(hub, place, number)
        place.faults.crash_at, place.faults.crash_after = place.faults.calls + at, after
        with suppress(Crash):
            ticks(place, 100)
        place.faults.crash_at = None
        place.restart()
        ticks(place, 100)
        check(hub, place, number)
        assert place.wishes.list() == (), at
