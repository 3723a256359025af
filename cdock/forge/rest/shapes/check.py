"""Check runs as JSON."""

from __future__ import annotations

from datetime import datetime

from cdock.forge.domain import pulls
from cdock.forge.domain.checks import CheckRun
from cdock.forge.domain.repos import Repo
from cdock.forge.rest.answers import Json
from cdock.forge.rest.call import Call
from cdock.forge.rest.shapes import app, people
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
            "annotations_count": shown.annotations,
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


def _end(call: Call, repo: Repo, ref: str, oid: str) -> Json:
    return {
        "ref": ref,
        "sha": oid,
        "repo": {"id": repo.id, "url": call.urls.repo(repo), "name": repo.name},
    }


def _moment(shown: datetime | None) -> str | None:
    return text_of(shown) if shown else None
