"""What an agent proposes while a goal is talked about: words, and a plan when it has one. Checked, never trusted."""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cdock.core.planning.document import Plan, PlanTask, Problem, problems_of, staged

SAY_LIMIT = 8_000
TEXT_LIMIT = 400_000
"""Characters of an answer that are read."""
_FENCE = re.compile(r"(?P<fence>`{3,})(?P<json>json)?[ \t]*")


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Task(_Said):
    id: str = Field(description="short name in kebab-case, unique in the plan")
    name: str = Field(description="one line, imperative")
    description: str = Field(
        default="", description="what is to be different when it is done, and what helps"
    )
    after: list[str] = Field(
        default=[], description="ids of the tasks that have to be finished before it starts"
    )
    stage: int = Field(
        default=0, ge=0, description="1, 2, …: a person approves between stages; 0 leaves it open"
    )
    files: list[str] = Field(default=[], description="globs of the files that it changes")
    acceptance: list[str] = Field(default=[], description="shell commands that exit 0 when it is done")
    agent: str = ""
    model: str = ""
    max_turns: int = Field(default=0, ge=0)
    max_cost: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="US dollars")


class _Plan(_Said):
    title: str
    goal: str
    tasks: list[_Task]


class _Proposal(_Said):
    say: str = Field(description="what you tell the person: your questions, or why the plan is as it is")
    plan: _Plan | None = Field(default=None, description="the whole breakdown, when you know enough for one")


@dataclass(frozen=True)
class Proposal:
    """What an agent says, and the plan it proposes; None while it only asks."""

    say: str
    plan: Plan | None = None


def schema() -> str:
    """The JSON schema of an answer."""
    return json.dumps(_inlined(_Proposal.model_json_schema()), separators=(",", ":"))


def _inlined(whole: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, which not every program follows."""
    definitions = whole.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return walk(definitions[node["$ref"].rpartition("/")[2]])
            return {
                name: walk(value)
                for name, value in node.items()
                if name != "title" or isinstance(value, dict)
            }
        return [walk(value) for value in node] if isinstance(node, list) else node

    found: dict[str, Any] = walk(whole)
    return found


def proposal_of(text: str) -> Proposal:
    """The proposal in an agent's last words: JSON by itself, or in a code block.

    Raises:
        ValueError: it is none; the message says all that is wrong, for the agent to mend.
    """
    try:
        said = _Proposal.model_validate_json(_json_in(text))
    except ValidationError as error:
        raise ValueError("\n".join(_fault(one) for one in error.errors(include_url=False)[:20])) from error
    if not said.say.strip() and said.plan is None:
        raise ValueError("it says nothing and has no plan")
    plan = _plan(said.plan) if said.plan else None
    if plan and (wrong := problems_of(plan)):
        raise ValueError("\n".join(_problem(one) for one in wrong[:20]))
    return Proposal(said.say.strip()[:SAY_LIMIT], staged(plan) if plan else None)


def _json_in(text: str) -> str:
    clean = text[:TEXT_LIMIT].replace("\r\n", "\n").strip()
    if clean.startswith("{"):
        return clean
    return _last_block(clean.split("\n")) or clean


def _last_block(lines: list[str]) -> str:
    """What stands in the last code block; empty without one. By lines: a pattern would look for each end anew."""
    found, fence, begun = "", "", 0
    for number, line in enumerate(lines):
        mark = _FENCE.fullmatch(line)
        if mark and (not fence or mark["json"]):
            fence, begun = mark["fence"], number + 1
        elif mark and mark["fence"] == fence:
            found, fence = "\n".join(lines[begun:number]), ""
    return found


def _plan(said: _Plan) -> Plan:
    return Plan(
        title=" ".join(said.title.split()), goal=said.goal, tasks=tuple(_task(one) for one in said.tasks)
    )


def _task(said: _Task) -> PlanTask:
    return PlanTask(
        key=said.id,
        title=" ".join(said.name.split()),
        description=said.description,
        after=tuple(dict.fromkeys(said.after)),
        stage=said.stage,
        files=tuple(said.files),
        acceptance=tuple(said.acceptance),
        agent=said.agent,
        model=said.model,
        max_turns=said.max_turns,
        max_cost=said.max_cost,
    )


def _fault(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "json_invalid":
        return f"it is not JSON: {error['ctx']['error']}"
    return f"{where}: {error['msg']}"


def _problem(problem: Problem) -> str:
    return f"{'.'.join(map(str, problem.where))}: {problem.why}"


def json_of(plan: Plan, *, say: str = "") -> str:
    """The proposal as the JSON that `proposal_of` reads; plans inside the plan are not part of a conversation."""
    tasks = [
        _Task(
            id=task.key,
            name=task.title,
            description=task.description,
            after=list(task.after),
            stage=task.stage,
            files=list(task.files),
            acceptance=list(task.acceptance),
            agent=task.agent,
            model=task.model,
            max_turns=task.max_turns,
            max_cost=task.max_cost,
        )
        for task in plan.tasks
    ]
    said = _Proposal(say=say, plan=_Plan(title=plan.title, goal=plan.goal, tasks=tasks))
    return said.model_dump_json(exclude_defaults=True)
