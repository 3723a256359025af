"""What benchmarks of the loop stand on: a repository of ordinary size, and a poller of real and in-memory parts."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from cdock.adapters.agents.command import CommandAgent
from cdock.adapters.files.logs import FileLogs
from cdock.adapters.files.mirror import FileMirror
from cdock.adapters.files.wishes import FileWishes
from cdock.adapters.git.claims import GitClaims
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.adapters.system import RandomIds, SystemClock
from cdock.core.policy import Policy
from cdock.core.task import Attempt, Task
from cdock.ports import Claims, Forge, Runner
from cdock.reconciler.house import House
from cdock.testing import (
    MemoryForge,
    MemoryHub,
    MemoryLedger,
    MemoryLocks,
    MemoryOutbox,
    MemoryPlans,
    MemoryPrompts,
)
from tests.git_repos import bare, git, write

FILES, FOLDERS = 200, 31
POLICY = Policy(agent="command", max_parallel=1000)
LIMIT = 60.0


def repository(path: Path) -> Path:
    """A bare repository with 200 files in 31 directories."""
    bare(path)
    named = {f"part{n % FOLDERS}/file{n}.py": f"value = {n}\n" * 20 for n in range(FILES)}
    write(path, named)
    return path


def clone(origin: Path, path: Path) -> Path:
    """A person's plain clone."""
    git(origin, "clone", "--quiet", str(origin), str(path))
    return path


class Poller:
    """A poller below `root` on real git, real files and a given runner; the forge is in memory.

    A forge's answers take as long as the network does, which is no work of ours; `traffic` counts them.
    """

    def __init__(
        self,
        root: Path,
        *,
        origin: Path,
        runner: Runner,
        argv: str,
        forge: Forge | None = None,
        claims: Claims | None = None,
    ) -> None:
        self.hub = MemoryHub()
        self.place = Place(root)
        self.runner = runner
        self.house = House(
            forge=forge or MemoryForge(self.hub),
            claims=claims or GitClaims(self.place, url=str(origin)),
            workspaces=GitWorkspaces(self.place, url=str(origin)),
            runner=runner,
            agents={"command": CommandAgent()},
            logs=FileLogs(root / "tasks"),
            mirror=FileMirror(root / "state.json"),
            outbox=MemoryOutbox(),
            plans=MemoryPlans(),
            locks=MemoryLocks(),
            wishes=FileWishes(root / "wishes"),
            ledger=MemoryLedger(),
            prompts=MemoryPrompts(),
            clock=SystemClock(),
            ids=RandomIds(),
            policy=POLICY,
            me="bench",
            process=str(uuid4()),
            agent_settings={"command": {"argv": argv}},
        )

    def drop(self, task: Task) -> None:
        """Forget the task whole: run, worktree, claim and issue."""
        house = self.house
        last = task.last or Attempt(1, 1, "command", task.created_at)
        self.runner.stop(task.id.run(last.number), grace=0)
        self.runner.clear(task.id)
        house.workspaces.remove(task.id, branch=task.id.branch(), keep=True)
        house.claims.swap(task.issue, expected=house.memory.claims.pop(task.issue).oid, claim=None)
        del self.hub.issues[task.issue]
        house.memory.readings.clear()
        house.memory.doubt = True


def wait_for(what: str, seen: Callable[[], bytes], *, limit: float = LIMIT) -> bytes:
    """What `seen` gives as soon as it gives something."""
    end = time.monotonic() + limit
    while not (found := seen()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        time.sleep(0.01)
    return found


def moment(printed: str) -> float:
    """Seconds since the epoch, from what `date +%s%N` printed; containers have the same clock as we."""
    return int(printed.split()[0]) / 1e9


def kill_session(pid: int) -> None:
    """End a process of its own session, and all it started there."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
