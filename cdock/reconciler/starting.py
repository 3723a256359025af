"""Start an attempt: who makes it, in which conversation, and what it is about; write it down, then start its run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdock.core import messages, quoting
from cdock.core.answers import earlier_answer, granted
from cdock.core.attempts import choice_of, only_looks
from cdock.core.bodies import pull_body
from cdock.core.briefing import TEMPLATES, prompt_values
from cdock.core.budgets import cost_left, turns_left
from cdock.core.errands import Errand
from cdock.core.errors import CdockError, Refused, Unavailable
from cdock.core.events import Job, RunSpec
from cdock.core.feedback import asked
from cdock.core.issues import Answer
from cdock.core.planning.proposal import schema
from cdock.core.policy import Step
from cdock.core.pulls import CheckState
from cdock.core.runs import Role, Theirs, Workspace
from cdock.core.speaking import listens, newest, unheard
from cdock.core.task import Attempt, Cause, Outcome, Task
from cdock.core.world import Case
from cdock.ports import Agent
from cdock.reconciler.claiming import about, branch_of, come_apart, require_go, swap, task_of
from cdock.reconciler.house import House

log = logging.getLogger("cdock")

REQUEST_LIMIT = 8_000
"""Characters of one request of a review, or of one failed check, that an agent is told."""
CHECKS = 5
"""Failed checks that are told in full."""


@dataclass(frozen=True)
class _Who:
    """Who makes the attempt, and in which conversation; `resumed` when that is one that goes on."""

    agent: Agent
    step: Step
    session: str
    resumed: bool


def start(house: House, case: Case, errand: Errand) -> None:
    """Write the next attempt down, then start its agent.

    Raises:
        Refused: the agent is not configured here, or cannot do what is asked of it.
    """
    task = task_of(case)
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    workspace, said = _caught_up(house, case, case.workspace), errand.answer
    if said:
        task = granted(task, said, house.policy)
    who = _who(house, task, errand)
    words = unheard(case, task) if listens(errand.cause) else ()
    theirs = workspace.theirs
    _require_same_conflict(errand, theirs)
    target = _target(house, errand, theirs)
    attempt = Attempt(
        number=(task.last.number if task.last else 0) + 1,
        round=task.round,
        agent=who.step.agent,
        model=who.step.model,
        started_at=house.clock.now(),
        session=who.session,
        answer=said.ref if said else "",
        cause=errand.cause,
        # At the end, because what a review asks for is numbered as it stands here.
        refs=tuple(dict.fromkeys((*errand.refs, *(m.uid for m in words), *([theirs.ref] if theirs else [])))),
    )
    job = _job(house, case, task, workspace, errand=errand, who=who, attempt=attempt)
    if errand.cause is not Cause.PERSON:
        _require_limits(house, job, who)
    # Whatever is wrong with the settings of the agent comes up here, before an attempt is on record.
    if errand.cause is Cause.PERSON:
        launch = who.agent.attach(job)
    else:
        launch = who.agent.resume(job) if who.resumed else who.agent.start(job)
    if (task.stopped or task.paused) and not said:
        require_go(house, case)
    if errand.cause in (Cause.REVIEW, Cause.CHECKS, Cause.CONFLICT) and case.pull and not case.pull.draft:
        _back_to_draft(house, case, task)
    house.runner.forget_signals(task.id)
    house.memory.unpushable.pop(task.issue, None)
    # Written down before the start: a crash in between leaves an attempt that is seen as lost, never a second run.
    begun = replace(
        task.with_attempt(attempt),
        base=workspace.base,
        stopped=False,
        paused=False,
        told=max(task.told, newest(case, task)) if listens(errand.cause) else task.told,
    )
    claim = swap(house, case, begun)
    _say(task, attempt, errand)
    spec = RunSpec(
        name=task.id.run(attempt.number),
        task=str(task.id),
        attempt=attempt.number,
        role=Role.AGENT,
        base=theirs.commit if theirs else workspace.head,
        branch=branch_of(house, task.id),
        objects=house.workspaces.objects,
        launch=launch,
        target=target,
        dropped=workspace.pushed if theirs and theirs.dropped else "",
        unfinished=workspace.kept,
        apart=only_looks(task, errand.cause),
    )
    try:
        house.runner.start(spec)
    except CdockError as error:
        lost = replace(
            attempt,
            outcome=Outcome.LOST,
            error=house.fit(error.message)[-4_000:],
            ended_at=house.clock.now(),
            answer="",
        )
        swap(house, replace(case, claim=claim), claim.task.with_attempt(lost))
        raise
    # Not before: what nobody could be told has to be told again.
    for wish in case.wishes:
        if wish.ref in attempt.refs:
            house.wishes.granted(wish.id)


def told(house: House, case: Case, errand: Errand) -> tuple[str, str]:
    """The agent that would start now, and the prompt it would get; nothing is started or written down.

    Raises:
        Refused: as `start`.
    """
    task = task_of(case)
    assert case.workspace is not None, "planned only with a workspace"  # noqa: S101 - for the type checker
    who = _who(house, task, errand)
    attempt = Attempt(
        number=(task.last.number if task.last else 0) + 1,
        round=task.round,
        agent=who.step.agent,
        started_at=house.clock.now(),
        session=who.session,
        cause=errand.cause,
        refs=errand.refs,
    )
    job = _job(house, case, task, case.workspace, errand=errand, who=who, attempt=attempt)
    return who.step.agent, job.prompt


def _require_same_conflict(errand: Errand, theirs: Theirs | None) -> None:
    """What the attempt is to merge is still there to be merged.

    Raises:
        Unavailable: whoever pushed it took it back just now.
    """
    if errand.about_theirs and theirs is None:
        raise Unavailable(
            "what others pushed to the branch is not there any more",
            tried="fetching the branch",
            fix="nothing: cdock looks again",
        )


def _require_limits(house: House, job: Job, who: _Who) -> None:
    """Limits are kept by what a program tells of itself, and one that is not kept is worse than none.

    Raises:
        Refused: this agent does not tell what it uses up of something limited.
    """
    can = who.agent.can
    wants = (
        ("money", bool(job.max_cost or house.policy.day_cost) and not can.cost),
        ("turns", bool(job.max_turns) and not can.turns),
    )
    if lacking := next((what for what, lacks in wants if lacks), ""):
        raise Refused(
            f"the agent {who.step.agent!r} tells no {lacking}, so the limit of it could not be kept",
            code="CD426",
            tried="comparing the limits of the task with what its agent can do",
            fix="comment `/cdock agent NAME` on the issue with another one, or leave that limit out",
        )


def _target(house: House, errand: Errand, theirs: Theirs | None) -> str:
    """What is to be merged into the work, by the agent."""
    if errand.cause is Cause.CONFLICT and not errand.about_theirs:
        return house.workspaces.target()
    return theirs.commit if theirs and not theirs.dropped else ""


def _caught_up(house: House, case: Case, workspace: Workspace) -> Workspace:
    """With what people pushed to the branch while it waited for them; the agent's own copy follows at its start."""
    pull = case.pull
    moved = pull is not None and pull.open and pull.commit not in ("", workspace.pushed)
    if not workspace.theirs and (workspace.unpushed or not moved):
        return workspace
    return come_apart(house, task_of(case), before=workspace.theirs)


