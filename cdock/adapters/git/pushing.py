"""Moves of claims and branches by compare-and-swap: as few pushes as possible, and who won read off the forge.

What git prints never decides: losers of a race see several texts, and a lost answer looks like an outage. After every
push that did not succeed whole, all its refs are read back, which tells what arrived, what is lost, and what may be
pushed again.
"""

import logging
import random
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cdock.adapters.git.command import Git, error_of
from cdock.adapters.git.history import is_ancestor
from cdock.core.errors import CdockError, ClaimLost, NotPermitted, Overtaken, Refused, Unavailable

TRIES = 4
CONTESTED = 8
"""Tries of a push that the forge turned down although nothing moved: somebody else holds the ref's lock just now."""
MOST_PUSHES = 40
"""Pushes of one call. One refused branch among a hundred is found with about fifteen."""
ARGUMENTS = 400_000
"""Characters of refs in one command line, which git takes no other way; every system we know allows twice that."""
LOOK = 5.0
"""Seconds for reading back after a push, even when the push took all of its time: the answer may be there."""
_ABSENT = "absent"
_FEW = 10
_PAUSE = 0.1
_LONGEST_PAUSE = 1.6

_LOCKED = re.compile(
    r"cannot lock ref|failed to (?:update|lock) ref|unable to create .*\.lock|reference already exists",
    re.IGNORECASE,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A claim's ref goes from the commit `old` to `new`, empty where it is absent; so does its branch, if it has one.

    The branch is believed to be at `known` and goes to `commit`: both move or neither. Forward only, unless it was
    `rewritten` since it was at `known`.
    """

    ref: str
    old: str
    new: str
    branch: str = ""
    known: str = ""
    commit: str = ""
    rewritten: bool = False
    side: str = ""
    """The ref of unfinished work that goes to `side_commit` with them, deleted where that is empty."""
    side_known: str | None = None
    """Where it is believed to be; None where that is not known. Only who holds the claim moves it."""
    side_commit: str = ""
    worktree: str = ""
    """Where a person finds the work of the branch."""
    doubt: str = ""
    """What was seen last and is not believed before it is seen twice. A forge may lag behind, or show half of a move
    that is being made; neither may make us give up what is ours, or call a person."""
    chased: int = 0
    """How often the branch was not where it was believed to be."""

    @property
    def refs(self) -> tuple[tuple[str, str | None, str], ...]:
        """All that moves: name, expected commit (None: whatever there is), new commit."""
        return (
            (self.ref, self.old, self.new),
            *([(self.branch, self.known, self.commit)] if self.branch else []),
            *([(self.side, self.side_known, self.side_commit)] if self.side else []),
        )

    @property
    def plain(self) -> bool:
        """Whether it is a claim and nothing more."""
        return not (self.branch or self.side)

    def without_side(self) -> "Step":
        """The same, with the unfinished work left as it is."""
        return replace(self, side="", side_known=None, side_commit="")


Results = dict[str, Step | CdockError]


@dataclass(frozen=True)
class _Group:
    """Steps that are pushed together, and how often that failed for no reason that is one step's own."""

    steps: tuple[Step, ...]
    turn: int = 0
    failure: CdockError | None = None
    """Why it failed the last time."""
    due: float = 0.0
    """When it may be pushed, on the monotonic clock."""


class Pushes:
    """Pushes to the repository at `url` from the repository of `remote`; commits of branches are in `store`.

    `timeout` is in seconds and bounds one call as a whole, up to the last reading back.
    """

    def __init__(self, remote: Git, *, url: str, store: Path, timeout: float) -> None:
        self._remote = remote
        self._url = url
        self._store = store
        self._timeout = timeout

    def push(self, steps: Sequence[Step]) -> Results:
        """Move all that can be moved; for each claim's ref the step as made, or the error that kept it where it was.

        Unfinished work that a forge does not take is left out of its step: it must not cost us the claim.
        """
        limit = time.monotonic() + self._timeout
        results: Results = {}
        waiting = deque(_Group(together) for together in _fitting(self._fit_to_go(steps, results)))
        pushes = 0
        while waiting:
            group = waiting.popleft()
            left = limit - time.monotonic()
            # The first push of all is tried even with no time at all, so that a short limit is no dead end.
            if pushes and (left < 0 or pushes >= MOST_PUSHES):
                results |= dict.fromkeys((step.ref for step in group.steps), _out_of_tries(group))
                continue
            pushes += 1
            time.sleep(max(0.0, min(group.due - time.monotonic(), left)))
            failure = self._try(group.steps, timeout=max(1.0, limit - time.monotonic()))
            if failure is None:
                results |= {step.ref: step for step in group.steps}
                continue
            seen = self._look(group.steps, timeout=max(LOOK, limit - time.monotonic()))
            left_over = self._sorted_out(group.steps, seen, results)
            for part in _next_groups(group, left_over, failure=failure, readable=bool(seen), results=results):
                if part.turn > group.turn:
                    # Behind all others, and not in step with them: two that always meet would keep each other out.
                    pause = min(_PAUSE * 2**group.turn, _LONGEST_PAUSE) * random.uniform(0.5, 1.5)  # noqa: S311
                    waiting.append(replace(part, due=time.monotonic() + pause))
                else:
                    waiting.append(part)
        return results

    def _fit_to_go(self, steps: Sequence[Step], results: Results) -> list[Step]:
        """The steps whose branch contains what was on the forge when we last looked."""
        good = []
        for step in steps:
            refused = self._overwriting(step)
            if refused:
                results[step.ref] = refused
            else:
                good.append(step)
        return good

    def _overwriting(self, step: Step, *, was: str = "") -> CdockError | None:
        """Why the step may not be made; `was` is where its branch was seen before it came to where it is known now."""
        store, name = Git(self._store), step.branch.removeprefix("refs/heads/")
        try:
            if step.rewritten or not (step.branch and step.known):
                return None
            if not is_ancestor(store, step.known, of=step.commit):
                wrong = "which our work does not contain"
            elif was and is_ancestor(store, step.known, of=was) and is_ancestor(store, was, of=step.commit):
                wrong = f"and was at {was[:12]}, which is in our work and would come back"
            else:
                return None
        except CdockError as error:
            return error
        return Overtaken(
            f"{name} is at {step.known[:12]} on the forge, {wrong}",
            tried=f"pushing {name}",
            fix=f"merge it by hand in {step.worktree}, or delete {name} on the forge",
        )

    def _sorted_out(self, steps: Sequence[Step], seen: Mapping[str, str], results: Results) -> list[Step]:
        """The steps that are still to be made, as of what was seen; what became of the others goes into `results`."""
        if not seen:
            return list(steps)
        undone: list[Step] = []
        for made in steps:
            step = _sided(made, seen)
            at, tried = seen[step.ref], f"moving {step.ref}"
            if at == step.new:
                results[step.ref] = made
            elif at and at != step.old:
                results[step.ref] = ClaimLost(
                    f"{step.ref} is at {at[:12]}, not at {step.old[:12] or 'nothing'}", tried=tried
                )
            elif not at and step.old:
                if step.doubt == _ABSENT:
                    results[step.ref] = ClaimLost(f"{step.ref} was deleted", tried=tried)
                else:
                    undone.append(replace(step, doubt=_ABSENT))
            elif step.branch and seen[step.branch] != step.known:
                # Ours may have arrived before a crash kept us from noting it; a deleted branch is made again.
                moved = replace(
                    step, known=seen[step.branch], rewritten=False, chased=step.chased + 1, doubt=""
                )
                refused = self._overwriting(moved, was=step.known)
                if refused is None:
                    undone.append(moved)
                elif step.doubt == moved.known:
                    results[step.ref] = refused
                else:
                    undone.append(replace(step, doubt=moved.known))
            else:
                undone.append(replace(step, doubt=""))
        return undone

    def _try(self, steps: Sequence[Step], *, timeout: float) -> CdockError | None:
        refs = [move for step in steps for move in step.refs]
        borrow = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._store / "objects")}
        try:
            done = self._remote.run(
                *("push", "--quiet", "--porcelain", "--no-verify", "--atomic"),
                *(f"--force-with-lease={ref}:{old}" for ref, old, _ in refs if old is not None),
                self._url,
                *(f"{'+' if old is None and new else ''}{new}:{ref}" for ref, old, new in refs),
                env=None if all(step.plain for step in steps) else borrow,
                timeout=timeout,
                check=False,
            )
        except (Unavailable, NotPermitted) as error:
            return error
        return error_of(done) if done.code else None

    def _look(self, steps: Sequence[Step], *, timeout: float) -> dict[str, str]:
        """Where each ref is on the forge, empty where it is absent; no answer at all when the forge cannot be read."""
        refs = [ref for step in steps for ref, _, _ in step.refs]
        try:
            there = positions(self._remote, self._url, refs, timeout=timeout)
        except CdockError as error:
            log.info("claims cannot be read back", extra={"refs": refs[:10], "error": str(error)})
            return {}
        return {ref: there.get(ref, "") for ref in refs}


