"""`cdock diff`: what the work on a task changes."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@click.command(short_help="What the work on a task changes.")
@click.argument("task")
@click.option("--stat", is_flag=True, help="Only the files, with lines added and removed.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def command(start: Path, task: str, stat: bool, as_json: bool) -> int:
    """Print what TASK changes as a patch against the commit it started from, uncommitted work included.

    It is what was fetched last: of a running agent a few seconds old. Needs no network.

    \b
    Examples:
      cdock diff 42
      cdock diff 42 --stat
      cdock diff auth | git apply --check
    """
    from cdock.cli.tasks import find_state, find_task, parsed_id, read_mirror
    from cdock.wiring import site, workspaces

    found = find_task(read_mirror(find_state(start))["tasks"], task)
    patch = workspaces(site(start)).diff(parsed_id(found))
    if as_json:
        rows = [{"path": f.path, "added": f.added, "removed": f.removed} for f in files_of(patch)]
        click.echo(json.dumps({"schema": 1, "data": rows, "meta": {}}, ensure_ascii=True))
    elif stat:
        _show_files(patch)
    elif sys.stdout.isatty():
        show(patch)
    else:
        # For programs: as git wrote it. What could steer a terminal has none to steer.
        sys.stdout.buffer.write(patch.encode("utf-8", "surrogateescape"))
    if not patch and not as_json:
        click.echo("nothing is changed so far", err=True)
    return 0


@dataclass
class File:
    """A file of a patch; lines are not counted in one that is no text."""

    path: str
    added: int = 0
    removed: int = 0
    text: bool = True


def files_of(patch: str) -> list[File]:
    """The files of a patch in its order. A line counts by its place, not by what it looks like."""
    found: list[File] = []
    old = new = 0
    for line in patch.split("\n"):
        if old > 0 or new > 0:
            old -= line[:1] in ("-", " ", "")
            new -= line[:1] in ("+", " ", "")
            found[-1].added += line.startswith("+")
            found[-1].removed += line.startswith("-")
        elif line.startswith("diff --git "):
            found.append(File(_path_in(line)))
        elif found and (hunk := _HUNK.match(line)):
            old, new = (int(count or 1) for count in hunk.groups())
        elif found and line.startswith(("Binary files ", "GIT binary patch")):
            found[-1].text = False
    return found


def _path_in(line: str) -> str:
    """The path of `diff --git a/x b/x`; of a renamed file both."""
    names = line.removeprefix("diff --git ")
    half = (len(names) - 1) // 2
    left, right = names[:half], names[half + 1 :]
    if left.replace("a/", "", 1) == right.replace("b/", "", 1):
        return right.removeprefix('"').removeprefix("b/").removesuffix('"')
    return names


def _show_files(patch: str) -> None:
    """For people with colours; for programs three cells, as of `git diff --numstat`."""
    from cdock.cli.console import clean

    files = files_of(patch)
    if sys.stdout.isatty():
        _draw_files(files)
    else:
        for file in files:
            counts = f"{file.added}\t{file.removed}" if file.text else "-\t-"
            click.echo(f"{counts}\t{clean(file.path)}")
    if files:
        added, removed = sum(file.added for file in files), sum(file.removed for file in files)
        click.echo(f"{len(files)} files, +{added} -{removed}", err=True)


def _draw_files(files: list[File]) -> None:
    from rich.text import Text

    from cdock.cli.console import clean, data

    console = data()
    for file in files:
        line = Text(f"{clean(file.path)}  ")
        if file.text:
            line.append(f"+{file.added}", "green").append(f" -{file.removed}", "red")
        else:
            line.append("no text", "dim")
        console.print(line, soft_wrap=True)


def show(patch: str) -> None:
    """Print a patch for people, in colours, without what could steer their terminal."""
    from rich.text import Text

    from cdock.cli.console import data

    console = data()
    for line, style in _styled(patch):
        console.print(Text(line, style), soft_wrap=True)


def _styled(patch: str) -> Iterator[tuple[str, str]]:
    """The lines without what could steer a terminal, and how each looks."""
    for line in patch.removesuffix("\n").split("\n") if patch else ():
        fit = "".join(c if c.isprintable() else "    " if c == "\t" else "·" for c in line.removesuffix("\r"))
        if fit.startswith(("+++", "---", "diff --git", "index ")):
            yield fit, "bold"
        else:
            yield fit, {"+": "green", "-": "red", "@": "cyan"}.get(fit[:1], "")
