"""The stored form of a task: the JSON of `.cdock/state.json` and of a claim. Version 1, checked on reading."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from cdock.core.brief import Brief
from cdock.core.ids import TaskId
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.core.task import Allowance, Attempt, Cap, Cause, Claim, Outcome, Status, Task

VERSION: Literal[1] = 1


def _encodable(value: object) -> object:
    """Half a character, which JSON can write but nobody may read, becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_encodable)]
"""What agents and strangers wrote."""


class _Stored(BaseModel):
    """Unknown fields are kept out on reading, so that an older cdock can read what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GitHubRecord(_Stored):
    """What links the task to the forge."""

    issue_number: int = Field(gt=0)
    pr_number: int | None = None
    labels: tuple[str, ...] = ()


class AttemptRecord(_Stored):
    """One attempt."""

    number: int = Field(gt=0)
    round: int = Field(gt=0)
    agent: str
    started_at: AwareDatetime
    session: str = ""
    ended_at: AwareDatetime | None = None
    outcome: Outcome | None = None
    error: Words = ""
    fingerprint: str = ""
    summary: Words = ""
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    answer: str = ""
    cause: Cause = Cause.TASK
    refs: tuple[str, ...] = ()
    cap: Cap | None = None
    until: AwareDatetime | None = None
    kind: str = ""
    model: Words = ""
    evidence: Words = ""
    replies: Words = ""
    head: str = ""

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what most attempts do not have: a claim holds all of them, and a mirror those of all tasks."""
        whole: dict[str, Any] = handler(self)
        return {name: value for name, value in whole.items() if value or name not in _SELDOM}


_SELDOM = frozenset({"refs", "cap", "until", "kind", "model", "evidence", "replies", "head"})


class AllowanceRecord(_Stored):
    """What a person allowed beyond the policy; attempts are in `budget`, where older versions look for them."""

    turns: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0)
    lines: int = Field(default=0, ge=0)


class BriefRecord(_Stored):
    """What the sections of the issue say."""

    plan: int = Field(default=0, ge=0)
    stage: int = Field(default=0, ge=0)
    depends: tuple[int, ...] = ()
    files: tuple[Words, ...] = ()
    acceptance: tuple[Words, ...] = ()
    batch: str = ""
    worktree: str = ""


class AttemptsRecord(_Stored):
    """The attempts so far; `current` counts the tries that the present error used up in this round."""

    current: int = 0
    max: int = 3
    last_error: Words | None = None
    error_hash: str | None = None
    round: int = 1
    history: tuple[AttemptRecord, ...] = ()


class TimingRecord(_Stored):
    """When the present attempt started and when its time is up; `max_duration` in seconds."""

    started_at: AwareDatetime | None = None
    max_duration: int = 1800
    timeout_at: AwareDatetime | None = None


class TaskRecord(_Stored):
    """A task, as other programs may read it."""

    version: Literal[1] = VERSION
    worktree_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,35}$")
    task_uuid: UUID
    short_uuid: str = Field(pattern=r"^[0-9a-f]{7}$")
    branch: str
    base: str = ""
    title: Words = ""
    created_at: AwareDatetime
    github: GitHubRecord
    parent_worktree: str | None = None
    sub_worktrees: tuple[str, ...] = ()
    status: str = ""
    stopped: bool = False
    paused: bool = False
    approved: str = ""
    approved_at: AwareDatetime | None = None
    disputed: str = ""
    heard: int = 0
    budget: int = 0
    allowed: AllowanceRecord = AllowanceRecord()
    agent: str = ""
    model: Words = ""
    told: int = 0
    max_turns: int = 0
    max_cost: float = 0.0
    question: Words = ""
    brief: BriefRecord = BriefRecord()
    plans: bool = False
    agreed: int = 0
    opened: int = 0
    released: tuple[int, ...] = ()
    picked: bool = False
    onto: str = ""
    attempts: AttemptsRecord = AttemptsRecord()
    timing: TimingRecord = TimingRecord()


class ClaimRecord(_Stored):
    """The line inside a claim's commit. `ttl` in seconds."""

    v: Literal[1] = VERSION
    issue: int = Field(gt=0)
    owner: str = Field(min_length=1)
    run: str
    machine: str = ""
    nonce: str
    seq: int = 0
    ttl: float = Field(gt=0)
    task: TaskRecord


