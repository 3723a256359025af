"""What other commands ask of the running poller: one small file per wish, gone when it is granted."""

from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.core.ids import TaskId, parse_task_id


class FileWishes:
    """See `cdock.ports.Wishes`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stop(self, task: TaskId) -> None:
        """Ask for the task to be stopped."""
        write_atomic(self._root / f"{task}.stop", "")

    def stops(self) -> frozenset[TaskId]:
        """See `Wishes`."""
        if not self._root.is_dir():
            return frozenset()
        found = (parse_task_id(path.name.removesuffix(".stop")) for path in self._root.glob("cdock.*.stop"))
        return frozenset(task for task in found if task)

    def granted(self, task: TaskId) -> None:
        """See `Wishes`."""
        (self._root / f"{task}.stop").unlink(missing_ok=True)
