"""What can happen to two machines and one forge, in any order."""

from dataclasses import replace
from datetime import timedelta

from cdock.core.errands import APPROVED
from cdock.core.errors import Unavailable
from cdock.core.policy import Policy
from cdock.core.runs import Role
from cdock.core.task import Task
from cdock.core.wishes import WishKind
from cdock.testing import ABLE, Crash, MemoryAgent, MemoryHub
from tests.unit.houses import Place
from tests.unit.people import ISSUES, PULLS, People
from tests.unit.promises import SLOTS, Promises

POLICY = Policy(
    agent="memory",
    agents=("memory", "other"),
    max_parallel=SLOTS,
    max_cost=5.0,
    max_turns=20,
    day_cost=12.0,
    rounds=2,
)
POLICIES = (
    POLICY,
    replace(POLICY, acceptance=("make test",), drafts=False, conflicts="rebase"),
    replace(POLICY, reviewer="other", conflicts="leave", handoff_agent="other", tries=2),
    replace(POLICY, acceptance=("make test",), reviewer="other", resume_limits=False, day_cost=0.0),
)
DEAF = replace(ABLE, live=False, attach=False)
"""What an agent can do that reads nothing while it works, and whose terminal nobody can have."""

TIME = (
    "tick",
    "a while",
    "later",
    "much later",
    "restart",
    "outage",
    "recover",
    "crash before",
    "crash after",
)
AGENTS = (
    *("commit", "edit files", "done", "fail", "ask", "lose", "hear", "merge main", "hand over"),
    *("cost", "turns", "provider's limit", "window"),
)
WISHES = ("stop", "attach", "prompt", "question", "retry")
EVENTS = (*("a while",) * 10, *("tick",) * 8, *TIME, *AGENTS, *ISSUES, *PULLS * 2, *WISHES)


class Story:
    """Two machines, the agents of one of which can be spoken to, and what happens to them."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.hub = MemoryHub()
        self.places = [
            Place(self.hub, name=f"m{n}", seed=n + 1, policy=policy, agent=MemoryAgent(can=can))
            for n, can in enumerate((ABLE, DEAF))
        ]
        self.policy = policy
        self.promises = Promises(self.hub, self.places, policy)
        self.people = People(self.hub, self.promises)
        for n in range(2):
            self.hub.open_issue(f"Task {n}", labels=[self.policy.labels.ready])

    def move(self, event: str, who: int, which: int) -> None:
        """Let one thing happen, where it can."""
        place = self.places[who]
        if event in TIME:
            self._pass_time(event, place, which)
        elif event in AGENTS:
            self._work(event, place, which)
        elif event in ISSUES:
            self.people.talk(event, which)
        elif event in PULLS:
            self.people.look_at(event, which)
        else:
            self._wish(event, place, which)
        self.promises.check()

    def _pass_time(self, event: str, place: Place, which: int) -> None:
        match event:
            case "tick":
                self.tick(place)
            case "later":
                self.hub.clock.advance(25)
            case "much later":
                self.hub.clock.advance(17 * 60)
            case "a while":
                for _ in range(which % 4):
                    self.live()
            case "restart":
                place.restart()
            case "outage":
                place.faults.down |= {"forge", "claims"}
            case "recover":
                place.faults.down.clear()
            case "crash before" | "crash after":
                place.faults.crash_at = place.faults.calls + 1 + which
                place.faults.crash_after = event == "crash after"
                self.tick(place)
                place.faults.crash_at = None

    def _work(self, event: str, place: Place, which: int) -> None:
        machine = place.machine
        if not machine.alive:
            return
        name = machine.alive[which % len(machine.alive)]
        task = machine.runs[name].run.task
        match event:
            case "commit":
                machine.commit(task)
            case "edit files":
                machine.edit(task)
            case "merge main":
                machine.merge(task, self.hub.branches["main"])
            case "done":
                machine.exit(name, said=("done", APPROVED)[which % 2])
            case "fail":
                machine.exit(name, 1, said=f"Error: kind {'abc'[which % 3]}")
            case "ask":
                machine.exit(name, asks="how?")
            case "lose":
                machine.lose(name)
            case "hear":
                for uid in machine.said.get(name, ()):
                    machine.print(name, f":heard {uid}\n")
            case "hand over":
                machine.handover(name, "half of it is done")
            case "cost":
                machine.print(name, f":cost {which}\n")
            case "turns":
                machine.print(name, f":turns {4 * which}\n")
            case "window":
                machine.print(name, ":full\n" if which % 2 else ":context 80\n")
                if which % 2:
                    machine.exit(name, 1, said="no room")
            case _:
                end = self.hub.clock.now() + timedelta(hours=which)
                machine.print(name, f":limit {end.isoformat()}\n" if which % 2 else ":limit\n")
                machine.exit(name, 1, said="usage limit")

    def _wish(self, event: str, place: Place, which: int) -> None:
        tasks = self.held(place)
        if not tasks:
            return
        task = tasks[which % len(tasks)].id
        match event:
            case "stop":
                place.wishes.make(WishKind.STOP, task)
            case "attach":
                place.wishes.make(WishKind.ATTACH, task)
            case "prompt":
                place.wishes.make(WishKind.PROMPT, task, text=self.people.words("also"), author="nina")
            case "question":
                place.wishes.make(WishKind.HELP, task, text=self.people.new("which one"), author="nina")
            case _:
                place.wishes.make(WishKind.RETRY, task)

    def live(self) -> list[str]:
        """Both machines take a look, and agents do what they are told; the steps of each."""
        self.hub.clock.advance(61)
        done = []
        for place in self.places:
            place.house.memory.doubt = True
            done.append(self.tick(place))
            self.promises.check()
        for place in self.places:
            for name in place.machine.alive:
                obey(place, name)
        return done

    def held(self, place: Place) -> list[Task]:
        """The tasks that this machine holds."""
        return [claim.task for _, claim in sorted(self.hub.refs.items()) if claim.holder == place.name]

    def tick(self, place: Place) -> str:
        """One tick that may crash, after which another process starts."""
        with self.promises.money(place):
            try:
                return place.tick()
            except Crash:
                place.restart()
                return "crash"
            except Unavailable:
                return ""


def obey(place: Place, name: str) -> None:
    """The agent does what it was started for."""
    machine = place.machine
    spec = next(spec for spec in machine.started if spec.name == name)
    task = machine.runs[name].run.task
    for uid in machine.said.get(name, ()):
        machine.print(name, f":heard {uid}\n")
    if spec.role == Role.AGENT and not spec.apart:
        if spec.target:
            machine.merge(task, spec.target)
        else:
            machine.commit(task)
    machine.exit(name, said=APPROVED if spec.apart else "done")
