"""The pages of a pull request: conversation, commits, changed files, and merging it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from cdock.forge.domain import checks, diffs, issues, merging, pulls, refs, reviewcomments, roles
from cdock.forge.domain import reviews as domain_reviews
from cdock.forge.domain.diffs import FileChange
from cdock.forge.domain.pulls import Pull
from cdock.forge.store import Tx
from cdock.forge.web import opinions, reviews, timeline
from cdock.forge.web.hunks import Hunk, parse_hunks
from cdock.forge.web.issues import may_comment, number_of
from cdock.forge.web.lookups import commit_finder
from cdock.forge.web.places import Place, place_of, surroundings_of
from cdock.forge.web.relations import relations_of
from cdock.forge.web.visits import Visit, see

METHODS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
"""The ways to merge, and the switch of the repository that offers each."""
LINES_PER_FILE = 1_500
LINES_PER_PAGE = 12_000
"""A browser on a phone has to lay them out; what is left out can be seen with git."""


@dataclass(frozen=True)
class Change:
    """A changed file with the lines to show of it."""

    file: FileChange
    hunks: tuple[Hunk, ...]
    left_out: bool


def changes_of(files: Sequence[FileChange]) -> list[Change]:
    """Files to show, as far as a page can hold their lines."""
    room, shown = LINES_PER_PAGE, []
    for file in files:
        length = (file.patch or "").count("\n")
        fits = length <= min(room, LINES_PER_FILE)
        room -= length if fits else 0
        shown.append(Change(file, parse_hunks(file.patch or "") if fits else (), left_out=not fits))
    return shown


def pull_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/pull/N"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
        issue = issues.find(tx, place.repo, number_of(visit))
        if issue.pull is None:
            return see(f"{place.path}/issues/{issue.number}")
        pull = pulls.find(tx, place.repo, issue.number)
        around = surroundings_of(tx, place, commit_of=commit_finder(place.repo))
        talks = opinions.talks_of(
            tx,
            place,
            pull,
            visitor=visit.user,
            may_reply=may_comment(place, issue, visit),
            around=around,
        )
        given = opinions.opinions_of(tx, pull, talks, visitor=visit.user, around=around)
        entries = timeline.entries_of(tx, place, issue, visitor=visit.user, around=around, opinions=given)
        said = checks.rollup(tx, place.repo, pull.head_oid)
        return visit.page(
            "pull.html",
            **_common(tx, place, pull, part="conversation"),
            issue=issue,
            body=timeline.body_of(tx, place, issue, visitor=visit.user, around=around),
            entries=entries,
            people=timeline.participants(issue, entries),
            related=relations_of(tx, place, issue, visitor=visit.user),
            assignable=roles.assignables(tx, place.repo),
            may_edit=issues.may_edit(tx, place.repo, issue, visit.user),
            may_comment=may_comment(place, issue, visit),
            mergeable=merging.mergeability(tx, place.repo, pull),
            methods=[name for name, switch in METHODS.items() if place.repo.settings[switch]],
            statuses=said.statuses,
            runs=said.runs,
            combined=(said.state or "").lower(),
            reviewers=opinions.reviewers_of(tx, pull),
            askable=opinions.askable(tx, place, pull),
            waiting=visit.user and next((one for one in given.values() if one.review.pending), None),
        )


def files_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/pull/N/files"""
    with visit.store.read() as tx:
        place, pull = _found(tx, visit)
        may_review = may_comment(place, pull.issue, visit)
        talks = opinions.talks_of(
            tx,
            place,
            pull,
            visitor=visit.user,
            may_reply=may_review,
            around=surroundings_of(tx, place, commit_of=commit_finder(place.repo)),
        )
        waiting = domain_reviews.pending_of(tx, pull, visit.user)
        unsent = [one for talk in talks for one in talk.remarks if one.pending]
        common = _common(tx, place, pull, part="files")
    return visit.page(
        "files.html",
        **common,
        changes=changes_of(pulls.files(place.repo, pull)),
        talks=opinions.by_line(talks),
        asked=reviews.asked_line(visit) if may_review else None,
        may_review=may_review,
        waiting=waiting,
        waiting_count=len(unsent),
    )


def commits_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/pull/N/commits"""
    with visit.store.read() as tx:
        place, pull = _found(tx, visit)
        common = _common(tx, place, pull, part="commits")
    return visit.page("pull_commits.html", **common, commits=pulls.commits(place.repo, pull))


def diff_text(visit: Visit) -> Response:
    """GET /OWNER/REPO/pull/N.diff"""
    with visit.store.read() as tx:
        place, pull = _found(tx, visit)
    text = diffs.diff_text(place.repo, pull.base_oid, pull.head_oid)
    return Response(text, media_type="text/plain; charset=utf-8")


def merge(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/merge: exactly the head that was shown, or nothing."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        merging.merge(
            tx,
            place.repo,
            pull,
            actor=visit.user,
            method=visit.text("method"),
            expected_head=visit.text("head"),
        )
        return see(f"{place.path}/pull/{pull.number}")


def draft(visit: Visit) -> Response:
    """POST /OWNER/REPO/pull/N/draft: make it a draft, or ready for review."""
    with visit.store.write() as tx:
        place, pull = _found(tx, visit)
        pulls.set_draft(tx, place.repo, pull, draft=visit.text("draft") == "yes", actor=visit.user)
        return see(f"{place.path}/pull/{pull.number}")


def _found(tx: Tx, visit: Visit) -> tuple[Place, Pull]:
    place = place_of(tx, visit.repo(tx), visit.user)
    return place, pulls.find(tx, place.repo, number_of(visit))


def _common(tx: Tx, place: Place, pull: Pull, *, part: str) -> dict[str, Any]:
    return {
        "place": place,
        "tab": "pulls",
        "pull": pull,
        "part": part,
        "address": f"{place.path}/pull/{pull.number}",
        "remark_count": pull.issue.comments + reviewcomments.count(tx, pull.issue.id),
        "commit_count": len(pulls.commits(place.repo, pull)),
        "file_count": len(pulls.files(place.repo, pull)),
        "head_exists": refs.branch_oid(place.repo, pull.head_ref) is not None,
    }
