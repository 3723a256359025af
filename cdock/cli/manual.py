"""`cdock run --manual`: worktrees and prompts for a person who does the work, or starts agents by hand."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cdock.core.world import Case
    from cdock.reconciler.house import House
    from cdock.wiring import Site

STARTS = {
    "claude": 'claude "$(cat {prompt})"',
    "codex": 'codex "$(cat {prompt})"',
    "gemini": 'gemini -i "$(cat {prompt})"',
    "opencode": 'opencode --prompt "$(cat {prompt})"',
    "aider": "aider --message-file {prompt}",
}
"""How each agent is started at a terminal with a prompt from a file."""
PROMPT = ".cdock/prompt.md"
"""Where the prompt lies in a worktree; git ignores it there."""


def prepare(here: "Site", house: "House", *, stage: int | None) -> int:
    """Prepare what is ready, and print what to start. The exit code."""
    from cdock.cli.console import clean
    from cdock.cli.live import journaled
    from cdock.core.form import brief_of
    from cdock.reconciler.preparing import prepare_tasks
    from cdock.wiring import repository

    def wanted(case: "Case") -> bool:
        chosen = not house.only or case.issue.number in house.only
        return chosen and (stage is None or brief_of(case.issue.body).stage == stage)

    with journaled({house.name: here}):
        found = prepare_tasks(house, wanted)
    url = repository(here).clone_url
    for one in found:
        file = Path(one.path) / PROMPT
        file.parent.mkdir(exist_ok=True)
        file.write_text(one.prompt, encoding="utf-8")
        start = STARTS.get(one.agent, "cat {prompt}").format(prompt=PROMPT)
        click.echo(f"# {clean(f'#{one.task.issue} {one.task.title}')}")
        click.echo(f"cd {shlex.quote(one.path)} && {start}")
        click.echo(f"git push {shlex.quote(url)} {shlex.quote(f'HEAD:refs/heads/{one.branch}')}")
    if found:
        click.echo(
            "push when you are done, and open a pull request that closes the issue: its merge ends the task. "
            "`/cdock resume` on the issue gives the rest to an agent",
            err=True,
        )
    else:
        click.echo("nothing is ready to be prepared", err=True)
    return 0
