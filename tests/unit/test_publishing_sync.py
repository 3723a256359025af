"""What `cdock sync` says and does about plans without a forge: they are shown, kept, and may be dropped."""

from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.files.plans import FilePlans
from cdock.adapters.files.poller import only_poller
from cdock.core.outbox import new_issue
from cdock.core.planning.drafts import PARENT, Stand
from tests.contract.plans_contract import FIRST, SECOND, draft_of
from tests.unit.test_cli_offline import NOW, _token, cli, clone, code, outbox

__all__ = ("_token", "clone")


def plans(clone: Path) -> FilePlans:
    return FilePlans(clone / ".git" / "cdock" / "plans")


def test_an_approved_plan_is_shown_and_one_that_is_talked_about_is_not(clone: Path) -> None:
    plans(clone).put(draft_of())
    plans(clone).put(draft_of(SECOND, stand=Stand.TALK))
    said = cli(clone, "sync", "--dry-run")
    assert said.stdout == f"{str(FIRST)[:8]}  approved plan: Goal — “now” (2 of 4 issues made)\n"
    assert "nothing is held back" not in said.stderr
    assert said.return_value == 0


def test_while_the_forge_is_away_it_is_kept(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plans(clone).put(draft_of())
    assert code(clone, "sync") == 5
    assert "approved plan" in capsys.readouterr().out
    assert plans(clone).list() == (draft_of(),)


def test_one_that_cannot_be_carried_out_is_told_with_the_way_out(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = replace(draft_of().plan, title="")
    plans(clone).put(draft_of(plan=plan))
    code(clone, "sync")
    said = capsys.readouterr().out
    assert "parked" in said
    assert "why: the plan cannot be carried out: the plan has no title" in said
    assert f"fix: change it: `cdock plan edit {str(FIRST)[:8]}`" in said


def test_a_dropped_one_is_talked_about_again(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plans(clone).put(draft_of())
    waiting = new_issue(draft_of().op("b"), title="t", body="", labels=(), ready=False, now=NOW)
    outbox(clone).put(waiting)
    assert code(clone, "sync", "--drop", str(FIRST)[:6]) != 2
    said = capsys.readouterr().err
    assert f"dropped {str(FIRST)[:8]}: plan: Goal" in said
    assert "#7, #8 are there already" in said
    assert plans(clone).list() == (draft_of(stand=Stand.TALK),), "no word of it is lost"
    assert outbox(clone).list() == ()


def test_what_a_poller_may_be_publishing_is_not_dropped(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans(clone).put(draft_of())
    with only_poller(clone / ".git" / "cdock"):
        assert code(clone, "sync", "--drop", str(FIRST)[:8]) == 1
    assert "a poller runs in this clone" in capsys.readouterr().err
    assert plans(clone).list() == (draft_of(),)


def test_a_damaged_one_is_named(clone: Path) -> None:
    plans(clone).put(draft_of(numbers={PARENT: 7}))
    (clone / ".git" / "cdock" / "plans" / "odd.json").write_text("{")
    said = cli(clone, "sync", "--dry-run")
    assert "odd.json  damaged:" in said.stdout
    assert said.return_value == 3
