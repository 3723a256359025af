"""What a person at a terminal asks of the running poller."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cdock.core.ids import TaskId


class WishKind(StrEnum):
    """What can be asked for."""

    STOP = "stop"
    PROMPT = "prompt"  # tell the agent `text`
    HELP = "help"  # open a help issue with the question `text`
    ATTACH = "attach"  # let a person have the agent's terminal
    RETRY = "retry"  # a new round, with what was learnt
    PICK = "pick"  # the chosen one of its batch
    DROP = "drop"  # end it and close its issue, for the reason `text`


@dataclass(frozen=True)
class Wish:
    """One of them. `id` tells two wishes apart; who made it is `author`, a name of this machine."""

    id: str
    kind: WishKind
    task: TaskId
    made_at: datetime
    text: str = ""
    author: str = ""

    @property
    def ref(self) -> str:
        """What stands for it among the refs of an attempt."""
        return f"wish-{self.id}"
