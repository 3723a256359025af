"""Where our work and the branch on the forge come apart, because others pushed to it, and where they meet again."""

from cdock.adapters.git.command import Git
from cdock.adapters.git.history import Standing, is_ancestor
from cdock.adapters.git.merging import merge_trees
from cdock.core.errors import CdockError
from cdock.core.runs import Theirs


def parted(store: Git, before: Standing, there: str) -> bool:
    """Whether the commit `there`, which the branch has on the forge, neither contains our work nor is part of it.

    It is not where it was, and has what others pushed, or lacks what was pushed before.
    """
    if not there or there == before.pushed or before.head in ("", before.base):
        return False
    contained = is_ancestor(store, there, of=before.head)
    if before.pushed and not is_ancestor(store, before.pushed, of=there):
        # Ours may have been rewritten by us, and have arrived before a crash kept us from noting it.
        return not contained or is_ancestor(store, before.pushed, of=before.head)
    return not contained and not is_ancestor(store, before.head, of=there)


def dropped(git: Git, standing: Standing) -> bool:
    """Whether the forge's commit lacks what was pushed before."""
    return bool(standing.pushed) and not is_ancestor(git, standing.pushed, of=standing.theirs)


def meets(git: Git, standing: Standing, new: str) -> bool:
    """Whether the commit `new` goes on from what others pushed, and does not bring back what they dropped."""
    if not standing.theirs or not is_ancestor(git, standing.theirs, of=new):
        return False
    return not (dropped(git, standing) and is_ancestor(git, standing.pushed, of=new))


def theirs_of(store: Git, standing: Standing) -> Theirs | None:
    """What others pushed, as it compares with our work."""
    if not standing.theirs:
        return None
    if dropped(store, standing):
        return Theirs(standing.theirs, dropped=True)
    return Theirs(standing.theirs, clash=not _merges(store, standing.head, standing.theirs))


def _merges(store: Git, one: str, other: str) -> bool:
    try:
        return not merge_trees(store, one, other).conflicts
    except CdockError:
        return False
