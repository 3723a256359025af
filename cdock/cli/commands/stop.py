"""`cdock stop`: end work on a task, keeping what was done."""

from pathlib import Path

import click

from cdock.core.errors import Refused, Unavailable


@click.command(short_help="Stop work on a task; what was done is kept.")
@click.argument("task")
@click.pass_obj
def command(start: Path, task: str) -> int:
    """Stop the agent of TASK. Its commits are pushed; the label agent-ready lets it go on.

    The running poller does it; where none runs, this command does. While the forge is away the agent is ended all the
    same, and what has to be written there follows when it is back.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli import wishing
    from cdock.cli.carrying import carry_out, end_runs
    from cdock.cli.console import talk
    from cdock.cli.tasks import find_task, parsed_id, read_mirror, require_here
    from cdock.core.wishes import WishKind
    from cdock.wiring import site

    here = site(start)
    found = require_here(find_task(read_mirror(here.clone.state)["tasks"], task))
    name = parsed_id(found)
    if found["status"] == "in-review":
        raise Refused(
            f"nothing runs for {name}: its pull request waits for a review",
            code="CD409",
            tried="looking into the mirror, which is as old as `cdock status` says",
            fix="close the pull request to end the task",
        )
    wish = wishing.wish(here.clone.state, WishKind.STOP, found)
    if poller_runs(here.clone.state):
        talk().print(f"asked the poller to stop {name}", markup=False)
        return 0
    with only_poller(here.clone.state):
        try:
            carry_out(here, issues={found["github"]["issue_number"]}, wishes={wish.id})
        except Unavailable as error:
            ended = end_runs(here, [name])
            talk().print(
                f"{'ended the agent of' if ended else 'no agent runs for'} {name}; the forge is away "
                f"({error.message}): the wish is kept, and `cdock run` writes it down there",
                markup=False,
                soft_wrap=True,
            )
            return 0
    talk().print(f"stopped {name}; its work is kept", markup=False)
    return 0
