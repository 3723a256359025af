"""Put a person's repository on the embedded forge, so that their own git can push to it too."""

import re
import shlex
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.adapters.git.clone import push_first
from cdock.cli import embedded
from cdock.cli.commands.forge import default_data
from cdock.cli.console import talk
from cdock.wiring import Site, token_file

REMOTE = "forge"


def adopt(here: Site) -> None:
    """The clone's repository is on the embedded forge, which is its remote `forge`; may be repeated.

    Two tokens are kept in files that only this user can read: the poller's, and the person's for their own git.

    Raises:
        Refused: the forge or git said no; what was done so far does not stand in the way of another try.
    """
    if REMOTE in here.clone.remotes:
        return
    forge = embedded.up(default_data())
    login = embedded.person()
    name = f"{login}/{re.sub(r'[^A-Za-z0-9._-]+', '-', here.clone.root.name)}"
    forge.admin("user", login)
    forge.admin("user", embedded.BOT, "--bot")
    forge.admin("repo", name)
    forge.admin("role", name, embedded.BOT, "write")
    kept = token_file(here.env, forge.url.removeprefix("http://"))
    own = kept.with_name(f"{kept.name}.{login}")
    for path, who in ((kept, embedded.BOT), (own, login)):
        secret = forge.admin("token", who, "--note", "cdock init --local")["token"]
        write_atomic(path, f"{secret}\n", mode=0o600)
    push_first(
        here.clone, url=f"{forge.url}/{name}.git", remote=REMOTE, host=forge.url, helper=_helper(login, own)
    )
    talk().print(f"the repository is at {forge.url}/{name}; `cdock forge open` logs you in", markup=False)


def _helper(login: str, token: Path) -> str:
    """A git credential helper that reads the token from its file, so that it stands in no configuration."""
    answer = f'echo username={shlex.quote(login)} && echo "password=$(cat {shlex.quote(str(token))})"'
    return f'!f() {{ test "$1" != get || {{ {answer}; }}; }}; f'