def _who(house: House, task: Task, errand: Errand) -> _Who:
    step = choice_of(task, errand.cause, house.policy)
    agent = agent_of(house, step.agent)
    if errand.cause is Cause.PERSON and not agent.can.attach:
        for_it = f"`cdock prompt {task.id} …` speaks to it, `cdock bash {task.id}` looks at its workspace"
        raise Refused(
            f"nobody can take over the conversation of the agent {step.agent!r}",
            code="CD448",
            tried=f"attaching to {task.id}",
            fix=for_it,
        )
    before = _conversation(task)
    here = before is not None and _took_place_here(house, task, before.session)
    resumed = bool(
        before
        and here
        and before.session
        and before.agent == step.agent
        and agent.can.resume
        and not errand.fresh
    )
    session = before.session if resumed and before else str(house.ids.uuid())
    return _Who(agent, step, session, resumed)


def _took_place_here(house: House, task: Task, session: str) -> bool:
    """A conversation can only go on where it took place; the logs of its attempts tell."""
    numbers = (a.number for a in task.attempts if a.session == session)
    return any(house.logs.size(task.id, task.id.run(number)) > 0 for number in numbers)


def _conversation(task: Task) -> Attempt | None:
    """The attempt whose conversation goes on: the last one that was about the work itself."""
    return next((a for a in reversed(task.attempts) if a.cause is not Cause.OPINION), None)


def agent_of(house: House, name: str) -> Agent:
    """The agent of this name.

    Raises:
        Refused: it is not configured any more; somebody asked for it on another machine, or in former times.
    """
    found = house.agents.get(name)
    if found is None:
        raise Refused(
            f"the agent {name!r} that this task should use is not configured here",
            code="CD453",
            tried=f"starting it; configured are {', '.join(sorted(house.agents))}",
            fix="comment `/cdock agent NAME` on the issue with another one, or configure it in cdock.toml",
        )
    return found


