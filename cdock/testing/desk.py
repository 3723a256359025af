"""All that is small: locks, outbox, logs, mirror, wishes, ledger, prompts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cdock.core.errors import Misconfigured
from cdock.core.ids import TaskId
from cdock.core.outbox import Entry
from cdock.core.wishes import Wish, WishKind
from cdock.testing.clock import START, Faults, MemoryIds


@dataclass
class MemoryLocks:
    """See `Locks`. `held` is shared by the processes of one machine; `me` is one of them."""

    me: object = field(default_factory=object)
    held: dict[int, object] = field(default_factory=dict)

    def hold(self, issue: int) -> bool:
        """See `Locks`."""
        return self.held.setdefault(issue, self.me) is self.me

    def release(self, issue: int) -> None:
        """See `Locks`."""
        if self.held.get(issue) is self.me:
            del self.held[issue]


@dataclass
class MemoryOutbox:
    """See `Outbox`."""

    kept: dict[UUID, Entry] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def list(self) -> tuple[Entry, ...]:
        """See `Outbox`."""
        return tuple(sorted(self.kept.values(), key=lambda entry: (entry.created_at, str(entry.op))))

    def put(self, entry: Entry) -> None:
        """See `Outbox`."""
        self.faults.before("outbox")
        self.kept[entry.op] = entry
        self.faults.after()

    def remove(self, op: UUID) -> None:
        """See `Outbox`."""
        self.kept.pop(op, None)


@dataclass
class MemoryLogs:
    """See `Logs`."""

    kept: dict[tuple[TaskId, str], bytes] = field(default_factory=dict)

    def size(self, task: TaskId, run: str) -> int:
        """See `Logs`."""
        return len(self.kept.get((task, run), b""))

    def append(self, task: TaskId, run: str, data: bytes) -> None:
        """See `Logs`."""
        self.kept[task, run] = self.kept.get((task, run), b"") + data

    def read(self, task: TaskId, run: str, *, offset: int = 0) -> bytes:
        """See `Logs`."""
        return self.kept.get((task, run), b"")[offset:]


@dataclass
class MemoryMirror:
    """See `Mirror`."""

    saved: Mapping[str, object] = field(default_factory=dict)

    def save(self, record: Mapping[str, object]) -> None:
        """See `Mirror`."""
        self.saved = record


@dataclass
class MemoryWishes:
    """See `Wishes`."""

    kept: dict[str, Wish] = field(default_factory=dict)
    made: list[Wish] = field(default_factory=list)
    """All there ever were."""
    ids: MemoryIds = field(default_factory=MemoryIds)
    faults: Faults = field(default_factory=Faults)

    def make(self, kind: WishKind, task: TaskId, *, text: str = "", author: str = "") -> Wish:
        """A person asks for something."""
        wish = Wish(self.ids.uuid().hex, kind, task, made_at=START, text=text, author=author)
        self.made.append(wish)
        self.kept[wish.id] = wish
        return wish

    def list(self) -> tuple[Wish, ...]:
        """See `Wishes`."""
        return tuple(self.kept.values())

    def granted(self, wish: str) -> None:
        """See `Wishes`."""
        self.faults.before("wishes")
        self.kept.pop(wish, None)
        self.faults.after()


@dataclass
class MemoryLedger:
    """See `Ledger`."""

    runs: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def note(self, run: str, *, cost: float, at: datetime) -> None:
        """See `Ledger`."""
        self.faults.before("ledger")
        self.runs.setdefault(run, (cost, at))
        self.faults.after()

    def spent(self, since: datetime) -> float:
        """See `Ledger`."""
        return sum(cost for cost, at in self.runs.values() if at >= since)


@dataclass
class MemoryPrompts:
    """Prompts that show their values."""

    known: frozenset[str] = frozenset(
        [
            *("task", "answer", "message", "notes", "go-on", "review", "checks", "conflict", "pushed"),
            *("findings", "opinion", "plan", "plan-again"),
        ]
    )

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """See `Prompts`."""
        if name not in self.known:
            raise Misconfigured(f"no template {name}", fix="use a known one")
        return f"{name} {values}"
