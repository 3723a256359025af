"""The forge with its git, shared by all machines, and what people do there."""

from dataclasses import dataclass, field

from cdock.core.task import Claim
from cdock.testing.reviews import MemoryPulls


@dataclass
class MemoryHub(MemoryPulls):
    """The forge: issues, pull requests, branches and claims, shared by all machines."""

    refs: dict[int, Claim] = field(default_factory=dict)
    """Claims, by issue."""
    unfinished: dict[int, str] = field(default_factory=dict)
    """Uncommitted work that is kept beside claims, by issue."""
