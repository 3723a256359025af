"""Everything that can be configured: `cdock.toml` and the environment become one checked value.

No other module reads the environment. Unknown keys are errors with a suggestion, wherever they stand.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from cdock.core.errors import Misconfigured
from cdock.core.policy import Labels, Policy, Step
from cdock.settings.agents import AgentTable
from cdock.settings.tables import (
    LEASE_MARGIN,
    AcceptanceTable,
    BranchTable,
    BudgetTable,
    ClaimsTable,
    GitHubTable,
    HandoffTable,
    LabelsTable,
    LandTable,
    LimitsTable,
    PlanTable,
    PollTable,
    PullTable,
    RepositoryTable,
    RunnerTable,
    TrustTable,
    ValidateTable,
)
from cdock.settings.values import Table

FILE = "cdock.toml"


class Settings(Table):
    """The whole of `cdock.toml`."""

    repository: RepositoryTable = RepositoryTable()
    trust: TrustTable = TrustTable()
    github: GitHubTable = GitHubTable()
    claims: ClaimsTable = ClaimsTable()
    agent: AgentTable = AgentTable()
    runner: RunnerTable = RunnerTable()
    acceptance: AcceptanceTable = AcceptanceTable()
    budget: BudgetTable = BudgetTable()
    limits: LimitsTable = LimitsTable()
    handoff: HandoffTable = HandoffTable()
    pull: PullTable = PullTable()
    plan: PlanTable = PlanTable()
    land: LandTable = LandTable()
    validation: ValidateTable = Field(default=ValidateTable(), alias="validate")
    poll: PollTable = PollTable()
    labels: LabelsTable = LabelsTable()
    branch: BranchTable = BranchTable()

    def policy(self) -> Policy:
        """The numbers and names the rules need."""
        return Policy(
            max_parallel=self.poll.max_parallel,
            tries=self.budget.tries,
            class_tries=self.budget.class_tries,
            max_attempts=self.budget.attempts,
            time_box=self.budget.time_box,
            stall=self.budget.stall,
            max_turns=self.budget.turns,
            max_cost=self.budget.cost,
            day_cost=self.budget.day_cost,
            max_lines=self.budget.lines,
            backoff=self.budget.backoff,
            escalation=tuple(Step(step.agent, step.model) for step in self.budget.escalation),
            resume_limits=self.limits.resume,
            limit_pause=self.limits.pause,
            handoff=self.handoff.at,
            handoff_grace=self.handoff.grace,
            handoff_agent=self.handoff.agent,
            drafts=self.pull.draft,
            rounds=self.pull.rounds,
            debounce=self.pull.debounce,
            conflicts=self.pull.conflicts,
            reviewer=self.pull.reviewer,
            gates=self.plan.gates,
            overlap=self.plan.overlap,
            planner=self.plan.agent or self.agent.default,
            lease=self.poll.lease,
            lease_margin=min(LEASE_MARGIN, self.poll.lease / 15),
            harvest_every=self.poll.harvest_every,
            push_every=self.poll.push_every,
            acceptance=self.acceptance.commands,
            branch_prefix=self.branch.prefix,
            agent=self.agent.default,
            agents=self.agent.names,
            models=self.agent.models,
            labels=Labels(**self.labels.model_dump()),
        )


def load_settings(repository: Path) -> Settings:
    """The settings of a repository; without a file, the defaults.

    Raises:
        Misconfigured: the file cannot be read, is not TOML, or says something that is not known or not possible.
    """
    path = repository / FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Misconfigured(
            f"cannot read {FILE}: {error}",
            code="CD410",
            tried=f"reading {path}",
            fix=f"mend {path}",
        ) from error
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(
            f"{FILE}: {where}: {_complaint(first)}",
            code="CD411",
            tried=f"reading {path}",
            fix=_suggestion(first["loc"]) or f"mend {where} in {path}",
        ) from error


def _complaint(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such key"
    if error["type"] in ("model_type", "model_attributes_type"):
        return "a table is wanted"
    message = str(error["msg"]).removeprefix("Value error, ").replace("valid tuple", "list")
    return message[:1].lower() + message[1:]


def _keys(model: Any) -> dict[Any, Any]:
    """The fields of a table, by the names they have in the file."""
    return {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}


def _suggestion(where: tuple[int | str, ...]) -> str:
    """`did you mean …`, from the keys of the table the wrong one stands in."""
    model: Any = Settings
    for part in where[:-1]:
        fields = _keys(model)
        if part not in fields:
            return ""
        model = fields[part].annotation
    known = list(_keys(model))
    close = difflib.get_close_matches(str(where[-1]), known, n=1)
    if str(where[-1]) in known:
        return ""
    if close:
        return f"did you mean {close[0]!r}?"
    return f"use one of: {', '.join(known)}" if known else ""


def environment() -> Mapping[str, str]:
    """The process's environment, for the one place where adapters are chosen."""
    return dict(os.environ)


def home(env: Mapping[str, str]) -> Path:
    """Where cdock keeps what belongs to the person, not to a repository: `CDOCK_HOME`, or the platform's place."""
    if given := env.get("CDOCK_HOME"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_path("cdock"))
