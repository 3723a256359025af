"""Talk a goal over with an agent: one run for each turn, in a throw-away copy of the repository, and no poller needed.

What was said is kept in the draft after every turn, so that any process can go on with the same conversation. Where the
agent's own memory of it is gone, the whole talk is told again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time

from cdock.core.errors import Refused
from cdock.core.events import Ending, Event, Job, RunSpec
from cdock.core.ids import TaskId, check_id, slug_of
from cdock.core.planning.document import TITLE_LIMIT, Plan
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.core.planning.proposal import SAY_LIMIT, Proposal, proposal_of, schema
from cdock.core.policy import Policy
from cdock.core.runs import Role, Verdict
from cdock.core.secrets import redacted
from cdock.core.task import Cause
from cdock.ports import Agent, Clock, Ids, Ledger, Locks, Plans, Prompts, Runner, Workspaces
from cdock.reconciler.checking import lock_of
from cdock.reconciler.listening import Heard, follow
from cdock.reconciler.planwords import AGENT, PERSON, prompt_of, trouble

TRIES = 3
"""Answers of one turn that may be unusable before the person sees the last one as it is."""
BRANCH = "talk"
"""What the branch of the copy is called; nothing on it is kept."""


@dataclass(frozen=True)
class Table:
    """What it takes to talk with an agent."""

    runner: Runner
    workspaces: Workspaces
    locks: Locks
    plans: Plans
    ledger: Ledger
    prompts: Prompts
    clock: Clock
    ids: Ids
    policy: Policy
    agents: Mapping[str, Agent]
    agent_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def fit(self, text: str) -> str:
        """`text` without secrets."""
        return redacted(text, secrets=self.secrets)


def begun(table: Table, goal: str, *, agent: str = "") -> Draft:
    """A new draft for a goal; it is not kept before something is said."""
    title = " ".join(goal.strip().partition("\n")[0].split())
    return Draft(
        id=table.ids.uuid(),
        plan=Plan(title[:TITLE_LIMIT], goal.strip()),
        created_at=table.clock.now(),
        agent=agent or table.policy.planner,
    )


def converse(
    table: Table, draft: Draft, words: str, *, on_event: Callable[[Event], None]
) -> tuple[Draft, Proposal]:
    """Say `words` in the conversation of a draft; the draft as it is kept then, and what the agent answers.

    `on_event` is told what the agent does meanwhile. Whatever is raised, the words are kept with the draft.

    Raises:
        Refused: the agent failed, or is not one that can be used here; or another process talks about this plan.
        Unavailable: the agent's provider, or something else that it needs, is away.
    """
    require_open(draft)
    agent = _agent(table, draft)
    task = talk_id(draft)
    with _alone(table, task):
        turn = _Turn(table, _keep(table, _with(draft, PERSON, words)), agent, on_event)
        proposal = turn.proposal()
        plan = proposal.plan or turn.draft.plan
        said = _with(turn.draft, AGENT, proposal.say)
        return _keep(table, replace(said, plan=plan)), proposal


def require_open(draft: Draft) -> None:
    """Raise `Refused` when the plan is on the forge, or partly so: what is said now would change nothing there."""
    if draft.stand is Stand.PUBLISHED or draft.numbers:
        number = draft.numbers.get(PARENT)
        raise Refused(
            f"the plan {draft.plan.title!r} is on the forge already{f' as #{number}' if number else ''}",
            code="CD497",
            tried="changing it",
            fix="change its issues there, or say on its issue what you want",
        )


def talk_id(draft: Draft) -> TaskId:
    """The name of all runs of a conversation: no poller takes them for a task while somebody minds them."""
    return check_id(f"plan {draft.id}")


def forget_talk(table: Table, draft: Draft) -> None:
    """Remove what the agent remembers of a conversation. It can go on all the same: then all is told again."""
    with _alone(table, talk_id(draft)):
        table.runner.clear(talk_id(draft))


def _agent(table: Table, draft: Draft) -> Agent:
    found = table.agents.get(draft.agent)
    if found is None:
        raise Refused(
            f"the agent {draft.agent!r} is not configured here",
            code="CD490",
            tried=f"talking to it; configured are {', '.join(sorted(table.agents))}",
            fix="choose one of them: `--agent NAME`, or `agent` below [plan] in cdock.toml",
        )
    limit = table.policy.day_cost
    today = datetime.combine(table.clock.now().date(), time(), tzinfo=UTC)
    if limit and table.ledger.spent(today) >= limit:
        raise Refused(
            f"the money of one day on this machine (${limit:.2f}) is used up",
            code="CD493",
            tried=f"talking to {draft.agent}",
            fix="go on tomorrow with `cdock orchestrate --resume`, or raise `day_cost` below [budget]",
        )
    return found


@contextmanager
def _alone(table: Table, task: TaskId) -> Iterator[None]:
    """Nobody else talks about the same plan, and no run of it is left, before and after."""
    lock = lock_of(task)
    if not table.locks.hold(lock):
        raise Refused(
            "another command talks about this plan on this machine just now",
            code="CD491",
            tried="taking part in its conversation",
            fix="wait until it has ended, or end it",
        )
    try:
        _end_runs(table, task)
        try:
            yield
        finally:
            _end_runs(table, task)
    finally:
        table.locks.release(lock)


def _end_runs(table: Table, task: TaskId) -> None:
    for run in table.runner.list():
        if run.task == task:
            if run.alive:
                # It gets its time: what it knows of the conversation should be on disk.
                table.runner.stop(run.name, grace=table.policy.stop_grace.total_seconds())
            table.runner.remove(run.name)


def _keep(table: Table, draft: Draft) -> Draft:
    table.plans.put(draft)
    return draft


def _with(draft: Draft, who: str, words: str) -> Draft:
    # What is said anew makes it a talk again, also where a former plan was about to be published.
    return replace(draft, turns=(*draft.turns, (who, words.strip())), stand=Stand.TALK)


class _Turn:
    """One turn: a run, or some more until there is an answer that can be used."""

    def __init__(self, table: Table, draft: Draft, agent: Agent, on_event: Callable[[Event], None]) -> None:
        self._table = table
        self._agent = agent
        self._on_event = on_event
        self._task = talk_id(draft)
        self._runs = 0
        self.draft = draft

    def proposal(self) -> Proposal:
        """The agent's answer; one that could never be read comes as plain words."""
        lesson = ""
        for _ in range(TRIES):
            text = self._answer(lesson)
            try:
                return proposal_of(text)
            except ValueError as error:
                lesson = str(error)
                self._on_event(Event("note", "its answer cannot be used, it is asked again"))
        first = lesson.partition("\n")[0]
        return Proposal(f"{text[:SAY_LIMIT].strip()}\n\n(This could not be read as a plan: {first})")

    def _answer(self, lesson: str) -> str:
        resumed = bool(self.draft.session) and self._agent.can.resume
        verdict = self._run(resumed=resumed, lesson=lesson)
        if resumed and verdict.kind in (Ending.FAILED, Ending.FULL):
            # Its memory of the conversation is gone, or full; what was said is not.
            self._on_event(Event("note", "the conversation is told again from its beginning"))
            verdict = self._run(resumed=False, lesson=lesson)
        if verdict.kind in (Ending.DONE, Ending.ASKED):
            return self._table.fit(verdict.text)
        raise trouble(self._agent.name, verdict, self._table.fit(verdict.text))

    def _run(self, *, resumed: bool, lesson: str) -> Verdict:
        table, agent, draft = self._table, self._agent, self.draft
        self._runs += 1
        if not resumed:
            # Written down before the start, as far as we choose it: whoever is interrupted can go on with it.
            self.draft = draft = _keep(table, replace(draft, session=str(table.ids.uuid())))
        job = self._job(draft, resumed=resumed, lesson=lesson)
        run = table.runner.start(
            RunSpec(
                # Always the same name: some programs find a conversation only where it took place, and the copy of the
                # repository lies below the directory of the run.
                name=self._task.run(1),
                task=str(self._task),
                attempt=1,
                role=Role.AGENT,
                base=table.workspaces.target(),
                branch=BRANCH,
                objects=table.workspaces.objects,
                launch=agent.resume(job) if resumed else agent.start(job),
                apart=True,
            )
        )
        heard = Heard(agent, lambda event: self._on_event(replace(event, text=table.fit(event.text))))
        try:
            return follow(table.runner, run, heard, agent=agent, clock=table.clock, policy=table.policy)
        finally:
            self._note(heard)
            _end_runs(table, self._task)

    def _note(self, heard: Heard) -> None:
        """What it cost, and the conversation as its program calls it."""
        table, session = self._table, heard.reading.session
        name = f"{self._task.run(1)}.{len(self.draft.turns)}.{self._runs}"
        table.ledger.note(name, cost=heard.reading.cost, at=table.clock.now())
        if session and session != self.draft.session:
            self.draft = _keep(table, replace(self.draft, session=session))

    def _job(self, draft: Draft, *, resumed: bool, lesson: str) -> Job:
        settings = dict(self._table.agent_settings.get(draft.agent, {}))
        answered = sum(who == AGENT for who, _ in draft.turns)
        settings |= {
            "task": f"plan-{slug_of(draft.plan.title)}",
            "attempt": str(answered + 1),
            "cause": Cause.PLAN.value,
            "answer": "",
        }
        return Job(
            prompt=prompt_of(self._table.prompts, draft, resumed=resumed, lesson=lesson),
            session=draft.session,
            model=settings.get("model", ""),
            max_turns=int(settings.get("max_turns", "0")),
            max_cost=float(settings.get("max_cost", "0")),
            settings=settings,
            schema=schema(),
        )
