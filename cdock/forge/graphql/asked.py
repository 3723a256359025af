"""One GraphQL request on its way through the resolvers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode

from cdock.forge.domain import access, repos, roles
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.logins import Login
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.users import User
from cdock.forge.graphql.cost import Cost
from cdock.forge.rest.rates import Rate
from cdock.forge.rest.urls import Urls
from cdock.forge.store import Tx

Shown = dict[str, Any]
"""What is shown of one thing: values by field name; a callable takes the field's `Args` when it is asked for.

`__typename` says what it is where the schema leaves several possibilities.
"""


@dataclass(frozen=True)
class Ask:
    """Who asks, in which transaction, and what the request costs."""

    tx: Tx
    login: Login
    urls: Urls
    rate: Rate
    cost: Cost
    needs: tuple[str, ...] = ()
    """The areas of which the token must be made for one, to write, in a mutation."""
    _repos: dict[int, Repo | None] = field(default_factory=dict)
    _associations: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def actor(self) -> User:
        """The user whose token it is."""
        return self.login.user

    def repo(self, repo_id: int) -> Repo:
        """A repository by its id. Raises NotFound, also when the acting user may not see it."""
        if repo_id not in self._repos:
            try:
                self._repos[repo_id] = self.admitted(repos.by_id(self.tx, repo_id, actor=self.actor))
            except NotFound:
                self._repos[repo_id] = None
        found = self._repos[repo_id]
        if found is None:
            raise NotFound
        return found

    def admitted(self, repo: Repo) -> Repo:
        """A repository that the user may see. Raises NotFound when their token was not made for it."""
        access.check_scopes(self.login, write=False, repo=repo)
        if repo.private and not access.has(self.login, ("metadata", "read"), repo):
            raise NotFound
        return repo

    def association(self, repo: Repo, user: User) -> str:
        """What a person is to a repository, in GitHub's words."""
        key = (repo.id, user.id)
        if key not in self._associations:
            given = roles.is_collaborator(self.tx, repo, user)
            self._associations[key] = (
                "OWNER" if user.id == repo.owner.id else "COLLABORATOR" if given else "NONE"
            )
        return self._associations[key]


@dataclass(frozen=True)
class Args:
    """The arguments of a field, and what is asked of its value."""

    values: Mapping[str, Any]
    info: GraphQLResolveInfo[Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or the default when it is absent or null."""
        value = self.values.get(name)
        return default if value is None else value

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.info.field_name

    def wants(self, *names: str) -> bool:
        """Whether any of these is selected of the field's value."""
        nodes = self.info.field_nodes
        return any(name in names for node in nodes for name in self._selected(node.selection_set))

    def _selected(self, selection: SelectionSetNode | None) -> Iterator[str]:
        for each in selection.selections if selection else ():
            if isinstance(each, FieldNode):
                yield each.name.value
            elif isinstance(each, InlineFragmentNode):
                yield from self._selected(each.selection_set)
            elif isinstance(each, FragmentSpreadNode):
                yield from self._selected(self.info.fragments[each.name.value].selection_set)
