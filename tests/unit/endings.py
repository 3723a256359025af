"""How stories end: everything works again, agents do what they are told, and people what is waited for."""

from cdock.core.cases import cases_of
from cdock.core.explaining import Explanation, explain, explain_ready
from cdock.core.plan import status_of
from cdock.core.task import Status
from cdock.core.world import Case
from cdock.reconciler.observe import observe
from tests.unit.people import READY
from tests.unit.stories import Story


def finish(story: Story) -> None:
    """People do what is waited for, again and again, until nothing is left."""
    for _ in range(30):
        settle(story)
        waiting = check_settled(story)
        if not waiting:
            story.promises.check_finished()
            return
        for case, status, why in waiting:
            _unblock(story, case, status, why)
    raise AssertionError("it never ends")


def settle(story: Story) -> None:
    """Everything works again; both tick until neither plans anything."""
    for place in story.places:
        place.faults.down.clear()
    quiet = 0
    for turn in range(400):
        done = story.live()
        if turn > 2:
            _check_alone(story)
        # A heartbeat alone is quiet, but it may be the one that adopts the work of a former life.
        quiet = 0 if any(step.replace("RenewClaim", "").strip() for step in done) else quiet + 1
        if quiet == 12:
            return
    raise AssertionError("it never settles")


def _check_alone(story: Story) -> None:
    """Only who holds a task lets anything run for it."""
    holders = {claim.task.id: claim.holder for claim in story.hub.refs.values()}
    for place in story.places:
        for name in place.machine.alive:
            assert holders.get(place.machine.runs[name].run.task) == place.name, "it runs for nobody"


def check_settled(story: Story) -> list[tuple[Case, Status, Explanation]]:
    """Where nothing happens any more, everything waits for something that it names."""
    waiting = []
    for place in story.places:
        world = observe(place.house)
        assert not place.machine.alive
        for case in cases_of(world):
            if case.claim is None:
                wanted = case.issue.open and case.issue.wears(READY)
                why = explain_ready(case, world, story.policy)
                assert not wanted or case.issue.number in world.unapproved or case.issue.blocked_by, why
                if wanted:
                    waiting.append((case, Status.READY, why))
            elif case.claim.holder == place.name:
                status = status_of(case, world, story.policy)
                why = explain(case, case.claim.task, status, world, story.policy)
                assert status in (Status.IN_REVIEW, Status.NEEDS_HELP, Status.WAITING), (status, why)
                waiting.append((case, status, why))
                if status is Status.IN_REVIEW:
                    story.promises.check_heard(case.claim.task)
    assert all(why.unblocks.rstrip(".") not in ("", "Nothing", "Time") for _, _, why in waiting), waiting
    return waiting


def _unblock(story: Story, case: Case, status: Status, why: Explanation) -> None:
    """Do what the explanation of the task asks for."""
    hub, number = story.hub, case.issue.number
    match status:
        case Status.NEEDS_HELP:
            assert case.help
            assert case.help.open, "a question that nobody sees"
            story.people.answer(case.help.number)
        case Status.IN_REVIEW:
            assert case.pull
            cared = story.policy.conflicts != "leave"
            assert not (cared and case.pull.conflicting), "nobody cares about a conflict"
            if hub.known(case.pull.number).open:
                hub.merge(case.pull.number)
        case Status.READY if case.issue.blocked_by:
            for other in hub.blockers[number]:
                hub.close(other)
        case Status.READY:
            assert "takes the label off and puts it on again" in why.unblocks, why
            hub.unlabel(number, READY)
            story.people.approve(number)
        case _ if why.waiting and why.waiting.until:
            hub.clock.advance(max(0.0, (why.waiting.until - hub.clock.now()).total_seconds()) + 1)
        case _:
            assert READY in why.unblocks, why
            story.people.approve(number)
