"""Moving claims: taking, holding and releasing them is the only way work changes hands."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cdock.core import messages, quoting
from cdock.core.actions import HearCommand
from cdock.core.commands import Verb, again, obey
from cdock.core.errors import CdockError, NotPermitted, Overtaken, Refused, Unavailable
from cdock.core.form import brief_of
from cdock.core.ids import TaskId, collides, slug_of, task_id
from cdock.core.issues import Approval, Issue
from cdock.core.options import options_of
from cdock.core.planning.steps import approve
from cdock.core.runs import Theirs, Workspace
from cdock.core.task import Cause, Claim, Move, Task
from cdock.core.wishes import Wish, WishKind
from cdock.core.world import Case
from cdock.reconciler.house import House

log = logging.getLogger("cdock")

QUESTION_LIMIT = 8_000
"""Characters of a person's question that go on record."""


def about(task: Task, **more: object) -> dict[str, object]:
    """The fields of a log record about a task."""
    return {"task": str(task.id), "issue": task.issue, **more}


def seconds(span: timedelta) -> float:
    """The span in seconds."""
    return span.total_seconds()


def claim_of(case: Case) -> Claim:
    """The claim of a case whose step was planned for its holder."""
    assert case.claim is not None, "planned only for claimed issues"  # noqa: S101 - for the type checker
    return case.claim


def task_of(case: Case) -> Task:
    """The task inside the claim of a case."""
    return claim_of(case).task


def branch_of(house: House, task: TaskId) -> str:
    """The branch of a task."""
    return task.branch(house.policy.branch_prefix)


def swap(house: House, case: Case, task: Task) -> Claim:
    """Move our claim to hold `task`; the move is the heartbeat too."""
    before = claim_of(case)
    _lock(house, before.issue)
    after = _renewed(house, before, task)
    oid = house.claims.swap(before.issue, expected=before.oid, claim=after)
    return remember(house, replace(after, oid=oid))


def _renewed(house: House, claim: Claim, task: Task) -> Claim:
    return replace(
        claim,
        holder=house.me,
        process=house.process,
        machine=house.machine,
        seq=claim.seq + 1,
        ttl=seconds(house.policy.lease),
        task=task,
    )


def _lock(house: House, issue: int) -> None:
    """No two processes of this machine work on one issue, even where a copied clone made them the same poller.

    Raises:
        Refused: another one does.
    """
    if not house.locks.hold(issue):
        raise Refused(
            f"another process of this machine works on issue #{issue}",
            code="CD451",
            tried=f"locking issue #{issue}",
            fix="end the other `cdock run`; a clone that was copied with its .git/cdock needs that removed",
        )


def publish(house: House, cases: Sequence[tuple[Case, bool]]) -> dict[int, CdockError]:
    """Move our claims, those marked together with their new commits, in one push; what went wrong, by issue."""
    wanted = [(case, task_of(case), work) for case, work in cases]
    return {issue: error for issue, error in _publish(house, wanted).items() if error}


def settle(house: House, case: Case, task: Task) -> None:
    """Move our claim to hold `task`, together with the commits that the forge lacks: both or none.

    What another machine may build upon is on the forge then, not only on this one.
    """
    workspace = case.workspace
    work = workspace is not None and workspace.unpushed and not case.unpushable
    if error := _publish(house, [(case, task, work)])[task.issue]:
        raise error


def _publish(house: House, wanted: Sequence[tuple[Case, Task, bool]]) -> dict[int, CdockError | None]:
    done: dict[int, CdockError | None] = {}
    moves: list[Move] = []
    for case, task, work in wanted:
        claim = claim_of(case)
        try:
            _lock(house, claim.issue)
        except Refused as error:
            done[claim.issue] = error
            continue
        after = _renewed(house, claim, task)
        moves.append(_move(house, case, after, work=work))
    try:
        moved = house.claims.publish(moves)
    except CdockError as error:
        moved = {move.claim.issue: error for move in moves}
    for move in moves:
        result = moved[move.claim.issue]
        done[move.claim.issue] = result if isinstance(result, CdockError) else None
        if not isinstance(result, CdockError):
            remember(house, replace(move.claim, oid=result))
            if move.branch:
                log.info("pushed", extra=about(move.claim.task, text=move.commit[:7]))
        elif isinstance(result, Overtaken):
            done[move.claim.issue] = _overtaken(house, move, result)
        elif move.branch and isinstance(result, Refused) and not isinstance(result, NotPermitted):
            house.memory.unpushable[move.claim.issue] = result.message
    # Heartbeats alone do not count, or frequent ones would keep the work waiting for as long as the agent lives.
    if any(move.branch for move in moves):
        house.memory.pushed_at = house.clock.elapsed()
    return done


