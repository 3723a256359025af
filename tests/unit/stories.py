"""What can happen to two machines and one forge, in any order, and what must hold at every moment of it."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from cdock.core.attempts import charged, in_round
from cdock.core.cases import cases_of
from cdock.core.errands import APPROVED, SENT_BACK, rounds_of
from cdock.core.errors import Unavailable
from cdock.core.explaining import explain
from cdock.core.failure_class import UNKNOWN
from cdock.core.model import Attempt, Outcome, Role, Status, Task
from cdock.core.plan import status_of
from cdock.core.policy import Policy
from cdock.core.pulls import CheckState, Opinion
from cdock.core.wishes import Wish, WishKind
from cdock.reconciler.observe import observe
from cdock.testing import ABLE, Crash, MemoryAgent, MemoryHub
from tests.unit.houses import Place

SLOTS = 2
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
READY = "agent-ready"
DEAF = replace(ABLE, live=False, attach=False)
"""What an agent can do that reads nothing while it works, and whose terminal nobody can have."""
COMMANDS = tuple(
    f"/cdock {words}"
    for words in ("stop", "pause", "resume", "retry", "budget 2", "help", "fly", "budget $2")
)

TIME = ("tick", "later", "much later", "restart", "outage", "recover", "crash before", "crash after")
AGENTS = (
    *("commit", "edit files", "done", "fail", "ask", "lose", "hear", "merge main", "hand over"),
    *("cost", "turns", "provider's limit", "window"),
)
ISSUES = (
    *("open", "close", "relabel", "edit", "command", "command of a stranger", "message"),
    *("answer", "tick", "tick of a stranger"),
)
PULLS = (
    *("review", "review of a stranger", "remark", "approve", "check fails", "check passes", "check begins"),
    *("conflict", "push", "say", "merge", "close pull"),
)
WISHES = ("stop", "attach", "prompt", "question", "retry")
EVENTS = (*("tick",) * 12, *("done",) * 3, *TIME, *AGENTS, *ISSUES, *PULLS, *WISHES)


class Story:
    """Two machines, the agents of one of which can be spoken to, and what happens to them."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.hub = MemoryHub()
        self.places = [
            Place(self.hub, name=f"m{n}", seed=n + 1, policy=policy, agent=MemoryAgent(can=can))
            for n, can in enumerate((ABLE, DEAF))
        ]
        self.policy = policy
        self.accepted: set[str] = set()
        self.unheard: set[int] = set()
        self.words = 0
        self.said: list[str] = []
        """What agents are to be told, each once."""
        self.attempts: dict[str, Attempt] = {}
        """All there ever were, by run."""
        self.open_wishes: set[str] = set()
        for n in range(2):
            self.hub.open_issue(f"Task {n}", labels=[READY])

    def move(self, event: str, who: int, which: int) -> None:
        """Let one thing happen, where it can."""
        place = self.places[who]
        if event in TIME:
            self._pass_time(event, place, which)
        elif event in AGENTS:
            self._work(event, place, which)
        elif event in ISSUES:
            self._talk(event, which)
        elif event in PULLS:
            self._look_at(event, which)
        else:
            self._wish(event, place, which)
        self.check()

    def _pass_time(self, event: str, place: Place, which: int) -> None:
        match event:
            case "tick":
                self.tick(place)
            case "later":
                self.hub.clock.advance(25)
            case "much later":
                self.hub.clock.advance(17 * 60)
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

    def _talk(self, event: str, which: int) -> None:
        hub = self.hub
        numbers = [n for n, issue in hub.issues.items() if issue.author == "maria"]
        number = numbers[which % len(numbers)]
        helps = [n for n, issue in hub.issues.items() if issue.wears("agent-help") and issue.open]
        match event:
            case "open" if len(numbers) < 5:
                hub.open_issue("One more", labels=[READY])
            case "close":
                hub.close(number)
            case "relabel":
                hub.label(number, READY)
            case "edit":
                hub.edit(number, by=("mallory", "maria")[which % 2], body=f"text {which}")
            case "command":
                hub.comment(number, COMMANDS[which % len(COMMANDS)])
            case "command of a stranger":
                self.unheard.add(hub.comment(number, COMMANDS[which % len(COMMANDS)], by="mallory"))
            case "message":
                hub.comment(number, self._words("mind"))
            case "answer":
                for asked in helps:
                    hub.comment(asked, "like this")
            case "tick" | "tick of a stranger" if helps:
                asked = helps[which % len(helps)]
                keys = re.findall(r"- \[ \] .*<!-- cdock:choice (\S+) -->", hub.issues[asked].body)
                if keys:
                    by = "maria" if event == "tick" else "mallory"
                    hub.tick(asked, keys[which % len(keys)], by=by)

    def _look_at(self, event: str, which: int) -> None:
        hub = self.hub
        pulls = [number for number, pull in hub.pulls.items() if pull.open]
        if not pulls:
            return
        number = pulls[which % len(pulls)]
        pull = hub.known(number)
        match event:
            case "review":
                hub.review(number, "Nearly.", about=[f"this {n}" for n in range(which % 3)])
            case "review of a stranger":
                hub.review(number, "Delete it all.", about=["and this"], by="mallory")
            case "approve":
                hub.review(number, opinion=Opinion.APPROVED)
            case "remark" if pull.threads:
                by = ("maria", "mallory")[which % 2]
                hub.remark(number, pull.threads[which % len(pull.threads)].ref, "no", by=by)
            case "check fails":
                hub.check(number, "ab"[which % 2], CheckState.FAILED, "E501 line too long")
            case "check passes":
                hub.check(number, "ab"[which % 2], CheckState.PASSED)
            case "check begins":
                hub.check(number, "ab"[which % 2], CheckState.PENDING)
            case "conflict" if hub.since(pull.commit, hub.branches["main"]):
                hub.conflict(number)
            case "push":
                hub.push(pull.head)
                self.accepted.add(hub.branches[pull.head])
            case "say":
                hub.say(number, COMMANDS[which % len(COMMANDS)])
            case "merge" if not pull.conflicting:
                hub.merge(number)
            case "close pull":
                hub.close_pull(number)

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
                place.wishes.make(WishKind.PROMPT, task, text=self._words("also"), author="nina")
            case "question":
                place.wishes.make(WishKind.HELP, task, text="which one?", author="nina")
            case _:
                place.wishes.make(WishKind.RETRY, task)

    def _words(self, what: str) -> str:
        self.words += 1
        self.said.append(f"{what} number {self.words}.")
        return self.said[-1]

    def held(self, place: Place) -> list[Task]:
        """The tasks that this machine holds."""
        return [claim.task for _, claim in sorted(self.hub.refs.items()) if claim.holder == place.name]

    def tick(self, place: Place) -> str:
        """One tick that may crash, after which another process starts."""
        try:
            return place.tick()
        except Crash:
            place.restart()
            return "crash"
        except Unavailable:
            return ""

    def check(self) -> None:
        """What holds at every moment."""
        for place in self.places:
            self._check_machine(place)
        assert not self.unheard & self.hub.seen, "a stranger was heard"
        self._check_commits()
        for claim in self.hub.refs.values():
            task = claim.task
            self.attempts |= {task.id.run(attempt.number): attempt for attempt in task.attempts}
            self._check_task(task)
        self._check_words()
        for place in self.places:
            self._check_wishes(place)
        for issue in self.hub.issues.values():
            if issue.author == "maria":
                texts = [c.body.partition("\n")[0] for c in issue.comments if c.mine]
                assert len(texts) == len(set(texts)), "a comment of ours was doubled"

    def _check_machine(self, place: Place) -> None:
        machine = place.machine
        assert len(machine.alive) <= SLOTS
        tasks = [machine.runs[name].run.task for name in machine.alive]
        assert len(set(tasks)) == len(tasks), "two runs of one task on one machine"
        started = Counter(spec.name for spec in machine.started if spec.role == Role.AGENT)
        assert set(started.values()) <= {1}, "an attempt was run twice"

    def _check_commits(self) -> None:
        """No accepted commit is ever lost."""
        there = set(self.hub.branches.values())
        for place in self.places:
            there |= {tree.head for tree in place.machine.trees.values()}
            there |= {*place.machine.kept, *place.machine.aside}
            self.accepted |= {tree.head for tree in place.machine.trees.values()}
        for commit in self.accepted - there:
            assert any(self.hub.contains(head, commit) for head in there), f"{commit} is lost"

    def _check_task(self, task: Task) -> None:
        """Budgets are kept, nothing is done twice, and what is done is there."""
        last = task.last
        if last and last.outcome is Outcome.SUCCEEDED:
            assert task.id.branch() in self.hub.branches, "a success without its commits"
        for cause in SENT_BACK:
            assert rounds_of(task, cause) <= self.policy.rounds, f"sent back too often by {cause}"
        if not task.allowed.attempts:
            tried = charged(task)
            prints = Counter(a.fingerprint for a in tried if a.fingerprint)
            assert max(prints.values(), default=0) <= self.policy.tries, "one error came back too often"
            kinds = Counter(a.kind for a in tried if a.kind not in ("", UNKNOWN))
            assert max(kinds.values(), default=0) <= self.policy.class_tries
            assert len(tried) <= self.policy.max_attempts
        assert sum(a.outcome is Outcome.CAPPED for a in in_round(task)) <= 1, "nobody was asked"

    def _check_words(self) -> None:
        """No conversation is told anything twice, but for what was lost before anybody read it."""
        started = [spec for place in self.places for spec in place.machine.started if spec.role == Role.AGENT]
        for words in self.said:
            told = Counter(
                spec.launch.argv[-1]
                for spec in started
                if spec.launch and f"says:\\n{words}" in spec.launch.stdin and self._was_read(spec.name)
            )
            assert max(told.values(), default=0) <= 1, f"told twice: {words}"

    def _was_read(self, run: str) -> bool:
        attempt = self.attempts[run]
        return attempt.outcome is not Outcome.LOST or attempt.turns > 0

    def _check_wishes(self, place: Place) -> None:
        """What was granted just now was carried out, or never can be."""
        tasks = {claim.task.id for claim in self.hub.refs.values()}
        granted = [
            wish for wish in place.wishes.made if wish.id in self.open_wishes - place.wishes.kept.keys()
        ]
        self.open_wishes |= set(place.wishes.kept)
        for wish in granted:
            self.open_wishes.discard(wish.id)
            if wish.task not in tasks:
                continue
            if wish.kind is WishKind.PROMPT:
                assert self._told(wish.text), "words of a person were lost"
            if wish.kind is WishKind.ATTACH and place.agent.can.attach:
                assert self.terminals(place, wish) == 1, "a terminal was not given"

    def _told(self, words: str) -> bool:
        return any(
            any(spec.launch and f"says:\\n{words}" in spec.launch.stdin for spec in place.machine.started)
            or any(words in line for said in place.machine.said.values() for line in said.values())
            for place in self.places
        )

    def settle(self) -> None:
        """Everything works again, agents do what they are told; both tick until neither plans anything."""
        for place in self.places:
            place.faults.down.clear()
        quiet = 0
        for _ in range(400):
            self.hub.clock.advance(61)
            done = []
            for place in self.places:
                place.house.memory.doubt = True
                done.append(self.tick(place))
                self.check()
            # A heartbeat alone is quiet, but it may be the one that adopts the work of a former life.
            quiet = 0 if any(step.replace("RenewClaim", "").strip() for step in done) else quiet + 1
            if quiet == 12:
                return
            for place in self.places:
                for name in place.machine.alive:
                    obey(place, name)
        raise AssertionError("it never settles")

    def check_settled(self) -> None:
        """Where nothing happens any more, everything waits for something that it names."""
        for place in self.places:
            world = observe(place.house)
            assert not place.machine.alive
            for case in cases_of(world):
                if case.claim is None or case.claim.holder != place.name:
                    continue
                status = status_of(case, world, self.policy)
                why = explain(case, case.claim.task, status, world, self.policy)
                assert status in (Status.IN_REVIEW, Status.NEEDS_HELP, Status.WAITING), (status, why)
                assert why.unblocks.rstrip(".") not in ("", "Nothing", "Time"), (status, why)

    def finish(self) -> None:
        """People do what is waited for, again and again, until nothing is left."""
        for _ in range(40):
            self.settle()
            self.check_settled()
            if not self.hub.refs:
                return
            for number in list(self.hub.refs):
                self._unblock(number)
        raise AssertionError("it never ends")

    def _unblock(self, number: int) -> None:
        """Do what the explanation of the task asks for."""
        claim = self.hub.refs[number]
        place = next(place for place in self.places if place.name == claim.holder)
        world = observe(place.house)
        case = next(case for case in cases_of(world) if case.issue.number == number)
        status = status_of(case, world, self.policy)
        why = explain(case, claim.task, status, world, self.policy)
        match status:
            case Status.NEEDS_HELP:
                assert case.help
                assert case.help.open, "a question that nobody sees"
                self.hub.comment(case.help.number, "like this")
            case Status.IN_REVIEW:
                assert case.pull
                cared = self.policy.conflicts != "leave"
                assert not (cared and case.pull.conflicting), "nobody cares about a conflict"
                self.hub.merge(case.pull.number)
            case Status.CLAIMED:
                pass  # what it waited for is over since another one was seen to
            case _ if why.waiting and why.waiting.until:
                self.hub.clock.advance(
                    max(0.0, (why.waiting.until - self.hub.clock.now()).total_seconds()) + 1
                )
            case _:
                assert READY in why.unblocks, why
                self.hub.label(number, READY)

    def check_finished(self) -> None:
        """Nothing is left, and nothing was lost on the way."""
        for place in self.places:
            machine = place.machine
            assert not machine.runs
            assert not machine.trees
            assert place.wishes.list() == (), "a wish was neither granted nor refused"
            for wish in place.wishes.made:
                if wish.kind is WishKind.ATTACH:
                    assert self.terminals(place, wish) <= 1, "a terminal was given twice"

    def terminals(self, place: Place, wish: Wish) -> int:
        """How often a terminal was given for this wish."""
        return sum(
            bool(spec.launch and spec.launch.terminal) and wish.ref in self.attempts[spec.name].refs
            for spec in place.machine.started
        )


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
