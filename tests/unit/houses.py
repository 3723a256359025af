"""Houses on in-memory ports, for tests of the loop."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from cdock.core.actions import Action
from cdock.core.policy import Policy
from cdock.reconciler.house import House
from cdock.reconciler.loop import tick
from cdock.testing import (
    Faults,
    MemoryAgent,
    MemoryClaims,
    MemoryForge,
    MemoryHub,
    MemoryIds,
    MemoryLedger,
    MemoryLocks,
    MemoryLogs,
    MemoryMachine,
    MemoryMirror,
    MemoryOutbox,
    MemoryPlans,
    MemoryPrompts,
    MemoryRunner,
    MemoryWishes,
    MemoryWorkspaces,
)

POLICY = Policy(agent="memory", agents=("memory",), stall=timedelta(days=1), debounce=timedelta(0))


@dataclass
class Place:
    """One machine with one poller, which can die and start again."""

    hub: MemoryHub
    name: str = "here"
    seed: int = 1
    policy: Policy = POLICY
    faults: Faults = field(default_factory=Faults)
    lives: int = 0
    agent: MemoryAgent = field(default_factory=MemoryAgent)

    def __post_init__(self) -> None:
        self.machine = MemoryMachine(self.hub)
        self.logs = MemoryLogs()
        self.mirror = MemoryMirror()
        self.ledger = MemoryLedger(faults=self.faults)
        self.outbox = MemoryOutbox(faults=self.faults)
        self.plans = MemoryPlans(faults=self.faults)
        self.ids = MemoryIds(seed=self.seed)
        self.wishes = MemoryWishes(ids=self.ids, faults=self.faults)
        self.runner = MemoryRunner(self.machine, self.faults)
        self.restart()

    def restart(self) -> None:
        """The poller's process dies and another one starts: its memory is gone, the machine goes on."""
        self.lives += 1
        self.house = House(
            forge=MemoryForge(self.hub, self.faults),
            claims=MemoryClaims(self.hub, self.faults, self.machine.sight),
            workspaces=MemoryWorkspaces(self.machine, self.faults),
            runner=self.runner,
            agents={
                name: replace(self.agent, name=name) for name in {self.policy.agent, *self.policy.agents}
            },
            logs=self.logs,
            mirror=self.mirror,
            outbox=self.outbox,
            plans=self.plans,
            locks=MemoryLocks(),
            wishes=self.wishes,
            ledger=self.ledger,
            prompts=MemoryPrompts(),
            clock=self.hub.clock,
            ids=self.ids,
            policy=self.policy,
            me=self.name,
            process=f"{self.name}-{self.lives}",
            workers=1,
        )

    def tick(self) -> str:
        """One tick; the kinds of its steps in words."""
        return words(tick(self.house))

    def settle(self, limit: int = 40) -> list[str]:
        """Tick until nothing is planned; the trail. Fails when it does not settle."""
        trail: list[str] = []
        for _ in range(limit):
            self.house.memory.doubt = True
            if not (done := self.tick()):
                return trail
            trail.append(done)
        raise AssertionError(f"did not settle: {trail}")

    @property
    def run(self) -> str:
        """The name of the only living run."""
        (name,) = self.machine.alive
        return name


def words(steps: tuple[Action, ...]) -> str:
    """`TakeClaim ShowStatus`."""
    return " ".join(type(step).__name__ for step in steps)
