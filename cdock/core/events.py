"""What agents say while they work, whatever program they are; and what it takes to start one.

`Reading` is the fold of an agent's output so far: small, and made again from the log after a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Ending(StrEnum):
    """How an agent's run ended, by its own account and its exit code."""

    DONE = "done"
    FAILED = "failed"
    ASKED = "asked"
    LIMITED = "limited"  # the provider's usage limit
    UNAVAILABLE = "unavailable"  # the provider did not answer
    AUTH = "auth"  # the provider refused the credential
    CAPPED = "capped"  # the program kept to a limit of ours; `Verdict.cap` says which
    FULL = "full"  # the conversation no longer fits into the model
    STOPPED = "stopped"  # ended by a signal


@dataclass(frozen=True)
class Event:
    """One thing an agent said or did. `kind` is text, tool, result, error or note; `text` is one line for people."""

    kind: str
    text: str


@dataclass(frozen=True)
class Reading:
    """All that was read of a run so far. `ended` is set by the agent's own final event, `ok` by what it said there."""

    session: str = ""
    model: str = ""
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0
    context: int = 0
    """Tokens of the conversation now held by the model."""
    window: int = 0
    """Tokens the model can hold; 0 when unknown."""
    text: str = ""
    """The newest thing the agent said."""
    error: str = ""
    ended: bool = False
    ok: bool = False
    reason: str = ""
    """The agent's own word for why it ended."""
    heard: frozenset[str] = frozenset()
    """The uids of messages it says it has read."""
    until: datetime | None = None
    """When the provider's limit ends, if it said so."""


@dataclass(frozen=True)
class Job:
    """What an agent is asked to do. `session` is chosen by us, or the one to resume."""

    prompt: str
    session: str
    model: str = ""
    max_turns: int = 0
    """0 means no limit of our own."""
    max_cost: float = 0.0
    """In US dollars; 0 means no limit of our own."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The agent's table in the configuration, as strings."""
    schema: str = ""
    """The JSON schema that its last answer has to fit, where its program can see to that; empty for plain words."""


@dataclass(frozen=True)
class Launch:
    """How to start an agent. Nothing secret, and nothing a stranger wrote, is in `argv` or `env`.

    `argv` and `env` may name `{run}`, the directory of this run, and `{state}`, the one that keeps the agent's own
    state over attempts; the paths of `files` begin with one of them. The runner fills both in. `stdin` is the text
    the program is given on its standard input.
    """

    argv: tuple[str, ...]
    stdin: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Text files to lay down before the start, by path."""
    until: str = ""
    """When not empty, standard input stays open for messages until a line of the output holds this text, or the
    program ends; `Runner.send` reaches it."""
    terminal: bool = False
    """Whether it is for a person at a terminal: it is started inside tmux, and gets no standard input."""


@dataclass(frozen=True)
class Capabilities:
    """What an agent's program can do. What it cannot is refused early, or kept to by cdock itself."""

    resume: bool = False
    """Whether a conversation can go on after its program has ended."""
    live: bool = False
    """Whether it can be spoken to while it works."""
    turns: bool = False
    """Whether it counts turns."""
    cost: bool = False
    """Whether it tells what it cost."""
    context: bool = False
    """Whether it tells how full the model's window is."""
    limits: bool = False
    """Whether it tells when a provider's usage limit ends."""
    schema: bool = False
    """Whether its program sees to it that an answer fits a schema."""
    attach: bool = False
    """Whether a person can take over a conversation at a terminal."""


@dataclass(frozen=True)
class RunSpec:
    """A run to start. The name is fixed by the task and the attempt, so starting twice starts once.

    `commands` are the acceptance commands of a check; `launch` is the agent's. Exactly one of them is given.
    `base` and `branch` say what the workspace holds when it is first made; an existing one is kept, and
    brought up to `base` where that merges without a conflict.
    """

    name: str
    task: str
    attempt: int
    role: str
    base: str
    branch: str
    objects: str
    """Host path of the read-only object store that holds `base`."""
    launch: Launch | None = None
    commands: tuple[str, ...] = ()
    target: str = ""
    """A published commit to be merged into the work; the workspace knows it as `refs/cdock/target`."""
    dropped: str = ""
    """A commit that others took out of the branch: a workspace that has it begins anew at `base`, and knows what it had
    as `refs/cdock/aside`."""
    unfinished: str = ""
    """A commit with uncommitted work of a machine before us, to be laid out in a workspace that is made anew."""
    apart: bool = False
    """Whether the run only looks: it gets a throw-away copy of the repository."""


@dataclass(frozen=True)
class Remote:
    """How the host's git reaches a workspace: the command that runs upload-pack there, and the path it is given."""

    upload_pack: str
    path: str
