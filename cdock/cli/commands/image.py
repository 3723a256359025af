"""`cdock image`: the image agents run in."""

from pathlib import Path

import click


@click.group(short_help="The image agents run in: build, ls.")
def command() -> None:
    """Build and list the images that agents run in."""


@command.command("build")
@click.option(
    "--base", default="", metavar="IMAGE", help="Start from this image instead of the Dockerfile's own."
)
@click.option(
    "--ca-bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Certificate authorities (PEM) of a network that opens TLS.",
)
@click.option(
    "--file",
    "dockerfile",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Your own Dockerfile.",
)
@click.option(
    "--agent",
    "agents",
    multiple=True,
    type=click.Choice(["claude", "codex", "opencode"]),
    help="An agent to put into it; may be repeated. Without it, Claude Code.",
)
@click.option("--again", is_flag=True, help="Build anew, without any cache.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the build prints.")
def build_(
    base: str,
    ca_bundle: Path | None,
    dockerfile: Path | None,
    agents: tuple[str, ...],
    again: bool,
    verbose: bool,
) -> int:
    """Build the image, unless it is there already. It is named after all that goes into it."""
    from cdock.adapters.docker.image import build, recipe
    from cdock.adapters.prompts import template_file
    from cdock.cli.console import clean, talk
    from cdock.settings import environment
    from cdock.wiring import engine_of

    console = talk()
    arguments = {"AGENTS": " ".join(sorted(set(agents)))} if agents else {}
    made_of = recipe(
        dockerfile or template_file("Dockerfile"), base=base, ca_bundle=ca_bundle, arguments=arguments
    )

    def log(line: str) -> None:
        if verbose or line.startswith("Step "):
            console.print(clean(line), style="dim", markup=False)

    image = build(made_of, engine=engine_of(environment()), log=log, again=again)
    click.echo(image.tag)
    return 0


@command.command("ls")
def ls() -> int:
    """List the images, newest first; the first one is used."""
    from cdock.adapters.docker.image import images
    from cdock.settings import environment
    from cdock.wiring import engine_of

    for image in images(engine=engine_of(environment())):
        click.echo(f"{image.tag}\t{image.size / 1_000_000:.0f} MB\t{image.created_at:%Y-%m-%d %H:%M}")
    return 0
