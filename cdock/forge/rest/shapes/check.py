"""Check runs as JSON."""

from __future__ import annotations

from datetime import datetime

from cdock.forge.domain import pulls
from cdock.forge.domain.checks import CheckRun, Note
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import app, people
from cdock.forge.rest.urls import quoted
from cdock.forge.store import text_of


def run(call: Call, repo: Repo, shown: CheckRun) -> Json:
    """One run of a check."""
    url = f"{call.urls.repo(repo)}/check-runs/{shown.id}"
    page = f"{call.urls.page(repo)}/commit/{shown.oid}"
    return {
        "id": shown.id,
        "name": shown.name,
        "node_id": people.node_id("CR", shown.id),
        "head_sha": shown.oid,
        "external_id": shown.external_id,
        "url": url,
        "html_url": page,
        "details_url": shown.details_url or page,
        "status": shown.status,
        "conclusion": shown.conclusion,
        "started_at": _moment(shown.started),
        "completed_at": _moment(shown.completed),
        "output": {
            "title": shown.title,
            "summary": shown.summary,
            "text": shown.text,
            "annotations_count": len(shown.notes),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": shown.suite_id},
        "app": app.app(call.urls, shown.app),
        "pull_requests": [
            {
                "url": f"{call.urls.repo(repo)}/pulls/{pull.number}",
                "id": pull.id,
                "number": pull.number,
                "head": _end(call, repo, pull.head_ref, pull.head_oid),
                "base": _end(call, repo, pull.base_ref, pull.base_oid),
            }
            for pull in pulls.open_pulls(call.tx, repo)
            if pull.head_oid == shown.oid
        ],
    }


def annotation(call: Call, repo: Repo, shown: CheckRun, note: Note) -> Json:
    """What a check run notes on lines."""
    return {
        "path": note.path,
        "start_line": note.first,
        "end_line": note.last,
        # Columns are not kept here.
        "start_column": None,
        "end_column": None,
        "annotation_level": note.level,
        "title": note.title,
        "message": note.message,
        "raw_details": note.details,
        "blob_href": f"{call.urls.page(repo)}/blob/{shown.oid}/{quoted(note.path)}",
    }


def _end(call: Call, repo: Repo, ref: str, oid: str) -> Json:
    return {
        "ref": ref,
        "sha": oid,
        "repo": {"id": repo.id, "url": call.urls.repo(repo), "name": repo.name},
    }


def _moment(shown: datetime | None) -> str | None:
    return text_of(shown) if shown else None
