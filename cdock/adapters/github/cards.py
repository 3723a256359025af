"""A board as one GraphQL answer tells it, and what has to be written on it. Pure.

GitHub's own `Status` is what people look at and move cards by, so it follows a task only when the task gets on: beside
it, a field of ours holds what was shown last. While that is right, whatever people did to the card stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github.normalize import fields_of, nodes_of
from cdock.core.planning.drafts import Card

STATUS, STAGE, OWN = "Status", "Stage", "cdock"
"""The fields: GitHub's, a number that people can group by, and ours."""
STATES = {
    "Todo": "GRAY",
    "In Progress": "YELLOW",
    "Needs Help": "RED",
    "In Review": "BLUE",
    "Done": "GREEN",
}
"""What `Card.status` may be, with the colour of its option in our field."""
_NEXT_BEST = {"Needs Help": "In Progress", "In Review": "In Progress"}
"""What is shown instead where a field has no such option: a new board's `Status` has three."""

BOARD = """
query PlanBoard($board: ID!, $after: String) {
  node(id: $board) {
    ... on ProjectV2 {
      url
      closed
      status: field(name: "Status") { ...Choices }
      own: field(name: "cdock") { ...Choices }
      stage: field(name: "Stage") { ... on ProjectV2FieldCommon { id dataType } }
      items(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id
          status: fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue { optionId } }
          own: fieldValueByName(name: "cdock") { ... on ProjectV2ItemFieldSingleSelectValue { optionId } }
          stage: fieldValueByName(name: "Stage") { ... on ProjectV2ItemFieldNumberValue { number } }
          content { ... on Issue { fullDatabaseId } }
        }
      }
    }
  }
}
fragment Choices on ProjectV2FieldConfiguration {
  ... on ProjectV2SingleSelectField { id options { id name } }
}
"""


@dataclass(frozen=True)
class Choices:
    """A single-select field: its id, and its options' ids by name in lower case."""

    id: str
    options: Mapping[str, str]

    def option(self, status: str) -> str:
        """The id of the option for a status, or of the next best one; empty when there is neither."""
        best = self.options.get(status.casefold())
        return best or self.options.get(_NEXT_BEST.get(status, "").casefold(), "")


@dataclass(frozen=True)
class Item:
    """What stands on a card: the ids of options, and a number; empty or None where nothing does."""

    id: str
    status: str = ""
    own: str = ""
    stage: float | None = None


@dataclass(frozen=True)
class Shown:
    """A board as it is. A field is None, or empty, where there is none of its name and kind."""

    url: str
    closed: bool
    status: Choices | None
    own: Choices | None
    stage: str
    items: Mapping[int, Item]
    """By the database id of the issue."""
    taken: frozenset[str] = frozenset()
    """Names of ours that people gave to fields of another kind."""
    next: str = ""
    """Where the items that are not shown begin; empty when all are."""


def shown_of(node: payload.Row) -> Shown:
    """The answer to `BOARD`."""
    stage = fields_of(node.get("stage"))
    page = fields_of(fields_of(node.get("items")).get("pageInfo"))
    there = {name for name, key in ((OWN, "own"), (STAGE, "stage")) if node.get(key) is not None}
    own, number = _choices(node.get("own")), payload.text_of(stage, "id")
    usable = {name for name, one in ((OWN, own), (STAGE, stage.get("dataType") == "NUMBER")) if one}
    return Shown(
        url=payload.text_of(node, "url"),
        closed=node.get("closed") is True,
        status=_choices(node.get("status")),
        own=own,
        stage=number if STAGE in usable else "",
        items=dict(_items(nodes_of(node, "items"))),
        taken=frozenset(there - usable),
        next=payload.text_of(page, "endCursor") if page.get("hasNextPage") is True else "",
    )


def _choices(field: object) -> Choices | None:
    found = fields_of(field)
    options = found.get("options")
    if not isinstance(options, list):
        return None
    named = {payload.text_of(one, "name").casefold(): payload.text_of(one, "id") for one in options}
    return Choices(payload.text_of(found, "id"), named)


def _items(nodes: Sequence[payload.Row]) -> Iterator[tuple[int, Item]]:
    for node in nodes:
        issue = payload.text_of(fields_of(node.get("content")), "fullDatabaseId")
        stage = fields_of(node.get("stage")).get("number")
        if issue.isdecimal():
            yield (
                int(issue),
                Item(
                    id=payload.text_of(node, "id"),
                    status=payload.text_of(fields_of(node.get("status")), "optionId"),
                    own=payload.text_of(fields_of(node.get("own")), "optionId"),
                    stage=float(stage) if isinstance(stage, int | float) else None,
                ),
            )


def changes(board: Shown, cards: Sequence[Card]) -> list[list[tuple[str, str, dict[str, Any]]]]:
    """What to write for each card that is there and not as it was shown last: item, field and value.

    Those of one card belong together, and ours comes last: a card of which only a part was written is written again.
    """
    found = (
        _changes(board, board.items[card.issue.id], card) for card in cards if card.issue.id in board.items
    )
    return [values for values in found if values]


def _changes(board: Shown, item: Item, card: Card) -> list[tuple[str, str, dict[str, Any]]]:
    own = board.own.option(card.status) if board.own else ""
    values: list[tuple[str, str, dict[str, Any]]] = []
    if own and item.own == own and item.stage is not None:
        return values
    if board.stage and item.stage != card.stage:
        values.append((item.id, board.stage, {"number": card.stage}))
    status = board.status.option(card.status) if board.status else ""
    # Without a field of ours nobody knows what people did, so a card is only ever given its first status.
    moved = item.own != own if own else not item.status
    if board.status and status and moved and item.status != status:
        values.append((item.id, board.status.id, {"singleSelectOptionId": status}))
    if board.own and own and item.own != own:
        values.append((item.id, board.own.id, {"singleSelectOptionId": own}))
    return values
