"""Runs as containers of a Docker Engine: behind walls, started detached, found again by their labels."""

import contextlib
import logging
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cdock.adapters import rundir
from cdock.adapters.docker import modelproxy, walls
from cdock.adapters.docker.archives import packed
from cdock.adapters.docker.engine import Engine, status_of
from cdock.adapters.docker.modelproxy import ModelProxy
from cdock.adapters.docker.output import printed
from cdock.adapters.docker.seen import ATTEMPT, INSTANCE, MIRROR, ROLE, TASK, TOOL, Seen
from cdock.adapters.docker.walls import Limits
from cdock.adapters.rundir import Places
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId
from cdock.core.model import Role, Run

if TYPE_CHECKING:
    from docker import APIClient

log = logging.getLogger(__name__)

_TOOL_LIMIT = 30
"""Seconds a small step of ours in a workspace may take."""


class DockerRunner:
    """Runs of one poller, which is known by `instance`; what others have on the engine is left alone.

    `image` is the image agents run in. `limits` hold for each run. With `model`, agents reach their provider through
    it and never see a key. `mirror` is where published commits are now: a workspace that was made while they were
    elsewhere is read all the same.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        instance: str,
        image: str,
        mirror: str = "",
        limits: Limits | None = None,
        model: ModelProxy | None = None,
    ) -> None:
        self._engine = engine
        self._instance = instance
        self._image = image
        self._mirror = mirror
        self._limits = limits or Limits()
        self._model = model
        # Files must not be laid down again under a run that another thread has just started.
        self._starting = threading.Lock()
        self._seen = Seen()
        self._lengths: dict[str, int] = {}  # of the whole output of ended runs, by container id
        self._shortened: set[str] = set()  # containers of whose log the engine has dropped the start

    @property
    def isolation(self) -> str:
        """One sentence for people."""
        reach = "no network but the model's provider" if self._model else "no network"
        return (
            f"Each agent runs in a container with {reach}, no capabilities, a read-only system and fixed limits, "
            f"and sees neither this machine's files nor any token; it shares the kernel of {self._engine.address}."
        )

    def list(self) -> tuple[Run, ...]:
        """All runs of this instance."""
        with self._engine.asking("listing runs") as api:
            runs = []
            for found in api.containers(all=True, filters={"label": [f"{INSTANCE}={self._instance}"]}):
                if (found.get("Labels") or {}).get(ROLE) == TOOL:
                    continue
                with _absent_is_fine():
                    if run := self._seen.run(_inspect(api, str(found["Id"])), api=api):
                        runs.append(run)
        return tuple(sorted(runs, key=lambda run: run.name))

    def start(self, spec: RunSpec) -> Run:
        """Start the run, or return the one of that name that is already there.

        Raises:
            Refused: the image is not there, or the names of the run or its workspace are taken by somebody else.
        """
        places = Places(
            workspace=walls.WORKSPACE,
            attempt=rundir.attempt_directory(spec.name),
            objects=f"{walls.MIRROR}/objects",
            sockets=walls.SOCKETS if (model := self._model_of(spec)) else "",
        )
        laid = rundir.files(spec, places)
        if model:
            modelproxy.ensure(model)
        with self._engine.asking(f"starting the run {spec.name}") as api, self._starting:
            existing = self._find(api, spec.name)
            if existing is None:
                self._ensure_volume(api, spec)
                existing = self._create(api, spec, places)
            self._compare(existing, spec)
            if existing["State"]["Status"] == "created" and not existing["State"].get("Error"):
                # Ours and never started: new, or whoever made it died before this line.
                api.put_archive(existing["Id"], walls.WORKSPACE, packed(laid))
                self._begin(api, existing["Id"])
            run = self._seen.run(_inspect(api, existing["Id"]), api=api)
        if run is None:
            raise Unavailable(
                f"The run {spec.name} is just being removed.", tried=f"starting the run {spec.name}"
            )
        return run

    def stop(self, name: str, *, grace: float) -> None:
        """SIGTERM to all of it, `grace` seconds, SIGKILL."""
        with self._engine.asking(f"stopping the run {name}") as api, _absent_is_fine():
            if found := self._find(api, name):
                if found["State"]["Status"] == "created":
                    api.remove_container(
                        found["Id"]
                    )  # there is nothing to stop, and nobody shall start it now
                    return
                api.stop(found["Id"], timeout=ceil(grace))
                if _inspect(api, name)["State"]["Running"]:
                    raise Unavailable(f"The run {name} is still alive.", tried=f"stopping the run {name}")

    def remove(self, name: str) -> None:
        """Remove an ended run.

        Raises:
            Refused: it is alive.
        """
        with self._engine.asking(f"removing the run {name}") as api, _absent_is_fine():
            if found := self._find(api, name):
                _refuse_alive(found, tried=f"removing the run {name}")
                api.remove_container(found["Id"])
                self._forget(str(found["Id"]))

    def output(self, name: str, *, offset: int) -> bytes:
        """What the run printed from byte `offset` on, as the engine kept it; empty for a run that is not there.

        This costs the engine time for the whole log, however little of it is new.
        """
        fresh = b""
        with self._engine.asking(f"reading the output of {name}") as api, _absent_is_fine():
            if found := self._find(api, name):
                fresh = self._printed(api, found, offset=offset)
        return fresh

    def _printed(self, api: "APIClient", found: Mapping[str, Any], *, offset: int) -> bytes:
        container, ended = str(found["Id"]), not found["State"]["Running"]
        if self._lengths.get(container, offset + 1) <= offset:
            return b""
        fresh, length = printed(container, offset=offset, api=api)
        if ended:
            self._lengths[container] = length
        if offset > length and container not in self._shortened:
            self._shortened.add(container)
            log.warning(
                "the engine dropped the start of a log, some output is lost",
                extra={"run": found["Name"], "offset": offset, "length": length},
            )
        return fresh

    def remote(self, task: TaskId) -> Remote:
        """Fetch by an upload-pack that runs in a container of its own, with the workspace read-only.

        A hostile repository is thus read where it can only show itself, and never by this machine's git.
        """
        with self._engine.asking(f"looking for the workspace of {task}") as api:
            found = self._volume(api, str(task))
        if found is None:
            raise Refused(
                f"The workspace of {task} is gone from the engine at {self._engine.address}.",
                tried=f"looking for the volume {self.volume_of(str(task))}",
                fix="Let the task start again from its branch.",
            )
        words = [sys.executable, "-I", "-m", "cdock.adapters.docker.pipe"]
        mirror = self._mirror or found["Labels"][MIRROR]
        words += ["--image", self._image, "--volume", str(found["Name"]), "--mirror", mirror]
        words += [f"--label={name}={value}" for name, value in self._tool_labels(str(task)).items()]
        return Remote(
            upload_pack=f"{self._engine.shell_prefix} {shlex.join(words)}",
            path=f"{walls.WORKSPACE}/{rundir.REPOSITORY}",
        )

    def clear(self, task: TaskId) -> None:
        """Remove the task's volume and all its containers.

        Raises:
            Refused: a run of the task is alive.
        """
        tried = f"removing the workspace of {task}"
        with self._engine.asking(tried) as api:
            labels = [f"{INSTANCE}={self._instance}", f"{TASK}={task}"]
            containers = []
            for each in api.containers(all=True, filters={"label": labels}):
                with _absent_is_fine():
                    containers.append(_inspect(api, str(each["Id"])))
            for found in containers:
                if found["Config"]["Labels"][ROLE] != TOOL:
                    _refuse_alive(found, tried=tried)
            for found in containers:
                with _absent_is_fine():
                    api.remove_container(found["Id"], force=True)
                with _absent_is_fine():  # a volume can go only after the last container that had it
                    api.wait(found["Id"], timeout=_TOOL_LIMIT, condition="removed")
                self._forget(str(found["Id"]))
            if volume := self._volume(api, str(task)):
                with _absent_is_fine():
                    api.remove_volume(volume["Name"])

    def forget_signals(self, task: TaskId) -> None:
        """Rename the signal files to `last-…`, so that people can still read them."""
        with self._engine.asking(f"moving the signals of {task} aside") as api:
            if volume := self._volume(api, str(task)):
                moves = [
                    f"if [ -e {path} ] || [ -L {path} ]; then rm -rf {last} && mv -f {path} {last}; fi"
                    for path, last in ((path, _last(path)) for path in rundir.SIGNALS.values())
                ]
                self._tool(api, str(task), str(volume["Name"]), script=" && ".join(moves))
        self._seen.forget_signals(task)

    def volume_of(self, task: str) -> str:
        """The name of a task's volume. Two pollers on one engine may come to hold the same task one after the other,
        and then each has a workspace of its own."""
        return f"{task}.{self._instance[:12]}"

    def _forget(self, container: str) -> None:
        self._seen.forget(container)
        self._lengths.pop(container, None)
        self._shortened.discard(container)

    def _volume(self, api: "APIClient", task: str) -> dict[str, Any] | None:
        """The task's volume, if it is there and ours."""
        name = self.volume_of(task)
        with _absent_is_fine():
            found: dict[str, Any] = api.inspect_volume(name)
            if (found.get("Labels") or {}).get(INSTANCE) == self._instance:
                return found
        return None

    def _ensure_volume(self, api: "APIClient", spec: RunSpec) -> None:
        name = self.volume_of(spec.task)
        labels = {INSTANCE: self._instance, TASK: spec.task, MIRROR: str(Path(spec.objects).parent)}
        made = api.create_volume(name, labels=labels)  # returns the one of that name, if there is one
        if (made.get("Labels") or {}).get(INSTANCE) != self._instance:
            raise Refused(
                f"The volume {name} is there, but not one of this cdock.",
                tried=f"making the workspace of {spec.task}",
                fix=f"Look what it holds; when nobody needs it, `docker volume rm {name}`.",
            )

    def _create(self, api: "APIClient", spec: RunSpec, places: Places) -> dict[str, Any]:
        """The new container, or the one that somebody made at the same moment."""
        from docker.errors import APIError, ImageNotFound

        mounts = [walls.volume(self.volume_of(spec.task)), walls.mirror(str(Path(spec.objects).parent))]
        if model := self._model_of(spec):
            mounts.append(walls.sockets(str(model.socket.parent)))
        try:
            made = api.create_container(
                self._image,
                name=spec.name,
                entrypoint=["/bin/sh", places.entry],
                command=[],
                user=walls.USER,
                working_dir=walls.WORKSPACE,
                environment=self._environment(spec, places),
                labels=self._labels(spec),
                host_config=walls.host_config(api, mounts=mounts, limits=self._limits),
            )
            return _inspect(api, made["Id"])
        except ImageNotFound as error:
            raise Refused(
                f"The image {self._image} is not on the engine at {self._engine.address}.",
                tried=f"starting the run {spec.name}",
                fix="Run `cdock image build`.",
            ) from error
        except APIError as error:
            if status_of(error) != 409:
                raise
            return _appearing(api, spec.name)

    def _environment(self, spec: RunSpec, places: Places) -> dict[str, str]:
        told = {
            "HOME": walls.HOME,
            "LANG": "C.UTF-8",
            # Asks the engine's init to hand SIGTERM to the agent as well, and not only to the entry script.
            "TINI_KILL_PROCESS_GROUP": "1",
        }
        if self._model_of(spec):
            told |= modelproxy.INSIDE
        return told | rundir.environment(spec, places)

    def _model_of(self, spec: RunSpec) -> ModelProxy | None:
        """The way to the provider, for those who need it: acceptance commands do not."""
        return self._model if spec.role == Role.AGENT else None

    def _labels(self, spec: RunSpec) -> dict[str, str]:
        return {INSTANCE: self._instance, TASK: spec.task, ATTEMPT: str(spec.attempt), ROLE: str(spec.role)}

    def _tool_labels(self, task: str) -> dict[str, str]:
        return {INSTANCE: self._instance, TASK: task, ROLE: TOOL}

    def _compare(self, found: Mapping[str, Any], spec: RunSpec) -> None:
        labels = found["Config"]["Labels"] or {}
        if any(labels.get(name) != value for name, value in self._labels(spec).items()):
            raise Refused(
                f"A container named {spec.name} is there, but it is not this run.",
                tried=f"starting the run {spec.name}",
                fix=f"Look at it with `docker inspect {spec.name}`; when nobody needs it, `docker rm {spec.name}`.",
            )

    def _find(self, api: "APIClient", name: str) -> dict[str, Any] | None:
        """The container of this name, if it is ours."""
        with _absent_is_fine():
            found = _inspect(api, name)
            if (found["Config"]["Labels"] or {}).get(INSTANCE) == self._instance:
                return found
        return None

    def _begin(self, api: "APIClient", container: str) -> None:
        from docker.errors import APIError

        try:
            api.start(container)
        except APIError:
            # The engine writes down why it could not start it; that is then how the run ended.
            if not _inspect(api, container)["State"].get("Error"):
                raise

    def _tool(self, api: "APIClient", task: str, volume: str, *, script: str) -> None:
        """Run a few lines of shell in the workspace."""
        made = api.create_container(
            self._image,
            entrypoint=["/bin/sh", "-c", script],
            command=[],
            user=walls.USER,
            working_dir=walls.WORKSPACE,
            labels=self._tool_labels(task),
            host_config=walls.host_config(api, mounts=[walls.volume(volume)], limits=walls.TOOL),
        )
        try:
            api.start(made["Id"])
            code = api.wait(made["Id"], timeout=_TOOL_LIMIT)["StatusCode"]
            if code != 0:
                said = api.logs(made["Id"]).decode(errors="replace").strip()
                raise Unavailable(f"A step in the workspace of {task} failed: {said}", tried=script)
        finally:
            api.remove_container(made["Id"], force=True)


@contextlib.contextmanager
def _absent_is_fine() -> Iterator[None]:
    """What is not there, or is just being removed by somebody, needs no more from us."""
    from docker.errors import APIError, NotFound

    try:
        yield
    except NotFound:
        pass
    except APIError as error:
        if not (status_of(error) == 409 and "already in progress" in str(error.explanation)):
            raise


def _inspect(api: "APIClient", container: str) -> dict[str, Any]:
    seen: dict[str, Any] = api.inspect_container(container)
    return seen


def _appearing(api: "APIClient", container: str) -> dict[str, Any]:
    """A container whose name is taken; the engine takes the name first and shows the container a little later."""
    from docker.errors import NotFound

    deadline = time.monotonic() + _TOOL_LIMIT
    while True:
        try:
            return _inspect(api, container)
        except NotFound:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _refuse_alive(found: Mapping[str, Any], *, tried: str) -> None:
    if found["State"]["Running"]:
        name = str(found["Name"]).removeprefix("/")
        raise Refused(f"The run {name} is still alive.", tried=tried, fix="Stop it first.")


def _last(path: str) -> str:
    pure = PurePosixPath(path)
    return str(pure.with_name(f"last-{pure.name}"))
