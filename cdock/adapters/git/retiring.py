"""Take a branch off the forge and keep its commits there, in one push."""

from cdock.adapters.git.command import Git, error_of
from cdock.adapters.git.history import commit_at, is_ancestor
from cdock.adapters.git.place import branch_ref
from cdock.adapters.git.pushing import positions
from cdock.core.errors import Refused, Unavailable
from cdock.core.ids import TaskId

TRIES = 3


def kept_ref(namespace: str, task: TaskId) -> str:
    """Where the forge keeps commits of a task whose branch is gone: beside the claims, which are below `namespace`."""
    folder, _, name = namespace.rpartition("/")
    beside = f"{name.removesuffix('claims')}kept" if name.endswith("claims") else f"{name}-kept"
    return f"{folder}/{beside}/{task.name}"


def retire(remote: Git, *, url: str, branch: str, ref: str, timeout: float) -> str:
    """The branch is gone from the repository at `url`, and `ref` there has its commits; the ref that has them.

    Empty when there was neither. Something else that `ref` kept before stays, and the commits get a ref beside it.
    `remote` is a repository of ours that may be fetched into; `timeout` bounds each of the few commands, in seconds.

    Raises:
        Unavailable: the forge did not answer, or the branch kept moving.
        Refused: the forge does not want it.
    """
    head, failed = branch_ref(branch), None
    for _ in range(TRIES):
        there = positions(remote, url, [head, ref], timeout=timeout)
        tip, kept = there.get(head, ""), there.get(ref, "")
        if not tip:
            return ref if kept else ""
        missing = [oid for oid in (tip, kept) if oid and not commit_at(remote, oid)]
        if missing:
            names = [name for name, oid in ((head, tip), (ref, kept)) if oid in missing]
            remote.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url, *names, timeout=timeout)
            if not commit_at(remote, tip):
                continue  # it moved meanwhile
        target = ref
        if kept and not is_ancestor(remote, kept, of=tip):
            target, kept = f"{ref}-{tip[:12]}", ""
        done = remote.run(
            *("push", "--quiet", "--porcelain", "--no-verify", "--atomic"),
            # Whoever pushes to the branch, or keeps something else, makes this fail, not the other way round.
            *(f"--force-with-lease={head}:{tip}", f"--force-with-lease={target}:{kept}"),
            *(url, f":{head}", *([f"{tip}:{target}"] if kept != tip else [])),
            timeout=timeout,
            check=False,
        )
        if done.code == 0:
            return target
        failed = error_of(done)
    if failed and not isinstance(failed, Refused):
        raise failed
    # A lost race looks like a refusal; whether the forge does not want it at all is in its words.
    raise Unavailable(
        f"{branch} could not be taken off the forge: {failed.message if failed else 'it kept moving'}",
        tried=f"deleting {branch} and keeping its commits as {ref}",
        fix="nothing: cdock tries again by itself",
    )