def record_of(
    task: Task,
    *,
    policy: Policy,
    status: Status | None = None,
    labels: tuple[str, ...] = (),
    pull: PullRequest | None = None,
) -> TaskRecord:
    """The stored form of `task`, with what else was seen of it."""
    running = task.running
    failed = next((a for a in reversed(task.attempts) if a.fingerprint), None)
    same = [
        a for a in task.attempts if failed and a.round == task.round and a.fingerprint == failed.fingerprint
    ]
    return TaskRecord(
        worktree_id=task.id.worktree,
        task_uuid=task.uuid,
        short_uuid=task.id.short,
        branch=task.id.branch(policy.branch_prefix),
        base=task.base,
        title=task.title,
        created_at=task.created_at,
        github=GitHubRecord(issue_number=task.issue, pr_number=pull.number if pull else None, labels=labels),
        status=status.value if status else "",
        stopped=task.stopped,
        paused=task.paused,
        approved=task.approved,
        approved_at=task.approved_at,
        disputed=task.disputed,
        heard=task.heard,
        budget=task.allowed.attempts,
        allowed=AllowanceRecord(turns=task.allowed.turns, cost=task.allowed.cost, lines=task.allowed.lines),
        agent=task.agent,
        model=task.model,
        told=task.told,
        max_turns=task.max_turns,
        max_cost=task.max_cost,
        question=task.question,
        brief=BriefRecord(**vars(task.brief)),
        plans=task.plans,
        agreed=task.agreed,
        opened=task.opened,
        released=task.released,
        picked=task.picked,
        onto=task.onto,
        attempts=AttemptsRecord(
            current=len(same),
            max=policy.tries,
            last_error=failed.error if failed else None,
            error_hash=failed.fingerprint if failed else None,
            round=task.round,
            history=tuple(_attempt_record(a) for a in task.attempts),
        ),
        timing=_timing(running, policy.time_box),
    )


def _attempt_record(attempt: Attempt) -> AttemptRecord:
    return AttemptRecord(**{name: getattr(attempt, name) for name in AttemptRecord.model_fields})


def _timing(running: Attempt | None, time_box: timedelta) -> TimingRecord:
    started: datetime | None = running.started_at if running else None
    return TimingRecord(
        started_at=started,
        max_duration=int(time_box.total_seconds()),
        timeout_at=started + time_box if started else None,
    )


def task_of(record: TaskRecord) -> Task:
    """The task inside a record."""
    return Task(
        id=TaskId(record.worktree_id, record.short_uuid),
        uuid=record.task_uuid,
        issue=record.github.issue_number,
        title=record.title,
        created_at=record.created_at,
        base=record.base,
        round=record.attempts.round,
        stopped=record.stopped,
        paused=record.paused,
        approved=record.approved,
        approved_at=record.approved_at,
        disputed=record.disputed,
        heard=record.heard,
        allowed=Allowance(attempts=record.budget, **dict(record.allowed)),
        agent=record.agent,
        model=record.model,
        told=record.told,
        max_turns=record.max_turns,
        max_cost=record.max_cost,
        question=record.question,
        brief=Brief(**dict(record.brief)),
        plans=record.plans,
        agreed=record.agreed,
        opened=record.opened,
        released=record.released,
        picked=record.picked,
        onto=record.onto,
        attempts=tuple(Attempt(**dict(a)) for a in record.attempts.history),
    )


def dump_record(record: TaskRecord) -> dict[str, Any]:
    """The record as plain JSON values."""
    return record.model_dump(mode="json")


def load_record(text: str | bytes) -> TaskRecord:
    """Read `state.json`.

    Raises:
        ValueError: it is not such a record; the message names the field.
    """
    try:
        return TaskRecord.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from error


def dump_claim(claim: Claim, *, nonce: str, policy: Policy | None = None) -> str:
    """One JSON line for the claim's commit; `nonce` makes two claims of the same content differ."""
    record = ClaimRecord(
        issue=claim.issue,
        owner=claim.holder,
        run=claim.process,
        machine=claim.machine,
        nonce=nonce,
        seq=claim.seq,
        ttl=claim.ttl,
        task=record_of(claim.task, policy=policy or Policy()),
    )
    return json.dumps(record.model_dump(mode="json"), separators=(",", ":"), sort_keys=True)


def load_claim(text: str, *, oid: str) -> Claim:
    """The claim whose commit `oid` has the message `text`.

    Raises:
        ValueError: the text is not a claim; the message names the field.
    """
    try:
        record = ClaimRecord.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from error
    return Claim(
        issue=record.issue,
        oid=oid,
        holder=record.owner,
        process=record.run,
        machine=record.machine,
        seq=record.seq,
        ttl=record.ttl,
        task=task_of(record.task),
    )


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "(top)"
    return f"{where}: {first['msg']}"
