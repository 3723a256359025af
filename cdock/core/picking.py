"""Which of a batch's attempts at the same thing is the best: how they are ranked, and how that is told. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

RULES: Mapping[str, str] = {
    "tests": "what passes, then more commands that passed, then the smaller diff, then the cheaper",
    "diff": "what passes, then the smaller diff, then the cheaper",
    "cost": "what passes, then the cheaper, then the smaller diff",
    "time": "what passes, then the quicker, then the smaller diff",
}
"""The rules by name. Of equals the older issue comes first, and what its agent has not finished comes last."""


@dataclass(frozen=True)
class Contender:
    """One attempt at it, at its newest commit on the forge.

    `passed` counts the acceptance commands that passed of `commands`; `failing` is the first that did not. `lines` are
    added and removed ones. `cost` is in US dollars, `seconds` is the time its agents worked.
    """

    issue: int
    task: str
    worktree: str
    commit: str
    finished: bool = True
    agent: str = ""
    passed: int = 0
    commands: int = 0
    failing: str = ""
    exit_code: int = 0
    lines: int = 0
    files: int = 0
    cost: float = 0.0
    turns: int = 0
    seconds: float = 0.0
    attempts: int = 0

    @property
    def passes(self) -> bool:
        """Whether nothing failed."""
        return self.exit_code == 0


_BY: Mapping[str, Callable[[Contender], tuple[float, ...]]] = {
    "tests": lambda one: (-one.passed, one.lines, one.cost, one.seconds),
    "diff": lambda one: (one.lines, one.cost, one.seconds),
    "cost": lambda one: (one.cost, one.lines, one.seconds),
    "time": lambda one: (one.seconds, one.lines, one.cost),
}


def ranked(contenders: Iterable[Contender], *, by: str) -> tuple[Contender, ...]:
    """The best first, by one of the `RULES`."""
    return tuple(
        sorted(contenders, key=lambda one: (not one.passes, not one.finished, *_BY[by](one), one.issue))
    )


def by_rule(order: Sequence[Contender]) -> Contender | None:
    """The one that may be picked without a person looking; None when none passes and is finished."""
    best = order[0] if order else None
    return best if best and best.passes and best.finished else None


def failing_in(lines: Iterable[str], commands: Sequence[str]) -> tuple[int, str]:
    """How many commands passed, and the first that did not, by what their run printed; empty when all did.

    Only for people: what an agent's code prints may look like it. Whether all passed is for the exit code to say.
    """
    passed, begun = 0, False
    for line in lines:
        if passed == len(commands):
            break
        if not begun and line == f"$ {commands[passed]}":
            begun = True
        elif begun and line == "[exit 0]":
            passed, begun = passed + 1, False
    return passed, commands[passed] if passed < len(commands) else ""


def why_dropped(
    one: Contender, order: Sequence[Contender], *, winner: Contender, batch: str, how: str
) -> str:
    """What is said on the issue of one that was not picked. `how` is the rule, or who chose."""
    place = next(number for number, other in enumerate(order, start=1) if other.issue == one.issue)
    said = "passed" if one.passes else f"failed: {one.failing}" if one.failing else "failed"
    return (
        f"#{winner.issue} was picked of the batch {batch} ({how}). "
        f"This came {place}. of {len(order)}: {said}, {one.lines} lines in {one.files} files, ${one.cost:.2f}."
    )
