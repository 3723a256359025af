"""What boards do that GitHub's REST interface has no operation for; GraphQL and the pages stand on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdock.forge.domain import issues, projectfields, projectitems, projects, repos, roles, users
from cdock.forge.domain.errors import Forbidden, Invalid, LoginNeeded, NotFound
from cdock.forge.domain.projectfields import Field, NewOption
from cdock.forge.domain.projectitems import Item
from cdock.forge.domain.projects import Access, Project
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role
from cdock.forge.domain.users import User
from cdock.forge.store import Store, Tx


class Place:
    """Ada with a repository and a board, Bob with nothing, all in one transaction."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.ada: User = users.ensure(tx, "ada")
        self.bob: User = users.ensure(tx, "bob")
        self.repo: Repo = repos.create(tx, "tools", owner=self.ada)
        self.board: Project = projects.create(tx, self.ada, "Work", actor=self.ada)

    @property
    def status(self) -> Field:
        found = projectfields.by_name(self.tx, self.board, "status")
        assert found is not None
        return found

    def card(self, title: str = "Card") -> Item:
        issue = issues.create(self.tx, self.repo, title, actor=self.ada)
        return projectitems.add(self.tx, self.board, issue.id, actor=self.ada)

    def set_status(self, item: Item, name: str) -> Item:
        option = self.status.option_named(name)
        assert option is not None
        return projectitems.set_values(self.tx, self.board, item, {self.status.id: option.id}, actor=self.ada)

    def status_of(self, item: Item) -> str | None:
        value = projectitems.find(self.tx, self.board, item.id, actor=self.ada).values.get(self.status.id)
        return value.option.name if value and value.option else None


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Store(tmp_path) as store, store.write() as tx:
        yield Place(tx)


# Options


def test_options_named_by_id_keep_their_values_under_any_name(place: Place) -> None:
    todo, done = place.set_status(place.card(), "Todo"), place.set_status(place.card(), "Done")
    old = {option.name: option for option in place.status.options}
    wanted = [
        NewOption("Finished", "RED", "at last", id=old["Done"].id),
        NewOption("Blocked"),
        NewOption("Todo", id=old["Todo"].id),
    ]
    projectfields.update(place.tx, place.board, place.status, actor=place.ada, options=wanted)
    assert [option.name for option in place.status.options] == ["Finished", "Blocked", "Todo"]
    assert (place.status_of(todo), place.status_of(done)) == ("Todo", "Finished")
    assert place.status.options[0].color == "RED"


def test_options_written_anew_wipe_the_board(place: Place) -> None:
    item = place.set_status(place.card(), "Todo")
    same = [NewOption(option.name, option.color) for option in place.status.options]
    projectfields.update(place.tx, place.board, place.status, actor=place.ada, options=same)
    assert place.status_of(item) is None
    again = projectitems.find(place.tx, place.board, item.id, actor=place.ada)
    assert again.values == {}


def test_wrong_options(place: Place) -> None:
    for wanted in ([], [NewOption("a", id="nothing")], [NewOption("a"), NewOption("A")], [NewOption(" ")]):
        with pytest.raises(Invalid):
            projectfields.update(place.tx, place.board, place.status, actor=place.ada, options=wanted)
    title = projectfields.list_of(place.tx, place.board)[0]
    with pytest.raises(Invalid):
        projectfields.update(place.tx, place.board, title, actor=place.ada, options=[NewOption("a")])
    with pytest.raises(Invalid):
        projectfields.update(place.tx, place.board, title, actor=place.ada, name="Heading")


def test_fields_are_renamed_and_removed_with_their_values(place: Place) -> None:
    item = place.card()
    notes = projectfields.create(place.tx, place.board, "Notes", "text", actor=place.ada)
    projectitems.set_values(place.tx, place.board, item, {notes.id: "x"}, actor=place.ada)
    notes = projectfields.update(place.tx, place.board, notes, actor=place.ada, name="Remarks")
    assert projectfields.by_name(place.tx, place.board, "REMARKS") == notes
    projectfields.delete(place.tx, place.board, notes, actor=place.ada)
    assert projectitems.find(place.tx, place.board, item.id, actor=place.ada).values == {}
    with pytest.raises(Invalid):
        projectfields.delete(place.tx, place.board, place.status, actor=place.ada)


# Items


def test_items_are_moved(place: Place) -> None:
    a, b, c = place.card("a"), place.card("b"), place.card("c")

    def order() -> list[str | None]:
        return [item.title for item in projectitems.list_of(place.tx, place.board, actor=place.ada)]

    projectitems.move(place.tx, place.board, c, actor=place.ada)
    assert order() == ["c", "a", "b"]
    projectitems.move(place.tx, place.board, c, actor=place.ada, after_id=a.id)
    assert order() == ["a", "c", "b"]
    place.card("d")
    assert order() == ["a", "c", "b", "d"]
    for wrong in (b.id, 1):
        with pytest.raises(Invalid):
            projectitems.move(place.tx, place.board, b, actor=place.ada, after_id=wrong)


def test_an_archived_item_keeps_its_place_and_values(place: Place) -> None:
    item = place.set_status(place.card(), "Todo")
    projectitems.archive(place.tx, place.board, item, actor=place.ada)
    assert projectitems.list_of(place.tx, place.board, actor=place.ada) == []
    (kept,) = projectitems.list_of(place.tx, place.board, actor=place.ada, archived=True)
    assert kept.archived is not None
    assert item.issue is not None
    assert projectitems.add(place.tx, place.board, item.issue.id, actor=place.ada).id == item.id
    projectitems.archive(place.tx, place.board, kept, actor=place.ada, archived=False)
    assert place.status_of(item) == "Todo"


