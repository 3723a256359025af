"""Workspaces as git worktrees of a repository of our own, which only accepted commits enter."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cdock.adapters.git.command import Git, Token
from cdock.adapters.git.harvest import Limits, check, fetch, folders_of, quarantine
from cdock.adapters.git.history import (
    Standing,
    commit_at,
    drop_refs,
    is_ancestor,
    refs_of,
    set_refs,
    standing_ref,
    standings,
)
from cdock.adapters.git.note import write_note
from cdock.adapters.git.place import Place, branch_ref
from cdock.adapters.git.published import DEFAULT, Published, branch_in_mirror
from cdock.adapters.git.showing import clear, edits, make, show
from cdock.adapters.git.upkeep import tidy
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.model import Task, Workspace

FETCH_TIMEOUT = 600.0

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
        token: Token = "",
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
        found = (
            self._seen(parse_task_id(f"cdock.{n}"), s) for n, s in sorted(standings(self._store).items())
        )
        return tuple(workspace for workspace in found if workspace)

    def _seen(self, task: TaskId | None, standing: Standing) -> Workspace | None:
        if task is None or not standing.shown:
            return None
        path = self._place.worktree(task)
        # The link to the store, not only the directory: a directory alone may be anything.
        if self._place.leads_away(task) or not (path / ".git").is_file():
            return None
        return Workspace(
            task=task, path=str(path), base=standing.base, head=standing.head, pushed=standing.pushed
        )

    def _standing(self, task: TaskId) -> Standing:
        return standings(self._store, task.name).get(task.name, Standing())

    def ensure(self, task: Task, *, branch: str) -> Workspace:
        """The worktree of `task`: the one that is there, or a new one.

        A new one starts from accepted commits that are not pushed yet, else from the pushed branch, else from
        `task.base`, else from the default branch.
        """
        head = branch_ref(branch)
        with self._place.lock(task.id.name):
            self._place.prepare()
            before = self._standing(task.id)
            found = self._seen(task.id, before)
            try:
                self._published.fetch(branch.removesuffix(task.id.name))
            except Unavailable as error:
                if found is None:
                    raise
                log.info(
                    "forge away, worktree kept as it is", extra={"task": str(task.id), "error": str(error)}
                )
                return found
            standing = self._settled(task, before, branch=branch)
            with self._place.lock("store"):
                standing = make(self._place, task.id, standing, head=head)
            return self._shown(task.id, standing, head=head)

    def _settled(self, task: Task, before: Standing, *, branch: str) -> Standing:
        """Decide where the work begins and where it stands, and write both down as refs."""
        there = branch_in_mirror(branch)
        kept = standing_ref("base", task.id)
        published = refs_of(self._mirror, DEFAULT, there, kept)
        pushed = published.get(there, "")
        base = published.get(kept) or self._base(task, default=published[DEFAULT], pushed=pushed)
        newest = pushed or base
        if before.head and is_ancestor(self._store, newest, of=before.head):
            newest = before.head
        elif before.head and not is_ancestor(self._store, before.head, of=newest):
            log.warning(
                "accepted commits and the forge differ; the forge's are used, ours are kept aside",
                extra={"task": str(task.id), "ref": standing_ref("aside", task.id)},
            )
            set_refs(self._store, {standing_ref("aside", task.id): before.head})
        after = replace(before, base=base, head=newest, pushed=pushed or before.pushed)
        if after != before:
            # In the mirror, where containers read from, so that no clean-up there takes what they build upon.
            set_refs(self._mirror, {kept: base})
            refs = {"base": after.base, "head": after.head, "pushed": after.pushed}
            set_refs(self._store, {standing_ref(kind, task.id): oid for kind, oid in refs.items() if oid})
        return after

    def _base(self, task: Task, *, default: str, pushed: str) -> str:
        if task.base:
            base = commit_at(self._mirror, task.base)
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

    def harvest(self, task: TaskId, *, closes: int, branch: str, remote: Remote) -> Workspace:
        """Fetch, check, accept and show the commits of a run. What a person did in the worktree is left alone."""
        with self._place.lock(task.name):
            standing = self._standing(task)
            if self._seen(task, standing) is None:
                raise Refused(
                    f"{task} has no worktree at {self._place.worktree(task)}",
                    tried="fetching what its run has committed",
                    fix="let cdock make it again: it does so in its next round",
                )
            with quarantine(self._place, task) as intake:
                new = fetch(intake, branch=branch, remote=remote, base=standing.base, limits=self._limits)
                if new != standing.head:
                    self._check(intake, new, standing, closes=closes)
                    self._accept(task, new, standing, intake=intake)
            return self._shown(task, replace(standing, head=new), head=branch_ref(branch))

    def _check(self, intake: Path, new: str, standing: Standing, *, closes: int) -> None:
        published = [commit for commit in (standing.base, standing.pushed, DEFAULT) if commit]
        default = refs_of(self._mirror, DEFAULT).get(DEFAULT, "")
        check(
            intake,
            new,
            base=standing.base,
            pushed=standing.pushed,
            known=[oid for oid in (standing.base, standing.pushed, default) if oid],
            closes=closes,
            folders=folders_of(self._mirror, *published),
            limits=self._limits,
        )

    def _accept(self, task: TaskId, new: str, standing: Standing, *, intake: Path) -> None:
        with self._place.lock("store"):
            self._store.run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
                *(str(intake), f"+{new}:{standing_ref('head', task)}"),
                timeout=self._limits.timeout,
            )
        old = standing.head
        if old not in (standing.base, standing.pushed) and not is_ancestor(self._store, old, of=new):
            # The agent rewrote what was not pushed yet; its own word counts, but nothing accepted is dropped.
            set_refs(self._store, {standing_ref("aside", task): old})

    def _shown(self, task: TaskId, standing: Standing, *, head: str) -> Workspace:
        reason = show(self._place, task, standing, head=head)
        path = str(self._place.worktree(task))
        if reason and (told := (task, standing.head)) not in self._told:
            self._told.add(told)
            log.warning(
                "the worktree stays behind the accepted commits; look into it and merge them",
                extra={"task": str(task), "path": path, "commit": standing.head, "error": reason},
            )
        return Workspace(task=task, path=path, base=standing.base, head=standing.head, pushed=standing.pushed)

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """Write `.cdock/state.json`; git ignores it in our worktrees."""
        write_note(self._place.worktree(task), record)

    def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
        """Remove the worktree and what we remember of the task. One that is gone already is no error.

        With `keep`, commits that the forge lacks stay as refs below `refs/cdock/kept/` of the store.
        """
        head = branch_ref(branch)
        with self._place.lock(task.name) as lock:
            if self._place.store.is_dir():
                self._refuse_to_lose(task, self._standing(task), head=head, keep=keep)
                with self._place.lock("store"):
                    clear(self._place, task)
                kinds = ("base", "head", "pushed", "shown", "aside")
                drop_refs(self._store, head, *(standing_ref(kind, task) for kind in kinds))
                drop_refs(self._mirror, standing_ref("base", task), standing_ref("pushed", task))
                with self._place.lock("mirror"):
                    tidy(self._mirror)
                with self._place.lock("store"):
                    tidy(self._store)
            # Under the lock; whoever waits for it sees that the file is gone and makes a new one.
            lock.unlink(missing_ok=True)

    def _refuse_to_lose(self, task: TaskId, standing: Standing, *, head: str, keep: bool) -> None:
        path = self._place.worktree(task)
        tried = f"removing the worktree of {task}"
        fix = f"look into {path}; push or drop what is there"
        default = refs_of(self._mirror, DEFAULT).get(DEFAULT, "")
        published = [oid for oid in (standing.pushed, standing.base, default) if oid]
        # The branch too, because a person may have committed on it.
        tips = {tip for tip in (standing.head, refs_of(self._store, head).get(head, "")) if tip}
        lacked = {tip for tip in tips if not any(is_ancestor(self._store, tip, of=oid) for oid in published)}
        if lacked and not keep:
            raise Refused(f"{path} has commits that are not on the forge", tried=tried, fix=fix)
        if self._seen(task, standing) and (changed := edits(self._place, task)):
            raise Refused(f"{path} has changes by a person: {changed}", tried=tried, fix=fix)
        for tip in lacked:
            ref = f"{standing_ref('kept', task)}/{tip[:12]}"
            set_refs(self._store, {ref: tip})
            log.warning(
                "commits that the forge lacks are kept here",
                extra={"task": str(task), "commit": tip, "ref": ref, "path": str(self._place.store)},
            )
