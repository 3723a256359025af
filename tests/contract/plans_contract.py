"""What every implementation of `Plans` promises."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cdock.core.planning.document import Plan, PlanTask
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.ports import Plans

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIRST, SECOND = UUID(int=2 << 96), UUID(int=1 << 96)


def draft_of(id_: UUID = FIRST, **changes: object) -> Draft:
    """A draft with something in every field."""
    inner = PlanTask("b.1", "Inner", description="```\n\x1b[2J {}\n```", stage=1)
    whole = PlanTask(
        "b",
        "Ünter “quotes”",
        description="two\nlines",
        after=("a",),
        stage=2,
        group="g",
        files=("src/**", "a b"),
        acceptance=('test "$x" = 1',),
        agent="claude",
        model="m",
        max_turns=3,
        max_cost=1.25,
        tasks=(inner,),
    )
    full = Draft(
        id=id_,
        plan=Plan("Goal — “now”", goal="Words.\n", tasks=(PlanTask("a", "First"), whole)),
        created_at=NOW,
        stand=Stand.APPROVED,
        agent="scripted",
        session="s-1",
        turns=(("person", "Do it"), ("agent", "How?")),
        numbers={PARENT: 7, "a": 8},
    )
    return replace(full, **changes)  # type: ignore[arg-type]


class PlansContract:
    """Subclass with a fixture `plans`."""

    def test_none(self, plans: Plans) -> None:
        assert plans.list() == ()

    def test_what_is_put_is_kept_whole(self, plans: Plans) -> None:
        bare = Draft(id=SECOND, plan=Plan(""), created_at=NOW - timedelta(days=1))
        for draft in (draft_of(), bare):
            plans.put(draft)
        assert plans.list() == (bare, draft_of())

    def test_putting_again_replaces(self, plans: Plans) -> None:
        plans.put(draft_of())
        plans.put(draft_of(stand=Stand.PUBLISHED))
        assert plans.list() == (draft_of(stand=Stand.PUBLISHED),)

    def test_removing(self, plans: Plans) -> None:
        plans.put(draft_of())
        plans.put(draft_of(SECOND))
        plans.remove(FIRST)
        assert plans.list() == (draft_of(SECOND),)
        plans.remove(FIRST)
        plans.remove(SECOND)
        assert plans.list() == ()
