"""The numbers and names the rules need; everything else configured stays outside the core."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Labels:
    """The labels cdock puts on issues. They show state; only `ready` and the task's own are ever read."""

    ready: str = "agent-ready"
    in_progress: str = "in-progress"
    needs_help: str = "needs-help"
    waiting: str = "waiting"
    in_review: str = "in-review"
    done: str = "done"
    failed: str = "failed"
    help_issue: str = "agent-help"
    plan: str = "agent-plan"

    def stage(self, number: int) -> str:
        """The label of the tasks of a stage."""
        return f"stage-{number}"

    @property
    def states(self) -> frozenset[str]:
        """The family of which an issue wears at most one."""
        return frozenset(
            {
                self.ready,
                self.in_progress,
                self.needs_help,
                self.waiting,
                self.in_review,
                self.done,
                self.failed,
            }
        )


@dataclass(frozen=True)
class Step:
    """Who tries next: another agent, another model of it, or both; what is empty stays as it is."""

    agent: str = ""
    model: str = ""


@dataclass(frozen=True)
class Policy:
    """How much, how long, how often."""

    max_parallel: int = 2
    """Attempts that may run at the same time on this machine."""
    tries: int = 3
    """How often one fingerprint may come back in a round before a person is asked."""
    class_tries: int = 6
    """How often errors of one coarse class may come back in a round."""
    max_attempts: int = 9
    """Attempts of one round, whatever their errors, before a person is asked."""
    time_box: timedelta = timedelta(minutes=30)
    """Wall-clock limit of one attempt, and of its acceptance commands."""
    stall: timedelta = timedelta(minutes=10)
    """How long an attempt may give no sign of life."""
    max_turns: int = 0
    """Turns of all attempts of a task; 0 for no limit."""
    max_cost: float = 0.0
    """US dollars of all attempts of a task; 0 for no limit."""
    day_cost: float = 0.0
    """US dollars of all attempts of this machine in a day of UTC; 0 for no limit."""
    max_lines: int = 0
    """Lines that a task may add and remove; 0 for no limit."""
    escalation: tuple[Step, ...] = ()
    """Who tries after the first failure of a round, after the second, and so on; the last one for all that follow."""
    handoff: float = 0.75
    """The share of the model's window at which an agent is asked to hand over; 0 to never ask."""
    handoff_grace: timedelta = timedelta(minutes=5)
    """How long it may take to do so."""
    handoff_agent: str = ""
    """Who goes on from the notes; empty for the same agent."""
    resume_limits: bool = True
    """Whether work goes on by itself when a provider's usage limit ends."""
    limit_pause: timedelta = timedelta(minutes=30)
    """How long to wait for a provider's limit that does not say when it ends."""
    drafts: bool = True
    """Whether a draft pull request opens at the first push."""
    rounds: int = 5
    """How often in a row each of reviews, checks, conflicts and a second opinion may send an agent back."""
    debounce: timedelta = timedelta(seconds=60)
    """How long a review must be quiet before it is acted upon."""
    conflicts: str = "merge"
    """What is done about conflicts: `merge`, `rebase`, or `leave` them to people."""
    overlap: str = "serialise"
    """What is done about tasks that would change the same files: `serialise` them, `warn`, or `ignore` it."""
    gates: bool = True
    """Whether a person has to approve a stage of a plan before the next one starts."""
    reviewer: str = ""
    """The agent that looks at the work before it is ready; empty for none."""
    snapshot_every: timedelta = timedelta(minutes=2)
    """How often uncommitted work is set down."""
    lease: timedelta = timedelta(minutes=15)
    """How long a claim holds without a heartbeat."""
    lease_margin: timedelta = timedelta(minutes=1)
    """Added to another poller's lease before it is taken over, removed from our own."""
    backoff: timedelta = timedelta(seconds=10)
    """Pause after the first failure of a round; doubles with each further one."""
    backoff_limit: timedelta = timedelta(minutes=10)
    """Longest pause between two attempts."""
    harvest_every: timedelta = timedelta(seconds=20)
    """How often new commits of a running agent are fetched."""
    push_every: timedelta = timedelta(seconds=30)
    """Least time between two pushes of this machine while agents run (GitHub advises 6 a minute for a repository)."""
    stop_grace: timedelta = timedelta(seconds=10)
    """Time between asking an agent to end and killing it."""
    acceptance: tuple[str, ...] = ()
    """Shell commands that must exit 0 before a pull request is ready."""
    agents: tuple[str, ...] = ("claude",)
    """The agents a person may ask for by `/cdock agent`."""
    models: tuple[str, ...] = ()
    """The models an issue may ask for; empty for any."""
    branch_prefix: str = "cdock/"
    agent: str = "claude"
    """The agent that is started when nothing else is asked for."""
    planner: str = "claude"
    """The agent that breaks goals down."""
    labels: Labels = field(default_factory=Labels)
