"""Everything that can be configured: `cdock.toml` and the environment become one checked value.

No other module reads the environment. Unknown keys are errors with a suggestion, wherever they stand.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cdock.core.errors import Misconfigured
from cdock.core.policy import Labels, Policy

FILE = "cdock.toml"

_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(value: object) -> object:
    """`"90s"`, `"30m"`, `"2h"` or a number of seconds; anything else is left for the checks to refuse."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", value.strip())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str):
        raise ValueError('a duration such as "90s", "30m" or "2h" is wanted')
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
Pause = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepositoryTable(_Table):
    """Which repository."""

    remote: str = "origin"
    """The git remote that is the forge."""


class AgentTable(_Table):
    """Which agent, and how each is started. Every agent's own table is handed to its adapter."""

    default: str = "claude"
    claude: Mapping[str, Any] = Field(default_factory=dict)
    command: Mapping[str, Any] = Field(default_factory=dict)
    scripted: Mapping[str, Any] = Field(default_factory=dict)


class RunnerTable(_Table):
    """Where agents run."""

    kind: Literal["docker", "local"] = "docker"
    image: str = ""
    """The image of the containers; empty means the one `cdock image build` made."""
    memory: str = Field(default="2g", pattern=r"^[1-9]\d*[mg]$")
    """Limit of one container: `512m`, `2g`."""
    cpus: float = Field(default=2.0, gt=0)
    pids: int = Field(default=512, gt=0)
    pass_env: tuple[str, ...] = ()
    """Variables of the poller's environment that a local agent may see."""

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes."""
        return int(self.memory[:-1]) << {"m": 20, "g": 30}[self.memory[-1]]


class AcceptanceTable(_Table):
    """What decides whether a task is done."""

    commands: tuple[str, ...] = ()


class BudgetTable(_Table):
    """When enough is enough."""

    tries: int = Field(default=3, ge=1)
    attempts: int = Field(default=9, ge=1)
    time_box: Duration = timedelta(minutes=30)
    backoff: Pause = timedelta(seconds=10)


class PollTable(_Table):
    """How often, how much at once."""

    interval: Duration = timedelta(seconds=15)
    max_parallel: int = Field(default=2, ge=1)
    lease: Duration = timedelta(minutes=15)
    harvest_every: Duration = timedelta(seconds=20)
    push_every: Duration = timedelta(seconds=30)


class LabelsTable(_Table):
    """The names of the labels."""

    ready: str = "agent-ready"
    in_progress: str = "in-progress"
    needs_help: str = "needs-help"
    waiting: str = "waiting"
    in_review: str = "in-review"
    done: str = "done"
    failed: str = "failed"
    help_issue: str = "agent-help"


class BranchTable(_Table):
    """The names of branches."""

    prefix: str = Field(default="cdock/", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")


class Settings(_Table):
    """The whole of `cdock.toml`."""

    repository: RepositoryTable = RepositoryTable()
    agent: AgentTable = AgentTable()
    runner: RunnerTable = RunnerTable()
    acceptance: AcceptanceTable = AcceptanceTable()
    budget: BudgetTable = BudgetTable()
    poll: PollTable = PollTable()
    labels: LabelsTable = LabelsTable()
    branch: BranchTable = BranchTable()

    def policy(self) -> Policy:
        """The numbers and names the rules need."""
        return Policy(
            max_parallel=self.poll.max_parallel,
            tries=self.budget.tries,
            max_attempts=self.budget.attempts,
            time_box=self.budget.time_box,
            backoff=self.budget.backoff,
            lease=self.poll.lease,
            harvest_every=self.poll.harvest_every,
            push_every=self.poll.push_every,
            acceptance=self.acceptance.commands,
            branch_prefix=self.branch.prefix,
            agent=self.agent.default,
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
    message = str(error["msg"])
    return message[:1].lower() + message[1:]


def _suggestion(where: tuple[int | str, ...]) -> str:
    """`did you mean …`, from the keys of the table the wrong one stands in."""
    model: Any = Settings
    for part in where[:-1]:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return ""
        model = fields[part].annotation
    known = list(getattr(model, "model_fields", {}))
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
