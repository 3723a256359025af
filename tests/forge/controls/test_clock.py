"""The forge's time stands and moves as it is told, and everything carries it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer


def test_it_stands_and_moves(controlled: ForgeServer, ground: Ground) -> None:
    number = ground.owner.issue()
    stopped = controlled.clock(freeze="2031-05-06T07:08:09Z")
    assert controlled.clock() == stopped
    answer = ground.owner.patch(f"/issues/{number}", {"title": "later"})
    assert answer.json()["updated_at"] == "2031-05-06T07:08:09Z"
    assert parsedate_to_datetime(answer.headers["Date"]) == stopped
    assert controlled.journal()[-1]["clock"] == "2031-05-06T07:08:09.000+00:00"
    controlled.clock(advance=90)
    comment = ground.owner.post(f"/issues/{number}/comments", {"body": "x"}).json()
    assert comment["created_at"] == "2031-05-06T07:09:39Z"
    controlled.clock(run=True)
    running = controlled.clock()
    assert stopped + timedelta(seconds=90) <= running < stopped + timedelta(seconds=150)
    assert controlled.clock(advance=3600) >= running + timedelta(hours=1)


def test_it_moves_the_windows_of_the_budgets(controlled: ForgeServer, ground: Ground) -> None:
    def used() -> int:
        return int(ground.owner.get("/issues").headers["X-RateLimit-Used"])

    controlled.clock(freeze=True)
    controlled.limits("off")  # begins all budgets anew
    first = ground.owner.get("/issues")
    assert int(first.headers["X-RateLimit-Reset"]) == int(controlled.clock().timestamp()) + 3600
    assert used() == 2
    controlled.clock(advance=3599)
    assert used() == 3
    controlled.clock(advance=1)
    assert used() == 1
