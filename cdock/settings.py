"""Everything that can be configured: `cdock.toml` and the environment become one checked value.

No other module reads the environment. Unknown keys are errors with a suggestion, wherever they stand.
"""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cdock.core.errors import Misconfigured
from cdock.core.policy import Labels, Policy, Step

FILE = "cdock.toml"

_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(value: object) -> timedelta:
    """`"90s"`, `"30m"`, `"2h"` or a number of seconds. Raises `ValueError` for anything else."""
    if isinstance(value, timedelta):
        return value
    seconds = math.nan
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", value.strip(), re.ASCII)
        seconds = float(match[1]) * _UNITS[match[2]] if match else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    try:
        return timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise ValueError('a duration such as "90s", "30m" or "2h" is wanted') from None


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
Pause = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepositoryTable(_Table):
    """Which repository."""

    remote: str = "origin"
    """The git remote that is the forge."""
    forge: Literal["github", "gitea"] = "github"
    """What runs there: `gitea` also means Forgejo, `github` also GitHub Enterprise and the embedded forge."""


class GitHubTable(_Table):
    """The account on the forge. Without any of these it is that of `CDOCK_TOKEN`, or of `gh`."""

    token_file: str = ""
    """A file with the token. `CDOCK_TOKEN_FILE` comes before it."""
    app_id: Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)] = ""
    """A GitHub App's id, to act as that App. `CDOCK_APP_ID` comes before it."""
    installation_id: int = Field(default=0, ge=0)
    """Where the App is installed; 0 means that it is found by the repository."""
    key_file: str = ""
    """The App's private key. `CDOCK_APP_KEY_FILE` comes before it."""
    writes_per_hour: int = Field(default=400, ge=4, le=500)
    """Writes this process keeps to in an hour. GitHub allows an account 500, so machines with one account share it."""


class TrustTable(_Table):
    """Whose labels, answers and commands count: people who may write to the repository, and whom you name here."""

    triage: bool = False
    """Whether people count who may sort issues but not write."""
    bots: tuple[str, ...] = ()
    """Logins of bots and Apps that count, such as `renovate[bot]`; no other bot does, whatever it may do."""


class ClaimsTable(_Table):
    """Where it is kept who works on what."""

    namespace: str = Field(
        default="refs/cdock/claims", pattern=r"^refs(?:/[A-Za-z0-9_][A-Za-z0-9_-]*){2,}$", max_length=100
    )
    """What the names of claims on the forge start with. `cdock init` writes another one where a forge needs it."""


class ClaudeTable(_Table):
    """How Claude Code is started."""

    model: str = ""
    """A full model name; empty means the program's own choice."""
    max_turns: int = Field(default=0, ge=0)
    """0 means no limit."""
    max_cost: float = Field(default=0, ge=0, allow_inf_nan=False)
    """In US dollars, for one run; 0 means no limit."""
    permission: Literal["bypass", "acceptEdits", "plan"] = "bypass"
    """What it may do without a question, which nobody would answer: all, no more than edit files, or only look."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class CodexTable(_Table):
    """How Codex is started. It tells no money, so limits of money are refused with it."""

    model: str = ""
    """Its name; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class GeminiTable(_Table):
    """How Gemini CLI is started. It tells no money, so limits of money are refused with it."""

    model: str = ""
    """Its name; empty means the program's own choice."""
    max_turns: int = Field(default=0, ge=0)
    """0 means no limit."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class OpencodeTable(_Table):
    """How OpenCode is started."""

    model: str = ""
    """As `provider/model`; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class AiderTable(_Table):
    """How Aider is started."""

    model: str = ""
    """As Aider names it; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class CommandTable(_Table):
    """Any program as an agent."""

    argv: tuple[str, ...] = ()
    """The program and its arguments; `{prompt_file}`, `{model}` and `{session}` are replaced."""
    resume: tuple[str, ...] = ()
    """The same for a conversation that goes on; without it the program is started again."""
    ok_codes: tuple[int, ...] = (0,)
    """Exit codes that mean success."""
    ok_regex: str = ""
    """A line that a success needs, for a program that ends well whatever happened."""
    error_regex: str = ""
    """A line that means a failure."""
    session_regex: str = ""
    """A line with its own id of the conversation, in one group."""
    cost_regex: str = ""
    """A line with what the run cost so far, in one group, in US dollars."""
    model: str = ""


class ScriptedTable(_Table):
    """The agent of demonstrations and tests."""

    script: str = ""
    """Its script, a path in the repository."""


class AgentTable(_Table):
    """Which agent, and how each is started. What is set in an agent's own table is handed to its adapter."""

    default: str = "claude"
    models: tuple[str, ...] = ()
    """The models that an issue may ask for; empty for any."""
    claude: ClaudeTable = ClaudeTable()
    codex: CodexTable = CodexTable()
    gemini: GeminiTable = GeminiTable()
    opencode: OpencodeTable = OpencodeTable()
    aider: AiderTable = AiderTable()
    command: CommandTable = CommandTable()
    scripted: ScriptedTable = ScriptedTable()

    @property
    def names(self) -> tuple[str, ...]:
        """The agents that are configured well enough to be started: Claude Code, and those that have a table."""
        usable = {"claude": True, "command": bool(self.command.argv), "scripted": bool(self.scripted.script)}
        usable |= {name: name in self.model_fields_set for name in ("codex", "gemini", "opencode", "aider")}
        return tuple(sorted({name for name, there in usable.items() if there} | {self.default}))


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


