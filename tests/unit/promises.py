"""What holds at every moment of a story, whatever happens in it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cdock.core.attempts import charged, in_round, most_attempts
from cdock.core.errands import SENT_BACK, rounds_of
from cdock.core.events import RunSpec
from cdock.core.failure_class import UNKNOWN
from cdock.core.policy import Policy
from cdock.core.runs import Role
from cdock.core.task import Attempt, Claim, Outcome, Task
from cdock.core.wishes import Wish, WishKind
from cdock.testing import MemoryHub
from tests.unit.houses import Place

SLOTS = 2


@dataclass
class Promises:
    """What was seen of a story so far, as far as something is promised about it."""

    hub: MemoryHub
    places: Sequence[Place]
    policy: Policy
    accepted: set[str] = field(default_factory=set)
    """Commits that were taken in once."""
    unheard: set[int] = field(default_factory=set)
    """Comments of strangers that look like commands."""
    said: list[str] = field(default_factory=list)
    """What agents are to be told, each once."""
    forbidden: set[str] = field(default_factory=set)
    """What strangers wrote into issues and nobody has approved."""
    answers: set[str] = field(default_factory=set)
    """What people said to help issues."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """All there ever were, by run."""
    rounds: dict[str, int] = field(default_factory=dict)
    """In which round of its task each wish was made that is not granted yet."""
    looked_at: dict[str, int] = field(default_factory=dict)
    """How many runs of each machine were looked at."""

    def check(self) -> None:
        """What holds at every moment."""
        for claim in self.hub.refs.values():
            task = claim.task
            self.attempts |= {task.id.run(attempt.number): attempt for attempt in task.attempts}
            self._check_task(task)
        for place in self.places:
            self._check_machine(place)
            self._check_wishes(place)
        self._check_commits()
        self._check_words()
        assert not self.unheard & self.hub.seen, "a stranger was heard"
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
        for spec in machine.started[self.looked_at.get(place.name, 0) :]:
            prompt = spec.launch.stdin if spec.launch else ""
            assert not [text for text in self.forbidden if text in prompt], "a stranger's words were obeyed"
        self.looked_at[place.name] = len(machine.started)

    @contextmanager
    def money(self, place: Place) -> Iterator[None]:
        """No attempt starts when the money of a day is used up."""
        before = len(place.machine.started)
        today = self.hub.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        spent = place.ledger.spent(today)
        yield
        if self.policy.day_cost and spent >= self.policy.day_cost:
            assert not [s for s in place.machine.started[before:] if s.launch and not s.launch.terminal]

    def _check_commits(self) -> None:
        """No accepted commit is ever lost."""
        there = set(self.hub.branches.values())
        for place in self.places:
            trees = place.machine.trees.values()
            there |= {tree.head for tree in trees}
            there |= {*place.machine.kept, *place.machine.aside}
            self.accepted |= {tree.head for tree in trees}
        for commit in self.accepted - there:
            assert any(self.hub.contains(head, commit) for head in there), f"{commit} is lost"

    def _check_task(self, task: Task) -> None:
        """Budgets are kept, nothing is done twice, and what is done is there."""
        last = task.last
        if last and last.outcome is Outcome.SUCCEEDED:
            assert task.id.branch() in self.hub.branches, "a success without its commits"
        for cause in SENT_BACK:
            assert rounds_of(task, cause) <= self.policy.rounds, f"sent back too often by {cause}"
        tried = charged(task)
        assert len(tried) <= max(self.policy.max_attempts, most_attempts(task, self.policy))
        if not task.allowed.attempts:
            prints = Counter(a.fingerprint for a in tried if a.fingerprint)
            assert max(prints.values(), default=0) <= self.policy.tries, "one error came back too often"
            kinds = Counter(a.kind for a in tried if a.kind not in ("", UNKNOWN))
            assert max(kinds.values(), default=0) <= self.policy.class_tries
        assert sum(a.outcome is Outcome.CAPPED for a in in_round(task)) <= 1, "nobody was asked"

    def _check_words(self) -> None:
        """No conversation is told anything twice, but for what was lost before anybody read it."""
        for words in self.said:
            told = Counter(
                session
                for place in self.places
                for spec in self._agents(place)
                if self._was_read(spec.name)
                for session in _told(place, spec, words)
            )
            assert max(told.values(), default=0) <= 1, f"told twice: {words}"

    def _agents(self, place: Place) -> Iterator[RunSpec]:
        return (spec for spec in place.machine.started if spec.role == Role.AGENT)

    def _was_read(self, run: str) -> bool:
        return self.attempts[run].outcome is not Outcome.LOST

    def was_told(self, words: str) -> bool:
        """Whether an agent was told this, and was there to read it."""
        return any(
            self._was_read(spec.name) and any(_told(place, spec, words))
            for place in self.places
            for spec in self._agents(place)
        )

    def was_sent(self, words: str) -> bool:
        """Whether an agent was told this, by an attempt that may have been lost."""
        return any(any(_told(place, spec, words)) for place in self.places for spec in self._agents(place))

    def check_heard(self, task: Task) -> None:
        """When the work is done, nothing that was said about it before is left."""
        assert task.last
        assert task.last.ended_at
        mine = [
            spec.launch.stdin
            for p in self.places
            for spec in self._agents(p)
            if spec.launch
            if spec.task == str(task.id)
        ]
        for comment in self.hub.issues[task.issue].comments:
            early = comment.created_at <= task.last.ended_at
            if early and comment.body in self.said and not self.was_sent(comment.body):
                # A conversation begins with all that was said before.
                assert any(text.startswith("task ") and comment.body in text for text in mine), comment.body
        for number, issue in self.hub.issues.items():
            if (
                issue.wears("agent-help")
                and self.hub.parents[number] == task.issue
                and str(task.uuid) in issue.body
            ):
                for comment in issue.comments:
                    if comment.body in self.answers:
                        assert any(comment.body in text for text in mine), comment.body

    def _check_wishes(self, place: Place) -> None:
        """What was granted just now was carried out, or never can be."""
        claims = {claim.task.id: claim for claim in self.hub.refs.values()}
        for wish in place.wishes.made:
            claim = claims.get(wish.task)
            if wish.id in place.wishes.kept:
                self.rounds.setdefault(wish.id, claim.task.round if claim else 0)
            elif (made_in := self.rounds.pop(wish.id, None)) is not None and claim:
                self._check_granted(place, wish, claim, made_in=made_in)

    def _check_granted(self, place: Place, wish: Wish, claim: Claim, *, made_in: int) -> None:
        task, last = claim.task, claim.task.last
        done = last is not None and last.outcome is Outcome.SUCCEEDED
        match wish.kind:
            case WishKind.PROMPT:
                assert self.was_sent(wish.text), "words of a person were lost"
            case WishKind.ATTACH if place.agent.can.attach:
                assert self.terminals(place, wish) == 1, "a terminal was not given"
            case WishKind.HELP:
                # To try it all again is an answer to whatever was asked.
                asked = task.question == wish.text or self.asked(wish) == 1
                assert asked or task.round > made_in, "a question was not asked"
            case WishKind.RETRY:
                assert done or task.round > made_in, "it was not tried again"
            case WishKind.STOP:
                ended = last is not None and last.outcome is Outcome.CANCELLED
                assert done or ended or task.stopped, "it was not stopped"

    def asked(self, wish: Wish) -> int:
        """In how many help issues the question of this wish was asked."""
        return sum(wish.text in issue.body for issue in self.hub.issues.values())

    def terminals(self, place: Place, wish: Wish) -> int:
        """How often a terminal was given for this wish."""
        return sum(
            bool(spec.launch and spec.launch.terminal) and wish.ref in self.attempts[spec.name].refs
            for spec in place.machine.started
        )

    def check_finished(self) -> None:
        """Nothing is left, and nothing was lost or doubled on the way."""
        for place in self.places:
            assert not place.machine.runs
            assert not place.machine.trees
            assert place.wishes.list() == (), "a wish was neither granted nor refused"
            for wish in place.wishes.made:
                assert wish.kind is not WishKind.ATTACH or self.terminals(place, wish) <= 1
                assert wish.kind is not WishKind.HELP or self.asked(wish) <= 1


def _told(place: Place, spec: RunSpec, words: str) -> Iterator[str]:
    """The conversation in which the run of `spec` was told this, once for each time."""
    if spec.launch is None:
        return
    session = spec.launch.argv[-1]
    if f"says:\\n{words}" in spec.launch.stdin:
        yield session
    printed = next((text for (_, run), text in place.logs.kept.items() if run == spec.name), b"").decode()
    for uid, line in place.machine.said.get(spec.name, {}).items():
        if words in line and f":heard {uid}\n" in printed:
            yield session
