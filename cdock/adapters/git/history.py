"""Questions about commits, and the refs in which we remember where a task stands."""

from collections.abc import Mapping
from dataclasses import dataclass

from cdock.adapters.git.command import Git, error_of
from cdock.core.ids import TaskId

_KINDS = {
    "base": "base",
    "head": "head",
    "pushed": "pushed",
    "theirs": "theirs",
    "shown": "shown",
    "wip": "unfinished",
    "wip-pushed": "kept",
    "paths": "paths",
}
"""The fields of `Standing` that are objects, by the names of their refs."""

INCOMING = "incoming"
"""The kind of ref that holds accepted commits until all that goes with them can be written down at once."""


@dataclass(frozen=True)
class Standing:
    """The commits of a task; empty where there is none yet.

    `base`: where the work began. `head`: the newest accepted commit. `pushed`: the branch on the forge when we last
    looked or pushed, as long as it is part of ours. `theirs`: the branch on the forge since others pushed to it, until
    ours goes on from there. `shown`: what the worktree was last brought to, set from its first complete checkout on.
    `unfinished`: what the agent had not committed, as a commit on `head`. `kept`: the one of these on the forge.
    `lines` is how many of them `head` adds and removes. `paths` is no commit: it is the blob that lists the files.
    """

    base: str = ""
    head: str = ""
    pushed: str = ""
    theirs: str = ""
    shown: str = ""
    unfinished: str = ""
    kept: str = ""
    paths: str = ""
    lines: int = 0


def standing_ref(kind: str, task: TaskId) -> str:
    """The ref of that kind; most of them are behind a field of `Standing`."""
    return f"refs/cdock/{kind}/{task.name}"


def lines_ref(task: TaskId, lines: int) -> str:
    """The ref that says by its name how many lines the commit it points to adds and removes.

    Read with all the others by one git, where counting again after a restart would be one for each task.
    """
    return f"{standing_ref('lines', task)}/{lines}"


def standings(store: Git, name: str = "*") -> dict[str, Standing]:
    """Where tasks stand, by the name of the task; all of them, or the one of that name."""
    commits: dict[str, dict[str, str]] = {}
    counted: dict[tuple[str, str], int] = {}
    patterns = (*(f"refs/cdock/{kind}/{name}" for kind in _KINDS), f"refs/cdock/lines/{name}/*")
    for ref, oid in refs_of(store, *patterns).items():
        _, _, kind, task_name, *lines = ref.split("/")
        if lines:
            counted[task_name, oid] = int(lines[0])
        else:
            commits.setdefault(task_name, {})[_KINDS[kind]] = oid
    return {
        task_name: Standing(**kinds, lines=counted.get((task_name, kinds.get("head", "")), 0))
        for task_name, kinds in commits.items()
    }


def move(store: Git, task: TaskId, before: Standing, after: Standing) -> None:
    """Write down that `task` stands at `after` now, not at `before`: all of it or nothing."""
    old, new = _refs_of(task, before), _refs_of(task, after)
    lines = [f"update {ref} {oid}\n" for ref, oid in new.items() if old.get(ref) != oid]
    lines += [f"delete {ref}\n" for ref in old if ref not in new]
    if lines:
        store.run("update-ref", "--stdin", input="".join(lines).encode())


def _refs_of(task: TaskId, standing: Standing) -> dict[str, str]:
    refs = {standing_ref(kind, task): str(getattr(standing, name)) for kind, name in _KINDS.items()}
    if standing.lines:
        refs[lines_ref(task, standing.lines)] = standing.head
    return {ref: oid for ref, oid in refs.items() if oid}


def forget(store: Git, task: TaskId, *others: str) -> None:
    """Delete all refs that say where `task` stands, and `others`."""
    lines = refs_of(store, f"{standing_ref('lines', task)}/*")
    kinds = (*_KINDS, "aside", INCOMING)
    drop_refs(store, *others, *(standing_ref(kind, task) for kind in kinds), *lines)


def refs_of(git: Git, *patterns: str) -> dict[str, str]:
    """The refs that match any of the patterns, with their objects."""
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns).text.splitlines()
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in lines)}


def set_refs(git: Git, refs: Mapping[str, str]) -> None:
    """Point all of these refs at these commits, or none of them."""
    lines = "".join(f"update {ref} {oid}\n" for ref, oid in refs.items())
    git.run("update-ref", "--stdin", input=lines.encode())


def drop_refs(git: Git, *refs: str) -> None:
    """Delete refs; missing ones are no error."""
    git.run("update-ref", "--stdin", input="".join(f"delete {ref}\n" for ref in refs).encode())


def commit_at(git: Git, name: str) -> str:
    """The commit that a ref or a hash names; empty when there is none here."""
    done = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False)
    return done.text if done.code == 0 else ""


def is_ancestor(git: Git, commit: str, *, of: str) -> bool:
    """Whether `of` contains `commit`; not when one of them is unknown here."""
    if commit == of:
        return True
    done = git.run("merge-base", "--is-ancestor", commit, of, check=False)
    if done.code not in (0, 1, 128):
        raise error_of(done)
    return done.code == 0