def test_a_note_becomes_an_issue_where_it_stands(place: Place) -> None:
    note = projectitems.add_draft(place.tx, place.board, "Buy milk", actor=place.ada, body="fresh")
    place.set_status(note, "Done")
    made = projectitems.convert_draft(place.tx, place.board, note, place.repo, actor=place.ada)
    assert made.id == note.id
    assert made.issue is not None
    assert (made.kind, made.issue.title, made.issue.body, made.draft) == ("Issue", "Buy milk", "fresh", None)
    assert place.status_of(made) == "Done"
    with pytest.raises(Invalid):
        projectitems.convert_draft(place.tx, place.board, made, place.repo, actor=place.ada)


def test_items_go_with_their_repository_and_notes_stay(place: Place) -> None:
    place.set_status(place.card(), "Todo")
    projectitems.add_draft(place.tx, place.board, "note", actor=place.ada)
    projects.link(place.tx, place.board, place.repo, actor=place.ada)
    repos.delete(place.tx, place.repo, actor=place.ada)
    (left,) = projectitems.list_of(place.tx, place.board, actor=place.ada)
    assert left.title == "note"
    assert projects.repos_of(place.tx, place.board, actor=place.ada) == []


def test_where_an_issue_stands(place: Place) -> None:
    item = place.card()
    other = projects.create(place.tx, place.ada, "Other", actor=place.ada)
    assert item.issue is not None
    projectitems.add(place.tx, other, item.issue.id, actor=place.ada)
    found = projectitems.of_issue(place.tx, item.issue, actor=place.ada)
    assert [project.title for project, _ in found] == ["Work", "Other"]
    assert projectitems.of_issue(place.tx, item.issue, actor=place.bob) == []


# Boards and people


def test_boards_are_changed_closed_and_removed(place: Place) -> None:
    item = place.card()
    board = projects.update(place.tx, place.board, actor=place.ada, title="Plan", closed=True, public=True)
    assert (board.title, board.public, board.closed is not None) == ("Plan", True, True)
    board = projects.update(place.tx, board, actor=place.ada, closed=False)
    assert (board.title, board.closed) == ("Plan", None)
    with pytest.raises(Invalid):
        projects.update(place.tx, board, actor=place.ada, title=" ")
    projects.delete(place.tx, board, actor=place.ada)
    with pytest.raises(NotFound):
        projects.find(place.tx, place.ada, board.number, actor=place.ada)
    assert item.issue is not None
    assert issues.find(place.tx, place.repo, item.issue.number)


def test_each_access_allows_its_own(place: Place) -> None:
    item = place.card()

    def write() -> None:
        projectitems.archive(place.tx, place.board, item, actor=place.bob)

    def publish() -> None:
        projects.update(place.tx, place.board, actor=place.bob, public=True)

    for access, can_write, can_publish in (
        (Access.READ, False, False),
        (Access.WRITE, True, False),
        (Access.ADMIN, True, True),
    ):
        projects.set_access(place.tx, place.board, place.bob, access, actor=place.ada)
        for allowed, act in ((can_write, write), (can_publish, publish)):
            if allowed:
                act()
            else:
                with pytest.raises(Forbidden):
                    act()
    projects.update(place.tx, place.board, actor=place.ada, public=False)
    projects.set_access(place.tx, place.board, place.bob, Access.NONE, actor=place.ada)
    with pytest.raises(NotFound):
        write()


def test_a_role_in_a_linked_repository_is_no_invitation(place: Place) -> None:
    roles.set_role(place.tx, place.repo, place.bob, Role.ADMIN)
    projects.link(place.tx, place.board, place.repo, actor=place.ada)
    assert projects.access_of(place.tx, place.board, place.bob) is Access.NONE
    assert projects.list_of_repo(place.tx, place.repo, actor=place.bob) == []
    (linked,) = projects.list_of_repo(place.tx, place.repo, actor=place.ada)
    projects.unlink(place.tx, linked, place.repo, actor=place.ada)
    assert projects.list_of_repo(place.tx, place.repo, actor=place.ada) == []


def test_only_repositories_of_the_owner_are_linked(place: Place) -> None:
    foreign = repos.create(place.tx, "foreign", owner=place.bob)
    roles.set_role(place.tx, foreign, place.ada, Role.WRITE)
    with pytest.raises(Invalid):
        projects.link(place.tx, place.board, foreign, actor=place.ada)


def test_who_makes_boards(place: Place) -> None:
    crew = users.ensure(place.tx, "crew", kind="Organization")
    shared = repos.create(place.tx, "shared", owner=crew)
    with pytest.raises(LoginNeeded):
        projects.create(place.tx, place.ada, "x", actor=None)
    for owner in (place.ada, crew):
        with pytest.raises(Forbidden):
            projects.create(place.tx, owner, "x", actor=place.bob)
    roles.set_role(place.tx, shared, place.bob, Role.WRITE)
    made = projects.create(place.tx, crew, "Together", actor=place.bob, repo=shared)
    assert (made.path, made.number) == ("/orgs/crew/projects/1", 1)
    assert projects.access_of(place.tx, made, place.bob) is Access.ADMIN
    again = projects.create(place.tx, crew, "More", actor=place.bob)
    assert again.number == 2
