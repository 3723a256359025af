"""Write the reference pages that are made from the code: `python docs/generate.py`, or `--check` them.

`docs/reference/cli.md` comes from the click commands, `docs/reference/settings.md` from the models of `cdock.toml`.
"""

import argparse
import ast
import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cdock import settings
from cdock.adapters.labels import label_looks
from cdock.cli.main import EXIT_CODES, cdock
from cdock.core import errors
from cdock.core.policy import Labels, Policy

PAGES = Path(__file__).parent / "reference"
NOTICE = "<!-- Made by docs/generate.py from the code. Change the code, then run it again. -->\n"

# Exit codes that the command line gives without an error of ours behind them.
_WITHOUT_ERROR: Mapping[int, str] = {
    0: "it worked",
    1: "any other error; `cdock doctor` found a fault; `cdock demo` did not come to its end",
    2: "an unknown verb, option or argument",
    3: "`cdock run` ended, and gave up on some of the issues after three failures in a row each; "
    "`cdock sync` found something that a person has to see to",
    130: "Ctrl-C at a question, or while a command that is not the poller worked, `cdock logs -f` among them",
}
# What the numbers of the rules mean is said once, at the policy they end up in.
_IN_POLICY: Mapping[str, str] = {
    "acceptance.commands": "acceptance",
    "agent.default": "agent",
    "budget.tries": "tries",
    "budget.attempts": "max_attempts",
    "budget.time_box": "time_box",
    "budget.backoff": "backoff",
    "poll.max_parallel": "max_parallel",
    "poll.lease": "lease",
    "poll.harvest_every": "harvest_every",
    "poll.push_every": "push_every",
}
# Said here because the models say nothing about them.
_MEANING: Mapping[str, str] = {
    "agent.command.model": "What `{model}` stands for.",
    "runner.kind": "Containers, or plain processes of your user "
    "([what that gives up](../how-to/run-without-docker.md)).",
    "runner.cpus": "Processors one container may use. Of no meaning to the local runner.",
    "runner.pids": "Processes and threads one container may have. Of no meaning to the local runner.",
    "poll.interval": "Time between two looks at the forge.",
    "branch.prefix": "What the names of task branches start with.",
}
_AFTER = """\
An agent of the kind `command` gets its prompt on standard input, unless a word of `argv` holds `{prompt_file}`, which
becomes the path of a file with it. It has to leave commits and to end with one of `ok_codes`. The form of a `script` is
described in `cdock/adapters/agents/scripted_agent.py`.

## Environment

| Variable | Used for |
| --- | --- |
| `CDOCK_TOKEN_FILE` | A file with the forge's token, before all others. |
| `CDOCK_TOKEN` | The forge's token. |
| `CDOCK_APP_ID`, `CDOCK_APP_KEY_FILE` | A GitHub App and its private key ([how](../how-to/choose-a-token.md)). |
| `GH_TOKEN`, `GITHUB_TOKEN` | The token for github.com and `*.ghe.com`. After them `gh auth token` is asked. |
| `GH_ENTERPRISE_TOKEN`, `GITHUB_ENTERPRISE_TOKEN` | The token for a GitHub Enterprise Server. |
| `GH_HOST` | The host that an alias from `~/.ssh/config` in the remote's address stands for. |
| `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`, `CLAUDE_CODE_OAUTH_TOKEN` | The credential of Claude Code; the first \
one that is set. Containers never see it, plain processes get it. |
| `OPENAI_API_KEY` | The credential of Codex. |
| `GEMINI_API_KEY` | The credential of Gemini CLI. OpenCode and Aider take any of these. |
| `ANTHROPIC_BASE_URL`, `OPENAI_BASE_URL`, `GOOGLE_GEMINI_BASE_URL` | The model's provider, when it is not at its own \
address. |
| `DOCKER_HOST`, `DOCKER_CONTEXT` and the others of the `docker` command | Which Docker Engine. |
| `HTTPS_PROXY`, `NO_PROXY` | The way out of a company network. |
| `REQUESTS_CA_BUNDLE`, `GIT_SSL_CAINFO`, `SSL_CERT_FILE` | Certificate authorities to trust (PEM): for the \
forge's API, for git, for the model's provider. |
| `CDOCK_WEBHOOK_SECRET` | The secret that verifies webhooks ([how](../how-to/webhook.md)). |
| `CDOCK_HOME` | Where cdock keeps what belongs to you rather than to a clone (the embedded forge and its tokens). \
By default the user data directory of your system. |
| `XDG_RUNTIME_DIR` | Where the socket to the model's provider is made; without it, in the temporary directory. |
"""


