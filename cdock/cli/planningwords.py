"""What a person types while a plan is talked about: words for the agent, or a command."""

import difflib
from dataclasses import dataclass

from cdock.core.errors import Misconfigured

COMMANDS = {
    "show": ("", "the plan as it is"),
    "edit": ("[TASK]", "the plan, or one task of it, in your editor"),
    "drop": ("TASK…", "take tasks out"),
    "split": ("TASK [WORDS]", "have the agent make several tasks of one"),
    "order": ("TASK…", "one after the other; `2,3` are side by side"),
    "publish": ("", "make its issues, after a question"),
    "save": ("", "say where the plan is kept"),
    "quit": ("", "leave; the plan is kept"),
    "help": ("", "this list"),
}
"""What each command takes, and what it does. TASK is the number in front of a task, or its id."""


@dataclass(frozen=True)
class Said:
    """What was typed: `command` is empty for words that are meant for the agent."""

    command: str
    rest: str


def said_in(line: str) -> Said:
    """What a line, or a pasted text, means.

    Raises:
        Misconfigured: it begins as a command does and is none.
    """
    text = line.strip()
    # A pasted text may begin with a path.
    if not text.startswith("/") or "/" in text[1:].split(" ", 1)[0]:
        return Said("", text)
    name, _, rest = text[1:].partition(" ")
    if name in COMMANDS:
        return Said(name, rest.strip())
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    raise Misconfigured(
        f"there is no command /{name}",
        code="CD496",
        fix=f"/{close[0]}" if close else "/help lists them",
    )


def help_lines() -> list[str]:
    """The commands, one a line."""
    heads = {name: f"/{name} {takes}".rstrip() for name, (takes, _) in COMMANDS.items()}
    width = max(map(len, heads.values()))
    lines = [f"{heads[name]:<{width}}  {does}" for name, (_, does) in COMMANDS.items()]
    return [
        *lines,
        "",
        "Anything else is said to the agent. Alt-Enter begins a new line, Ctrl-C stops the agent.",
    ]
