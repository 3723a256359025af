"""What the person who owns the machine may do with a data directory, whether it is being served or not."""

from __future__ import annotations

import argparse
from pathlib import Path

from cdock.forge import presence
from cdock.forge.domain import logins, repos, roles, users
from cdock.forge.store import Store

Answer = dict[str, object]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the admin commands to a parser."""
    user = commands.add_parser("user", help="make a user, or leave an existing one as it is")
    user.add_argument("login")
    user.add_argument("--bot", action="store_true")
    token = commands.add_parser("token", help="a new token for a user, shown once")
    token.add_argument("login")
    token.add_argument("--note")
    repo = commands.add_parser("repo", help="make a repository, or leave an existing one as it is")
    repo.add_argument("name", metavar="OWNER/NAME")
    repo.add_argument("--private", action="store_true")
    repo.add_argument("--description")
    role = commands.add_parser("role", help="give a user a role in a repository; none takes it away")
    role.add_argument("name", metavar="OWNER/NAME")
    role.add_argument("login")
    role.add_argument("role", choices=[role.label for role in roles.Role])
    code = commands.add_parser("login-code", help="a one-time code to log in with a browser")
    code.add_argument("login")
    commands.add_parser("status", help="whether it is being served, and where")


def run(data_dir: Path, args: argparse.Namespace) -> Answer:
    """Carry out one admin command. Raises a DomainError when it cannot be."""
    with Store(data_dir) as store:
        match args.command:
            case "user":
                return _user(store, args.login, bot=args.bot)
            case "token":
                return _token(store, args.login, note=args.note)
            case "repo":
                return _repo(store, args.name, private=args.private, description=args.description)
            case "role":
                return _role(store, args.name, args.login, roles.Role[args.role.upper()])
            case "login-code":
                return _code(store, args.login)
            case _:
                return _status(store)


def _user(store: Store, login: str, *, bot: bool) -> Answer:
    with store.write() as tx:
        person = users.ensure(tx, login, kind="Bot" if bot else "User")
    return {"id": person.id, "login": person.login, "type": person.kind}


def _token(store: Store, login: str, *, note: str | None) -> Answer:
    with store.write() as tx:
        return {"token": logins.create_token(tx, users.ensure(tx, login), note=note)}


def _repo(store: Store, name: str, *, private: bool, description: str | None) -> Answer:
    with store.write() as tx:
        owner, short = _split(name)
        repo, new = repos.ensure(tx, owner, short, private=private, description=description)
    return {"id": repo.id, "full_name": repo.full_name, "git_dir": str(repo.git_dir), "new": new}


def _role(store: Store, name: str, login: str, role: roles.Role) -> Answer:
    with store.write() as tx:
        repo = repos.find(tx, *_split(name), actor=repos.FORGE)
        person = users.ensure(tx, login)
        roles.set_role(tx, repo, person, role)
    return {"full_name": repo.full_name, "login": person.login, "role": role.label}


def _code(store: Store, login: str) -> Answer:
    with store.write() as tx:
        return {"code": logins.create_code(tx, users.find(tx, login))}


def _status(store: Store) -> Answer:
    known = presence.running(store.data_dir)
    with store.read() as tx:
        names = [repo.full_name for repo in repos.list_all(tx)]
    return {"running": known is not None, "repos": names, **(known or {})}


def _split(name: str) -> tuple[str, str]:
    owner, slash, short = name.partition("/")
    if not (owner and slash and short):
        raise ValueError(f"'{name}' is not OWNER/NAME")
    return owner, short
