"""Optional features that the token or the host lacks."""

from __future__ import annotations

import logging

import pytest

from cdock.adapters.github.degrading import AGAIN, OptionalFeatures
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.refusals import Absent
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable

FEATURE = "see check runs"


class Forge:
    """Answers with an error while it has one."""

    def __init__(self, error: CdockError | None) -> None:
        self.error = error
        self.asked = 0

    def checks(self) -> str:
        self.asked += 1
        if self.error:
            raise self.error
        return "green"


@pytest.mark.parametrize("error", [NotPermitted("no"), Absent("hidden"), Unsupported("too old")])
def test_what_is_lacking_is_left_out_with_one_warning(
    error: CdockError, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    features, forge = OptionalFeatures(clock=lambda: now[0]), Forge(error)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert features.attempt(FEATURE, forge.checks, otherwise="") == ""
        now[0] += AGAIN
        assert features.attempt(FEATURE, forge.checks, otherwise="") == ""
    assert forge.asked == 2, "asked again after a while, and not before"
    assert [record.__dict__["feature"] for record in caplog.records] == [FEATURE]


def test_a_permission_that_was_given_later_is_noticed_and_its_loss_is_told_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    features, forge = OptionalFeatures(clock=lambda: now[0]), Forge(NotPermitted("no"))
    given = []
    with caplog.at_level(logging.WARNING):
        for error in (forge.error, None, forge.error):
            forge.error = error
            given.append(features.attempt(FEATURE, forge.checks, otherwise=""))
            now[0] += AGAIN
    assert given == ["", "green", ""]
    assert len(caplog.records) == 2


def test_one_feature_says_nothing_about_another() -> None:
    features = OptionalFeatures()
    features.attempt(FEATURE, Forge(NotPermitted("no")).checks, otherwise="")
    assert features.attempt("use boards", Forge(None).checks, otherwise="") == "green"


@pytest.mark.parametrize("error", [Unavailable("away"), Refused("wrong")])
def test_other_errors_are_nobodys_permission(error: CdockError) -> None:
    features, forge = OptionalFeatures(), Forge(error)
    for _ in range(2):
        with pytest.raises(type(error)):
            features.attempt(FEATURE, forge.checks, otherwise="")
    assert forge.asked == 2
