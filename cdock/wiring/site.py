"""A clone with its settings: what every command begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cdock.adapters.git.clone import Clone, find_clone, left_behind, recalled_poller, remember_poller
from cdock.settings import Settings, environment, load_settings

if TYPE_CHECKING:
    from cdock.adapters.files.logs import FileLogs
    from cdock.adapters.files.outbox import FileOutbox
    from cdock.adapters.files.plans import FilePlans
    from cdock.adapters.files.wishes import FileWishes
    from cdock.adapters.git.place import Place


@dataclass(frozen=True)
class Site:
    """A clone with its settings: all a command needs that does not talk to the forge."""

    clone: Clone
    settings: Settings
    env: Mapping[str, str]

    @property
    def logs(self) -> "FileLogs":
        """What runs of this clone printed."""
        from cdock.adapters.files.logs import FileLogs

        return FileLogs(self.clone.state / "tasks")

    @property
    def wishes(self) -> "FileWishes":
        """What commands ask of this clone's poller."""
        from cdock.adapters.files.wishes import FileWishes

        return FileWishes(self.clone.state / "wishes")

    @property
    def outbox(self) -> "FileOutbox":
        """What people said and the forge has not heard yet."""
        from cdock.adapters.files.outbox import FileOutbox

        return FileOutbox(self.clone.state / "outbox")

    @property
    def plans(self) -> "FilePlans":
        """Plans that are being made, or published, from this clone."""
        from cdock.adapters.files.plans import FilePlans

        return FilePlans(self.clone.state / "plans")

    @property
    def place(self) -> "Place":
        """Where cdock's own repositories of this clone are, and the worktrees that people look into."""
        from cdock.adapters.git.place import Place

        return Place(self.clone.state, trees=self.clone.shown / "worktrees")

    @cached_property
    def poller(self) -> str:
        """The lasting id of this clone's poller, kept in two places."""
        from cdock.adapters.files.poller import identity

        remembered = recalled_poller(self.clone)
        known = identity(self.clone.state, spare=remembered)
        if known != remembered:
            remember_poller(self.clone, known)
        return known


def site(start: Path) -> Site:
    """The clone that `start` is in, with its settings.

    Raises:
        Misconfigured: there is no clone, or its `cdock.toml` is wrong.
        Refused: its state is where an earlier cdock kept it, and cannot be moved.
    """
    clone = find_clone(start)
    if left_behind(clone.root):
        from cdock.wiring.moving import move_state

        move_state(clone.root)
    return Site(clone=clone, settings=load_settings(clone.root), env=environment())
