"""The `cdock` command: finds the verb, runs it, and turns errors into words and exit codes."""

import contextlib
import gc
import importlib
import os
import sys
from pathlib import Path

import click

from cdock import __version__
from cdock.cli.console import talk
from cdock.core.errors import CdockError

# Verb: module below `cdock.cli.commands`, and the line `--help` shows. The modules are imported when they are
# called, so that help and completion stay fast.
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Watch an issue become a pull request: no account, no key, no Docker needed."),
    "init": ("init", "Prepare this repository: settings, issue form, labels."),
    "doctor": ("doctor", "Say what is there, what is missing, and how to get it."),
    "run": ("run", "The poller: claim labelled issues and work on them."),
    "create": ("create", "A new task: an issue, labelled so that work starts."),
    "multi": ("multi", "Several tasks at once, each with its own prompt."),
    "fanout": ("fanout", "The same task for several agents, to pick the best."),
    "orchestrate": ("orchestrate", "Talk a goal over with an agent; it becomes a plan, and issues."),
    "plan": ("plan", "Plans: import, list, show, graph, edit, export, publish."),
    "status": ("status", "Every task of this clone and how it stands."),
    "list": ("list", "Every task, by batch and by plan."),
    "explain": ("explain", "Why a task is as it is, and what unblocks it."),
    "logs": ("logs", "What an agent said and did."),
    "diff": ("diff", "What the work on a task changes."),
    "answer": ("answer", "Answer the question of a task's agent."),
    "prompt": ("prompt", "Tell the agent of a task something."),
    "attach": ("attach", "Take over the terminal of an agent."),
    "bash": ("bash", "A shell in the workspace of a task."),
    "help-agent": ("helpagent", "Open a help issue for a task."),
    "retry": ("retry", "A new round for tasks that are stuck."),
    "stop": ("stop", "Stop work on a task; what was done is kept."),
    "pick": ("pick", "Choose one of a batch; the others are closed and kept."),
    "approve": ("approve", "Let a plan go on: publish its proposal, or start its next stage."),
    "stage": ("stage", "Say that a task is complete, blocked, or starts anew."),
    "kill": ("kill", "End tasks for good: agents, worktrees and branches go."),
    "verify": ("verify", "Run a task's acceptance commands and say what you think of it."),
    "land": ("land", "Finished work onto the default branch."),
    "merge": ("land", "The same as land."),
    "sync": ("sync", "Deliver what was held back, and read the forge anew."),
    "forge": ("forge", "The embedded forge: up, down, status, open."),
    "image": ("image", "The image agents run in: build, ls."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"cdock.cli.commands.{VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a wrong verb is answered with the one that was meant."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, VERBS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " `cdock --help` lists them."
            raise click.UsageError(f"no verb {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their lines, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


EXIT_CODES = """
\b
Exit codes:
  0 ok         2 usage, or a wrong setting     5 forge or network away    130 interrupted
  1 failed     3 some of many failed           6 a program is missing
               4 token or permission
"""


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cdock")
@click.option("-C", "directory", metavar="DIR", default=".", help="Work as if started in DIR.")
@click.pass_context
def cdock(ctx: click.Context, directory: str) -> None:
    """Label an issue, get a pull request. Answer the agent's questions in the browser."""
    ctx.obj = Path(directory)


def run(args: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    # Most commands end before looking for garbage could pay, and reading a large mirror set it off again and again.
    gc.set_threshold(50_000, 20, 20)
    try:
        code = cdock.main(args, prog_name="cdock", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CdockError as error:
        return _report(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        talk().print("interrupted; what was begun is kept, and the same command goes on with it")
        return 130
    except KeyboardInterrupt:
        talk().print("interrupted; what was begun is kept, and the same command goes on with it")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # `cdock status | head`: the reader has what it wanted.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _report(_of_system(error))


def _of_system(error: OSError) -> CdockError:
    where = f" ({error.filename})" if error.filename else ""
    return CdockError(
        f"{error.strerror or error}{where}",
        code="CD110",
        tried="reading or writing files of this machine",
        fix="make room on the disk, or check the permissions; nothing was left half-written",
    )


def _report(error: CdockError) -> int:
    console = talk()
    console.print(
        f"error[{error.code}]: {error.message}", style="red", markup=False, highlight=False, soft_wrap=True
    )
    for name, text in (("tried", error.tried), ("fix", error.fix)):
        if text:
            console.print(f"  {name + ':':<6} {text}", markup=False, highlight=False, soft_wrap=True)
    return error.exit_code
