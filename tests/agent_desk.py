"""A place where the real command line of an agent is started as a runner would start it, with a scripted model API."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdock.core.events import Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.ports import Agent
from tests.model_api import ModelApi, Turn

RUN_LIMIT = 240.0


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    verdict: Verdict
    reading: Reading
    events: Sequence[Event]
    api: ModelApi
    output: str
    exit_code: int

    @property
    def asked(self) -> str:
        """All that was sent to the model."""
        return "\n".join(request.text for request in self.api.conversation)


class Desk:
    """A repository and the directories of a run. `told` is what is in the environment for the API at an address."""

    def __init__(
        self, root: Path, agent: Agent, *, model: str, told: Callable[[str], Mapping[str, str]]
    ) -> None:
        self.agent, self.model, self._told = agent, model, told
        self.src, self.run, self.state, self.home = (root / name for name in ("src", "run", "state", "home"))
        for folder in (self.src, self.run, self.state, self.home):
            folder.mkdir()
        self.git("init", "--quiet")
        self.git("config", "user.name", "cdock agent")
        self.git("config", "user.email", "agent@example.com")

    def git(self, *argv: str) -> str:
        """Run git in the repository."""
        done = subprocess.run(
            ["git", *argv], cwd=self.src, capture_output=True, text=True, check=True, timeout=RUN_LIMIT
        )
        return done.stdout.strip()

    def lay(self, files: Mapping[str, str]) -> None:
        """Put files into the repository."""
        for path, text in files.items():
            (self.src / path).parent.mkdir(parents=True, exist_ok=True)
            (self.src / path).write_text(text)

    def start(self, turns: Sequence[Turn], job: Job) -> Ran:
        """Run a new conversation to its end."""
        return self._play(self.agent.start(job), turns)

    def resume(self, turns: Sequence[Turn], job: Job) -> Ran:
        """Run the conversation on."""
        return self._play(self.agent.resume(job), turns)

    def argv(self, launch: Launch) -> list[str]:
        """Lay down the files; the words to start it."""
        for path, text in launch.files.items():
            place = Path(self._filled(path))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return [self._filled(word) for word in launch.argv]

    def environment(self, launch: Launch, url: str) -> Mapping[str, str]:
        """What the program finds in its environment."""
        given = {name: self._filled(value) for name, value in launch.env.items()}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **self._told(url), **given}

    def _filled(self, text: str) -> str:
        return text.replace("{run}/", f"{self.run}/").replace("{state}/", f"{self.state}/")

    def _play(self, launch: Launch, turns: Sequence[Turn]) -> Ran:
        with ModelApi(turns) as api:
            done = subprocess.run(
                self.argv(launch),
                cwd=self.src,
                env=self.environment(launch, api.url),
                input=launch.stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=RUN_LIMIT,
            )
        printed = f"{done.stdout}\n[stderr]\n{done.stderr}" if done.stderr else done.stdout
        reading, events = Reading(), list[Event]()
        for line in printed.splitlines():
            reading, new = self.agent.read(reading, line)
            events += new
        verdict = self.agent.end(reading, exit_code=done.returncode, tail=printed)
        return Ran(verdict, reading, events, api, printed, done.returncode)
