"""`cdock init`: prepare a repository."""

import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.core.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from cdock.wiring import Site

IGNORED = "/.cdock/*\n!/.cdock/templates/\n"


@dataclass(frozen=True)
class Change:
    """A file to write. `old` is None when it is not there yet."""

    path: Path
    old: str | None
    new: str


@click.command(short_help="Prepare this repository: settings, issue form, labels.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option(
    "--local", is_flag=True, help="Put the repository on the embedded forge first, as the remote `forge`."
)
@click.pass_obj
def command(start: Path, yes: bool, dry_run: bool, local: bool) -> int:
    """Show what will be written (cdock.toml, the issue form, ignore rules, labels), then write it.

    A ref is made on the forge and deleted again, to find out whether it can hold claims. Running it again changes
    nothing that is already there.
    """
    from cdock.cli.adopt import REMOTE, adopt
    from cdock.cli.console import data, talk
    from cdock.wiring import forge, repository, site

    here = site(start)
    console = data()
    if local and REMOTE not in here.clone.remotes:
        console.print(f"  forge  + this repository, as the remote {REMOTE!r}", style="green", markup=False)
        if dry_run:
            for change in _changes(here.clone.root, remote=REMOTE):
                _show(change, here.clone.root)
            return 0
        _confirm(yes)
        adopt(here)
        here = site(start)
    if local:
        remote = here.settings.repository.model_copy(update={"remote": REMOTE})
        here = replace(here, settings=here.settings.model_copy(update={"repository": remote}))
    where = repository(here)
    changes = _changes(here.clone.root, remote=REMOTE if local else "origin")
    labels = forge(here).missing_labels(here.settings.policy().labels)
    console.print(f"{where} in {here.clone.root}", style="bold", markup=False)
    for change in changes:
        _show(change, here.clone.root)
    for label in labels:
        console.print(f"  label  + {label}", style="green", markup=False)
    if not changes and not labels:
        console.print("everything is there already")
        return 0
    if dry_run:
        return 0
    _confirm(yes)
    from cdock.adapters.files.atomic import write_atomic
    from cdock.settings import FILE

    # Before anything is written: a forge that can hold no claims is of no use to cdock.
    wanted, works = here.settings.claims.namespace, _where_claims_can_be(here)
    if works != wanted:
        changes = _saying_where(changes, here.clone.root / FILE, wanted=wanted, works=works)
        console.print(
            "  claims the forge takes branches only, so claims become branches below cdock-claims/",
            style="yellow",
            markup=False,
        )
    for change in changes:
        write_atomic(change.path, change.new)
    if labels:
        forge(here).ensure_repository_labels(here.settings.policy().labels)
    talk().print("done; commit the files, then `cdock doctor` and `cdock run`")
    return 0


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody is here to confirm", code="CD407", fix="cdock init --yes")
    click.confirm("Write this?", abort=True, default=True, err=True)


def _where_claims_can_be(here: "Site") -> str:
    """The namespace that works on the forge, the one that is configured first.

    Raises:
        Refused: the forge can hold no claims at all.
    """
    from cdock.adapters.git.claims import GitClaims
    from cdock.wiring import credential, repository

    return GitClaims(
        here.place,
        url=repository(here).clone_url,
        token=credential(here).token,
        namespace=here.settings.claims.namespace,
    ).probe()


def _saying_where(changes: tuple[Change, ...], path: Path, *, wanted: str, works: str) -> tuple[Change, ...]:
    """The changes, and in `cdock.toml` the namespace `works` in place of the default.

    Raises:
        Misconfigured: the file says something about claims already.
    """
    new = next((change for change in changes if change.path == path), None)
    text = new.new if new else path.read_text(encoding="utf-8")
    if "claims" in tomllib.loads(text):
        raise Misconfigured(
            f"the forge does not take claims below {wanted}",
            code="CD425",
            tried=f"making, moving and deleting a ref beside {wanted}",
            fix=f'say namespace = "{works}" below [claims] in {path}',
        )
    gap = "" if text.endswith("\n") else "\n"
    change = Change(path, None if new else text, f'{text}{gap}\n[claims]\nnamespace = "{works}"\n')
    _show(change, path.parent)
    return (*(other for other in changes if other.path != path), change)


def _changes(root: Path, *, remote: str) -> tuple[Change, ...]:
    from cdock.adapters.prompts import template_file

    toml = template_file("cdock.toml").read_text(encoding="utf-8")
    if remote != "origin":
        toml = toml.replace("[acceptance]", f'[repository]\nremote = "{remote}"\n\n[acceptance]', 1)
    form = template_file("github/ISSUE_TEMPLATE/cdock-task.yml").read_text(encoding="utf-8")
    wanted = {
        root / "cdock.toml": toml,
        root / ".github" / "ISSUE_TEMPLATE" / "cdock-task.yml": form,
    }
    found = [Change(path, None, text) for path, text in wanted.items() if not path.exists()]
    ignore = root / ".gitignore"
    old = ignore.read_text(encoding="utf-8") if ignore.exists() else None
    if "/.cdock/" not in (old or "") and ".cdock" not in (old or "").splitlines():
        gap = "" if not old or old.endswith("\n") else "\n"
        found.append(Change(ignore, old, f"{old or ''}{gap}{IGNORED}"))
    return tuple(found)


def _show(change: Change, root: Path) -> None:
    import difflib

    from cdock.cli.console import data

    name = change.path.relative_to(root)
    verb = "new" if change.old is None else "change"
    data().print(f"  {verb:<6} {name}", style="green" if change.old is None else "yellow", markup=False)
    before = (change.old or "").splitlines()
    for line in list(difflib.unified_diff(before, change.new.splitlines(), lineterm="", n=0))[2:]:
        if not line.startswith("@@"):
            data().print(f"           {line}", style="dim", markup=False)
