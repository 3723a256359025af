"""In-memory ports that keep the promises of the real ones, shipped for tests of rules and loops.

`MemoryHub` is the forge with its git; any number of `MemoryMachine`s work with it. Both have verbs for what people
and agents do. `Faults` lets any port call fail on purpose.
"""

from cdock.testing.agent import ABLE, UNABLE, MemoryAgent
from cdock.testing.claims import MemoryClaims, Sight
from cdock.testing.clock import START, Crash, Faults, MemoryClock, MemoryIds
from cdock.testing.desk import (
    MemoryLedger,
    MemoryLocks,
    MemoryLogs,
    MemoryMirror,
    MemoryOutbox,
    MemoryPrompts,
    MemoryWishes,
)
from cdock.testing.forge import MemoryForge
from cdock.testing.history import ROOT
from cdock.testing.hub import MemoryHub
from cdock.testing.machine import MemoryMachine, MemoryRun
from cdock.testing.plans import MemoryBoard, MemoryCard, MemoryPlans
from cdock.testing.runner import MemoryRunner
from cdock.testing.workspaces import MemoryWorkspaces

__all__ = (
    "ABLE",
    "ROOT",
    "START",
    "UNABLE",
    "Crash",
    "Faults",
    "MemoryAgent",
    "MemoryBoard",
    "MemoryCard",
    "MemoryClaims",
    "MemoryClock",
    "MemoryForge",
    "MemoryHub",
    "MemoryIds",
    "MemoryLedger",
    "MemoryLocks",
    "MemoryLogs",
    "MemoryMachine",
    "MemoryMirror",
    "MemoryOutbox",
    "MemoryPlans",
    "MemoryPrompts",
    "MemoryRun",
    "MemoryRunner",
    "MemoryWishes",
    "MemoryWorkspaces",
    "Sight",
)
