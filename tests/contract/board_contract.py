"""What every implementation of `Board` promises."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from cdock.core.issues import Issue
from cdock.core.planning.drafts import Card
from cdock.ports import Board

T = TypeVar("T")


class BoardHub(Protocol):
    """A forge with its board, and what people do there."""

    def board(self) -> Board:
        """The board as another process opens it."""
        ...

    def issue(self, title: str) -> Issue:
        """A person opens an issue."""
        ...

    def columns(self, plan: Issue) -> dict[int, str]:
        """The column that each issue on the board of a plan stands in."""
        ...

    def stages(self, plan: Issue) -> dict[int, int]:
        """The stage that each of them shows."""
        ...

    def move(self, plan: Issue, issue: Issue, column: str) -> None:
        """A person moves a card."""
        ...

    def restage(self, plan: Issue, issue: Issue, stage: int) -> None:
        """A person gives a card another stage."""
        ...

    def close(self, plan: Issue) -> None:
        """A person closes the board."""
        ...

    def boards(self) -> int:
        """How many there are."""
        ...


class BoardContract:
    """Subclass with a fixture `hub`."""

    def test_cards_stand_where_their_tasks_do(self, hub: BoardHub) -> None:
        plan, cards = _plan(hub, ("Todo", 1), ("In Progress", 1), ("Done", 2))
        address = hub.board().show(plan, cards)
        assert address
        assert _named(hub.columns(plan), cards) == ["Todo", "In Progress", "Done"]
        assert _named(hub.stages(plan), cards) == [1, 1, 2]
        assert hub.board().show(plan, cards) == address, "another process finds it again"
        assert hub.boards() == 1

    def test_a_task_that_gets_on_takes_its_card_along(self, hub: BoardHub) -> None:
        plan, (first, second) = _plan(hub, ("Todo", 1), ("Todo", 1))
        board = hub.board()
        board.show(plan, [first, second])
        board.show(plan, [Card(first.issue, "In Progress", 1), second])
        assert _named(hub.columns(plan), [first, second]) == ["In Progress", "Todo"]
        hub.board().show(plan, [Card(first.issue, "Done", 1), Card(second.issue, "In Progress", 1)])
        assert _named(hub.columns(plan), [first, second]) == ["Done", "In Progress"]

    def test_a_card_that_a_person_moved_stays_until_its_task_gets_on(self, hub: BoardHub) -> None:
        plan, (first, second) = _plan(hub, ("Todo", 1), ("Todo", 1))
        board = hub.board()
        board.show(plan, [first, second])
        hub.move(plan, first.issue, "Done")
        hub.restage(plan, first.issue, 7)
        for again in (board, hub.board()):
            again.show(plan, [first, Card(second.issue, "In Progress", 1)])
            assert _named(hub.columns(plan), [first, second]) == ["Done", "In Progress"]
            assert hub.stages(plan)[first.issue.number] == 7
        board.show(plan, [Card(first.issue, "In Progress", 1), Card(second.issue, "In Progress", 1)])
        assert _named(hub.columns(plan), [first, second]) == ["In Progress", "In Progress"]
        assert hub.stages(plan)[first.issue.number] == 1

    def test_a_task_that_comes_later_gets_its_card(self, hub: BoardHub) -> None:
        plan, (first, second) = _plan(hub, ("Done", 1), ("Todo", 2))
        board = hub.board()
        board.show(plan, [first])
        board.show(plan, [first, second])
        assert _named(hub.columns(plan), [first, second]) == ["Done", "Todo"]

    def test_one_that_is_not_named_any_more_is_left_alone(self, hub: BoardHub) -> None:
        plan, (first, second) = _plan(hub, ("Todo", 1), ("In Progress", 1))
        board = hub.board()
        board.show(plan, [first, second])
        board.show(plan, [Card(first.issue, "Done", 1)])
        assert _named(hub.columns(plan), [first, second]) == ["Done", "In Progress"]

    def test_each_plan_has_its_own(self, hub: BoardHub) -> None:
        one, (card,) = _plan(hub, ("Todo", 1))
        other, (another,) = _plan(hub, ("Done", 1))
        board = hub.board()
        assert board.show(one, [card]) != board.show(other, [another])
        assert set(hub.columns(one)) == {card.issue.number}
        assert set(hub.columns(other)) == {another.issue.number}
        assert hub.boards() == 2

    def test_a_closed_one_is_left_as_it_is(self, hub: BoardHub) -> None:
        plan, (card,) = _plan(hub, ("Todo", 1))
        board = hub.board()
        address = board.show(plan, [card])
        hub.close(plan)
        assert board.show(plan, [Card(card.issue, "Done", 1)]) == address
        assert _named(hub.columns(plan), [card]) == ["Todo"]
        assert hub.boards() == 1


def _plan(hub: BoardHub, *stand: tuple[str, int]) -> tuple[Issue, list[Card]]:
    plan = hub.issue("A plan")
    return plan, [Card(hub.issue(f"Task {number}"), *each) for number, each in enumerate(stand)]


def _named(found: dict[int, T], cards: Sequence[Card]) -> list[T]:
    return [found[card.issue.number] for card in cards]
