"""Where the agents of a clone run, and what they need there."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cdock.core.errors import Missing
from cdock.settings import home
from cdock.wiring.agents import providers
from cdock.wiring.site import Site

if TYPE_CHECKING:
    from cdock.adapters.docker.engine import Engine
    from cdock.adapters.docker.modelproxy import ModelProxy
    from cdock.ports import Runner


def runner(of: Site) -> "Runner":
    """Where this clone's agents run.

    Raises:
        Missing: the engine does not answer.
    """
    table = of.settings.runner
    if table.kind == "local":
        from cdock.adapters.docker.modelproxy import PROVIDERS
        from cdock.adapters.local.runner import LocalRunner

        # What the agents' own providers need: a plain process has nobody else to give it to it.
        own = {each for name in providers(of) for each in (*PROVIDERS[name].keys, PROVIDERS[name].base)}
        allow = (*sorted(own), "IS_SANDBOX", *table.pass_env)
        return LocalRunner(_local_root(of), environment=of.env, allow=allow)
    from cdock.adapters.docker.runner import DockerRunner
    from cdock.adapters.docker.walls import Limits

    engine = engine_of(of.env)
    limits = Limits(memory=table.memory_bytes, cpus=table.cpus, processes=table.pids)
    return DockerRunner(
        engine=engine,
        instance=of.poller,
        image=agent_image(engine, wanted=table.image),
        mirror=str(of.place.mirror),
        limits=limits,
        model=_model(of),
    )


def _local_root(of: Site) -> Path:
    """Where local agents work: in no clone, since a branch that is checked out could write there, and below no `.git`,
    since test runners pass over whatever is."""
    root = home(of.env) / "local" / of.poller
    if (former := of.clone.state / "runs").is_dir() and not (root / "runs").exists():
        root.mkdir(parents=True, exist_ok=True)
        shutil.move(former, root / "runs")
    return root


def engine_of(env: Mapping[str, str]) -> "Engine":
    """The Docker Engine of this environment."""
    from cdock.adapters.docker.engine import Engine

    return Engine(env)


def agent_image(engine: "Engine", *, wanted: str = "") -> str:
    """The image agents run in: the one that is wanted, else the newest one that was built here.

    Raises:
        Missing: the engine does not answer, or has no such image.
    """
    from cdock.adapters.docker.image import find, images

    there = find(wanted, engine=engine) if wanted else next(iter(images(engine=engine)), None)
    if there is None:
        raise Missing(
            f"the engine has no image {wanted}" if wanted else "the agent image is not built yet",
            code="CD432",
            tried=f"looking for it on {engine.address}",
            fix="cdock image build",
        )
    return there.tag


def _model(of: Site) -> "ModelProxy | None":
    """The way from containers to the agents' providers; the keys stay with us."""
    from cdock.adapters.docker.modelproxy import ANTHROPIC, ModelProxy
    from cdock.adapters.docker.sockets import socket_directory

    folder = socket_directory(of.env, instance=of.poller)
    made = ModelProxy(
        socket=folder / "model" / "llm.sock",
        upstream=of.env.get(ANTHROPIC.base, ANTHROPIC.address),
        environment=of.env,
        providers=providers(of),
    )
    return made if made.served else None
