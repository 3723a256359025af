"""What every implementation of `Locks` promises."""

from abc import ABC, abstractmethod

import pytest

from cdock.ports import Locks


class LocksSetting(ABC):
    """Two processes of one machine."""

    here: Locks
    there: Locks

    @abstractmethod
    def restarted(self) -> Locks:
        """A new process in place of the one that was `here`, which died without letting go."""


class LocksContract:
    """Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> LocksSetting:
        raise NotImplementedError

    def test_an_issue_is_held_by_one(self, setting: LocksSetting) -> None:
        assert setting.here.hold(42)
        assert not setting.there.hold(42)

    def test_who_holds_it_may_hold_it_again(self, setting: LocksSetting) -> None:
        assert setting.here.hold(42)
        assert setting.here.hold(42)
        setting.here.release(42)
        assert setting.there.hold(42), "released once for all"

    def test_issues_do_not_stand_in_each_others_way(self, setting: LocksSetting) -> None:
        assert setting.here.hold(4)
        assert setting.there.hold(42)
        assert not setting.here.hold(42)

    def test_a_lock_goes_to_and_fro(self, setting: LocksSetting) -> None:
        for _ in range(3):
            assert setting.here.hold(42)
            setting.here.release(42)
            assert setting.there.hold(42)
            assert not setting.here.hold(42)
            setting.there.release(42)

    def test_releasing_what_another_holds_changes_nothing(self, setting: LocksSetting) -> None:
        assert setting.here.hold(42)
        setting.there.release(42)
        assert not setting.there.hold(42)

    def test_releasing_what_nobody_holds_is_no_error(self, setting: LocksSetting) -> None:
        setting.here.release(42)
        assert setting.here.hold(42)

    def test_the_dead_hold_nothing(self, setting: LocksSetting) -> None:
        assert setting.here.hold(42)
        assert setting.restarted().hold(42)
