"""A terminal for a program, by tmux: what it shows can be read, and a person's typing is played."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

LIMIT = 180.0
_ROWS, _COLUMNS = 40, 150


class Terminal:
    """A program in a terminal of its own, between `__enter__` and `__exit__`; its environment is exactly `env`."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        told = shlex.join(f"{name}={value}" for name, value in env.items())
        self._command = (
            f"cd {shlex.quote(str(cwd))} && exec env -i TERM=xterm-256color {told} {shlex.join(argv)}"
        )
        self._socket = f"cdock-test-{uuid4().hex[:12]}"

    def __enter__(self) -> Terminal:
        size = ("-x", str(_COLUMNS), "-y", str(_ROWS))
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "sh", "-c", self._command)
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server", check=False)

    @property
    def screen(self) -> str:
        """What is shown; empty when the program has ended."""
        return self._tmux("capture-pane", "-p", check=False)

    def wait_for(self, text: str, *, pressing: str = "") -> None:
        """Until it is shown; a key may be pressed again and again, for a program that just starts takes no heed."""
        deadline = time.monotonic() + LIMIT
        while text not in (screen := self.screen):
            assert time.monotonic() < deadline, f"no {text!r} within {LIMIT:g} seconds, but:\n{screen}"
            if pressing:
                self._tmux("send-keys", pressing)
            time.sleep(0.5 if pressing else 0.1)

    def wait_for_end(self, *, pressing: str = "") -> None:
        """Until the program has ended; a key may be pressed again and again, for a busy one may miss it."""
        deadline = time.monotonic() + LIMIT
        while screen := self.screen:
            assert time.monotonic() < deadline, f"no end within {LIMIT:g} seconds, but:\n{screen}"
            if pressing:
                self._tmux("send-keys", pressing, check=False)
            time.sleep(1.0 if pressing else 0.1)

    def type(self, text: str) -> None:
        """Type a line. Enter comes a moment later: what comes at once is taken for pasted text."""
        self._tmux("send-keys", "-l", text)
        self.wait_for(text)
        self._tmux("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by the names that tmux has for them, such as `C-b`."""
        self._tmux("send-keys", *keys)

    def _tmux(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words], capture_output=True, text=True, check=check, timeout=LIMIT
        )
        return done.stdout
