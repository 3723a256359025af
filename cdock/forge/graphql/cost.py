"""What a GraphQL request costs, by GitHub's published rule: the calls it would take, a hundred for a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)


@dataclass(frozen=True)
class Cost:
    """`points` are taken from the budget, `nodes` is how much the request could give at most."""

    points: int
    nodes: int


def cost_of(document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Cost:
    """The cost of one operation; a connection is taken to be as long as it is asked for."""
    counted = _Counted(document, operation, variables)
    counted.walk(operation.selection_set, 1)
    return Cost(points=max(round(counted.calls / 100), 1), nodes=counted.nodes)


class _Counted:
    def __init__(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> None:
        self.calls = 0
        self.nodes = 0
        self._variables = {
            each.variable.name.value: each.default_value for each in operation.variable_definitions or ()
        } | dict(variables)
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def walk(self, selection: SelectionSetNode | None, parents: int) -> None:
        for each in selection.selections if selection else ():
            if isinstance(each, FragmentSpreadNode):
                self.walk(self._fragments[each.name.value].selection_set, parents)
            elif isinstance(each, InlineFragmentNode):
                self.walk(each.selection_set, parents)
            elif isinstance(each, FieldNode):
                size = self._size(each)
                if size is not None:
                    self.calls += parents
                    self.nodes += parents * size
                self.walk(each.selection_set, parents if size is None else parents * size)

    def _size(self, node: FieldNode) -> int | None:
        """How many elements a connection is asked for; None for a field that is no connection."""
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                value: Any = argument.value
                if isinstance(value, VariableNode):
                    value = self._variables.get(value.name.value)
                if isinstance(value, IntValueNode):
                    value = int(value.value)
                if isinstance(value, int):
                    return max(value, 0)
        return None
