"""Opening an issue: choose a form, fill it in, or write freely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from cdock.forge.domain import issues, marks, refs, trees
from cdock.forge.domain.errors import DomainError, Forbidden, LoginNeeded, NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.web import markdown
from cdock.forge.web.issueforms import (
    Chooser,
    Form,
    FormError,
    missing_answers,
    parse_chooser,
    parse_form,
    render_body,
)
from cdock.forge.web.places import place_of
from cdock.forge.web.visits import Visit, see

FOLDER = ".github/ISSUE_TEMPLATE"
FILE_LIMIT = 100_000
"""Bytes; a form is a page of YAML."""


@dataclass(frozen=True)
class Offer:
    """The issue forms of a repository's default branch."""

    forms: tuple[Form, ...]
    chooser: Chooser
    broken: tuple[str, ...]
    """What is wrong with the files that could not be used; shown to who may repair them."""

    def form(self, file: str) -> Form:
        """The form of this file name. Raises NotFound."""
        for form in self.forms:
            if form.file == file:
                return form
        raise NotFound(f"There is no issue form {file} here.")


def offer_of(repo: Repo) -> Offer:
    """Read the forms as they are now."""
    forms, broken = [], []
    chooser = Chooser()
    try:
        tip = refs.resolve(repo, f"refs/heads/{repo.default_branch}")
        entries = trees.list_tree(repo, tip, FOLDER)
    except DomainError:
        return Offer((), chooser, ())
    for entry in entries:
        if (
            entry.kind != "blob"
            or not entry.name.endswith((".yml", ".yaml"))
            or (entry.size or 0) > FILE_LIMIT
        ):
            continue
        text = trees.blob(repo, entry.oid).decode("utf-8", "replace")
        try:
            if entry.name.rpartition(".")[0] == "config":
                chooser = parse_chooser(text, file=entry.name)
            else:
                forms.append(parse_form(text, file=entry.name))
        except FormError as error:
            broken.append(str(error))
    return Offer(tuple(forms), chooser, tuple(broken))


def new_page(visit: Visit) -> Response:
    """GET /OWNER/REPO/issues/new: the forms to choose from, one of them (`?form=FILE`), or a blank one."""
    if visit.user is None:
        raise LoginNeeded("Log in to open an issue.")
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    offer = offer_of(place.repo)
    chosen = visit.asked("form")
    common: dict[str, Any] = {"place": place, "tab": "issues", "offer": offer}
    if not chosen and (offer.forms or offer.chooser.contacts):
        return visit.page("choose.html", may_write=place.may_write, **common)
    if chosen in ("", "blank"):
        if not offer.chooser.blank_issues and not place.may_write:
            raise Forbidden("This repository takes issues through its forms only.")
        return _form_page(visit, form=None, title=visit.asked("title"), answers={}, missing=(), common=common)
    form = offer.form(chosen)
    title = visit.asked("title") or form.title
    return _form_page(visit, form=form, title=title, answers=None, missing=(), common=common)


def create(visit: Visit) -> Response:
    """POST /OWNER/REPO/issues"""
    with visit.store.read() as tx:
        place = place_of(tx, visit.repo(tx), visit.user)
    form = offer_of(place.repo).form(visit.text("form")) if visit.text("form") else None
    body = visit.text("body")
    if form is not None:
        answers = {field.name: visit.texts(field.name) for field in form.fields if field.name}
        missing = missing_answers(form, answers)
        title_only = visit.text("title").strip() == form.title.strip()
        if title_only or missing:
            return _form_page(
                visit,
                form=form,
                title=visit.text("title"),
                answers=answers,
                missing=(("Title",) if title_only else ()) + missing,
                common={"place": place, "tab": "issues"},
            )
        body = render_body(form, answers)
    with visit.store.write() as tx:
        issue = issues.create(
            tx,
            place.repo,
            visit.text("title").strip(),
            actor=visit.user,
            body=body,
            labels=visit.texts("label"),
        )
        if form is not None and visit.user is not None:
            # A form's labels come from the repository, not from who fills it in: they need no rights, but they
            # must exist already.
            known = {label.name.lower() for label in place.labels}
            named = [name for name in form.labels if name.lower() in known]
            marks.put_all(
                tx,
                place.repo,
                issue.id,
                actor=visit.user,
                labels=named,
                assignees=form.assignees,
                milestone=None,
            )
        return see(f"{place.path}/issues/{issue.number}")


def _form_page(
    visit: Visit,
    *,
    form: Form | None,
    title: str,
    answers: dict[str, list[str]] | None,
    missing: tuple[str, ...],
    common: dict[str, Any],
) -> Response:
    started = {field.name: [field.value] for field in form.fields if field.name} if form else {}
    here = markdown.Surroundings()
    return visit.page(
        "new.html",
        status=422 if missing else 200,
        form=form,
        title=title,
        body=visit.asked("body"),
        answers=started if answers is None else answers,
        missing=missing,
        prose=lambda text: markdown.render(text, here),
        **{key: value for key, value in common.items() if key != "offer"},
    )