class PlanTable(_Table):
    """Plans, and what they become."""

    gates: bool = True
    """Whether a person has to approve a stage before the next one starts."""
    overlap: Literal["serialise", "warn", "ignore"] = "serialise"
    """What is done about tasks that would change the same files."""
    agent: str = ""
    """The agent that breaks goals down; empty for the usual one."""
    board: bool = True
    """Whether a published plan gets a board, where the token may make one."""


class LandTable(_Table):
    """How finished work gets onto the default branch."""

    method: Literal["pull", "merge", "squash", "cherry-pick"] = "pull"
    """Through the pull request, or as commits on the default branch of which no pull request is needed."""


class ValidateTable(_Table):
    """What is checked after landing."""

    commands: tuple[str, ...] = ()
    """Shell commands that are run in a container on what came out of it."""


class StepTable(_Table):
    """Who tries next; what is left out stays as it is."""

    agent: str = ""
    model: str = ""


class BudgetTable(_Table):
    """When enough is enough: a limit that is reached pauses the task and asks; nothing is lost by it."""

    tries: int = Field(default=3, ge=1)
    """How often one error may come back before a person is asked."""
    class_tries: int = Field(default=6, ge=1)
    """How often errors of one kind may come back, whatever their words."""
    attempts: int = Field(default=9, ge=1)
    """Failed attempts, whatever their errors, before a person is asked."""
    time_box: Duration = timedelta(minutes=30)
    """The time for one attempt."""
    stall: Duration = timedelta(minutes=10)
    """How long an attempt may give no sign of life: no output, no commit, no changed file."""
    turns: int = Field(default=0, ge=0)
    """Turns of all attempts of a task; 0 for no limit."""
    cost: float = Field(default=0.0, ge=0)
    """US dollars for a task; 0 for no limit."""
    day_cost: float = Field(default=0.0, ge=0)
    """US dollars for all tasks of this machine in a day (UTC); 0 for no limit."""
    lines: int = Field(default=0, ge=0)
    """Lines that a task may add and remove; 0 for no limit."""
    backoff: Pause = timedelta(seconds=10)
    escalation: tuple[StepTable, ...] = ()
    """Who tries after the first failure, after the second, and so on: `[{ model = "…" }, { agent = "codex" }]`."""


class LimitsTable(_Table):
    """What is done about the usage limits of a model's provider."""

    resume: bool = True
    """Whether work goes on by itself when a limit ends; otherwise a person says so by `/cdock resume`."""
    pause: Duration = timedelta(minutes=30)
    """How long to wait where the provider does not say when its limit ends."""


class HandoffTable(_Table):
    """What happens before an agent's memory is full."""

    at: float = Field(default=0.75, ge=0, le=1)
    """The share of the model's window at which it is asked for notes; 0 to never ask."""
    grace: Duration = timedelta(minutes=5)
    """How long it may take to write them."""
    agent: str = ""
    """Who goes on from them; empty for the same agent in a new conversation."""


class PullTable(_Table):
    """The pull request, and what comes back about it."""

    draft: bool = True
    """Whether it opens as a draft at the first push; otherwise it opens when the work is done."""
    rounds: int = Field(default=5, ge=1)
    """How often in a row each of reviews, checks and conflicts may send the agent back before a person is asked."""
    debounce: Pause = timedelta(seconds=60)
    """How long a review must be quiet before it is acted upon."""
    conflicts: Literal["merge", "rebase", "leave"] = "merge"
    """What the agent is to do about conflicts with the default branch."""
    reviewer: str = ""
    """An agent that looks at the work before it is ready; empty for none."""


LEASE_MARGIN = timedelta(minutes=1)
"""Added to a lease for all that is slow; of a short lease, a fifteenth."""


class PollTable(_Table):
    """How often, how much at once."""

    interval: Duration = timedelta(seconds=15)
    """Between two reads of the forge."""
    idle: Duration = timedelta(minutes=2)
    """What that grows to while nothing changes."""
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
    plan: str = "agent-plan"

    @field_validator("*")
    @classmethod
    def _legal(cls, name: str) -> str:
        """What GitHub accepts, and what a list of labels can name."""
        if not 0 < len(name) <= 50 or "," in name or name != name.strip() or not name.isprintable():
            raise ValueError("a label has 1 to 50 characters on one line, and no comma")
        return name

    @model_validator(mode="after")
    def _distinct(self) -> "LabelsTable":
        """GitHub takes names that differ in case only for one; two states with one label would take turns forever."""
        names = [str(name).casefold() for name in self.model_dump().values()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"every label needs a name of its own, but {min(twice)!r} is used twice")
        return self


class BranchTable(_Table):
    """The names of branches."""

    prefix: str = Field(
        default="cdock/", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_][A-Za-z0-9_-]*)*/?$"
    )


class Settings(_Table):
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