def _job(
    house: House,
    case: Case,
    task: Task,
    workspace: Workspace,
    *,
    errand: Errand,
    who: _Who,
    attempt: Attempt,
) -> Job:
    said = errand.answer or earlier_answer(case, task)
    values = prompt_values(
        case,
        task,
        workspace,
        house.policy,
        errand=errand,
        answer=said,
        requests=_requests(house, case, errand),
    )
    settings = dict(house.agent_settings.get(who.step.agent, {}))
    settings |= {
        "task": task.id.worktree,
        "attempt": str(values["attempt"]),
        "cause": errand.cause.value,
        "answer": _answer_text(errand.answer),
    }
    # The issue's own limit and the agent's configured one: the lower of those that are set.
    turns = [n for n in (turns_left(task, house.policy), int(settings.get("max_turns", "0"))) if n]
    costs = [n for n in (cost_left(task, house.policy), float(settings.get("max_cost", "0"))) if n]
    return Job(
        prompt=_prompt(house, errand, values, resumed=who.resumed, plans=task.plans),
        session=who.session,
        model=who.step.model or settings.get("model", ""),
        max_turns=min(turns, default=0),
        max_cost=min(costs, default=0.0),
        settings=settings,
        schema=schema() if task.plans else "",
    )


def _answer_text(said: Answer | None) -> str:
    return said.text if said else ""


def _prompt(house: House, errand: Errand, values: Mapping[str, object], *, resumed: bool, plans: bool) -> str:
    """In a conversation that goes on only what is new; in a new one the task first."""
    template = "pushed" if errand.about_theirs else TEMPLATES.get(errand.cause, "")
    if errand.cause is Cause.OPINION:
        return house.prompts.fill(template, values)
    if plans:
        return house.prompts.fill("plan-again" if resumed else "plan", {**values, "schema": schema()})
    # An answer is part of the task's own template, and what was interrupted begins anew.
    in_task = not template or errand.cause in (Cause.ANSWER, Cause.GO_ON)
    names = [template] if resumed and template else ["task", *([] if in_task else [template])]
    if values["pushed"] and errand.cause is not Cause.PERSON and "pushed" not in names:
        names.append("pushed")
    if values["message"] and "message" not in names:
        names.append("message")
    return "\n\n".join(house.prompts.fill(name, values) for name in names)


def _requests(house: House, case: Case, errand: Errand) -> str:
    """What a review, failed checks or a second agent want, each with the name that it is answered by."""
    match errand.cause:
        case Cause.REVIEW:
            return _numbered(errand.refs, _reviewed(case))
        case Cause.CHECKS:
            return _failures(house, case)
        case Cause.FINDINGS:
            return errand.text[:REQUEST_LIMIT]
        case _:
            return ""


def _reviewed(case: Case) -> Mapping[str, str]:
    pull = case.pull
    found = asked(pull, ()) if pull else ()
    texts = {}
    for one in found:
        words = quoting.visible(one.remark.body)[:REQUEST_LIMIT]
        if one.thread is None:
            texts[one.ref] = f"{one.remark.author} says about the whole:\n{words}"
            continue
        where = f"{one.thread.path}:{one.thread.line}" if one.thread.line else one.thread.path
        talk = [
            f"{r.author}: {quoting.visible(r.body)[:REQUEST_LIMIT]}"
            for r in one.thread.remarks
            if r.mine or r.by_writer
        ]
        texts[one.ref] = f"at {quoting.seen(where)}\n" + "\n".join(talk or [words])
    return texts


def _numbered(refs: Sequence[str], texts: Mapping[str, str]) -> str:
    return "\n\n".join(f"R{n}: {texts[ref]}" for n, ref in enumerate(refs, start=1) if ref in texts)


def _failures(house: House, case: Case) -> str:
    checks = [check for check in (case.pull.checks if case.pull else ()) if check.state is CheckState.FAILED]
    parts = []
    for check in checks[:CHECKS]:
        more = house.forge.explain_check(check) or check.summary
        parts.append(f"{check.name}: failed\n{house.fit(quoting.seen(more))[-REQUEST_LIMIT:]}".rstrip())
    left_out = len(checks) - CHECKS
    return "\n\n".join([*parts, *([f"and {left_out} more"] if left_out > 0 else [])])


def _back_to_draft(house: House, case: Case, task: Task) -> None:
    if not house.policy.drafts or case.pull is None:
        return
    if not case.pull.body.startswith(str(messages.pull_marker(task))):
        return  # a person made it theirs
    try:
        house.forge.ensure_pull_shown(case.pull, body=pull_body(task, house.policy), draft=True)
    except Refused as error:
        # What was asked for is done all the same.
        log.warning("the pull request stays ready", extra=about(task, error=error.message, fix=error.fix))
    house.memory.stale = True


_SENTENCES = {
    Cause.ANSWER: "answered by a person",
    Cause.REVIEW: "review round",
    Cause.CHECKS: "checks failed",
    Cause.CONFLICT: "conflict",
    Cause.OPINION: "second opinion",
    Cause.PERSON: "a person has the terminal",
}


def _say(task: Task, attempt: Attempt, errand: Errand) -> None:
    text = errand.answer.author if errand.answer else ""
    sentence = _SENTENCES.get(errand.cause, "attempt starts")
    log.info(
        sentence,
        extra=about(task, attempt=attempt.number, text=text, cause=errand.cause.value, agent=attempt.agent),
    )
