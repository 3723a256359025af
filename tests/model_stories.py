"""Several conversations on one scripted model API, each told by a generator.

A request belongs to the story whose name is found in it, such as by the title of an issue. A story gives a turn for
each request, in their order, and gets the request that follows in return, so that it can look at what happened:

    def story() -> Story:
        asked = yield [Use("Bash", {"command": "make"})]
        yield ["It builds." if "0 errors" in asked.text else "It does not build."]
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from tests.model_api import ModelApi, Request, Turn
from tests.model_dialects import Failure, Message, Use

Story = Generator[Turn, Request, None]


class Long(tuple[str | Use, ...]):
    """A turn that says the conversation holds 160,000 tokens."""

    __slots__ = ()
    held = 160_000


class Stories(ModelApi):
    """The server; a request of no story, or after the end of its story, is answered with status 400."""

    def __init__(self, stories: Mapping[str, Story]) -> None:
        super().__init__(())
        self._stories = dict(stories)
        self._begun: set[str] = set()
        self._telling = threading.Lock()

    def told(self, name: str) -> list[Request]:
        """The requests of one conversation so far, in their order."""
        return [request for request in self.conversation if self._name(request) == name]

    def answer(self, request: Request) -> Turn:
        """Keep the request and have its story go on."""
        otherwise = super().answer(request)
        name = self._name(request) if request.main else ""
        if not name:
            return otherwise
        with self._telling:
            story, begun = self._stories[name], name in self._begun
            self._begun.add(name)
            try:
                return story.send(request) if begun else next(story)
            except StopIteration:
                return Failure(400, f"the story {name} is at its end")

    def message(self, request: Request, turn: Sequence[str | Use]) -> Message:
        """The turn as the answer to a request."""
        made = super().message(request, turn)
        return replace(made, held=turn.held) if isinstance(turn, Long) else made

    def _name(self, request: Request) -> str:
        text = request.text
        return next((name for name in self._stories if name in text), "")
