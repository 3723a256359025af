"""The stored form of a plan that is being made, version 1, checked on reading."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import Draft, Stand


class _Record(BaseModel):
    """Unknown fields are kept out on reading, so that an older cdock can go on with what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class TaskRecord(_Record):
    """See `PlanTask`."""

    key: str
    title: str
    description: str = ""
    after: tuple[str, ...] = ()
    stage: int = 0
    group: str = ""
    files: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    agent: str = ""
    model: str = ""
    max_turns: int = 0
    max_cost: float = 0.0
    tasks: tuple["TaskRecord", ...] = ()

    def task(self) -> PlanTask:
        """The task, those inside it as well."""
        fields = {name: getattr(self, name) for name in TaskRecord.model_fields if name != "tasks"}
        return PlanTask(**fields, tasks=tuple(inner.task() for inner in self.tasks))


class PlanRecord(_Record):
    """See `Plan`."""

    title: str
    goal: str = ""
    tasks: tuple[TaskRecord, ...] = ()


class DraftRecord(_Record):
    """See `Draft`."""

    version: Literal[1]
    id: UUID
    plan: PlanRecord
    created_at: AwareDatetime
    stand: Stand = Stand.TALK
    agent: str = ""
    session: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    numbers: dict[str, int] = Field(default_factory=dict)


def load_draft(text: bytes) -> Draft:
    """The draft that `text` holds. Its plan may be one that cannot be carried out, which is for others to say.

    Raises:
        ValueError: it holds none; the message names the field.
    """
    try:
        record = DraftRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise ValueError(f"{where}: {first['msg']}") from error
    if wrong := [key for key, number in record.numbers.items() if number < 1]:
        raise ValueError(f"numbers.{wrong[0]}: no issue has such a number")
    plan = Plan(
        title=record.plan.title,
        goal=record.plan.goal,
        tasks=tuple(task.task() for task in record.plan.tasks),
    )
    return Draft(
        id=record.id,
        plan=plan,
        created_at=record.created_at,
        stand=record.stand,
        agent=record.agent,
        session=record.session,
        turns=record.turns,
        numbers=record.numbers,
    )
