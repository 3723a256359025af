"""Replicas that lag: old answers, objects that are not there yet, tags that still hold."""

from __future__ import annotations

from tests.forge.ground import Ground
from tests.forge_server import ForgeServer


def test_a_read_is_old_for_a_while(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze=True)
    controlled.faults([{"kind": "stale_read", "args": {"seconds": 5}, "match": {"path": "*/issues*"}}])
    number = ground.owner.issue("before")
    assert ground.owner.read(f"/issues/{number}")["title"] == "before"
    tag = ground.owner.get("/issues").headers["ETag"]
    controlled.clock(advance=60)
    ground.owner.patch(f"/issues/{number}", {"title": "after"})
    assert ground.owner.read(f"/issues/{number}")["title"] == "before"
    assert [issue["title"] for issue in ground.owner.read("/issues")] == ["before"]
    assert ground.owner.get("/issues", headers={"If-None-Match": tag}).status_code == 304
    # Another token has another answer, and never saw the old one.
    assert ground.writer.read(f"/issues/{number}")["title"] == "after"
    entry = controlled.journal()[-2]
    assert (entry["status"], entry["inner"], entry["fault"]) == (304, 200, "stale_read")
    assert (entry["etag_hit"], entry["points"]) == (True, 0)
    controlled.clock(advance=4)
    assert ground.owner.read(f"/issues/{number}")["title"] == "before"
    controlled.clock(advance=1)
    assert ground.owner.read(f"/issues/{number}")["title"] == "after"
    assert ground.owner.get("/issues", headers={"If-None-Match": tag}).status_code == 200


def test_it_lags_no_longer_than_told_when_nobody_looked(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze=True)
    controlled.faults([{"kind": "stale_read", "args": {"seconds": 5}}])
    number = ground.owner.issue("before")
    assert ground.owner.read(f"/issues/{number}")["title"] == "before"
    ground.owner.patch(f"/issues/{number}", {"title": "after"})
    controlled.clock(advance=6)
    assert ground.owner.read(f"/issues/{number}")["title"] == "after"


def test_what_is_gone_is_still_read(controlled: ForgeServer, ground: Ground) -> None:
    number = ground.owner.issue()
    comment = ground.owner.post(f"/issues/{number}/comments", {"body": "x"}).json()["id"]
    path = f"/issues/comments/{comment}"
    assert ground.owner.get(path).status_code == 200
    ground.owner.delete(path)
    controlled.faults([{"kind": "stale_read", "times": 1}])
    assert ground.owner.get(path).status_code == 200
    assert ground.owner.get(path).status_code == 404


def test_what_is_new_is_not_there_yet(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze=True)
    old = ground.owner.issue("old")
    controlled.clock(advance=10)
    controlled.faults([{"kind": "fresh_404", "args": {"seconds": 5}}])
    new = ground.owner.issue("new")
    comment = ground.owner.post(f"/issues/{old}/comments", {"body": "x"}).json()["id"]
    assert ground.owner.get(f"/issues/{old}").status_code == 200
    for path in (f"/issues/{new}", f"/issues/{new}/comments", f"/issues/comments/{comment}"):
        answer = ground.owner.get(path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found"), path
    assert ground.owner.patch(f"/issues/{new}", {"title": "newer"}).status_code == 200
    assert [rule["applied"] for rule in controlled.control("GET", "faults")] == [3]
    controlled.clock(advance=5)
    assert ground.owner.read(f"/issues/{new}")["title"] == "newer"


def test_a_tag_holds_too_long(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze=True)
    tag = ground.owner.get("/issues").headers["ETag"]
    ground.owner.issue()
    used = ground.owner.get("//rate_limit").headers["X-RateLimit-Used"]
    controlled.faults([{"kind": "stale_304", "args": {"seconds": 5}}])
    answer = ground.owner.get("/issues", headers={"If-None-Match": tag})
    assert answer.headers["X-RateLimit-Used"] == used
    assert controlled.journal()[-1]["points"] == 0
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert len(ground.owner.read("/issues")) == 1
    controlled.clock(advance=5)
    assert ground.owner.get("/issues", headers={"If-None-Match": tag}).status_code == 200


def test_a_search_finds_new_things_late(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(freeze=True)

    def found() -> list[str]:
        answer = ground.owner.read("//search/issues", q=f"repo:{ground.name} is:issue sort:created-asc")
        titles = [item["title"] for item in answer["items"]]
        assert answer["total_count"] == len(titles)
        return titles

    ground.owner.issue("old")
    controlled.clock(advance=10)
    ground.owner.issue("new")
    assert found() == ["old", "new"]
    controlled.faults([{"kind": "search_lag", "args": {"seconds": 5}}])
    assert found() == ["old"]
    controlled.clock(advance=5)
    assert found() == ["old", "new"]


def test_nothing_is_remembered_beyond_a_restore(controlled: ForgeServer, ground: Ground) -> None:
    controlled.snapshot("empty")
    ground.owner.issue()
    assert ground.owner.get("/issues/1").status_code == 200
    controlled.restore("empty")
    controlled.faults([{"kind": "stale_read"}])
    assert ground.owner.get("/issues/1").status_code == 404


def test_rules_that_find_nothing_to_do_leave_it_to_the_next(controlled: ForgeServer, ground: Ground) -> None:
    controlled.clock(advance=10)  # The repository itself is new, too.
    controlled.faults([{"kind": "fresh_404"}, {"kind": "stale_304"}, {"kind": "status"}])
    assert ground.owner.get("/labels").status_code == 502
    assert [rule["applied"] for rule in controlled.control("GET", "faults")] == [0, 0, 1]
