"""Questions about commits, and the refs in which we remember where a task stands."""

from collections.abc import Mapping
from dataclasses import dataclass

from cdock.adapters.git.command import Git, error_of
from cdock.core.ids import TaskId

_KINDS = ("base", "head", "pushed", "shown")


@dataclass(frozen=True)
class Standing:
    """The commits of a task; empty where there is none yet.

    `base`: where the work began. `head`: the newest accepted commit. `pushed`: the branch on the forge when we last
    looked or pushed. `shown`: what the worktree was last brought to, set from its first complete checkout on.
    """

    base: str = ""
    head: str = ""
    pushed: str = ""
    shown: str = ""


def standing_ref(kind: str, task: TaskId) -> str:
    """The ref behind a field of `Standing`."""
    return f"refs/cdock/{kind}/{task.name}"


def standings(store: Git, name: str = "*") -> dict[str, Standing]:
    """Where tasks stand, by the name of the task; all of them, or the one of that name."""
    found: dict[str, dict[str, str]] = {}
    for ref, oid in refs_of(store, *(f"refs/cdock/{kind}/{name}" for kind in _KINDS)).items():
        _, _, kind, task_name = ref.split("/", 3)
        found.setdefault(task_name, {})[kind] = oid
    return {task_name: Standing(**kinds) for task_name, kinds in found.items()}


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
