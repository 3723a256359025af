"""Where tasks are kept on the engine: a volume each, and the small tools that look into it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdock.adapters.docker import tools, walls
from cdock.adapters.docker.containers import absent_is_fine
from cdock.adapters.docker.seen import INSTANCE, MIRROR, ROLE, TASK, TOOL
from cdock.adapters.docker.walls import Limits
from cdock.core.errors import Refused
from cdock.core.events import RunSpec

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import Mount

STEP_LIMIT = 30
"""Seconds a small step of ours in a workspace may take."""


class Volumes:
    """The volumes of one poller; tools in them run in `image`. `mirror`: see `DockerRunner`."""

    def __init__(self, *, instance: str, image: str, mirror: str = "") -> None:
        self._instance = instance
        self._image = image
        self._mirror = mirror

    def name_of(self, task: str) -> str:
        """The name of a task's volume. Two pollers on one engine may come to hold the same task one after the other,
        and then each has a workspace of its own."""
        return f"{task}.{self._instance[:12]}"

    def find(self, api: "APIClient", task: str) -> dict[str, Any] | None:
        """The task's volume, if it is there and ours."""
        with absent_is_fine():
            found: dict[str, Any] = api.inspect_volume(self.name_of(task))
            if (found.get("Labels") or {}).get(INSTANCE) == self._instance:
                return found
        return None

    def ensure(self, api: "APIClient", spec: RunSpec) -> None:
        """The task of the run has its volume.

        Raises:
            Refused: its name is taken by somebody else.
        """
        name = self.name_of(spec.task)
        labels = {INSTANCE: self._instance, TASK: spec.task, MIRROR: str(Path(spec.objects).parent)}
        made = api.create_volume(name, labels=labels)  # returns the one of that name, if there is one
        if (made.get("Labels") or {}).get(INSTANCE) != self._instance:
            raise Refused(
                f"The volume {name} is there, but not one of this cdock.",
                tried=f"making the workspace of {spec.task}",
                fix=f"Look what it holds; when nobody needs it, `docker volume rm {name}`.",
            )

    def mirror_of(self, volume: dict[str, Any]) -> str:
        """The path of the bare repository whose objects the workspace in it borrows."""
        return self._mirror or str(volume["Labels"][MIRROR])

    def tool_labels(self, task: str) -> dict[str, str]:
        """Labels of a container for a small tool."""
        return {INSTANCE: self._instance, TASK: task, ROLE: TOOL}

    def run(
        self,
        script: str,
        *arguments: str,
        api: "APIClient",
        task: str,
        environment: dict[str, str] | None = None,
        git: bool = False,
        limit: int = STEP_LIMIT,
        tried: str,
    ) -> None:
        """Run a script in the task's workspace, if there is one, whether a run is alive or not. `git` says that the
        script looks into the repository.

        Raises:
            Unavailable: see `tools.run_script`.
        """
        if volume := self.find(api, task):
            tools.run_script(
                script,
                *arguments,
                api=api,
                image=self._image,
                mounts=self._mounts(volume) if git else [walls.volume(str(volume["Name"]))],
                labels=self.tool_labels(task),
                environment=environment or {},
                tried=tried,
                limit=limit,
            )

    def made_for_a_person(self, *command: str, api: "APIClient", task: str, limits: Limits) -> str:
        """See `tools.made_for_a_person`; empty when the task has no volume."""
        volume = self.find(api, task)
        if volume is None:
            return ""
        return tools.made_for_a_person(
            *command,
            api=api,
            image=self._image,
            mounts=self._mounts(volume),
            labels=self.tool_labels(task),
            limits=limits,
        )

    def _mounts(self, volume: dict[str, Any]) -> "list[Mount]":
        """A workspace, and the objects that its repository borrows."""
        return [walls.volume(str(volume["Name"])), walls.mirror(self.mirror_of(volume))]
