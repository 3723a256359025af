"""The boxes in a help issue: what a person can choose with one tick, and what a tick says.

A box is a line of GitHub's task lists with a hidden key behind it. Whoever may write to the repository may change the
text of a help issue, and nobody else; who did is for the forge to say.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

DECIDE = "decide"
MORE = "more"
STOP = "stop"
AGENT = "agent-"
"""What the key of another agent begins with."""
OPTION = "option-"
"""What the key of an option of the agent's own question begins with."""
OPTIONS = 8
"""Most options taken from a question."""

_BOX = re.compile(
    r"^ {0,3}[-*] \[(?P<tick>[ xX])\] .*<!-- cdock:choice (?P<key>[a-z0-9._-]{1,60}) -->[ \t]*\r?$", re.M
)
_OPTION = re.compile(r"^ {0,3}[-*] \[ ?\] (?P<text>\S.{0,300})$", re.M)


@dataclass(frozen=True)
class Choice:
    """One box: its key, and the words beside it."""

    key: str
    text: str


def box(choice: Choice, *, shown: str) -> str:
    """The line of a box, not ticked; `shown` are its words, fit for the forge."""
    return f"- [ ] {shown} <!-- cdock:choice {choice.key} -->"


def ticked(text: str) -> tuple[str, ...]:
    """The keys of the boxes that are ticked in the text of a help issue, in its order."""
    return tuple(dict.fromkeys(found["key"] for found in _BOX.finditer(text) if found["tick"] != " "))


def offered(text: str) -> tuple[str, ...]:
    """The keys of all boxes in a text, in its order."""
    return tuple(dict.fromkeys(found["key"] for found in _BOX.finditer(text)))


def options_in(question: str) -> tuple[Choice, ...]:
    """The options that an agent offers in its question, as lines of a task list."""
    found = [match["text"].strip() for match in _OPTION.finditer(question.replace("\r\n", "\n"))]
    return tuple(Choice(f"{OPTION}{n}", text) for n, text in enumerate(found[:OPTIONS], start=1))


def agent_in(keys: Collection[str]) -> str:
    """The agent that was chosen; empty when none was."""
    return next((key.removeprefix(AGENT) for key in keys if key.startswith(AGENT)), "")


def words_of(keys: Collection[str], question: str) -> str:
    """What the ticked boxes say to the agent: its own options in its own words, else nothing that it need know."""
    options = {choice.key: choice.text for choice in options_in(question)}
    chosen = [options[key] for key in keys if key in options]
    return "\n".join(f"I choose: {text}" for text in chosen)
