"""What an issue says for cdock beside its words, as a value; `cdock.core.form` reads and writes it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Brief:
    """Empty or 0 where the issue does not say.

    `plan` is the number of the issue whose plan this is a part of, `depends` are the issues that come first, `files`
    are globs of what it changes, `acceptance` are shell commands for its container. `batch` names attempts at the
    same thing, of which one is picked; `worktree` is the name of the task's worktree.
    """

    plan: int = 0
    stage: int = 0
    depends: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    batch: str = ""
    worktree: str = ""


NOTHING_SAID = Brief()
