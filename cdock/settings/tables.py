"""All other tables of `cdock.toml`."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from cdock.settings.values import Duration, Pause, Table


class RepositoryTable(Table):
    """Which repository."""

    remote: str = "origin"
    """The git remote that is the forge."""
    forge: Literal["github", "gitea"] = "github"
    """What runs there: `gitea` also means Forgejo, `github` also GitHub Enterprise and the embedded forge."""


class GitHubTable(Table):
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


class TrustTable(Table):
    """Whose labels, answers and commands count: people who may write to the repository, and whom you name here."""

    triage: bool = False
    """Whether people count who may sort issues but not write."""
    bots: tuple[str, ...] = ()
    """Logins of bots and Apps that count, such as `renovate[bot]`; no other bot does, whatever it may do."""


class ClaimsTable(Table):
    """Where it is kept who works on what."""

    namespace: str = Field(
        default="refs/cdock/claims", pattern=r"^refs(?:/[A-Za-z0-9_][A-Za-z0-9_-]*){2,}$", max_length=100
    )
    """What the names of claims on the forge start with. `cdock init` writes another one where a forge needs it."""


class RunnerTable(Table):
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


class AcceptanceTable(Table):
    """What decides whether a task is done."""

    commands: tuple[str, ...] = ()


class PlanTable(Table):
    """Plans, and what they become."""

    gates: bool = True
    """Whether a person has to approve a stage before the next one starts."""
    overlap: Literal["serialise", "warn", "ignore"] = "serialise"
    """What is done about tasks that would change the same files."""
    agent: str = ""
    """The agent that breaks goals down; empty for the usual one."""
    board: bool = True
    """Whether a published plan gets a board, where the token may make one."""


class LandTable(Table):
    """How finished work gets onto the default branch."""

    method: Literal["pull", "merge", "squash", "cherry-pick"] = "pull"
    """Through the pull request, or as commits on the default branch of which no pull request is needed."""


class ValidateTable(Table):
    """What is checked after landing."""

    commands: tuple[str, ...] = ()
    """Shell commands that are run in a container on what came out of it."""


class StepTable(Table):
    """Who tries next; what is left out stays as it is."""

    agent: str = ""
    model: str = ""


class BudgetTable(Table):
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


class LimitsTable(Table):
    """What is done about the usage limits of a model's provider."""

    resume: bool = True
    """Whether work goes on by itself when a limit ends; otherwise a person says so by `/cdock resume`."""
    pause: Duration = timedelta(minutes=30)
    """How long to wait where the provider does not say when its limit ends."""


class HandoffTable(Table):
    """What happens before an agent's memory is full."""

    at: float = Field(default=0.75, ge=0, le=1)
    """The share of the model's window at which it is asked for notes; 0 to never ask."""
    grace: Duration = timedelta(minutes=5)
    """How long it may take to write them."""
    agent: str = ""
    """Who goes on from them; empty for the same agent in a new conversation."""


class PullTable(Table):
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


class PollTable(Table):
    """How often, how much at once."""

    interval: Duration = timedelta(seconds=15)
    """Between two reads of the forge."""
    idle: Duration = timedelta(minutes=2)
    """What that grows to while nothing changes."""
    max_parallel: int = Field(default=2, ge=1)
    lease: Duration = timedelta(minutes=15)
    harvest_every: Duration = timedelta(seconds=20)
    push_every: Duration = timedelta(seconds=30)


class LabelsTable(Table):
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


class BranchTable(Table):
    """The names of branches."""

    prefix: str = Field(
        default="cdock/", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_][A-Za-z0-9_-]*)*/?$"
    )
