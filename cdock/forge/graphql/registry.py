"""Which function answers which field of Query and Mutation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cdock.forge.graphql.asked import Args, Ask, Shown

Root = Callable[[Ask, Args], Any]
Mutation = Callable[[Ask, "Input"], Shown]

QUERIES: Final[dict[str, Root]] = {}
MUTATIONS: Final[dict[str, tuple[Mutation, tuple[str, ...]]]] = {}
"""What carries out each mutation, and the areas of which a token must be made for one."""


class Input:
    """The input of a mutation. What is absent and what is null are told apart by `in` only."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """A value, or the default when it is absent or null."""
        value = self._values.get(name)
        return default if value is None else value


def query(name: str) -> Callable[[Root], Root]:
    """Register what answers a field of Query."""

    def register(function: Root) -> Root:
        QUERIES[name] = function
        return function

    return register


def mutation(name: str, *areas: str) -> Callable[[Mutation], Mutation]:
    """Register what carries out a mutation; it gives the payload without `clientMutationId`.

    Of a fine-grained token one of the `areas` is asked in every repository in which something is named.
    """

    def register(function: Mutation) -> Mutation:
        MUTATIONS[name] = (function, areas)
        return function

    return register
