"""What the person who owns the machine may do with a data directory, whether it is being served or not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cdock.forge import appkeys, presence
from cdock.forge.domain import access, apps, logins, projects, repos, roles, users
from cdock.forge.store import Store, moment_of

Answer = dict[str, object]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the admin commands to a parser."""
    user = commands.add_parser("user", help="make a user, or leave an existing one as it is")
    user.add_argument("login")
    kind = user.add_mutually_exclusive_group()
    kind.add_argument("--bot", action="store_const", dest="kind", const="Bot", default="User")
    kind.add_argument("--org", action="store_const", dest="kind", const="Organization")
    token = commands.add_parser("token", help="a new token for a user, shown once")
    token.add_argument("login")
    token.add_argument("--note")
    token.add_argument("--scopes", help="a classic token for these only, such as repo,project")
    token.add_argument(
        "--fine", metavar="PERMISSIONS", help='a fine-grained token, such as "issues=write,contents=read"'
    )
    token.add_argument("--expires", metavar="TIME", help="when a fine-grained token ends (ISO 8601)")
    repo = commands.add_parser("repo", help="make a repository, or leave an existing one as it is")
    repo.add_argument("name", metavar="OWNER/NAME")
    repo.add_argument("--private", action="store_true")
    repo.add_argument("--description")
    role = commands.add_parser("role", help="give a user a role in a repository; none takes it away")
    role.add_argument("name", metavar="OWNER/NAME")
    role.add_argument("login")
    role.add_argument("role", choices=[role.label for role in roles.Role])
    board = commands.add_parser(
        "project", help="make a board, or leave an owner's one of this title as it is"
    )
    board.add_argument("owner")
    board.add_argument("title")
    board.add_argument("--public", action="store_true")
    board.add_argument("--repo", metavar="OWNER/NAME", help="show it with this repository of the same owner")
    board.add_argument("--write", metavar="LOGIN", action="append", default=[], help="let a user change it")
    code = commands.add_parser("login-code", help="a one-time code to log in with a browser")
    code.add_argument("login")
    app = commands.add_parser("app", help="make an App with a bot and a key, or install an existing one")
    app.add_argument("name")
    app.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="its private key; made when it is not there"
    )
    app.add_argument("--owner", metavar="LOGIN", help="whose it is (default: owner of the first repository)")
    app.add_argument(
        "--install", action="append", default=[], metavar="OWNER/NAME", help="a repository it works in"
    )
    app.add_argument("--permissions", help='what it may do, such as "checks=write,contents=read"')
    commands.add_parser("status", help="whether it is being served, and where")


def run(data_dir: Path, args: argparse.Namespace) -> Answer:
    """Carry out one admin command. Raises a DomainError when it cannot be."""
    with Store(data_dir) as store:
        match args.command:
            case "user":
                return _user(store, args.login, kind=args.kind)
            case "token":
                return _token(store, args)
            case "repo":
                return _repo(store, args.name, private=args.private, description=args.description)
            case "role":
                return _role(store, args.name, args.login, roles.Role[args.role.upper()])
            case "project":
                return _project(
                    store, args.owner, args.title, public=args.public, repo=args.repo, writers=args.write
                )
            case "login-code":
                return _code(store, args.login)
            case "app":
                return _app(store, args)
            case _:
                return _status(store)


def _user(store: Store, login: str, *, kind: users.Kind) -> Answer:
    with store.write() as tx:
        person = users.ensure(tx, login, kind=kind)
    return {"id": person.id, "login": person.login, "type": person.kind}


def _token(store: Store, args: argparse.Namespace) -> Answer:
    if args.fine is not None and args.scopes is not None:
        raise ValueError("--scopes are those of classic tokens and --fine makes another kind: choose one")
    if args.expires is not None and args.fine is None:
        raise ValueError("--expires goes with --fine: classic tokens do not end here")
    with store.write() as tx:
        person = users.ensure(tx, args.login)
        if args.fine is not None:
            permissions = access.parse_permissions(args.fine)
            expires = moment_of(args.expires) if args.expires else None
            token = logins.create_fine_token(tx, person, permissions, expires=expires, note=args.note)
        else:
            scopes = logins.SCOPES if args.scopes is None else tuple(filter(None, args.scopes.split(",")))
            token = logins.create_token(tx, person, note=args.note, scopes=scopes)
    return {"token": token}


def _app(store: Store, args: argparse.Namespace) -> Answer:
    public_key = appkeys.ensure_key(args.key)
    permissions = None if args.permissions is None else access.parse_permissions(args.permissions)
    with store.write() as tx:
        chosen = [repos.find(tx, *_split(name), actor=repos.FORGE) for name in args.install]
        if args.owner is None and not chosen:
            raise ValueError("an App is somebody's: say whose with --owner, or where it works with --install")
        owner = users.ensure(tx, args.owner) if args.owner else chosen[0].owner
        app = apps.ensure(tx, args.name, owner=owner, public_key=public_key, permissions=permissions)
        for repo in chosen:
            apps.install(tx, app, repo.owner, [repo])
        installed = [
            {
                "id": one.id,
                "account": one.account.login,
                "repos": [repo.full_name for repo in apps.repositories(tx, one)],
            }
            for one in apps.installations(tx, app)
        ]
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "bot": app.bot.login,
        "key": str(args.key),
        "installations": installed,
    }


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


def _project(
    store: Store, login: str, title: str, *, public: bool, repo: str | None, writers: Sequence[str]
) -> Answer:
    with store.write() as tx:
        owner = users.find(tx, login)
        known = [each for each in projects.list_of(tx, owner, actor=owner) if each.title == title]
        board = known[0] if known else projects.create(tx, owner, title, actor=owner)
        if public and not board.public:
            projects.update(tx, board, actor=owner, public=True)
        if repo is not None:
            projects.link(tx, board, repos.find(tx, *_split(repo), actor=repos.FORGE), actor=owner)
        for each in writers:
            person = users.find(tx, each)
            projects.set_access(tx, board, person, projects.Access.WRITE, actor=owner)
    return {
        "id": board.id,
        "owner": owner.login,
        "number": board.number,
        "path": board.path,
        "new": not known,
    }


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
