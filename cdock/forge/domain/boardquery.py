"""Boards and items that a search text of a project asks for, such as `is:open status:"In Progress"`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cdock.forge.domain.projectfields import Field
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Project
from cdock.forge.domain.querytext import Term, terms_of, unknown

_IS: Final[Mapping[str, Callable[[Item], bool]]] = {
    "issue": lambda item: item.kind == "Issue",
    "pr": lambda item: item.kind == "PullRequest",
    "draft": lambda item: item.kind == "DraftIssue",
    "open": lambda item: item.issue is None or item.issue.open,
    "closed": lambda item: item.issue is not None and not item.issue.open,
    "merged": lambda item: bool(item.issue and item.issue.pull and item.issue.pull.merged),
    "archived": lambda item: item.archived is not None,
}
_OF_ISSUE: Final[Mapping[str, Callable[[Item], Iterable[str]]]] = {
    "label": lambda item: [label.name for label in item.issue.labels] if item.issue else [],
    "assignee": lambda item: [person.login for person in item.issue.assignees] if item.issue else [],
    "author": lambda item: [item.issue.author.login] if item.issue else [],
    "repo": lambda item: [item.repo.full_name] if item.repo else [],
    "milestone": lambda item: [item.issue.milestone.title] if item.issue and item.issue.milestone else [],
}


def projects(found: Sequence[Project], text: str) -> list[Project]:
    """The boards whose title has all words of the text, and which are open or closed as it says."""
    terms = terms_of(text)
    return [project for project in found if all(_project_holds(project, term) for term in terms)]


def items(found: Sequence[Item], text: str, *, fields: Sequence[Field]) -> list[Item]:
    """The items that have all that the text asks for; archived ones only when it says `is:archived`.

    Known are is, no, label, assignee, author, repo, milestone, the names of editable fields (`story-points:3`), and
    words of the title. Raises Invalid for other qualifiers.
    """
    terms = terms_of(text)
    by_name = {_slug(field.name): field for field in fields if field.editable}
    archived = any(term.key == "is" and term.value == "archived" for term in terms)
    return [
        item
        for item in found
        if (archived or item.archived is None)
        and all(_holds(item, term, by_name) != term.negated for term in terms)
    ]


def _project_holds(project: Project, term: Term) -> bool:
    if term.key is None:
        return (term.value.lower() in project.title.lower()) != term.negated
    if term.key == "is" and term.value in ("open", "closed"):
        return ((project.closed is not None) == (term.value == "closed")) != term.negated
    raise unknown(term, ("is:open", "is:closed"))


def _holds(item: Item, term: Term, fields: Mapping[str, Field]) -> bool:
    if term.key is None:
        return term.value.lower() in (item.title or "").lower()
    if term.key == "is" and all(value in _IS for value in term.values):
        return any(_IS[value](item) for value in term.values)
    wanted = {value.lower() for value in term.values}
    if term.key in _OF_ISSUE:
        return any(name.lower() in wanted for name in _OF_ISSUE[term.key](item))
    if term.key == "no" and all(_slug(name) in fields or name in _OF_ISSUE for name in wanted):
        return all(not _shown(item, name, fields) for name in wanted)
    if _slug(term.key) in fields:
        return any(name.lower() in wanted for name in _shown(item, term.key, fields))
    raise unknown(term, {"is", "no", *_OF_ISSUE, *fields})


def _shown(item: Item, name: str, fields: Mapping[str, Field]) -> list[str]:
    if name in _OF_ISSUE:
        return list(_OF_ISSUE[name](item))
    value = item.values.get(fields[_slug(name)].id)
    if value is None:
        return []
    if value.option is not None:
        return [value.option.name]
    if value.iteration is not None:
        return [value.iteration.title]
    return [f"{value.raw:g}" if isinstance(value.raw, float) else value.raw]


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
