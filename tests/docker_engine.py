"""The Docker Engine for tests: found or loudly missed, and left as it was."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docker.errors import APIError, NotFound

from cdock.adapters.docker import image
from cdock.adapters.docker.engine import Engine
from cdock.adapters.docker.modelproxy import ModelProxy
from cdock.adapters.docker.runner import DockerRunner
from cdock.adapters.docker.walls import Limits
from cdock.core.errors import CdockError
from cdock.core.ids import TaskId


def engine_ready() -> bool:
    """Whether an engine answers and has an agent image. `.ci/docker.sh` provides both."""
    try:
        return bool(image.images(engine=Engine(os.environ)))
    except CdockError:
        return False


class Place:
    """One instance on the engine: what a poller would have there, or what the one with this id has."""

    def __init__(self, instance: str = "") -> None:
        self.engine = Engine(os.environ)
        self.image = image.images(engine=self.engine)[0].tag
        self.instance = instance or uuid.uuid4().hex
        self.short = self.instance[:7]

    @property
    def task(self) -> TaskId:
        """A task no other test has at this moment: names of containers are shared by all on the engine."""
        return TaskId("add-oauth-login", self.short)

    def runner(
        self, *, limits: Limits | None = None, model: ModelProxy | None = None, image: str = ""
    ) -> DockerRunner:
        """A new runner object, as after a restart of cdock."""
        return DockerRunner(
            engine=Engine(os.environ),
            instance=self.instance,
            image=image or self.image,
            limits=limits,
            model=model,
        )

    def remove(self) -> None:
        """Remove all that is labelled with the instance."""
        client = self.engine.connect(tried="clearing up after a test")
        chosen = {"label": f"io.cdock.instance={self.instance}"}
        for container in client.containers(all=True, filters=chosen):
            with suppress(APIError):  # it is on its way out already
                client.remove_container(container["Id"], force=True)
            with suppress(NotFound):
                client.wait(container["Id"], timeout=30, condition="removed")
        for volume in client.volumes(filters=chosen)["Volumes"] or ():
            client.remove_volume(volume["Name"], force=True)


@contextmanager
def place() -> Iterator[Place]:
    """A place of its own, removed afterwards."""
    made = Place()
    try:
        yield made
    finally:
        made.remove()


def ca_bundle() -> Path | None:
    """The certificate authorities this machine trusts."""
    path = Path("/etc/ssl/certs/ca-certificates.crt")
    return path if path.is_file() else None
