"""Commits, trees, files, refs, and what is said about commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from cdock.forge.domain import checks, history, refs, trees, users
from cdock.forge.domain.checks import CheckRun, Rollup
from cdock.forge.domain.errors import Conflict, NotFound
from cdock.forge.domain.history import Commit, Signature
from cdock.forge.domain.refs import Ref
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.statuses import Status
from cdock.forge.graphql import people, repository, scopes
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id, oid_node, ref_id
from cdock.forge.store import text_of

_PREFIXES: Final = ("refs/heads/", "refs/tags/")


def commit(ask: Ask, repo: Repo, shown: Commit) -> Shown:
    """A commit."""
    headline, _, body = shown.message.partition("\n")
    return {
        "__typename": "Commit",
        "id": oid_node("C", repo, shown.oid),
        "oid": shown.oid,
        "abbreviatedOid": shown.oid[:7],
        "url": f"{ask.urls.page(repo)}/commit/{shown.oid}",
        "message": shown.message,
        "messageHeadline": headline,
        "messageBody": body.strip("\n"),
        "author": _signature(ask, shown.author),
        "committer": _signature(ask, shown.committer),
        "authors": lambda args: connection(args, [shown.author], lambda each: _signature(ask, each)),
        "authoredDate": text_of(shown.author.date),
        "committedDate": text_of(shown.committer.date),
        "tree": _tree(repo, shown.tree),
        "parents": lambda args: connection(
            args, history.some(repo, shown.parents), lambda each: commit(ask, repo, each)
        ),
        "statusCheckRollup": lambda _: rollup(ask, repo, shown.oid),
    }


def commit_of(ask: Ask, repo: Repo, oid: str | None) -> Shown | None:
    """A commit by its whole id, or None when there is none."""
    found = history.some(repo, [oid]) if oid else []
    return commit(ask, repo, found[0]) if found else None


def ref(ask: Ask, repo: Repo, shown: Ref) -> Shown:
    """A branch or tag."""
    prefix = next((each for each in _PREFIXES if shown.name.startswith(each)), "refs/")
    return {
        "__typename": "Ref",
        "id": ref_id(repo, shown.name),
        "name": shown.name.removeprefix(prefix),
        "prefix": prefix,
        "repository": lambda _: repository.repository(ask, repo),
        "target": lambda _: _target(ask, repo, shown),
        "compare": lambda args: _comparison(repo, shown, args["headRef"]),
    }


def branch_of(ask: Ask, repo: Repo, name: str) -> Shown | None:
    """A branch by its short name, or None."""
    return ref_of(ask, repo, f"refs/heads/{name}")


def ref_of(ask: Ask, repo: Repo, name: str) -> Shown | None:
    """A branch or tag by its name, short or full; None for any other ref, which GitHub does not show here."""
    wanted = (
        [name] if name.startswith("refs/") else [f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"]
    )
    for each in wanted:
        if each.startswith(_PREFIXES) and refs.safe(each):
            try:
                return ref(ask, repo, refs.find_ref(repo, each))
            except NotFound:
                continue
    return None


def refs_of(ask: Ask, repo: Repo, args: Args) -> Shown:
    """The refs of a repository below a prefix."""
    prefix = args["refPrefix"].rstrip("/") + "/"
    words = args.get("query", "").lower()
    found = refs.list_refs(repo, prefix) if prefix.startswith("refs/") and refs.safe(prefix[:-1]) else []
    found = [each for each in found if words in each.name.lower()]
    if (args.get("orderBy") or {}).get("direction", args.get("direction")) == "DESC":
        found.reverse()
    return connection(args, found, lambda each: ref(ask, repo, each))


def thing(ask: Ask, repo: Repo, *, oid: str | None, expression: str | None) -> Shown | None:
    """A commit, folder or file by its id or by an expression such as `main:README.md`; None when there is none."""
    name, colon, path = (oid or expression or "").partition(":")
    try:
        found = refs.resolve(repo, name)
    except (NotFound, Conflict):
        return None
    if not colon:
        return commit_of(ask, repo, found)
    if not path.strip("/"):
        return _tree(repo, history.find(repo, found).tree)
    try:
        entry = trees.entry_at(repo, found, path)
    except NotFound:
        return None
    return _blob(repo, entry.oid, entry.size or 0) if entry.kind == "blob" else _tree(repo, entry.oid)


def rollup(ask: Ask, repo: Repo, oid: str) -> Shown | None:
    """Everything that is said about a commit, or None when nothing is."""
    scopes.checks(ask, repo)
    found = checks.rollup(ask.tx, repo, oid)
    if found.state is None:
        return None
    return {
        "id": oid_node("SCR", repo, oid),
        "state": found.state,
        "contexts": lambda args: _contexts(ask, repo, found, args),
    }


def _contexts(ask: Ask, repo: Repo, found: Rollup, args: Args) -> Shown:
    items: Sequence[Status | CheckRun] = (*found.runs, *found.statuses)
    said = Counter(each.state.upper() for each in found.statuses)
    ran = Counter((each.conclusion or each.status).upper() for each in found.runs)
    return connection(
        args,
        items,
        lambda each: check_run(ask, repo, each) if isinstance(each, CheckRun) else _status(ask, each),
        checkRunCount=len(found.runs),
        checkRunCountsByState=[{"state": state, "count": count} for state, count in ran.items()],
        statusContextCount=len(found.statuses),
        statusContextCountsByState=[{"state": state, "count": count} for state, count in said.items()],
    )


def _status(ask: Ask, shown: Status) -> Shown:
    return {
        "__typename": "StatusContext",
        "id": node_id("SC", shown.id),
        "context": shown.context,
        "state": shown.state.upper(),
        "description": shown.description,
        "targetUrl": shown.target_url,
        "createdAt": text_of(shown.created),
        "creator": people.user(ask, shown.creator),
        "avatarUrl": f"{ask.urls.web}/_avatar/{shown.creator.id}",
        # Nothing is required here: there are no branch protections.
        "isRequired": False,
    }


def check_run(ask: Ask, repo: Repo, shown: CheckRun) -> Shown:
    """A check run."""
    page = f"{ask.urls.page(repo)}/runs/{shown.id}"
    return {
        "__typename": "CheckRun",
        "id": node_id("CR", shown.id),
        "databaseId": shown.id,
        "name": shown.name,
        "status": shown.status.upper(),
        "conclusion": shown.conclusion.upper() if shown.conclusion else None,
        "startedAt": text_of(shown.started) if shown.started else None,
        "completedAt": text_of(shown.completed) if shown.completed else None,
        "detailsUrl": shown.details_url or page,
        "url": page,
        "title": shown.title,
        "summary": shown.summary,
        "isRequired": False,
        # There are no workflows here.
        "checkSuite": {"id": node_id("CS", shown.suite_id), "workflowRun": None},
    }


def _signature(ask: Ask, shown: Signature) -> Shown:
    person = users.of_email(ask.tx, shown.email)
    return {
        "name": shown.name,
        "email": shown.email,
        "date": shown.date.astimezone(UTC).isoformat(),
        "user": people.maybe(ask, person),
    }


def _target(ask: Ask, repo: Repo, shown: Ref) -> Shown | None:
    if shown.kind == "tag":
        return {
            "__typename": "Tag",
            "id": oid_node("TA", repo, shown.oid),
            "oid": shown.oid,
            "name": shown.short,
        }
    return commit_of(ask, repo, shown.oid)


def _comparison(repo: Repo, base: Ref, head: str) -> Shown | None:
    try:
        tip = refs.resolve(repo, head.rpartition(":")[2])
    except (NotFound, Conflict):
        return None
    ahead, behind = history.ahead_behind(repo, base.oid, tip)
    status = "DIVERGED" if ahead and behind else "AHEAD" if ahead else "BEHIND" if behind else "IDENTICAL"
    return {
        "id": oid_node("CMP", repo, f"{base.oid}:{tip}"),
        "aheadBy": ahead,
        "behindBy": behind,
        "status": status,
    }


def _tree(repo: Repo, oid: str) -> Shown:
    return {"__typename": "Tree", "id": oid_node("T", repo, oid), "oid": oid}


def _blob(repo: Repo, oid: str, size: int) -> Shown:
    def text(_: Args) -> Any:
        data = trees.blob(repo, oid)
        return None if b"\0" in data else data.decode(errors="replace")

    return {
        "__typename": "Blob",
        "id": oid_node("B", repo, oid),
        "oid": oid,
        "byteSize": size,
        "isBinary": lambda _: b"\0" in trees.blob(repo, oid),
        "text": text,
    }
