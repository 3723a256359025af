"""A repository as all its pages show it: its name, what the visitor may do, and the counts in its tabs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from cdock.forge.domain import issuelist, labels, projects, references, roles, texts
from cdock.forge.domain.labels import Label
from cdock.forge.domain.projects import Project
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role
from cdock.forge.domain.users import User
from cdock.forge.store import Tx
from cdock.forge.web.markdown import Surroundings


@dataclass(frozen=True)
class Place:
    """A repository and its visitor."""

    repo: Repo
    role: Role
    labels: tuple[Label, ...]
    open_issues: int
    open_pulls: int
    boards: tuple[Project, ...]
    """The open boards linked to it that the visitor may see."""

    @property
    def path(self) -> str:
        """`/OWNER/NAME`"""
        return quote(f"/{self.repo.full_name}")

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours of all labels, for the page's style sheet."""
        return tuple(label.color for label in self.labels)

    @property
    def may_triage(self) -> bool:
        """Whether the visitor may put labels on issues."""
        return self.role >= Role.TRIAGE and not self.repo.settings["archived"]

    @property
    def may_write(self) -> bool:
        """Whether the visitor may push and merge."""
        return self.role >= Role.WRITE and not self.repo.settings["archived"]


def place_of(tx: Tx, repo: Repo, user: User | None) -> Place:
    """What to show of a repository to this visitor."""
    return Place(
        repo=repo,
        role=roles.role_of(tx, repo, user),
        labels=tuple(labels.list_all(tx, repo)),
        open_issues=issuelist.count(tx, repo, issuelist.Query(kind="issue")),
        open_pulls=issuelist.count(tx, repo, issuelist.Query(kind="pull")),
        boards=tuple(
            project for project in projects.list_of_repo(tx, repo, actor=user) if project.closed is None
        ),
    )


def surroundings_of(tx: Tx, place: Place, *, commit_of: Callable[[str], str | None]) -> Surroundings:
    """Where the texts of a repository stand; it may be used as long as the transaction is open."""
    known: dict[int, bool] = {}

    def has_number(number: int) -> bool:
        if number not in known:
            reference = texts.Reference(None, number)
            known[number] = bool(references.targets(tx, place.repo, [reference], actor=None))
        return known[number]

    return Surroundings(repository=place.path, has_number=has_number, commit_of=commit_of)
