"""Browsing a repository: its front page, folders, files, branches and commits."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from cdock.forge.domain import diffs, history, refs, trees
from cdock.forge.domain.errors import Conflict, NotFound
from cdock.forge.domain.history import Commit
from cdock.forge.domain.refs import Ref
from cdock.forge.web import markdown
from cdock.forge.web.lookups import commit_finder
from cdock.forge.web.markdown import Surroundings
from cdock.forge.web.places import Place, place_of, surroundings_of
from cdock.forge.web.pulls import changes_of
from cdock.forge.web.visits import Visit
from cdock.forge.web.wording import address

SHOWN_LIMIT = 400_000
"""Bytes of a file to show; larger ones can be had by git."""
PAGE = 30


@dataclass(frozen=True)
class Branch:
    """A branch with its newest commit and how far it is from the default branch."""

    ref: Ref
    commit: Commit
    ahead: int
    behind: int


def repo_page(visit: Visit) -> Response:
    """GET /OWNER/REPO"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        repo = place.repo
        if refs.is_empty(repo):
            return visit.page("empty.html", place=place, tab="code")
        tip = refs.resolve(repo, repo.default_branch)
        return visit.page(
            "repo_home.html",
            place=place,
            tab="code",
            ref=repo.default_branch,
            path="",
            entries=_sorted(trees.list_tree(repo, tip)),
            readme=_readme(place, tip, "", surroundings_of(tx, place, commit_of=commit_finder(repo))),
            commits=history.list_commits(repo, tip, limit=5),
            commit_count=history.count_commits(repo, tip),
            branches=refs.branches(repo),
        )


def tree_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/tree/REF/PATH"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        ref, oid, path = _located(place, visit.part("rest"))
        entries = trees.list_tree(place.repo, oid, path)
        around = surroundings_of(tx, place, commit_of=commit_finder(place.repo))
        return visit.page(
            "tree.html",
            place=place,
            tab="code",
            ref=ref,
            path=path,
            entries=_sorted(entries),
            readme=_readme(place, oid, path, around, ref=ref),
        )


def blob_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/blob/REF/PATH"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        ref, oid, path = _located(place, visit.part("rest"))
        entry = trees.entry_at(place.repo, oid, path)
        if entry.kind != "blob":
            raise NotFound
        too_large = (entry.size or 0) > SHOWN_LIMIT
        content = b"" if too_large else trees.blob(place.repo, entry.oid)
        binary = b"\0" in content[:8000]
        text = "" if binary else content.decode("utf-8", "replace")
        rendered = None
        if path.lower().endswith((".md", ".markdown")) and not visit.asked("source"):
            around = surroundings_of(tx, place, commit_of=commit_finder(place.repo))
            rendered = _rendered(place, text, path, around, ref=ref)
        return visit.page(
            "blob.html",
            place=place,
            tab="code",
            ref=ref,
            path=path,
            entry=entry,
            lines=text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"),
            too_large=too_large,
            binary=binary,
            rendered=rendered,
            is_markdown=rendered is not None or bool(visit.asked("source")),
        )


def raw(visit: Visit) -> Response:
    """GET /OWNER/REPO/raw/REF/PATH: the bytes, never as a page of this forge."""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    _, oid, path = _located(place, visit.part("rest"))
    content = trees.read_file(place.repo, oid, path)
    plain = b"\0" not in content[:8000]
    return Response(
        content,
        media_type="text/plain; charset=utf-8" if plain else "application/octet-stream",
        headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
    )


def branches_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/branches"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    repo = place.repo
    found = refs.branches(repo)
    commits = {commit.oid: commit for commit in history.some(repo, [ref.oid for ref in found])}
    default = next((ref.oid for ref in found if ref.short == repo.default_branch), None)
    branches = [
        Branch(ref, commits[ref.oid], *(history.ahead_behind(repo, default, ref.oid) if default else (0, 0)))
        for ref in found
        if ref.oid in commits
    ]
    branches.sort(key=lambda branch: branch.commit.committer.date, reverse=True)
    branches.sort(key=lambda branch: branch.ref.short != repo.default_branch)
    return visit.page("branches.html", place=place, tab="code", branches=branches)


def commits_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/commits/REF"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    ref = visit.request.path_params.get("rest") or place.repo.default_branch
    oid = _commit_at(place, ref)
    digits = visit.asked("skip")
    skip = int(digits) if digits.isdecimal() and len(digits) < 8 else 0
    commits = history.list_commits(place.repo, oid, limit=PAGE + 1, skip=skip)
    here = f"{place.path}/commits/{address(ref)}"
    return visit.page(
        "commits.html",
        place=place,
        tab="code",
        ref=ref,
        commits=commits[:PAGE],
        newer=f"{here}?skip={max(0, skip - PAGE)}" if skip else "",
        older=f"{here}?skip={skip + PAGE}" if len(commits) > PAGE else "",
    )


def commit_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/commit/SHA"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    commit = history.find(place.repo, _commit_at(place, visit.part("oid")))
    files = diffs.commit_changes(place.repo, commit)
    title, _, text = commit.message.partition("\n")
    return visit.page(
        "commit.html",
        place=place,
        tab="code",
        commit=commit,
        title=title,
        text=text.strip("\n"),
        changes=changes_of(files),
    )


def _located(place: Place, rest: str) -> tuple[str, str, str]:
    """Which ref, commit and path an address means: branches have slashes too, and the longest match wins."""
    parts = rest.strip("/").split("/")
    # No file of a repository has such a part in its path, and git would refuse it with an error of its own.
    if "\0" in rest or not {"", ".", ".."}.isdisjoint(parts):
        raise NotFound
    known = {ref.short for ref in refs.list_refs(place.repo, "refs/heads/", "refs/tags/")}
    for end in range(len(parts), 0, -1):
        ref = "/".join(parts[:end])
        if ref in known or end == 1:
            return ref, _commit_at(place, ref), "/".join(parts[end:])
    raise NotFound


def _commit_at(place: Place, ref: str) -> str:
    """The commit a branch, tag or id means. Raises NotFound, also in an empty repository."""
    try:
        return refs.resolve(place.repo, ref)
    except Conflict as error:
        raise NotFound("Nothing was pushed to this repository yet.") from error


def _sorted(entries: list[trees.Entry]) -> list[trees.Entry]:
    return sorted(entries, key=lambda entry: (entry.kind != "tree", entry.name.lower()))


def _readme(
    place: Place, oid: str, path: str, around: Surroundings, *, ref: str = ""
) -> tuple[str, object] | None:
    """The name of a folder's readme, and its text as HTML (or as it is when it is not markdown)."""
    try:
        entry = trees.find_readme(place.repo, oid, path)
    except NotFound:
        return None
    if (entry.size or 0) > SHOWN_LIMIT:
        return None
    text = trees.blob(place.repo, entry.oid).decode("utf-8", "replace")
    if not entry.name.lower().endswith((".md", ".markdown")):
        return entry.name, text
    return entry.name, _rendered(place, text, entry.path, around, ref=ref or place.repo.default_branch)


def _rendered(place: Place, text: str, path: str, around: Surroundings, *, ref: str) -> object:
    folder = path.rpartition("/")[0]
    start = f"{place.path}/blob/{address(ref)}/{address(folder) + '/' if folder else ''}"
    here = Surroundings(
        repository=around.repository,
        has_number=around.has_number,
        commit_of=around.commit_of,
        relative_to=start,
    )
    return markdown.render(text, here)
