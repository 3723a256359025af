"""Commands that give a person's terminal to something in a container, by the docker command and this very engine."""

import shutil

from cdock.adapters.docker.engine import Engine
from cdock.core.errors import Refused

# The terminal of the person may be of a kind that the image does not know; every one of today understands this.
_TERM = "TERM=xterm-256color"
ANY_SHELL = 'cd "$1" && exec "${SHELL:-$(command -v bash || echo sh)}"'
"""What sh is given to become the better shell of an image in the directory `$1`."""


def within(container: str, *command: str, engine: Engine, tried: str) -> tuple[str, ...]:
    """The command inside a container that runs.

    Raises:
        Refused: there is no docker command.
    """
    return (*_docker(engine, tried=tried), "exec", "-it", "-e", _TERM, container, *command)


def starting(container: str, *, engine: Engine, tried: str) -> tuple[str, ...]:
    """A container that was made for a terminal, and its main program in it.

    Raises:
        Refused: there is no docker command.
    """
    return (*_docker(engine, tried=tried), "start", "-ai", container)


def _docker(engine: Engine, *, tried: str) -> tuple[str, ...]:
    if not shutil.which("docker", path=engine.environment.get("PATH")):
        raise Refused(
            "The docker command is not installed, and a terminal in a container needs it.",
            tried=tried,
            fix="Install Docker's command line (docker-cli) beside the engine.",
        )
    return ("env", *(f"{name}={value}" for name, value in engine.environment.items()), "docker")