def _sided(step: Step, seen: Mapping[str, str]) -> Step:
    """The step, as it can be made with what was seen of the unfinished work."""
    if not step.side or step.side_known == seen[step.side]:
        return step
    if not (step.side_commit or seen[step.side]):
        return step.without_side()  # git deletes nothing that is not there
    # Left by a holder before us, or by a crash of ours. The claim, which moves with it, is all the lease it needs.
    return replace(step, side_known=None)


def positions(remote: Git, url: str, refs: Sequence[str], *, timeout: float) -> dict[str, str]:
    """The commits of those of `refs` that exist on the forge.

    Raises:
        CdockError: the forge cannot be read.
    """
    # git compares every pattern with every ref there is, so a name for each of many would take it minutes.
    patterns = sorted({f"{ref.rpartition('/')[0]}/*" for ref in refs} if len(refs) > _FEW else refs)
    shown = remote.run("ls-remote", "--quiet", url, *patterns, timeout=timeout).text
    there = dict(line.split("\t", 1)[::-1] for line in shown.splitlines() if "\t" in line)
    return {ref: there[ref] for ref in refs if ref in there}


def _next_groups(
    group: _Group,
    undone: Sequence[Step],
    *,
    failure: CdockError,
    readable: bool,
    results: Results,
) -> list[_Group]:
    """What is pushed next of a group that failed; what is given up goes into `results`."""
    if not undone:
        return []
    if isinstance(failure, NotPermitted):
        return _given_up(undone, failure, results)
    if isinstance(failure, Refused) and not readable:
        # It may have been refused because somebody else was quicker; that is nothing to call a person for.
        failure = Unavailable(
            failure.message, tried=failure.tried, fix="nothing: cdock tries again by itself"
        )
    hopeless = [step for step in undone if step.chased >= TRIES]
    for step in hopeless:
        name = step.branch.removeprefix("refs/heads/")
        results[step.ref] = Unavailable(f"{name} kept moving on the forge", tried=f"pushing {name}")
    sure = tuple(step for step in undone if not step.doubt and step not in hopeless)
    doubtful = tuple(step for step in undone if step.doubt and step not in hopeless)
    if readable and sure != group.steps:
        # What stood in the way is out of it, or will be once we have looked again.
        parts = (_Group(sure, group.turn, failure), _Group(doubtful, group.turn + 1, failure))
        return [part for part in parts if part.steps]
    if isinstance(failure, Refused):
        if len(undone) > 1 and group.turn:
            return [_Group(part, group.turn, failure) for part in _parted(group.steps)]
        if group.turn and undone[0].side:
            return [_Group((undone[0].without_side(),), group.turn, failure)]
        # Whoever has a ref locked is about to move it: the next look tells who was quicker, and nobody need be called.
        contended = bool(_LOCKED.search(failure.message))
        tries = 3 * CONTESTED if contended else CONTESTED
        if contended and group.turn + 1 >= tries:
            failure = Unavailable(
                failure.message, tried=failure.tried, fix="nothing: cdock tries again by itself"
            )
    else:
        tries = TRIES
    if group.turn + 1 >= tries:
        return _given_up(undone, failure, results)
    return [_Group(tuple(undone), group.turn + 1, failure)]