def _overtaken(house: House, move: Move, refused: Overtaken) -> CdockError:
    """Take in what others pushed, so that the next plan knows of it; what is to be said of the push."""
    house.memory.doubt = True
    try:
        after = come_apart(house, move.claim.task, before=None)
    except CdockError as error:
        return error
    if after.theirs:
        return refused
    return Unavailable(
        refused.message,
        tried=refused.tried,
        fix="nothing: the forge tells of two times, and cdock looks again",
    )


def come_apart(house: House, task: Task, *, before: Theirs | None) -> Workspace:
    """The workspace as it compares with its branch on the forge now; what others pushed since `before` is told."""
    workspace = house.workspaces.ensure(task, branch=branch_of(house, task.id))
    theirs = workspace.theirs
    if theirs and theirs != before:
        sentence = "branch reset by others" if theirs.dropped else "others pushed to the branch"
        log.info(sentence, extra=about(task, text=theirs.commit[:12]))
    return workspace


def _move(house: House, case: Case, claim: Claim, *, work: bool) -> Move:
    """The claim with what the forge lacks of its task: commits, where they are to go, and uncommitted work."""
    workspace = case.workspace
    if workspace is None:
        return Move(claim)
    if not work:
        # Who takes over can use it only on the commits below it, so it goes with those while they are still to go.
        alone = workspace.unfinished != workspace.kept and (not workspace.unpushed or bool(case.unpushable))
        return Move(claim, unfinished=workspace.unfinished if alone else "")
    attempt = claim.task.last
    rewritten = bool(attempt and attempt.cause is Cause.CONFLICT and house.policy.conflicts == "rebase")
    branch = branch_of(house, claim.task.id)
    # With a branch it is said anew: what was unfinished before is part of the commits now.
    return Move(
        claim, branch=branch, commit=workspace.head, unfinished=workspace.unfinished, rewritten=rewritten
    )


def lose(house: House, issue: int) -> None:
    """Another poller has the claim: forget ours."""
    house.locks.release(issue)
    house.memory.doubt = True


def remember(house: House, claim: Claim) -> Claim:
    """Keep our claim as it is now, so that it need not be read again."""
    held = replace(claim, seen_at=house.clock.elapsed())
    house.memory.left.discard(claim.task.id)
    house.memory.claims[claim.issue] = held
    return held


def take(house: House, case: Case) -> None:
    """Claim an issue: new, or over a stale or former claim."""
    if case.claim is not None:
        swap(house, case, task_of(case))
        log.info("took over an expired claim", extra=about(task_of(case)))
    else:
        _lock(house, case.issue.number)
        task = _new_task(house, case, require_go(house, case))
        claim = Claim(
            issue=case.issue.number,
            oid="",
            holder=house.me,
            process=house.process,
            machine=house.machine,
            seq=0,
            ttl=seconds(house.policy.lease),
            task=task,
        )
        oid = house.claims.swap(claim.issue, expected="", claim=claim)
        remember(house, replace(claim, oid=oid))
        log.info("claimed", extra=about(task, text=task.title))
    house.memory.stale = True


def require_go(house: House, case: Case) -> Approval:
    """Somebody who may write to the repository said go, for the text as it is.

    Raises:
        Refused: the label was put on by somebody else, who may only read or sort issues; or such a one changed the
            text since, and a new approval was asked for.
        Unavailable: the text is being changed just now.
    """
    number, label = case.issue.number, go_label(house, case)
    approval = house.forge.approval(number, label=label)
    if not approval.granted:
        house.memory.unapproved[number] = case.issue.updated_at
        raise Refused(
            f"issue #{number} was not labelled {label!r} by somebody with write access",
            code="CD401",
            tried=f"who put the label {label!r} on the issue last: {approval.by or 'nobody'}",
            fix=f"let a person with write access remove the label {label!r} and add it again",
        )
    if approval.edited_by:
        ask_again(house, case, approval)
        raise Refused(
            f"issue #{number} was changed after it was labelled {label!r}",
            code="CD452",
            tried=f"who changed it: {approval.edited_by}",
            fix=f"look at its text, then let a person with write access add the label {label!r} again",
        )
    if approval.digest != case.issue.digest:
        raise Unavailable(
            f"issue #{number} is being changed just now",
            tried="reading its text twice",
            fix="cdock looks again",
        )
    return approval


def go_label(house: House, case: Case) -> str:
    """The label by which people say go: another one for a plan."""
    labels = house.policy.labels
    plans = case.claim.task.plans if case.claim else case.issue.wears(labels.plan)
    return labels.plan if plans else labels.ready


def ask_again(house: House, case: Case, approval: Approval) -> None:
    """Ask for a new approval of a changed text, once, and take the label off that approved another text."""
    house.forge.ensure_comment(
        case.issue.number,
        marker=str(messages.ask_marker(approval.digest)),
        body=messages.ask_again(approval, go_label(house, case)),
    )
    house.forge.ensure_labels(case.issue.number, add=(), remove={go_label(house, case)})
    house.memory.stale = True


