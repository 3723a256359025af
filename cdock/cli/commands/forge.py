"""`cdock forge`: the embedded forge by itself."""

import webbrowser
from pathlib import Path

import click

from cdock.cli import embedded
from cdock.core.errors import Refused

_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Its directory (default: below your data).",
)


@click.group(short_help="The embedded forge: up, down, status, open.")
def command() -> None:
    """A small forge on this machine that speaks GitHub's API. For trying out, for working offline, for tests."""


@command.command("up")
@_DATA
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Its port; the last one, or a free one, by default."
)
def up(data: Path | None, port: int | None) -> int:
    """Start it in the background and print its address."""
    forge = embedded.up(data or default_data(), port=port)
    click.echo(forge.url)
    return 0


@command.command("down")
@_DATA
def down(data: Path | None) -> int:
    """Stop it; everything in it stays."""
    forge = embedded.find(data or default_data())
    embedded.down(forge)
    click.echo("stopped" if forge.pid else "it was not running", err=True)
    return 0


@command.command("status")
@_DATA
def status(data: Path | None) -> int:
    """Say whether it runs, and where."""
    forge = embedded.find(data or default_data())
    click.echo(f"running at {forge.url} (process {forge.pid})" if forge.url else "down")
    click.echo(f"data in {forge.data}")
    return 0


@command.command("open")
@_DATA
@click.option("--as", "login", metavar="LOGIN", help="Who you are there (default: your user name).")
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening a browser.")
def open_(data: Path | None, login: str | None, only_print: bool) -> int:
    """Open it in the browser, logged in."""
    forge = embedded.find(data or default_data())
    if not forge.url:
        raise Refused("the forge is down", code="CD406", fix="cdock forge up")
    url = forge.login_url(login or embedded.person())
    if only_print or not webbrowser.open(url):
        click.echo(url)
    return 0


def default_data() -> Path:
    """The directory of the forge that belongs to this user."""
    from cdock.settings import environment, home

    return home(environment()) / "forge"