def _given_up(steps: Sequence[Step], failure: CdockError, results: Results) -> list[_Group]:
    results |= dict.fromkeys((step.ref for step in steps), failure)
    return []


def _out_of_tries(group: _Group) -> CdockError:
    if group.failure and (len(group.steps) == 1 or isinstance(group.failure, Unavailable)):
        return group.failure
    return Unavailable(
        "others took all the time there was; of what the forge refused together, it may have refused only some",
        tried=f"pushing {len(group.steps)} claims",
        fix="nothing: cdock tries again by itself",
    )


def _parted(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Two parts of what was refused together: plain claims, which a forge hardly ever refuses, or else halves."""
    plain = tuple(step for step in steps if step.plain)
    if plain and len(plain) < len(steps):
        return plain, tuple(step for step in steps if not step.plain)
    middle = len(steps) // 2
    return steps[:middle], steps[middle:]


def _fitting(steps: Sequence[Step]) -> Iterator[tuple[Step, ...]]:
    """The steps in parts that fit into one command line each."""
    part: list[Step] = []
    length = 0
    for step in steps:
        own = sum(2 * len(ref) + len(old or "") + len(new) + 24 for ref, old, new in step.refs)
        if part and length + own > ARGUMENTS:
            yield tuple(part)
            part, length = [], 0
        part.append(step)
        length += own
    if part:
        yield tuple(part)
