"""What every implementation of `Ledger` promises."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

import pytest

from cdock.ports import Ledger

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)


class LedgerSetting(ABC):
    """Two pollers of one machine."""

    here: Ledger
    there: Ledger

    @abstractmethod
    def restarted(self) -> Ledger:
        """A new process in place of the one that was `here`."""


class LedgerContract:
    """Subclasses provide the fixture `setting`."""

    @pytest.fixture
    def setting(self) -> LedgerSetting:
        raise NotImplementedError

    def test_at_first_nothing_was_spent(self, setting: LedgerSetting) -> None:
        assert setting.here.spent(MIDNIGHT) == 0

    def test_all_pollers_of_a_machine_spend_together(self, setting: LedgerSetting) -> None:
        setting.here.note("cdock.add-login.a7b2c8d.1", cost=1.5, at=NOON)
        setting.there.note("cdock.add-login.a7b2c8d.2", cost=0.25, at=NOON)
        for ledger in (setting.here, setting.there, setting.restarted()):
            assert ledger.spent(MIDNIGHT) == pytest.approx(1.75)

    def test_a_run_counts_once(self, setting: LedgerSetting) -> None:
        for ledger in (setting.here, setting.here, setting.there, setting.restarted()):
            ledger.note("cdock.add-login.a7b2c8d.1", cost=1.5, at=NOON)
        assert setting.there.spent(MIDNIGHT) == pytest.approx(1.5)

    def test_only_what_ended_since_counts(self, setting: LedgerSetting) -> None:
        for hours, cost in ((-13, 1.0), (-12, 2.0), (0, 4.0)):
            setting.here.note(f"run{hours}", cost=cost, at=NOON + timedelta(hours=hours))
        assert setting.here.spent(MIDNIGHT) == pytest.approx(6), "midnight itself is today"
        assert setting.here.spent(NOON) == pytest.approx(4)
        assert setting.here.spent(MIDNIGHT - timedelta(days=1)) == pytest.approx(7)