def check_approval(house: House, case: Case) -> None:
    """The text is not the one that was approved: go on when those who changed it may, else ask once."""
    task = task_of(case)
    approval = house.forge.approval(case.issue.number, label=go_label(house, case))
    if approval.digest != case.issue.digest:
        raise Unavailable(
            f"issue #{case.issue.number} is being changed just now",
            tried="reading its text twice",
            fix="cdock looks again",
        )
    if approval.edited_by or (approval.blind and not _approved_anew(task, approval)):
        # Once: else whoever may change the text decides how much cdock says, until its quota is used up.
        if not task.disputed or case.issue.wears(go_label(house, case)):
            ask_again(house, case, approval)
        swap(house, case, replace(task, disputed=approval.digest))
        log.warning("changed after its approval", extra=about(task, text=approval.edited_by))
    else:
        swap(house, case, _approved(task, case.issue, approval))


def _approved(task: Task, issue: Issue, approval: Approval) -> Task:
    """The task as its issue asks for it now, and as somebody who may has approved it."""
    return replace(
        task,
        approved=approval.digest,
        approved_at=approval.at,
        disputed="",
        brief=brief_of(issue.body),
    )


def _approved_anew(task: Task, approval: Approval) -> bool:
    """Whether somebody who may put the label on again since the task was last approved."""
    at, before = approval.at, task.approved_at
    return approval.granted and at is not None and (before is None or at > before)


def hear(house: House, step: HearCommand) -> None:
    """Acknowledge a command, then obey it; where it cannot be obeyed, reply once. The claim remembers it last."""
    case, command, task = step.case, step.command, task_of(step.case)
    if command.verb is Verb.APPROVE:
        after, said = approve(command, case, replace(task, heard=command.comment), house.policy)
    else:
        after, said = obey(command, case, task, status=step.status, policy=house.policy)
    house.forge.acknowledge(command.comment)
    if said:
        marker = str(messages.reply_marker(command.comment))
        house.forge.ensure_comment(command.issue, marker=marker, body=messages.reply(command.comment, said))
    swap(house, case, after)
    house.memory.stale = True
    verb = command.verb.value if command.verb else command.argument
    log.info("command", extra=about(task, text=f"{command.author}: {verb}"))


def hear_wish(house: House, case: Case, wish: Wish, *, over: bool) -> None:
    """Do what a person at a terminal asked for: open a help issue with their question, or try it all again."""
    task = task_of(case)
    if over:
        house.wishes.granted(wish.id)
        return
    if wish.kind is WishKind.HELP:
        swap(house, case, replace(task, question=house.fit(wish.text)[:QUESTION_LIMIT]))
    elif wish.kind is WishKind.PICK:
        swap(house, case, replace(task, picked=True))
    else:
        swap(house, case, again(task))
    house.wishes.granted(wish.id)
    log.info("command", extra=about(task, text=f"{wish.author or 'terminal'}: {wish.kind.value}"))


def _new_task(house: House, case: Case, approval: Approval) -> Task:
    shown = house.memory.snapshot
    labels = {label for issue in shown.issues for label in issue.labels} if shown else set()
    # Copied in one step, because others are claiming at the same time.
    labels |= {claim.task.id.label for claim in house.memory.claims.copy().values()}
    asked = options_of(case.issue, house.policy)
    brief = brief_of(case.issue.body)
    slug = brief.worktree or slug_of(quoting.visible(case.issue.title))
    while True:
        uuid = house.ids.uuid()
        candidate = task_id(slug, uuid)
        if not collides(candidate, labels):
            return Task(
                id=candidate,
                uuid=uuid,
                issue=case.issue.number,
                title=case.issue.title,
                created_at=house.clock.now(),
                approved=approval.digest,
                approved_at=approval.at,
                agent=asked.agent,
                model=asked.model,
                max_turns=asked.turns,
                max_cost=asked.cost,
                brief=brief,
                plans=case.issue.wears(house.policy.labels.plan),
            )


def release(house: House, case: Case) -> None:
    """Delete our claim, and before it what a crash while clearing up may have left of the task's workspace."""
    claim = claim_of(case)
    house.runner.clear(claim.task.id)
    if case.wished(WishKind.DROP):
        house.workspaces.retire(claim.task.id, branch=branch_of(house, claim.task.id))
    house.claims.swap(claim.issue, expected=claim.oid, claim=None)
    house.memory.claims.pop(claim.issue, None)
    house.locks.release(claim.issue)
    house.memory.stale = True
    for wish in case.wishes:
        # Whatever was asked of a task that is over can never be done.
        house.wishes.granted(wish.id)
    log.info("released", extra=about(claim.task))
