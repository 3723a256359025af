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
class Policy:
    """How much, how long, how often."""

    max_parallel: int = 2
    """Attempts that may run at the same time on this machine."""
    tries: int = 3
    """How often one fingerprint may come back in a round before a person is asked."""
    max_attempts: int = 9
    """Attempts of one round, whatever their errors, before a person is asked."""
    time_box: timedelta = timedelta(minutes=30)
    """Wall-clock limit of one attempt, and of its acceptance commands."""
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
    """Shell commands that must exit 0 before a pull request is opened."""
    agents: tuple[str, ...] = ("claude",)
    """The agents a person may ask for by `/cdock agent`."""
    branch_prefix: str = "cdock/"
    agent: str = "claude"
    """The agent that is started when nothing else is asked for."""
    labels: Labels = field(default_factory=Labels)
