"""Where a person's words come from: a terminal with history and completion, or plain lines of standard input."""

import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cdock.cli.planningwords import COMMANDS

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

PROMPT = "you> "


class Asking(Protocol):
    """Somebody who can be asked for words."""

    def words(self) -> str | None:
        """What they say next; None when they are gone. `KeyboardInterrupt` when they think better of it."""
        ...


class PlainLines:
    """Standard input without a terminal: one line at a time."""

    def words(self) -> str | None:
        """See `Asking`."""
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None


class TerminalLines:
    """A person at a terminal. `tasks` gives the ids that can be completed; what was typed is kept in `history`."""

    def __init__(self, history: Path, tasks: Callable[[], Collection[str]]) -> None:
        self._history = history
        self._tasks = tasks
        self._session: PromptSession[str] | None = None

    def words(self) -> str | None:
        """See `Asking`."""
        if self._session is None:
            self._session = self._open()
        try:
            return self._session.prompt(PROMPT)
        except EOFError:
            return None

    def _open(self) -> "PromptSession[str]":
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory

        self._history.parent.mkdir(parents=True, exist_ok=True)
        # What is typed may be what nobody else should read.
        self._history.touch(mode=0o600)
        return PromptSession(
            history=FileHistory(str(self._history)),
            completer=_completer(self._tasks),
            complete_while_typing=False,
            key_bindings=_keys(),
            prompt_continuation=" " * len(PROMPT),
        )


def completions(text: str, tasks: Iterable[str]) -> list[str]:
    """What the last word of `text` could become: a command where one begins, the id of a task behind it."""
    if not text.startswith("/"):
        return []
    if " " not in text:
        return [f"/{name}" for name in COMMANDS if f"/{name}".startswith(text)]
    name, _, rest = text[1:].partition(" ")
    if "TASK" not in COMMANDS.get(name, ("", ""))[0]:
        return []
    last = rest.replace(",", " ").rpartition(" ")[2]
    return [key for key in tasks if key.startswith(last)]


def _completer(tasks: Callable[[], Collection[str]]) -> "Completer":
    from prompt_toolkit.completion import Completer, Completion

    class Commands(Completer):
        def get_completions(
            self, document: "Document", complete_event: "CompleteEvent"
        ) -> "Iterable[Completion]":
            text = document.text_before_cursor
            last = text.replace(",", " ").rpartition(" ")[2]
            for found in completions(text, tasks()):
                yield Completion(found, start_position=-len(last))

    return Commands()


def _keys() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: "KeyPressEvent") -> None:
        event.current_buffer.insert_text("\n")

    return keys