def cli_page() -> str:
    """The page about verbs, options and exit codes."""
    root = click.Context(cdock, info_name="cdock")
    parts = [NOTICE, "# Command line\n", _usage(root), _help_of(cdock), _options(cdock, root)]
    parts += [
        "A `TASK` is named by its issue number (`42` or `#42`), the address of its issue, its id "
        "(`cdock.add-login.a7b2c8d`, with or without `cdock.`), or a beginning of its id that no other task has. "
        "Where several make sense, a `PATTERN` such as `'auth-*'` names all whose id fits; quote it, or your shell "
        "fills it in.\n",
        "What was asked for goes to standard output, everything else to standard error.\n",
    ]
    for name in cdock.list_commands(root):
        parts.append(_verb(name, root, depth=2))
    parts.append(_exit_codes())
    return "\n".join(part for part in parts if part)


def _verb(name: str, parent: click.Context, *, depth: int) -> str:
    assert isinstance(parent.command, click.Group)  # noqa: S101 - for the type checker
    command = parent.command.get_command(parent, name)
    assert command is not None, name  # noqa: S101 - it was listed a moment ago
    here = click.Context(command, info_name=name, parent=parent)
    parts = [f"{'#' * depth} {here.command_path}\n", _usage(here), _help_of(command), _options(command, here)]
    if isinstance(command, click.Group):
        parts += [_verb(inner, here, depth=depth + 1) for inner in command.list_commands(here)]
    return "\n".join(part for part in parts if part)


def _usage(context: click.Context) -> str:
    words = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    return f"```text\n{words}\n```\n"


def _help_of(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "")
    # What click is told not to wrap.
    text = re.sub(
        r"\x08\nExamples:\n((?:  .+(?:\n|$))+)",
        lambda found: f"```sh\n{textwrap.dedent(found[1]).rstrip()}\n```",
        text,
    )
    return f"{text}\n"


