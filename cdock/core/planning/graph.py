"""Order in a graph of names: which cycle there is, and what follows from what. Everything is linear in its edges."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Edges = Sequence[tuple[str, Sequence[str]]]
"""Names with those that each comes after."""


def find_cycle(edges: Edges) -> tuple[str, ...]:
    """The names along a cycle, its first one again at the end, in the order of waiting; empty when there is none."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, after in edges:
        sorter.add(name, *after)
    try:
        sorter.prepare()
    except CycleError as error:
        # It names what comes before first.
        return tuple(reversed(error.args[1]))
    return ()


def followers(edges: Edges, names: Iterable[str]) -> frozenset[str]:
    """All that come after one of `names`, directly or not; of these themselves only those in a cycle."""
    after: dict[str, list[str]] = {}
    for name, before in edges:
        for key in before:
            after.setdefault(key, []).append(name)
    found: set[str] = set()
    ahead = [name for first in names for name in after.get(first, ())]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(after.get(name, ()))
    return frozenset(found)


def in_order(edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names, none before those it comes after; otherwise as they were given. There is no cycle."""
    placed: dict[str, None] = {}
    for first in edges:
        path = [first]
        while path:
            name = path[-1]
            ahead = [key for key in edges[name] if key in edges and key not in placed]
            if name in placed or not ahead:
                placed.setdefault(path.pop())
            else:
                path.append(ahead[0])
    return tuple(placed)
