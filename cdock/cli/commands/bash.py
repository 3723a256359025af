"""`cdock bash`: a shell where the agent of a task works."""

import os
from pathlib import Path

import click


@click.command(short_help="A shell in the workspace of a task.")
@click.argument("task")
@click.pass_obj
def command(start: Path, task: str) -> int:
    """Open a shell in the workspace of TASK, with the walls its agent has, whether that runs or not.

    What you change there is the agent's work: commit it, and it is fetched, checked and pushed like the agent's own
    commits. To only look at accepted work, go into its worktree instead (`cdock status --json worktree`).

    \b
    Examples:
      cdock bash 42
      cdock bash auth
    """
    from cdock.cli.tasks import find_state, find_task, parsed_id, read_mirror, require_here
    from cdock.wiring import runner, site

    found = require_here(find_task(read_mirror(find_state(start))["tasks"], task))
    argv = runner(site(start)).shell(parsed_id(found))
    os.execvp(argv[0], argv)  # noqa: S606 - a program of ours, without a shell between