def _options(command: click.Command, context: click.Context) -> str:
    rows = []
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record and isinstance(param, click.Option) and "--help" not in param.opts:
            rows.append(f"| `{_cell(record[0])}` | {_cell(record[1])} |")
    return "\n".join(["| Option | Meaning |", "| --- | --- |", *rows]) + "\n" if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _exit_codes() -> str:
    listed = {int(code): text for code, text in re.findall(r"(\d+) (\S.*?)(?=\s{2,}|\n)", EXIT_CODES)}
    when: dict[int, list[str]] = {code: [text] for code, text in _WITHOUT_ERROR.items()}
    for error in _errors_of(errors.CdockError):
        first = inspect.cleandoc(error.__doc__ or "").partition("\n")[0].rstrip(".")
        when.setdefault(error.exit_code, []).append(f"`{error.__name__}`: {first[:1].lower()}{first[1:]}")
    rows = [
        f"| {code} | {text} | {'; '.join(when.get(code, ['nothing ends with it today']))} |"
        for code, text in sorted(listed.items())
    ]
    head = ["## Exit codes\n", "| Code | Short | When |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows, "", "The codes of single errors are in [errors](errors.md).", ""])


def _errors_of(kind: type[errors.CdockError]) -> Iterator[type[errors.CdockError]]:
    for error in kind.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from _errors_of(error)


def settings_page() -> str:
    """The page about `cdock.toml` and the environment."""
    parts = [
        NOTICE,
        "# Settings\n",
        "`cdock.toml` at the top of the clone. Every table and every key may be left out. An unknown key is an error "
        "that names the one you probably meant. The file of your working directory counts, committed or not; "
        "`cdock run` reads it once, when it starts.\n",
        '```toml\n[acceptance]\ncommands = ["./test.sh"]\n\n[budget]\ntime_box = "45m"\n```\n',
        'A duration is written `"90s"`, `"30m"` or `"2h"`, or as a number of seconds.\n',
    ]
    for name, field in settings.Settings.model_fields.items():
        parts.append(_table(field.alias or name, field))
    parts.append(_AFTER)
    return "\n".join(parts)


def _table(name: str, field: FieldInfo) -> str:
    model = _model_of(field)
    assert model is not None, name  # noqa: S101 - every field of Settings is a table
    said = _docstrings(model)
    rows, inner_tables = [], []
    for key, inner in model.model_fields.items():
        path = f"{name}.{key}"
        if _model_of(inner):
            inner_tables.append(_table(path, inner))
            continue
        meaning = _cell(_meaning(path, said.get(key, "")))
        rows.append(f"| `{key}` | {_kind(inner)} | {_default(inner)} | {meaning} |")
    head = [f"## [{name}]\n", f"{inspect.cleandoc(model.__doc__ or '')}\n"]
    own = [*head, "| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |", *rows, ""]
    return "\n".join([*own, *inner_tables])


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a field that is a table."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _meaning(path: str, said: str) -> str:
    """What a key means: from its own docstring, from the policy, from the looks of labels, or from here.

    Raises:
        SystemExit: nobody says; a new setting needs a docstring.
    """
    table, _, key = path.rpartition(".")
    if said:
        return said
    if path in _IN_POLICY:
        return _docstrings(Policy)[_IN_POLICY[path]]
    if table == "labels":
        default = getattr(Labels(), key)
        return next(look.description for look in label_looks(Labels()) if look.name == default) + "."
    if path in _MEANING:
        return _MEANING[path]
    raise SystemExit(f"the setting {path} says nowhere what it means: give it a docstring")


def _docstrings(kind: type) -> dict[str, str]:
    """The string below each attribute of a class, which Python itself forgets."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - it is the source of a class
    found = {}
    for this, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(this, ast.AnnAssign)
            and isinstance(this.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found[this.target.id] = str(following.value.value)
    return found


def _kind(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(kind))
    if kind is timedelta:
        return "duration"
    plain = {str: "string", bool: "true or false", int: "whole number", float: "number"}
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if issubclass(inner, BaseModel):
            return f"list of tables: {', '.join(f'`{key}`' for key in inner.model_fields)}"
        return f"list of {plain[inner]}s"
    return plain[kind]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    match value:
        case timedelta():
            seconds = int(value.total_seconds())
            whole = seconds >= 60 and seconds % 60 == 0
            return f'`"{seconds // 60}m"`' if whole else f'`"{seconds}s"`'
        case tuple():
            return f"`{list(value)}`"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case _:
            return f"`{value}`"


def pages() -> dict[Path, str]:
    """All generated pages, as they should be."""
    made = {PAGES / "cli.md": cli_page(), PAGES / "settings.md": settings_page()}
    return {path: re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n" for path, text in made.items()}


def main() -> int:
    """Write the pages, or say how they differ from what they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 when a page is out of date"
    )
    check = parser.parse_args().check
    stale = False
    for path, text in pages().items():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old == text:
            continue
        stale = True
        if check:
            lines = difflib.unified_diff(
                old.splitlines(), text.splitlines(), path.name, "as generated", lineterm=""
            )
            sys.stdout.write("\n".join(lines) + "\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
