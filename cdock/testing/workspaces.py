"""The door to the worktrees of one machine of memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.ids import TaskId
from cdock.core.runs import Theirs, Workspace
from cdock.core.task import Task
from cdock.testing.clock import Faults
from cdock.testing.machine import MemoryMachine


@dataclass
class MemoryWorkspaces:
    """See `Workspaces`."""

    machine: MemoryMachine
    faults: Faults = field(default_factory=Faults)

    @property
    def objects(self) -> str:
        """See `Workspaces`."""
        return "memory://objects"

    def list(self) -> tuple[Workspace, ...]:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        return tuple(self._seen(task) for task in self.machine.trees)

    def _seen(self, task: TaskId) -> Workspace:
        sight, tree = self.machine.sight, self.machine.trees[task]
        tree = replace(
            tree,
            pushed=sight.pushed.get(task, ""),
            kept=sight.kept.get(task, ""),
            paths=frozenset(self.machine.hub.changed(tree.unfinished or tree.head, tree.base)),
        )
        return replace(tree, theirs=self._theirs(tree, sight.theirs.get(task, "")))

    def _theirs(self, tree: Workspace, commit: str) -> Theirs | None:
        hub = self.machine.hub
        if not commit:
            return None
        if tree.pushed and not hub.contains(commit, tree.pushed):
            return Theirs(commit, dropped=True)
        return Theirs(commit, clash=hub.conflict_between(tree.head, commit))

    def _parted(self, tree: Workspace, there: str, was: str) -> bool:
        """Whether the forge's commit neither contains our work nor is part of it; see the real one."""
        hub = self.machine.hub
        if there in ("", was) or tree.head == tree.base:
            return False
        if was and not hub.contains(there, was):
            return not hub.contains(tree.head, there) or hub.contains(tree.head, was)
        return not hub.contains(tree.head, there) and not hub.contains(there, tree.head)

    def _meets(self, tree: Workspace, new: str) -> bool:
        """Whether this goes on from what others pushed, and does not bring back what they dropped."""
        hub, theirs = self.machine.hub, tree.theirs
        if theirs is None or not hub.contains(new, theirs.commit):
            return False
        return not (theirs.dropped and hub.contains(new, tree.pushed))

    def ensure(self, task: Task, *, branch: str, on: Sequence[str] = ()) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        trees, sight, hub = self.machine.trees, self.machine.sight, self.machine.hub
        there, before = hub.branches.get(branch, ""), sight.pushed.get(task.id, "")
        parted = task.id in trees and self._parted(trees[task.id], there, before)
        sight.theirs.pop(task.id, None)
        if parted:
            sight.theirs[task.id] = there
        elif there:
            sight.pushed[task.id] = there
        if task.id not in trees:
            start = self._joined(on) if on and not task.base else hub.branches["main"]
            base = task.base or (hub.base(start, there) if there else start)
            tree = Workspace(task.id, f"memory://worktrees/{task.id.name}", base, head=there or base)
            trees[task.id] = self._counted(tree)
            if task.attempts:
                self._take_over(task)
        elif not parted:
            trees[task.id] = self._settled(trees[task.id], there, before)
        self.faults.after()
        return self._seen(task.id)

    def _joined(self, on: Sequence[str]) -> str:
        """One commit with all of these branches."""
        hub, joint = self.machine.hub, ""
        for name in on:
            tip = hub.branches.get(name, "")
            if not tip:
                raise Refused(f"{name}, which the work is to build upon, is not on the forge", fix="push it")
            if not joint or hub.contains(tip, joint):
                joint = tip
            elif not hub.contains(joint, tip):
                if files := hub.conflicts_between(joint, tip):
                    raise Refused(f"{name} cannot be merged: {', '.join(files)}", fix="merge it")
                joint = hub.merged(joint, tip)
        return joint

    def _settled(self, tree: Workspace, there: str, before: str) -> Workspace:
        """What was accepted in sight of the forge's commit holds while the forge stays there, rewritten or not."""
        hub, newest = self.machine.hub, there or tree.base
        if hub.contains(tree.head, tree.base if there == before else newest):
            return tree
        if not hub.contains(newest, tree.head):
            self.machine.aside.append(tree.head)
        return self._counted(replace(tree, head=newest, unfinished=""))

    def _take_over(self, task: Task) -> None:
        """What somebody before us had not committed."""
        left = self.machine.hub.unfinished.get(task.issue, "")
        if left:
            self.machine.sight.kept[task.id] = left
        tree = self.machine.trees[task.id]
        if left and self.machine.hub.contains(tree.head, self.machine.hub.commits[left]):
            self.machine.trees[task.id] = replace(tree, unfinished=left)

    def _counted(self, tree: Workspace) -> Workspace:
        own = len(self.machine.hub.since(tree.head, tree.base))
        return replace(tree, lines=self.machine.lines.get(tree.task, own))

    def harvest(
        self, task: TaskId, *, closes: int, branch: str, remote: Remote, rewritten: bool = False
    ) -> Workspace:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        machine, hub = self.machine, self.machine.hub
        if machine.unreadable:
            raise Unavailable("the run's repository cannot be read", fix="look at the workspace")
        tree = self._seen(task)
        head = machine.heads.get(task, tree.head)
        if tree.theirs and self._meets(tree, head):
            machine.sight.pushed[task] = machine.sight.theirs.pop(task)
            if not hub.contains(head, tree.head):
                machine.aside.append(tree.head)
            base = tree.base if hub.contains(head, tree.base) else hub.base(hub.branches["main"], head)
            tree = replace(tree, head=head, base=base)
        if not hub.contains(head, tree.base):
            raise Refused("the branch does not contain its base", fix="look at the branch")
        pushed = machine.sight.pushed.get(task, "")
        if pushed and not rewritten and not hub.contains(head, pushed):
            raise Refused("the branch does not contain what was pushed", fix="look at the branch")
        if tree.head not in (tree.base, pushed) and not hub.contains(head, tree.head):
            machine.aside.append(tree.head)
        draft = machine.unfinished.get(task, "")
        # What was set down before a commit was made is part of it.
        unfinished = draft if hub.commits.get(draft) == head else ""
        machine.trees[task] = self._counted(replace(tree, head=head, unfinished=unfinished))
        self.faults.after()
        return self._seen(task)

    def target(self) -> str:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        return self.machine.hub.branches["main"]

    def diff(self, task: TaskId) -> str:
        """See `Workspaces`."""
        tree = self.machine.trees.get(task)
        if tree is None:
            raise Refused(f"there is no work of {task} on this machine", fix="look at its pull request")
        return "".join(f"+{oid}\n" for oid in self.machine.hub.since(tree.unfinished or tree.head, tree.base))

    def note(self, record: Mapping[str, object], *, task: TaskId) -> None:
        """See `Workspaces`."""
        self.machine.notes[task] = record

    def remove(self, task: TaskId, *, branch: str, keep: bool = False) -> None:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        if task in self.machine.trees:
            tree = self._seen(task)
            lacked = [] if self._is_published(tree) else [tree.head]
            if (lacked or tree.unfinished not in ("", tree.kept)) and not keep:
                raise Refused(f"{tree.path} has unpushed commits", fix="push them")
            # The forge has what is unfinished no longer than the claim.
            self.machine.kept += [*lacked, *([tree.unfinished] if tree.unfinished else [])]
        for kept in (
            self.machine.trees,
            self.machine.notes,
            self.machine.sight.pushed,
            self.machine.sight.theirs,
            self.machine.sight.kept,
        ):
            kept.pop(task, None)
        self.faults.after()

    def retire(self, task: TaskId, *, branch: str) -> str:
        """See `Workspaces`."""
        self.faults.before("workspaces")
        hub, ref = self.machine.hub, f"refs/cdock/kept/{task.name}"
        tip = hub.branches.pop(branch, "")
        if tip:
            before = hub.kept_refs.get(ref, "")
            beside = bool(before) and not hub.contains(tip, before)
            ref = f"{ref}-{tip[:12]}" if beside else ref
            hub.kept_refs[ref] = tip
        self.faults.after()
        self.remove(task, branch=branch, keep=True)
        return ref if ref in hub.kept_refs else ""

    def _is_published(self, tree: Workspace) -> bool:
        hub = self.machine.hub
        theirs = tree.theirs.commit if tree.theirs else ""
        published = (oid for oid in (theirs or tree.pushed, tree.base, hub.branches["main"]) if oid)
        return any(hub.contains(oid, tree.head) for oid in published)
