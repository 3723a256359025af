"""Check runs over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cdock.forge.domain import checks, refs
from cdock.forge.domain.checks import Note
from cdock.forge.domain.errors import Invalid
from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Body, Call, parse_number
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import check as shapes


@repo_route("GET", "/commits/{ref:path}/check-runs")
def of_commit(call: Call) -> Answer:
    """The check runs on a commit: of each check the last, or all."""
    oid = refs.resolve(call.repo, call.params["ref"])
    wanted = call.query.get("app_id")
    app_id = parse_number(wanted) if wanted else None
    if wanted and app_id is None:
        raise Invalid(f"Validation Failed: app_id '{wanted}' is not a number")
    found = checks.of_commit(
        call.tx,
        call.repo,
        oid,
        name=call.query.get("check_name") or None,
        status=call.query.get("status") or None,
        app_id=app_id,
        latest_only=call.choice("filter", "latest", "latest", "all") == "latest",
    )
    runs = [shapes.run(call, call.repo, one) for one in part(call, found)]
    return numbered(call, {"total_count": len(found), "check_runs": runs}, len(found))


@repo_route("POST", "/check-runs")
def create(call: Call) -> Answer:
    """Begin a check run; only Apps can."""
    call.objects()
    name = call.body.needed("name", resource="CheckRun")
    oid = call.body.needed("head_sha", resource="CheckRun")
    made = checks.create(call.tx, call.repo, name, oid, actor=call.actor, **_fields(call.body))
    body = shapes.run(call, call.repo, made)
    return Answer(body, status=201, headers={"Location": body["url"]})


@repo_route("GET", "/check-runs/{id:int}")
def show(call: Call) -> Answer:
    """One check run."""
    shown = checks.find(call.tx, call.repo, call.number("id"))
    return Answer(shapes.run(call, call.repo, shown))


@repo_route("GET", "/check-runs/{id:int}/annotations")
def list_notes(call: Call) -> Answer:
    """What a check run notes on lines."""
    shown = checks.find(call.tx, call.repo, call.number("id"))
    return numbered(
        call,
        [shapes.annotation(call, call.repo, shown, one) for one in part(call, shown.notes)],
        len(shown.notes),
    )


@repo_route("PATCH", "/check-runs/{id:int}")
def update(call: Call) -> Answer:
    """Change a check run of one's own."""
    call.objects()
    shown = checks.find(call.tx, call.repo, call.number("id"))
    fields = _fields(call.body) | {"name": call.body.text("name")}
    changed = checks.update(call.tx, call.repo, shown, actor=call.actor, **fields)
    return Answer(shapes.run(call, call.repo, changed))


def _fields(body: Body) -> dict[str, Any]:
    given: Any = body.raw("output")
    output = Body(given if isinstance(given, dict) else {})
    noted: Any = output.raw("annotations")
    moments: dict[str, datetime | None] = {
        "started": body.moment("started_at"),
        "completed": body.moment("completed_at"),
    }
    return {
        **{key: body.text(key) for key in ("status", "conclusion", "external_id", "details_url")},
        **moments,
        **{key: output.text(key) for key in ("title", "summary", "text")},
        "notes": [_note(Body(one)) for one in noted if isinstance(one, dict)]
        if isinstance(noted, list)
        else None,
    }


def _note(given: Body) -> Note:
    first = given.number("start_line") or 1
    return Note(
        path=given.needed("path", resource="CheckAnnotation"),
        first=first,
        last=given.number("end_line") or first,
        level=given.needed("annotation_level", resource="CheckAnnotation"),
        message=given.needed("message", resource="CheckAnnotation"),
        title=given.text("title"),
        details=given.text("raw_details"),
    )
