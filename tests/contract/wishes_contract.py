"""What every implementation of `Wishes` promises."""

from abc import ABC, abstractmethod

import pytest

from cdock.core.ids import TaskId
from cdock.core.wishes import Wish, WishKind
from cdock.ports import Wishes

TASK = TaskId("add-login", "a7b2c8d")
OTHER = TaskId("fix-logout", "0123abc")


class WishesSetting(ABC):
    """The poller's side is `poller`; commands make wishes in processes of their own."""

    poller: Wishes

    @abstractmethod
    def make(self, kind: WishKind, task: TaskId, *, text: str = "", author: str = "") -> Wish:
        """A person asks for something."""


class WishesContract:
    """Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> WishesSetting:
        raise NotImplementedError

    def test_at_first_nothing_is_wished(self, setting: WishesSetting) -> None:
        assert setting.poller.list() == ()

    @pytest.mark.parametrize("kind", list(WishKind))
    def test_a_wish_is_seen_as_it_was_made(self, setting: WishesSetting, kind: WishKind) -> None:
        made = setting.make(kind, TASK, text="Größer,\n\x1b[2J please ✓", author="maria")
        assert setting.poller.list() == (made,)
        assert (made.kind, made.task, made.author) == (kind, TASK, "maria")
        assert made.text == "Größer,\n\x1b[2J please ✓"
        assert made.made_at.tzinfo is not None

    def test_the_oldest_comes_first_and_all_are_kept(self, setting: WishesSetting) -> None:
        made = tuple(setting.make(WishKind.PROMPT, task, text="again") for task in (TASK, OTHER, TASK))
        assert setting.poller.list() == made
        assert len({wish.id for wish in made}) == 3, "the same words twice are two wishes"

    def test_a_granted_wish_is_gone_and_no_other(self, setting: WishesSetting) -> None:
        first, second = (setting.make(WishKind.STOP, task) for task in (TASK, OTHER))
        for _ in range(2):
            setting.poller.granted(first.id)
            assert setting.poller.list() == (second,)

    def test_what_was_never_wished_can_be_granted(self, setting: WishesSetting) -> None:
        setting.poller.granted("0" * 32)
        assert setting.poller.list() == ()
