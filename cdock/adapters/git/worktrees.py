"""Workspaces as git worktrees of a repository of our own, which only accepted commits enter."""

import logging
from collections.abc import Mapping

from cdock.adapters.git.command import Git
from cdock.adapters.git.harvest import Limits, check, fetch, folder_of, quarantine
from cdock.adapters.git.history import base_ref, head_ref, is_ancestor, pushed_ref, ref_at, shown_ref
from cdock.adapters.git.note import write_note
from cdock.adapters.git.place import Place, branch_ref
from cdock.adapters.git.published import Published
from cdock.adapters.git.showing import clear, edits, make, show
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.model import Task, Workspace

FETCH_TIMEOUT = 600.0
_ASIDE = "refs/cdock/aside/"

log = logging.getLogger(__name__)


class GitWorkspaces:
    """The worktrees of one clone, for the repository at `url`.

    `timeout` bounds a fetch from the forge, in seconds; the first one brings the whole repository.
    """

    def __init__(
        self,
        place: Place,
        *,
        url: str,
        token: str = "",
        limits: Limits | None = None,
        timeout: float = FETCH_TIMEOUT,
    ) -> None:
        self._place = place
        self._limits = limits or Limits()
        self._published = Published(place, url=url, token=token, timeout=timeout)
        self._store = Git(place.store)
        self._mirror = Git(place.mirror)
        self._told: set[tuple[TaskId, str]] = set()

    @property
    def objects(self) -> str:
        """The mirror's objects: published commits only, and those that tasks of ours start from."""
        return str(self._place.mirror / "objects")

    def list(self) -> tuple[Workspace, ...]:
        """All worktrees that were once complete and are still there, by name."""
        if not self._place.store.is_dir():
            return ()
        shown = self._store.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/cdock/")
        refs: dict[str, dict[str, str]] = {}
        for line in shown.text.splitlines():
            oid, _, name = line.partition(" ")
            kind, _, task_name = name.partition("/")
            refs.setdefault(task_name, {})[kind] = oid
        found = (self._workspace(f"cdock.{name}", kinds) for name, kinds in sorted(refs.items()))
        return tuple(workspace for workspace in found if workspace)

    def _workspace(self, name: str, refs: Mapping[str, str]) -> Workspace | None:
        task = parse_task_id(name)
        if task is None or not refs.keys() >= {"base", "head", "shown"}:
            return None
        path = self._place.worktree(task)
        # The link to the store, not only the directory: a directory alone may be anything.
        if not (path / ".git").is_file():
            return None
        return Workspace(
            task=task, path=str(path), base=refs["base"], head=refs["head"], pushed=refs.get("pushed", "")
        )

    def _find(self, task: TaskId) -> Workspace | None:
        return next((w for w in self.list() if w.task == task), None)

    def _known(self, task: TaskId, *, why: str) -> Workspace:
        found = self._find(task)
        if found is None:
            raise Refused(
                f"{task} has no worktree at {self._place.worktree(task)}",
                tried=why,
                fix="let cdock make it again: it does so in its next round",
            )
        return found

    def ensure(self, task: Task, *, branch: str) -> Workspace:
        """The worktree of `task`: the one that is there, or a new one.

        A new one starts from accepted commits that are not pushed yet, else from the pushed branch, else from
        `task.base`, else from the default branch.
        """
        head = branch_ref(branch)
        with self._place.lock(task.id.name):
            self._place.prepare()
            found = self._find(task.id)
            try:
                self._published.fetch(branch.removesuffix(task.id.name))
            except Unavailable as error:
                if found is None:
                    raise
                log.info(
                    "forge away, worktree kept as it is", extra={"task": str(task.id), "error": str(error)}
                )
                return found
            self._settle(task, branch=branch, head=head)
            with self._place.lock("store"):
                make(self._place, task.id, head=head)
            return self._shown(task.id, head=head)

    def _settle(self, task: Task, *, branch: str, head: str) -> None:
        """Decide where the work begins and where it stands, and write both down as refs."""
        pushed = self._published.branch(branch)
        base = ref_at(self._mirror, base_ref(task.id)) or self._base(task, pushed=pushed)
        local = ref_at(self._store, head_ref(task.id))
        newest = pushed or base
        if local and is_ancestor(self._store, newest, of=local):
            newest = local
        elif local and not is_ancestor(self._store, local, of=newest):
            log.warning(
                "accepted commits and the forge differ; the forge's are used, ours are kept aside",
                extra={"task": str(task.id), "ref": _ASIDE + task.id.name},
            )
            self._set(self._store, {_ASIDE + task.id.name: local})
        self._set(self._mirror, {base_ref(task.id): base})
        refs = {base_ref(task.id): base, head_ref(task.id): newest}
        if not ref_at(self._store, head):
            refs[head] = newest
        if pushed:
            refs[pushed_ref(task.id)] = pushed
        self._set(self._store, refs)

    def _base(self, task: Task, *, pushed: str) -> str:
        default = self._published.default()
        if task.base:
            base = ref_at(self._mirror, task.base)
            if not base:
                raise Refused(
                    f"{task.base[:12]}, where {task.id} began, is on no branch of the forge that cdock fetches",
                    tried=f"making the worktree of {task.id}",
                    fix="put the commit back on the default branch, or remove the task's claim to start anew",
                )
            if not pushed or is_ancestor(self._mirror, base, of=pushed):
                return base
        if pushed:
            common = self._mirror.run("merge-base", default, pushed, check=False)
            return common.text if common.code == 0 else pushed
        return default

    def _set(self, git: Git, refs: Mapping[str, str]) -> None:
        lines = "".join(f"update {ref} {oid}\n" for ref, oid in refs.items())
        git.run("update-ref", "--stdin", input=lines.encode())

    def harvest(self, task: Task, *, branch: str, remote: Remote) -> Workspace:
        """Fetch, check, accept and show the commits of a run. What a person did in the worktree is left alone."""
        with self._place.lock(task.id.name):
            before = self._known(task.id, why="harvesting")
            with quarantine(self._place, task.id) as intake:
                new = fetch(intake, branch=branch, remote=remote, base=before.base, limits=self._limits)
                if new != before.head:
                    published = {before.base, before.head, before.pushed, self._published.default()} - {""}
                    check(
                        intake,
                        new,
                        base=before.base,
                        pushed=before.pushed,
                        folders=folder_of(self._store, published),
                        limits=self._limits,
                    )
                    self._accept(task.id, new, old=before.head)
            return self._shown(task.id, head=branch_ref(branch))

    def _shown(self, task: TaskId, *, head: str) -> Workspace:
        reason = show(self._place, task, head=head)
        found = self._known(task, why="showing the accepted commits")
        if reason and (told := (task, found.head)) not in self._told:
            self._told.add(told)
            log.warning(
                "the worktree stays behind the accepted commits; look into it and merge them",
                extra={"task": str(task), "path": found.path, "commit": found.head, "error": reason},
            )
        return found

    def _accept(self, task: TaskId, new: str, *, old: str) -> None:
        with self._place.lock("store"):
            self._store.run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
                *(str(self._place.intake(task)), f"+{new}:{head_ref(task)}"),
                timeout=self._limits.timeout,
            )
        if not is_ancestor(self._store, old, of=new):
            # The agent rewrote what was not pushed yet; its own word counts, but nothing accepted is dropped.
            self._set(self._store, {_ASIDE + task.name: old})

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """Write `.cdock/state.json`; git ignores it in our worktrees."""
        write_note(self._place.worktree(task), record)

    def remove(self, task: TaskId, *, branch: str, force: bool = False) -> None:
        """Remove the worktree and what we remember of the task. One that is gone already is no error."""
        head = branch_ref(branch)
        with self._place.lock(task.name) as lock:
            found = self._find(task)
            if found and not force:
                self._refuse_to_lose(found, head=head)
            if self._place.store.is_dir():
                with self._place.lock("store"):
                    clear(self._place, task)
                refs = (
                    base_ref(task),
                    head_ref(task),
                    pushed_ref(task),
                    shown_ref(task),
                    _ASIDE + task.name,
                    head,
                )
                self._drop(self._store, refs)
                self._drop(self._mirror, (base_ref(task), pushed_ref(task)))
            # Under the lock; whoever waits for it sees that the file is gone and makes a new one.
            lock.unlink(missing_ok=True)

    def _refuse_to_lose(self, workspace: Workspace, *, head: str) -> None:
        fix = f"look into {workspace.path}; push or drop what is there, or force the removal"
        tried = f"removing the worktree of {workspace.task}"
        published = [oid for oid in (workspace.pushed, workspace.base, self._published.default()) if oid]
        tips = {workspace.head, ref_at(self._store, head) or workspace.head}
        if not all(any(is_ancestor(self._store, tip, of=oid) for oid in published) for tip in tips):
            raise Refused(f"{workspace.path} has commits that are not on the forge", tried=tried, fix=fix)
        changed = edits(self._place, workspace.task)
        if changed:
            raise Refused(f"{workspace.path} has changes by a person: {changed}", tried=tried, fix=fix)

    def _drop(self, git: Git, refs: tuple[str, ...]) -> None:
        git.run("update-ref", "--stdin", input="".join(f"delete {ref}\n" for ref in refs).encode())
