"""Runs as containers of a Docker Engine: behind walls, started detached, found again by their labels."""

import shlex
import sys
import threading
from collections.abc import Mapping
from functools import partial
from math import ceil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cdock.adapters import rundir
from cdock.adapters.docker import modelproxy, talking, terminals, walls
from cdock.adapters.docker.archives import packed
from cdock.adapters.docker.containers import absent_is_fine, appearing, inspected, refuse_alive, told
from cdock.adapters.docker.engine import Engine, status_of
from cdock.adapters.docker.modelproxy import ModelProxy
from cdock.adapters.docker.output import Output
from cdock.adapters.docker.seen import ATTEMPT, INSTANCE, ROLE, TASK, TOOL, Seen
from cdock.adapters.docker.volumes import STEP_LIMIT, Volumes
from cdock.adapters.docker.walls import Limits
from cdock.adapters.rundir import Places
from cdock.core.errors import Refused, Unavailable
from cdock.core.events import Remote, RunSpec
from cdock.core.ids import TaskId
from cdock.core.runs import Role, Run

if TYPE_CHECKING:
    from docker import APIClient

_SNAPSHOT_LIMIT = 60
"""Seconds it may take to set down what a run has not committed."""
_KILLED = 137
"""The exit code of a step that ended with its run, which the engine may not show as ended yet."""


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
        self._limits = limits or Limits()
        self._model = model
        # Files must not be laid down again under a run that another thread has just started.
        self._starting = threading.Lock()
        self._seen = Seen()
        self._output = Output()
        self._volumes = Volumes(instance=instance, image=image, mirror=mirror)

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
                with absent_is_fine():
                    if run := self._seen.run(inspected(api, str(found["Id"])), api=api):
                        runs.append(run)
        return tuple(sorted(runs, key=lambda run: run.name))

    def start(self, spec: RunSpec) -> Run:
        """Start the run, or return the one of that name that is already there.

        Raises:
            Refused: the image is not there, or the names of the run or its workspace are taken by somebody else.
        """
        model = self._model_of(spec)
        places = _places(spec.name, objects=f"{walls.MIRROR}/objects", sockets=walls.SOCKETS if model else "")
        laid = rundir.files(spec, places)
        if model:
            modelproxy.ensure(model)
        with self._engine.asking(f"starting the run {spec.name}") as api, self._starting:
            existing = self._find(api, spec.name)
            if existing is None:
                self._volumes.ensure(api, spec)
                existing = self._create(api, spec, places)
            self._compare(existing, spec)
            if existing["State"]["Status"] == "created" and not existing["State"].get("Error"):
                # Ours and never started: new, or whoever made it died before this line.
                api.put_archive(existing["Id"], walls.WORKSPACE, packed(laid))
                self._begin(api, existing["Id"])
            run = self._seen.run(inspected(api, existing["Id"]), api=api)
        if run is None:
            raise Unavailable(
                f"The run {spec.name} is just being removed.", tried=f"starting the run {spec.name}"
            )
        return run

    def stop(self, name: str, *, grace: float) -> None:
        """SIGTERM to all of it, `grace` seconds, SIGKILL."""
        with self._engine.asking(f"stopping the run {name}") as api, absent_is_fine():
            if found := self._find(api, name):
                if found["State"]["Status"] == "created":
                    api.remove_container(
                        found["Id"]
                    )  # there is nothing to stop, and nobody shall start it now
                    return
                api.stop(found["Id"], timeout=ceil(grace))
                if inspected(api, name)["State"]["Running"]:
                    raise Unavailable(f"The run {name} is still alive.", tried=f"stopping the run {name}")

    def remove(self, name: str) -> None:
        """Remove an ended run.

        Raises:
            Refused: it is alive.
        """
        with self._engine.asking(f"removing the run {name}") as api, absent_is_fine():
            if found := self._find(api, name):
                refuse_alive(found, tried=f"removing the run {name}")
                api.remove_container(found["Id"])
                self._forget(str(found["Id"]))

    def output(self, name: str, *, offset: int) -> bytes:
        """What the run printed from byte `offset` on, as the engine kept it; empty for a run that is not there.

        This costs the engine time for the whole log, however little of it is new.
        """
        fresh = b""
        with self._engine.asking(f"reading the output of {name}") as api, absent_is_fine():
            if found := self._find(api, name):
                fresh = self._output.since(offset, found=found, api=api)
        return fresh

    def send(self, name: str, *, uid: str, line: str) -> None:
        """Lay the message into the inbox of the run, from where its entry script delivers it.

        It goes by standard input, so that no list of processes and no inspection shows a word of it.
        """
        arguments, content = rundir.message(line, uid=uid)
        tried = f"speaking to the run {name}"
        with self._engine.asking(tried) as api, absent_is_fine():
            found = self._find(api, name)
            if found is None or told(found, rundir.INPUT) != rundir.LIVE:
                return
            code, said = self._step(api, found, rundir.say_script(), *arguments, given=content, tried=tried)
            if code and inspected(api, name)["State"]["Running"]:
                why = "it takes no messages now" if code == rundir.NOT_READY else said
                raise Unavailable(f"The message did not get to the run {name}: {why}", tried=tried)

    def snapshot(self, name: str) -> None:
        """Have git set it down, inside of the run or, when that has ended, in a container of its own."""
        tried = f"setting down what the run {name} has not committed"
        with self._engine.asking(tried) as api, absent_is_fine():
            found = self._find(api, name)
            if found is None or found["Config"]["Labels"][ROLE] != Role.AGENT or told(found, rundir.APART):
                return
            if found["State"]["Running"]:
                code, said = self._step(
                    api, found, rundir.snapshot_script(), limit=_SNAPSHOT_LIMIT, tried=tried
                )
                if code == 0:
                    return
                if code != _KILLED and inspected(api, name)["State"]["Running"]:
                    raise Unavailable(f"Unfinished work could not be set down: {said}", tried=tried)
            task = found["Config"]["Labels"][TASK]
            alone = () if self._living(api, task) else ("alone",)
            self._volumes.run(
                rundir.snapshot_script(),
                *alone,
                api=api,
                task=task,
                environment=rundir.places_told(_places(name)),
                git=True,
                limit=_SNAPSHOT_LIMIT,
                tried=tried,
            )

    def terminal(self, name: str) -> tuple[str, ...]:
        """Attach to the tmux session of the run, by the docker command.

        Raises:
            Refused: there is no such run alive, or it has no terminal; there is no docker command.
        """
        tried = f"looking for the terminal of {name}"
        with self._engine.asking(tried) as api:
            found = self._find(api, name)
        if found is None or not found["State"]["Running"] or told(found, rundir.INPUT) != rundir.TERMINAL:
            raise rundir.no_terminal(name)
        return terminals.within(name, *rundir.attaching(_places(name).run), engine=self._engine, tried=tried)

    def shell(self, task: TaskId) -> tuple[str, ...]:
        """A shell in the container of a living run, or else in one of its own that is gone when the shell ends.

        Raises:
            Refused: there is no workspace of this task here; there is no docker command.
        """
        tried = f"making a shell in the workspace of {task}"
        tree = f"{walls.WORKSPACE}/{rundir.SOURCE}"
        command = ("/bin/sh", "-c", terminals.ANY_SHELL, "sh", tree)
        with self._engine.asking(tried) as api:
            if living := self._living(api, str(task)):
                return terminals.within(living, *command, engine=self._engine, tried=tried)
            starting = partial(terminals.starting, engine=self._engine, tried=tried)
            starting("")  # nothing is made when it could not be started
            made = self._volumes.made_for_a_person(*command, api=api, task=str(task), limits=self._limits)
            if not made:
                raise rundir.no_workspace(str(task), where=f"the volume {self.volume_of(str(task))}")
            return starting(made)

    def _step(
        self,
        api: "APIClient",
        found: Mapping[str, Any],
        script: str,
        *arguments: str,
        given: bytes = b"",
        limit: float = STEP_LIMIT,
        tried: str,
    ) -> tuple[int, str]:
        """Run a script inside of a run. When that ends meanwhile, the code is that of a kill."""
        from docker.errors import APIError

        container = str(found["Id"])
        try:
            return talking.told(
                script, *arguments, container=container, given=given, api=api, limit=limit, tried=tried
            )
        except (APIError, Unavailable):
            if inspected(api, container)["State"]["Running"]:
                raise
            return _KILLED, "the run has ended"

    def _living(self, api: "APIClient", task: str) -> str:
        """The name of a living run of the task, an agent's first; empty when there is none."""
        labels = [f"{INSTANCE}={self._instance}", f"{TASK}={task}"]
        found = {
            each["Labels"][ROLE]: str(each["Names"][0]).removeprefix("/")
            for each in api.containers(filters={"label": labels, "status": "running"})
        }
        return found.get(Role.AGENT) or found.get(Role.CHECK) or ""

    def remote(self, task: TaskId) -> Remote:
        """Fetch by an upload-pack that runs in a container of its own, with the workspace read-only.

        A hostile repository is thus read where it can only show itself, and never by this machine's git.
        """
        with self._engine.asking(f"looking for the workspace of {task}") as api:
            found = self._volumes.find(api, str(task))
        if found is None:
            raise Refused(
                f"The workspace of {task} is gone from the engine at {self._engine.address}.",
                tried=f"looking for the volume {self.volume_of(str(task))}",
                fix="Let the task start again from its branch.",
            )
        words = [sys.executable, "-I", "-m", "cdock.adapters.docker.pipe"]
        words += ["--image", self._image, "--volume", str(found["Name"])]
        words += ["--mirror", self._volumes.mirror_of(found)]
        words += [f"--label={name}={value}" for name, value in self._volumes.tool_labels(str(task)).items()]
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
                with absent_is_fine():
                    containers.append(inspected(api, str(each["Id"])))
            for found in containers:
                if found["Config"]["Labels"][ROLE] != TOOL:
                    refuse_alive(found, tried=tried)
            for found in containers:
                with absent_is_fine():
                    api.remove_container(found["Id"], force=True)
                with absent_is_fine():  # a volume can go only after the last container that had it
                    api.wait(found["Id"], timeout=STEP_LIMIT, condition="removed")
                self._forget(str(found["Id"]))
            if volume := self._volumes.find(api, str(task)):
                with absent_is_fine():
                    api.remove_volume(volume["Name"])

    def forget_signals(self, task: TaskId) -> None:
        """Rename the signal files to `last-…`, so that people can still read them."""
        tried = f"moving the signals of {task} aside"
        moves = [
            f"if [ -e {path} ] || [ -L {path} ]; then rm -rf {last} && mv -f {path} {last}; fi"
            for path, last in ((path, _last(path)) for path in rundir.SIGNALS.values())
        ]
        with self._engine.asking(tried) as api:
            self._volumes.run(" && ".join(moves), api=api, task=str(task), tried=tried)
        self._seen.forget_signals(task)

    def volume_of(self, task: str) -> str:
        """The name of a task's volume."""
        return self._volumes.name_of(task)

    def _forget(self, container: str) -> None:
        self._seen.forget(container)
        self._output.forget(container)

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
            return inspected(api, made["Id"])
        except ImageNotFound as error:
            raise Refused(
                f"The image {self._image} is not on the engine at {self._engine.address}.",
                tried=f"starting the run {spec.name}",
                fix="Run `cdock image build`.",
            ) from error
        except APIError as error:
            if status_of(error) != 409:
                raise
            return appearing(api, spec.name)

    def _environment(self, spec: RunSpec, places: Places) -> dict[str, str]:
        told = {
            "HOME": walls.HOME,
            "LANG": "C.UTF-8",
            # Asks the engine's init to hand SIGTERM to the agent as well, and not only to the entry script.
            "TINI_KILL_PROCESS_GROUP": "1",
        }
        if model := self._model_of(spec):
            told |= model.inside
        return told | rundir.environment(spec, places)

    def _model_of(self, spec: RunSpec) -> ModelProxy | None:
        """The way to the provider, for those who need it: acceptance commands do not."""
        return self._model if spec.role == Role.AGENT else None

    def _labels(self, spec: RunSpec) -> dict[str, str]:
        return {INSTANCE: self._instance, TASK: spec.task, ATTEMPT: str(spec.attempt), ROLE: str(spec.role)}

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
        with absent_is_fine():
            found = inspected(api, name)
            if (found["Config"]["Labels"] or {}).get(INSTANCE) == self._instance:
                return found
        return None

    def _begin(self, api: "APIClient", container: str) -> None:
        from docker.errors import APIError

        try:
            api.start(container)
        except APIError:
            # The engine writes down why it could not start it; that is then how the run ended.
            if not inspected(api, container)["State"].get("Error"):
                raise


def _places(name: str, *, objects: str = "", sockets: str = "") -> Places:
    return Places(
        workspace=walls.WORKSPACE, attempt=rundir.attempt_directory(name), objects=objects, sockets=sockets
    )


def _last(path: str) -> str:
    pure = PurePosixPath(path)
    return str(pure.with_name(f"last-{pure.name}"))
