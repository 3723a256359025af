"""Workspaces as git worktrees of a repository of our own, which only accepted commits enter."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cdock.adapters.git.beginning import beginning, begun
from cdock.adapters.git.changes import files_of, measured, noted_files, patch, read_files, started_at
from cdock.adapters.git.claims import NAMESPACE
from cdock.adapters.git.command import Git, Token, origin_of
from cdock.adapters.git.harvest import (
    Limits,
    check,
    check_files,
    fetch,
    fetch_unfinished,
    folders_of,
    quarantine,
)
from cdock.adapters.git.history import (
    INCOMING,
    Standing,
    drop_refs,
    forget,
    is_ancestor,
    move,
    refs_of,
    set_refs,
    standing_ref,
    standings,
)
from cdock.adapters.git.note import write_note
from cdock.adapters.git.parting import meets, parted, theirs_of
from cdock.adapters.git.place import Place, branch_ref
from cdock.adapters.git.published import DEFAULT, Published, branch_in_mirror
from cdock.adapters.git.retiring import kept_ref, retire
from cdock.adapters.git.showing import clear, edits, make, show
from cdock.adapters.git.unfinished import adopted, made_on, side_ref
from cdock.adapters.git.upkeep import tidy
from cdock.core.errors import CdockError, Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.runs import Theirs, Workspace
from cdock.core.task import Task

FETCH_TIMEOUT = 600.0
_MIRRORED = ("base", "pushed", "theirs", "wip")
"""What of a standing the mirror has refs for as well."""

log = logging.getLogger(__name__)


class GitWorkspaces:
    """The worktrees of one clone, for the repository at `url`.

    `timeout` bounds a fetch from the forge, in seconds; the first one brings the whole repository. `namespace` is that
    of the claims, beside which the forge keeps unfinished work.
    """

    def __init__(
        self,
        place: Place,
        *,
        url: str,
        token: Token = "",
        limits: Limits | None = None,
        namespace: str = NAMESPACE,
        timeout: float = FETCH_TIMEOUT,
    ) -> None:
        self._place = place
        self._limits = limits or Limits()
        self._namespace = namespace
        self._url = url
        self._timeout = timeout
        self._remote = Git(place.mirror, token=token, origin=origin_of(url))
        self._published = Published(place, url=url, token=token, timeout=timeout)
        self._store = Git(place.store)
        self._mirror = Git(place.mirror)
        self._told: set[tuple[TaskId, str]] = set()
        self._files: dict[str, frozenset[str]] = {}
        self._compared: dict[tuple[str, str, str], Theirs | None] = {}

    @property
    def objects(self) -> str:
        """The mirror's objects: published commits only, and those that tasks of ours start from."""
        return str(self._place.mirror / "objects")

    def list(self) -> tuple[Workspace, ...]:
        """All worktrees that were once complete and are still there, by name."""
        if not self._place.store.is_dir():
            return ()
        every = standings(self._store)
        self._recall([standing.paths for standing in every.values()])
        found = (self._seen(parse_task_id(f"cdock.{n}"), s) for n, s in sorted(every.items()))
        return tuple(workspace for workspace in found if workspace)

    def _recall(self, blobs: Collection[str]) -> None:
        """Know what these lists of files say, and forget all others."""
        wanted = {blob for blob in blobs if blob}
        known = {blob: files for blob, files in self._files.items() if blob in wanted}
        self._files = known | read_files(self._store, wanted - known.keys())

    def _seen(self, task: TaskId | None, standing: Standing) -> Workspace | None:
        if task is None or not standing.shown:
            return None
        path = self._place.worktree(task)
        # The link to the store, not only the directory: a directory alone may be anything.
        if self._place.leads_away(task) or not (path / ".git").is_file():
            return None
        return self._workspace(task, standing)

    def _workspace(self, task: TaskId, standing: Standing) -> Workspace:
        # Compared once and not at every look, which is what the store is read for most of the time.
        compared = (standing.head, standing.pushed, standing.theirs)
        if compared not in self._compared:
            self._compared[compared] = theirs_of(self._store, standing)
        paths = self._files.get(standing.paths)
        if paths is None:
            paths = read_files(self._store, {standing.paths} - {""}).get(standing.paths, frozenset())
        return Workspace(
            task=task,
            path=str(self._place.worktree(task)),
            base=standing.base,
            head=standing.head,
            pushed=standing.pushed,
            unfinished=standing.unfinished,
            kept=standing.kept,
            lines=standing.lines,
            paths=paths,
            theirs=self._compared[compared],
        )

    def _standing(self, task: TaskId) -> Standing:
        return standings(self._store, task.name).get(task.name, Standing())

    def ensure(self, task: Task, *, branch: str, on: Sequence[str] = ()) -> Workspace:
        """The worktree of `task`: the one that is there, or a new one.

        It follows the branch on the forge; accepted commits that are not part of that stay, beside what others pushed.
        A new one starts from accepted commits that are not pushed yet, else from the pushed branch, else from
        `task.base`, else from the branches `on`, else from the default branch.
        """
        head = branch_ref(branch)
        with self._place.lock(task.id.name):
            self._place.prepare()
            before = self._standing(task.id)
            found = self._seen(task.id, before)
            try:
                prefix = branch.removesuffix(task.id.name)
                others = [name for name in on if not name.startswith(prefix)] if found is None else []
                for wanted in (prefix, *others):
                    self._published.fetch(wanted)
            except Unavailable as error:
                if found is None:
                    raise
                log.info(
                    "forge away, worktree kept as it is", extra={"task": str(task.id), "error": str(error)}
                )
                return found
            standing = self._settled(task, before, branch=branch, on=on)
            if found is None and task.attempts:
                standing = self._left_unfinished(task, before, standing)
            with self._place.lock("store"):
                standing = make(self._place, task.id, standing, head=head)
            return self._shown(task.id, standing, head=head)

    def _settled(self, task: Task, before: Standing, *, branch: str, on: Sequence[str]) -> Standing:
        """Decide where the work begins and where it stands, and write both down as refs."""
        there = branch_in_mirror(branch)
        kept = standing_ref("base", task.id)
        published = refs_of(self._mirror, DEFAULT, there, kept)
        pushed = published.get(there, "")
        base = published.get(kept) or beginning(
            self._mirror, task, default=published[DEFAULT], pushed=pushed, on=on
        )
        newest = pushed or base
        # What was accepted in sight of the forge's commit holds while the forge stays there, rewritten or not.
        sight = base if pushed == before.pushed else newest
        apart = parted(self._store, before, pushed)
        if apart or (before.head and is_ancestor(self._store, sight, of=before.head)):
            newest = before.head
        elif before.head and not is_ancestor(self._store, before.head, of=newest):
            log.warning(
                "accepted commits and the forge differ; the forge's are used, ours are kept aside",
                extra={"task": str(task.id), "ref": standing_ref("aside", task.id)},
            )
            set_refs(self._store, {standing_ref("aside", task.id): before.head})
        there = pushed or before.pushed
        after = replace(before, base=base, head=newest, pushed=there, theirs="")
        if apart:
            after = replace(after, pushed=before.pushed, theirs=there)
        if after.head != before.head:
            after = self._measured(replace(after, unfinished=""))
        if after != before:
            # In the mirror, where containers read from, so that no clean-up there takes what they build upon.
            theirs = {standing_ref("theirs", task.id): after.theirs} if apart else {}
            set_refs(self._mirror, {kept: base, **theirs})
            move(self._store, task.id, before, after)
        return after

    def _left_unfinished(self, task: Task, before: Standing, standing: Standing) -> Standing:
        """What somebody before us had not committed, as the forge keeps it; into the mirror, for containers."""
        try:
            there = self._published.fetch_side(
                side_ref(self._namespace, task.issue),
                into=standing_ref("wip", task.id),
                max_file=self._limits.unfinished,
            )
        except Refused as error:
            log.warning(
                "unfinished work on the forge cannot be taken over",
                extra={"task": str(task.id), "error": error.message},
            )
            return standing
        if there == before.kept and standing.unfinished:
            return standing  # nobody was at it since, and ours is as new or newer
        after = replace(standing, kept=there)
        on = made_on(self._mirror, there, task=task.id) if there else ""
        # Somebody may have pushed more since; a container lays it out as changes, not as files.
        if on and is_ancestor(self._store, on, of=standing.head):
            after = self._listed(replace(after, unfinished=there))
        elif there:
            log.warning(
                "unfinished work on the forge does not follow the branch, and is kept aside",
                extra={"task": str(task.id), "ref": standing_ref("aside", task.id), "commit": there},
            )
            set_refs(self._store, {standing_ref("aside", task.id): there})
        move(self._store, task.id, standing, after)
        return after

    def harvest(
        self, task: TaskId, *, closes: int, branch: str, remote: Remote, rewritten: bool = False
    ) -> Workspace:
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
                    self._check(intake, new, standing, closes=closes, rewritten=rewritten)
                    standing = self._accept(task, new, standing, intake=intake)
                standing = self._take_unfinished(task, standing, intake=intake, remote=remote)
            return self._shown(task, standing, head=branch_ref(branch))

    def _check(
        self, intake: Path, new: str, standing: Standing, *, closes: int, rewritten: bool = False
    ) -> None:
        default = refs_of(self._mirror, DEFAULT).get(DEFAULT, "")
        # The default branch itself may have been rewritten, without the commit that the work began on.
        bases = (standing.base, default) if rewritten and default else (standing.base,)
        pushed = "" if rewritten else standing.pushed
        if meets(Git(intake), standing, new):
            bases, pushed = (standing.theirs,), standing.theirs
        check(
            intake,
            new,
            bases=bases,
            pushed=pushed,
            known=[oid for oid in (standing.base, standing.pushed, standing.theirs, default) if oid],
            closes=closes,
            folders=self._folders(standing),
            limits=self._limits,
        )

    def _folders(self, standing: Standing) -> frozenset[str]:
        published = [c for c in (standing.base, standing.pushed, standing.theirs, DEFAULT) if c]
        return folders_of(self._mirror, *published)

    def _take_unfinished(self, task: TaskId, standing: Standing, *, intake: Path, remote: Remote) -> Standing:
        """Take what the run has not committed; whatever is wrong with that is no fault of what it has."""
        before = standing.unfinished
        try:
            snapshot = fetch_unfinished(intake, remote=remote, base=standing.base, limits=self._limits)
            unfinished = (
                adopted(intake, snapshot, task=task, head=standing.head, before=before, store=self._store)
                if snapshot
                else ""
            )
            if unfinished == before:
                return standing
            if unfinished:
                check_files(intake, unfinished, folders=self._folders(standing), limits=self._limits)
                self._fetch(intake, unfinished, into=standing_ref("wip", task))
            after = self._listed(replace(standing, unfinished=unfinished))
            move(self._store, task, standing, after)
        except CdockError as error:
            # What was taken before is still good: it follows the same commit.
            if self._is_news(task, error.message):
                log.warning(
                    "unfinished work was not taken", extra={"task": str(task), "error": error.message}
                )
            return standing
        return after

    def _fetch(self, intake: Path, commit: str, *, into: str) -> None:
        with self._place.lock("store"):
            self._store.run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
                *(str(intake), f"+{commit}:{into}"),
                timeout=self._limits.timeout,
            )

    def _accept(self, task: TaskId, new: str, standing: Standing, *, intake: Path) -> Standing:
        self._fetch(intake, new, into=standing_ref(INCOMING, task))
        old, base, met = standing.head, standing.base, standing
        if meets(self._store, standing, new):
            met = self._met(task, new, standing)
            base = met.base
        elif old not in (base, standing.pushed) and not is_ancestor(self._store, old, of=new):
            # The agent rewrote what was not pushed yet; its own word counts, but nothing accepted is dropped.
            set_refs(self._store, {standing_ref("aside", task): old})
        if not is_ancestor(self._store, base, of=new):
            # The default branch was rewritten, and the work now begins where it stands.
            base = refs_of(self._mirror, DEFAULT)[DEFAULT]
            set_refs(self._mirror, {standing_ref("base", task): base})
        # What was not committed on the commit before is no more than that.
        after = self._measured(replace(met, base=base, head=new, unfinished=""))
        move(self._store, task, standing, after)
        return after

    def _met(self, task: TaskId, new: str, standing: Standing) -> Standing:
        """Ours goes on from what others pushed; what of it they or the agent left out is kept, each time anew."""
        if not is_ancestor(self._store, standing.head, of=new):
            self._keep(
                task, standing.head, why="others took them out of the branch, or put theirs in their place"
            )
        base = standing.base
        if not is_ancestor(self._store, base, of=new):
            base = begun(self._mirror, refs_of(self._mirror, DEFAULT)[DEFAULT], standing.theirs)
            set_refs(self._mirror, {standing_ref("base", task): base})
        return replace(standing, base=base, pushed=standing.theirs, theirs="")

    def _measured(self, standing: Standing) -> Standing:
        """With the lines and the files of its commits."""
        if standing.head == standing.base:
            return replace(standing, lines=0, paths="")
        lines, paths = measured(self._store, self._start(standing), standing.head)
        return replace(standing, lines=lines, paths=noted_files(self._store, paths))

    def _listed(self, standing: Standing) -> Standing:
        """With the files that its unfinished work changes, too."""
        paths = files_of(self._store, self._start(standing), standing.unfinished or standing.head)
        return replace(standing, paths=noted_files(self._store, paths))

    def _shown(self, task: TaskId, standing: Standing, *, head: str) -> Workspace:
        reason = show(self._place, task, standing, head=head)
        if reason and self._is_news(task, standing.head):
            log.warning(
                "the worktree stays behind the accepted commits; look into it and merge them",
                extra={
                    "task": str(task),
                    "path": str(self._place.worktree(task)),
                    "commit": standing.head,
                    "error": reason,
                },
            )
        return self._workspace(task, standing)

    def _is_news(self, task: TaskId, what: str) -> bool:
        """Whether this is to be said: once in the life of a process will do."""
        if (told := (task, what)) in self._told:
            return False
        self._told.add(told)
        return True

    def target(self) -> str:
        """See `Workspaces`; the forge is asked for it each time, as long as it answers."""
        self._place.prepare()
        return self._published.default()

    def diff(self, task: TaskId) -> str:
        """See `Workspaces`. Committed work first, then what the agent, then what a person has not committed."""
        standing = self._standing(task) if self._place.store.is_dir() else Standing()
        if not standing.head:
            raise Refused(
                f"there is no work of {task} on this machine",
                tried="looking for its commits",
                fix="look at its pull request, or go to the machine that works on it",
            )
        shown = self._seen(task, standing) is not None
        return patch(self._place, task, standing, start=self._start(standing), shown=shown)

    def _start(self, standing: Standing) -> str:
        return started_at(self._store, standing, default=refs_of(self._mirror, DEFAULT).get(DEFAULT, ""))

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
                forget(self._store, task, head)
                drop_refs(self._mirror, *(standing_ref(kind, task) for kind in _MIRRORED))
                with self._place.lock("mirror"):
                    tidy(self._mirror)
                with self._place.lock("store"):
                    tidy(self._store)
            # Under the lock; whoever waits for it sees that the file is gone and makes a new one.
            lock.unlink(missing_ok=True)

    def retire(self, task: TaskId, *, branch: str) -> str:
        """See `Workspaces`. What is here of the task goes too, as by `remove` with `keep`."""
        with self._place.lock("mirror"):
            self._place.prepare()
            ref = retire(
                self._remote,
                url=self._url,
                branch=branch,
                ref=kept_ref(self._namespace, task),
                timeout=self._timeout,
            )
            # Branches that go from the forge stay in the mirror, where this one would pass for pushed.
            drop_refs(self._mirror, branch_in_mirror(branch))
        try:
            self.remove(task, branch=branch, keep=True)
        except Refused as error:
            log.warning(
                "the worktree of a branch that is gone is kept",
                extra={"task": str(task), "error": error.message, "fix": error.fix},
            )
        return ref

    def _refuse_to_lose(self, task: TaskId, standing: Standing, *, head: str, keep: bool) -> None:
        path = self._place.worktree(task)
        tried = f"removing the worktree of {task}"
        fix = f"look into {path}; push or drop what is there"
        default = refs_of(self._mirror, DEFAULT).get(DEFAULT, "")
        published = [oid for oid in (standing.theirs or standing.pushed, standing.base, default) if oid]
        # The branch too, because a person may have committed on it.
        tips = {tip for tip in (standing.head, refs_of(self._store, head).get(head, "")) if tip}
        lacked = {tip for tip in tips if not any(is_ancestor(self._store, tip, of=oid) for oid in published)}
        if (lacked or standing.unfinished not in ("", standing.kept)) and not keep:
            raise Refused(f"{path} has commits that are not on the forge", tried=tried, fix=fix)
        if self._seen(task, standing) and (changed := edits(self._place, task)):
            raise Refused(f"{path} has changes by a person: {changed}", tried=tried, fix=fix)
        if standing.unfinished:
            lacked.add(standing.unfinished)  # the forge keeps it no longer than the claim
        for tip in lacked:
            self._keep(task, tip, why="the task has ended")

    def _keep(self, task: TaskId, commit: str, *, why: str) -> None:
        """Keep a commit that the forge lacks, for as long as the store is there."""
        ref = f"{standing_ref('kept', task)}/{commit[:12]}"
        set_refs(self._store, {ref: commit})
        log.warning(
            "commits that the forge lacks are kept here",
            extra={
                "task": str(task),
                "commit": commit,
                "ref": ref,
                "path": str(self._place.store),
                "text": why,
            },
        )
