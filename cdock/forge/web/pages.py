"""All pages of the forge, as routes."""

from __future__ import annotations

from starlette.routing import Route

from cdock.forge.store import Store
from cdock.forge.web import (
    boards,
    code,
    issues,
    labels,
    listing,
    opening,
    pulls,
    relations,
    reviews,
    sessions,
)
from cdock.forge.web.assets import asset
from cdock.forge.web.colours import label_sheet
from cdock.forge.web.visits import Handler, action_route, page_route

_REPO = "/{owner}/{repo}"

_PAGES: tuple[tuple[str, Handler], ...] = (
    ("/", sessions.front_page),
    ("/_login", sessions.login),
    (_REPO, code.repo_page),
    (_REPO + "/tree/{rest:path}", code.tree_page),
    (_REPO + "/blob/{rest:path}", code.blob_page),
    (_REPO + "/raw/{rest:path}", code.raw),
    (_REPO + "/branches", code.branches_page),
    (_REPO + "/commits", code.commits_page),
    (_REPO + "/commits/{rest:path}", code.commits_page),
    (_REPO + "/commit/{oid}", code.commit_page),
    (_REPO + "/issues", listing.issue_list),
    (_REPO + "/issues/new", opening.new_page),
    (_REPO + "/issues/{number}", issues.issue_page),
    (_REPO + "/issues/{number}/edit", issues.edit_page),
    (_REPO + "/pulls", listing.pull_list),
    (_REPO + "/pull/{number}.diff", pulls.diff_text),
    (_REPO + "/pull/{number}", pulls.pull_page),
    (_REPO + "/pull/{number}/files", pulls.files_page),
    (_REPO + "/pull/{number}/commits", pulls.commits_page),
    (_REPO + "/labels", labels.labels_page),
    *(
        (f"/{kind}/{{login}}/projects{path}", handler)
        for kind in ("users", "orgs")
        for path, handler in (("", boards.list_page), ("/{number}", boards.board_page))
    ),
    ("/{rest:path}", sessions.nothing),
)

_ACTIONS: tuple[tuple[str, Handler], ...] = (
    ("/_logout", sessions.logout),
    (_REPO + "/issues", opening.create),
    (_REPO + "/issues/{number}/comment", issues.comment),
    (_REPO + "/issues/{number}/labels", issues.labels),
    (_REPO + "/issues/{number}/assignees", issues.assignees),
    (_REPO + "/issues/{number}/task", issues.tick),
    (_REPO + "/issues/{number}/edit", issues.edit),
    (_REPO + "/issues/{number}/relations", relations.change),
    (_REPO + "/pull/{number}/merge", pulls.merge),
    (_REPO + "/pull/{number}/draft", pulls.draft),
    (_REPO + "/pull/{number}/review", reviews.review),
    (_REPO + "/pull/{number}/remark", reviews.remark),
    (_REPO + "/pull/{number}/remarks/{remark}", reviews.edit_remark),
    (_REPO + "/pull/{number}/threads/{thread}", reviews.answer),
    (_REPO + "/pull/{number}/reviewers", reviews.ask),
    *(
        (f"/{kind}/{{login}}/projects{path}", handler)
        for kind in ("users", "orgs")
        for path, handler in (
            ("", boards.create),
            ("/{number}/items", boards.change),
            ("/{number}/add", boards.add),
        )
    ),
    (_REPO + "/labels", labels.create),
    (_REPO + "/labels/change", labels.change),
)


def routes(store: Store) -> list[Route]:
    """The routes of all pages on this store. They take every address that is read: put them last."""
    return [
        Route("/_static/{name}", asset, methods=["GET"]),
        Route("/_style/labels/{colours}.css", label_sheet, methods=["GET"]),
        *(page_route(path, handler, store=store) for path, handler in _PAGES),
        *(action_route(path, handler, store=store) for path, handler in _ACTIONS),
    ]
