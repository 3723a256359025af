"""Pull requests, statuses, refs and files over REST, on commits that git pushed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.forge.ground import Clone, Ground


@pytest.fixture
def clone(ground: Ground, tmp_path: Path) -> Clone:
    """A work tree of the writer's, with `main` pushed."""
    return ground.seeded(tmp_path / "clone")


def _open(ground: Ground, head: str, **fields: Any) -> dict[str, Any]:
    answer = ground.writer.post("/pulls", {"title": "Change", "head": head, "base": "main", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def test_a_pull_request(ground: Ground, clone: Clone) -> None:
    main = clone.git("rev-parse", "main")
    oid = clone.branch("work/a", {"src/app.py": "one\n2\nthree\n", "ü b.txt": "x\n"}, "change\n\ntext")
    pull = _open(ground, "Olivia:work/a", body="b\r\n")
    number = pull["number"]
    assert ground.nobody.read(f"/pulls/{number}") == {
        **pull,
        "base": _anonymous(pull["base"]),
        "head": _anonymous(pull["head"]),
    }
    assert (pull["head"]["ref"], pull["head"]["sha"], pull["head"]["label"]) == (
        "work/a",
        oid,
        "Olivia:work/a",
    )
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", main)
    assert (pull["mergeable"], pull["mergeable_state"], pull["merged"]) == (True, "clean", False)
    assert (pull["commits"], pull["additions"], pull["deletions"], pull["changed_files"]) == (1, 2, 1, 2)
    files = ground.owner.read(f"/pulls/{number}/files")
    assert [(f["filename"], f["status"]) for f in files] == [("src/app.py", "modified"), ("ü b.txt", "added")]
    assert files[0]["patch"] == "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"
    commits = ground.owner.read(f"/pulls/{number}/commits")
    assert [(c["sha"], c["commit"]["message"]) for c in commits] == [(oid, "change\n\ntext")]
    assert clone.git("ls-remote", "origin", f"refs/pull/{number}/head").split()[0] == oid


def _anonymous(end: dict[str, Any]) -> dict[str, Any]:
    return {**end, "repo": {key: value for key, value in end["repo"].items() if key != "permissions"}}


def test_a_pull_request_is_an_issue(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "a")
    number = _open(ground, "a", draft=True)["number"]
    issue = ground.owner.issue("plain")
    listed = ground.owner.read("/issues")
    assert [one["number"] for one in listed] == [issue, number]
    assert "pull_request" not in listed[0]
    assert listed[1]["pull_request"]["url"].endswith(f"/pulls/{number}")
    assert listed[1]["draft"] is True
    assert ground.owner.get(f"/pulls/{issue}").status_code == 404
    ground.owner.post(f"/issues/{number}/labels", ["care"])
    ground.owner.post(f"/issues/{number}/comments", {"body": "hello"})
    pull = ground.owner.read(f"/pulls/{number}")
    assert ([label["name"] for label in pull["labels"]], pull["comments"]) == (["care"], 1)
    assert ground.owner.read(f"/issues/{number}")["id"] != pull["id"]


def test_drafts_are_toggled_by_graphql_only(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "a")
    number = _open(ground, "a", draft=True)["number"]
    assert ground.writer.patch(f"/pulls/{number}", {"draft": False}).json()["draft"] is True


def test_what_cannot_be_opened(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "a")
    clone.git("push", "-q", "origin", "main:same")

    def errors(**fields: Any) -> Any:
        answer = ground.writer.post("/pulls", {"title": "x", "head": "a", "base": "main", **fields})
        assert answer.status_code == 422, answer.text
        return answer.json()["errors"][0]

    assert errors(head="unknown")["field"] == "head"
    assert errors(head="unknown")["code"] == "invalid"
    assert errors(head="stranger:a")["field"] == "head"
    assert errors(base="unknown")["field"] == "base"
    assert errors(head="same")["message"] == "No commits between main and same"
    assert errors(title=" ")["code"] == "missing_field"
    _open(ground, "a")
    assert errors(head="Olivia:a")["message"] == "A pull request already exists for Olivia:a."
    assert ground.stranger.post("/pulls", {"title": "x", "head": "a", "base": "main"}).status_code == 403


def test_lists_are_filtered(ground: Ground, clone: Clone) -> None:
    for name in ("x/a", "x/b", "c"):
        clone.branch(name, {name.replace("/", "-"): "1"}, name)
    numbers = [_open(ground, name)["number"] for name in ("x/a", "x/b", "c")]
    ground.owner.patch(f"/pulls/{numbers[2]}", {"state": "closed"})

    def listed(**query: Any) -> list[int]:
        return [pull["number"] for pull in ground.owner.read("/pulls", **query)]

    assert listed() == numbers[1::-1]
    assert listed(state="all") == numbers[::-1]
    assert listed(state="closed") == numbers[2:]
    assert listed(head="Olivia:x/a") == numbers[:1]
    assert listed(head="olivia:x/b") == numbers[1:2]
    assert listed(head="other:x/a") == []
    assert listed(base="other") == []
    assert listed(base="main", direction="asc") == numbers[:2]
    assert listed(per_page=1, page=2) == numbers[:1]


def test_diff_and_patch(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"src/app.py": "one\ntwo\n3\n"}, "a")
    number = _open(ground, "a")["number"]
    answer = ground.owner.get(f"/pulls/{number}", headers={"Accept": "application/vnd.github.v3.diff"})
    assert answer.headers["content-type"].startswith("application/vnd.github.v3.diff")
    assert answer.text.startswith("diff --git a/src/app.py b/src/app.py\n")
    assert "-three\n+3\n" in answer.text
    answer = ground.owner.get(f"/pulls/{number}", headers={"Accept": "application/vnd.github.patch"})
    assert "Subject: [PATCH] a\n" in answer.text


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merging(ground: Ground, clone: Clone, method: str) -> None:
    clone.git("checkout", "-q", "-B", "a", "main")
    clone.commit({"a": "1"}, "first of two")
    clone.branch("a", {"b": "2"}, "second of two", start="a")
    clone.git("checkout", "-q", "main")
    before = clone.commit({"c": "3"}, "meanwhile")
    clone.git("push", "-q", "origin", "main")
    closing = ground.owner.issue("to be closed")
    mentioned = ground.owner.issue("only named")
    pull = _open(ground, "a", body=f"Closes #{closing}, see #{mentioned} `fixes #{mentioned}`")
    number, head = pull["number"], pull["head"]["sha"]
    assert ground.owner.get(f"/pulls/{number}/merge").status_code == 404
    answer = ground.writer.put(f"/pulls/{number}/merge", {"sha": "0" * 40, "merge_method": method})
    assert answer.status_code == 409
    assert ground.triager.put(f"/pulls/{number}/merge").status_code == 403
    answer = ground.writer.put(f"/pulls/{number}/merge", {"sha": head, "merge_method": method})
    assert (answer.status_code, answer.json()["merged"]) == (200, True)
    made = answer.json()["sha"]
    again = ground.writer.put(f"/pulls/{number}/merge", {"sha": head})
    assert (again.status_code, again.json()["message"]) == (405, "Pull Request is not mergeable")
    assert ground.owner.get(f"/pulls/{number}/merge").status_code == 204
    merged = ground.owner.read(f"/pulls/{number}")
    assert (merged["merged"], merged["state"], merged["merge_commit_sha"]) == (True, "closed", made)
    assert merged["merged_by"]["login"] == "wendy"
    assert merged["changed_files"] == 2
    assert ground.owner.read(f"/issues/{closing}")["state_reason"] == "completed"
    assert ground.owner.read(f"/issues/{mentioned}")["state"] == "open"
    timeline = ground.owner.read(f"/issues/{number}/timeline")
    assert _kinds(timeline) == ["committed", "committed", "merged", "closed"]
    clone.git("fetch", "-q")
    assert clone.git("rev-parse", "origin/main") == made
    assert sorted(clone.git("ls-tree", "--name-only", "origin/main").split()) == [
        "README.md",
        "a",
        "b",
        "c",
        "src",
    ]
    titles = clone.git("log", "--format=%s", "--topo-order", f"{before}..origin/main").splitlines()
    parents = clone.git("log", "-1", "--format=%P", "origin/main").split()
    if method == "merge":
        assert parents == [before, head]
        assert titles[0] == f"Merge pull request #{number} from Olivia/a"
    elif method == "squash":
        assert parents == [before]
        assert titles == [f"Change (#{number})"]
    else:
        assert titles == ["second of two", "first of two"]
        assert (
            clone.git("log", "-1", "--format=%an <%ae>", "origin/main") == "Wendy Writer <wendy@example.org>"
        )
    assert ground.writer.patch(f"/pulls/{number}", {"state": "open"}).status_code == 422


def test_a_conflict(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"src/app.py": "mine\n"}, "a")
    clone.git("checkout", "-q", "main")
    clone.commit({"src/app.py": "yours\n"}, "b")
    clone.git("push", "-q", "origin", "main")
    pull = _open(ground, "a")
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    assert ground.writer.put(f"/pulls/{pull['number']}/merge").status_code == 405


def test_what_is_not_merged(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "a")
    number = _open(ground, "a", draft=True)["number"]
    answer = ground.writer.put(f"/pulls/{number}/merge")
    assert (answer.status_code, answer.json()["message"]) == (405, "Pull Request is still a draft")
    clone.branch("b", {"b": "1"}, "b")
    number = _open(ground, "b")["number"]
    ground.writer.patch(f"/pulls/{number}", {"state": "closed"})
    assert ground.writer.put(f"/pulls/{number}/merge").status_code == 405
    ground.writer.patch(f"/pulls/{number}", {"state": "open"})
    ground.owner.patch("", {"allow_squash_merge": False})
    assert ground.writer.put(f"/pulls/{number}/merge", {"merge_method": "squash"}).status_code == 405
    assert ground.writer.put(f"/pulls/{number}/merge", {"merge_method": "octopus"}).status_code == 422
    assert ground.writer.put(f"/pulls/{number}/merge").status_code == 200


def test_keywords_close_only_on_the_default_branch(ground: Ground, clone: Clone) -> None:
    issue = ground.owner.issue()
    clone.git("push", "-q", "origin", "main:side")
    clone.branch("a", {"a": "1"}, f"fixes #{issue}")
    number = _open(ground, "a", base="side", body=f"closes #{issue}")["number"]
    assert ground.writer.put(f"/pulls/{number}/merge").status_code == 200
    assert ground.owner.read(f"/issues/{issue}")["state"] == "open"
    assert "referenced" in _kinds(ground.owner.read(f"/issues/{issue}/events"))


def test_a_push_moves_the_pull_request(ground: Ground, clone: Clone) -> None:
    first = clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    second = clone.branch("a", {"a": "2"}, "two", start="a")
    assert ground.owner.read(f"/pulls/{number}")["head"]["sha"] == second
    clone.git("reset", "-q", "--hard", "main")
    third = clone.commit({"a": "3"}, "three")
    clone.git("push", "-q", "--force", "origin", "a")
    assert ground.owner.read(f"/pulls/{number}")["head"]["sha"] == third
    assert clone.git("ls-remote", "origin", f"refs/pull/{number}/head").split()[0] == third
    timeline = ground.owner.read(f"/issues/{number}/timeline")
    assert _kinds(timeline) == ["head_ref_force_pushed", "committed"]
    assert timeline[1]["sha"] == third
    assert first != second


def test_a_pull_request_merged_by_a_push(ground: Ground, clone: Clone) -> None:
    issue = ground.owner.issue()
    oid = clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a", body=f"resolves #{issue}")["number"]
    clone.git("checkout", "-q", "main")
    clone.git("merge", "-q", "--no-edit", "--no-ff", "a")
    clone.git("push", "-q", "origin", "main")
    pull = ground.owner.read(f"/pulls/{number}")
    assert (pull["merged"], pull["merge_commit_sha"]) == (True, clone.git("rev-parse", "main"))
    assert pull["head"]["sha"] == oid
    assert ground.owner.read(f"/issues/{issue}")["state"] == "closed"


def test_commits_close_issues_on_the_default_branch(ground: Ground, clone: Clone) -> None:
    issue = ground.owner.issue()
    oid = clone.commit({"x": "1"}, f"Do it\n\nFixes #{issue}")
    clone.git("push", "-q", "origin", "main")
    closed = ground.owner.read(f"/issues/{issue}")
    assert (closed["state"], closed["state_reason"], closed["closed_by"]["login"]) == (
        "closed",
        "completed",
        "wendy",
    )
    events = ground.owner.read(f"/issues/{issue}/events")
    assert [(event["event"], event["commit_id"]) for event in events] == [
        ("referenced", oid),
        ("closed", oid),
    ]


def test_a_deleted_branch_closes_its_pull_request(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    clone.git("push", "-q", "origin", ":a")
    pull = ground.owner.read(f"/pulls/{number}")
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert _kinds(ground.owner.read(f"/issues/{number}/events")) == ["head_ref_deleted", "closed"]
    answer = ground.writer.patch(f"/pulls/{number}", {"state": "open"})
    assert answer.status_code == 422
    clone.git("push", "-q", "origin", "a")
    assert ground.writer.patch(f"/pulls/{number}", {"state": "open"}).status_code == 200


def test_another_base(ground: Ground, clone: Clone) -> None:
    clone.git("push", "-q", "origin", "main:side")
    clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    assert ground.writer.patch(f"/pulls/{number}", {"base": "side"}).json()["base"]["ref"] == "side"
    assert ground.writer.patch(f"/pulls/{number}", {"base": "nowhere"}).status_code == 422


def test_a_closed_one_keeps_its_base(ground: Ground, clone: Clone) -> None:
    clone.git("push", "-q", "origin", "main:side")
    clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    ground.writer.patch(f"/pulls/{number}", {"state": "closed"})
    assert ground.writer.patch(f"/pulls/{number}", {"base": "side"}).status_code == 422


def _stack(ground: Ground, clone: Clone) -> tuple[int, int]:
    """A pull request to `main`, and one on top of it."""
    clone.branch("below", {"a": "1"}, "one")
    clone.git("checkout", "-q", "-b", "above")
    clone.commit({"b": "1"}, "two")
    clone.git("push", "-q", "origin", "above")
    return _open(ground, "below")["number"], _open(ground, "above", base="below")["number"]


@pytest.mark.parametrize("by_rest", [False, True])
def test_what_is_stacked_on_a_merged_branch_goes_to_its_base_when_it_is_deleted(
    ground: Ground, clone: Clone, by_rest: bool
) -> None:
    below, above = _stack(ground, clone)
    assert ground.writer.put(f"/pulls/{below}/merge").status_code == 200
    assert ground.owner.read(f"/pulls/{above}")["base"]["ref"] == "below"
    if by_rest:
        assert ground.writer.delete("/git/refs/heads/below").status_code == 204
    else:
        clone.git("push", "-q", "origin", ":below")
    pull = ground.owner.read(f"/pulls/{above}")
    assert (pull["state"], pull["base"]["ref"]) == ("open", "main")
    assert [row["filename"] for row in ground.owner.read(f"/pulls/{above}/files")] == ["b"]
    assert "automatic_base_change_succeeded" in _kinds(ground.owner.read(f"/issues/{above}/events"))
    assert ground.writer.put(f"/pulls/{above}/merge").status_code == 200


def test_what_is_stacked_on_an_unmerged_branch_is_closed_with_it(ground: Ground, clone: Clone) -> None:
    _, above = _stack(ground, clone)
    clone.git("push", "-q", "origin", ":below")
    pull = ground.owner.read(f"/pulls/{above}")
    assert (pull["state"], pull["merged"], pull["base"]["ref"]) == ("closed", False, "below")


def test_update_branch(ground: Ground, clone: Clone) -> None:
    head = clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    assert ground.writer.put(f"/pulls/{number}/update-branch").status_code == 422
    clone.git("checkout", "-q", "main")
    clone.commit({"b": "1"}, "two")
    clone.git("push", "-q", "origin", "main")
    wrong = ground.writer.put(f"/pulls/{number}/update-branch", {"expected_head_sha": "0" * 40})
    assert wrong.status_code == 422
    answer = ground.writer.put(f"/pulls/{number}/update-branch", {"expected_head_sha": head})
    assert answer.status_code == 202
    pull = ground.owner.read(f"/pulls/{number}")
    assert pull["head"]["sha"] != head
    assert pull["changed_files"] == 1


def test_head_branch_is_removed_after_a_merge_when_asked_for(ground: Ground, clone: Clone) -> None:
    ground.owner.patch("", {"delete_branch_on_merge": True})
    clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    ground.writer.put(f"/pulls/{number}/merge")
    assert ground.owner.get("/branches/a").status_code == 404
    assert ground.owner.read(f"/pulls/{number}/files")[0]["filename"] == "a"


# Statuses


def test_statuses(ground: Ground, clone: Clone) -> None:
    oid = clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    assert ground.owner.read(f"/commits/{oid}/status")["state"] == "pending"
    assert ground.owner.read(f"/commits/{oid}/status")["total_count"] == 0

    def say(state: str, context: str) -> Any:
        return ground.writer.post(
            f"/statuses/{oid}", {"state": state, "context": context, "description": "d"}
        )

    assert say("pending", "ci/a").status_code == 201
    assert say("success", "CI/A").status_code == 201
    assert ground.owner.read("/commits/a/status")["state"] == "success"
    assert say("failure", "ci/b").status_code == 201
    combined = ground.owner.read(f"/commits/{oid}/status")
    assert (combined["state"], combined["total_count"]) == ("failure", 2)
    assert [s["state"] for s in ground.owner.read(f"/commits/{oid}/statuses")] == [
        "failure",
        "success",
        "pending",
    ]
    assert ground.owner.read(f"/pulls/{number}")["mergeable_state"] == "unstable"
    assert say("great", "x").status_code == 422
    assert ground.triager.post(f"/statuses/{oid}", {"state": "success"}).status_code == 403
    assert ground.writer.post(f"/statuses/{'0' * 40}", {"state": "success"}).status_code == 422
    assert ground.owner.read(f"/commits/{oid}/check-runs") == {"total_count": 0, "check_runs": []}
    assert ground.writer.post("/check-runs", {"name": "x", "head_sha": oid}).status_code == 403


# Refs and objects


def test_refs(ground: Ground, clone: Clone) -> None:
    main = clone.git("rev-parse", "main")
    child = clone.branch("a", {"a": "1"}, "one")
    answer = ground.writer.post("/git/refs", {"ref": "refs/own/claims/4", "sha": main})
    assert answer.status_code == 201
    ref = answer.json()
    assert ref["ref"] == "refs/own/claims/4"
    assert ref["url"].endswith("/git/refs/own/claims/4")
    assert ref["object"] == {"sha": main, "type": "commit", "url": ref["object"]["url"]}
    assert ground.owner.read("/git/ref/own/claims/4") == ref
    again = ground.writer.post("/git/refs", {"ref": "refs/own/claims/4", "sha": main})
    assert (again.status_code, again.json()["message"]) == (422, "Reference already exists")
    moved = ground.writer.patch(ref["url"], {"sha": child})
    assert (moved.status_code, moved.json()["object"]["sha"]) == (200, child)
    back = ground.writer.patch(ref["url"], {"sha": main})
    assert (back.status_code, back.json()["message"]) == (422, "Update is not a fast forward")
    assert ground.writer.patch(ref["url"], {"sha": main, "force": True}).status_code == 200
    ground.writer.post("/git/refs", {"ref": "refs/own/claims/42", "sha": main})
    matching = ground.owner.read("/git/matching-refs/own/claims/4")
    assert [one["ref"] for one in matching] == ["refs/own/claims/4", "refs/own/claims/42"]
    assert len(ground.owner.read("/git/matching-refs/own%2Fclaims")) == 2
    assert ground.owner.read("/git/matching-refs/none") == []
    assert ground.owner.get("/git/ref/own/claims").status_code == 404
    assert ground.triager.delete(ref["url"]).status_code == 403
    assert ground.writer.delete(ref["url"]).status_code == 204
    assert ground.writer.delete(ref["url"]).status_code == 422
    for name, oid in (
        ("heads/x", main),
        ("refs/x", main),
        ("refs/heads/a..b", main),
        ("refs/heads/x", "0" * 40),
    ):
        assert ground.writer.post("/git/refs", {"ref": name, "sha": oid}).status_code == 422, name


def test_a_ref_moved_over_rest_counts_as_a_push(ground: Ground, clone: Clone) -> None:
    clone.branch("a", {"a": "1"}, "one")
    number = _open(ground, "a")["number"]
    clone.git("push", "-q", "origin", "a:other")
    second = clone.branch("other", {"a": "2"}, "two", start="a")
    assert ground.writer.patch("/git/refs/heads/a", {"sha": second}).status_code == 200
    assert ground.owner.read(f"/pulls/{number}")["head"]["sha"] == second


def test_objects(ground: Ground, clone: Clone) -> None:
    main = clone.git("rev-parse", "main")
    blob = ground.writer.post("/git/blobs", {"content": "hi\n"})
    assert blob.status_code == 201
    shown = ground.owner.read(blob.json()["url"])
    assert base64.b64decode(shown["content"]) == b"hi\n"
    tree = ground.writer.post(
        "/git/trees",
        {
            "base_tree": main,
            "tree": [
                {"path": "deep/new.txt", "mode": "100644", "type": "blob", "sha": blob.json()["sha"]},
                {"path": "inline.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
                {"path": "README.md", "mode": "100644", "type": "blob", "sha": None},
            ],
        },
    )
    assert tree.status_code == 201
    assert [entry["path"] for entry in tree.json()["tree"]] == ["deep", "inline.sh", "src"]
    whole = ground.owner.read(f"/git/trees/{tree.json()['sha']}", recursive="1")
    assert [entry["path"] for entry in whole["tree"]] == [
        "deep",
        "deep/new.txt",
        "inline.sh",
        "src",
        "src/app.py",
    ]
    made = ground.writer.post(
        "/git/commits",
        {"message": "by hand", "tree": tree.json()["sha"], "parents": [main],
         "author": {"name": "A", "email": "a@example.org", "date": "2020-01-01T00:00:00Z"}},
    )  # fmt: skip
    assert made.status_code == 201
    commit = made.json()
    assert commit["author"] == {"name": "A", "email": "a@example.org", "date": "2020-01-01T00:00:00Z"}
    assert commit["tree"]["sha"] == tree.json()["sha"]
    assert ground.owner.read(commit["url"]) == commit
    assert ground.writer.patch("/git/refs/heads/main", {"sha": commit["sha"]}).status_code == 200
    assert ground.owner.read("/commits/main")["sha"] == commit["sha"]
    assert ground.writer.post("/git/commits", {"message": "x", "tree": main}).status_code == 422
    assert ground.owner.get(f"/git/commits/{'0' * 40}").status_code == 404


# Reading


def test_an_empty_repository(ground: Ground) -> None:
    assert ground.owner.get("/commits").status_code == 409
    assert ground.owner.get("/contents/").status_code == 404
    assert ground.owner.get("/git/ref/heads/main").status_code == 409
    assert ground.owner.read("/branches") == []


def test_commits_and_comparison(ground: Ground, clone: Clone) -> None:
    main = clone.git("rev-parse", "main")
    one = clone.branch("a", {"src/app.py": "1\n"}, "one")
    clone.git("checkout", "-q", "main")
    two = clone.commit({"b": "2"}, "two")
    clone.git("push", "-q", "origin", "main")
    assert [c["sha"] for c in ground.owner.read("/commits")] == [two, main]
    assert [c["sha"] for c in ground.owner.read("/commits?path=src/app.py", sha="a")] == [one, main]
    assert ground.owner.get("/commits?per_page=1").links["next"]["url"]
    commit = ground.owner.read("/commits/a")
    assert commit["stats"] == {"total": 4, "additions": 1, "deletions": 3}
    assert commit["parents"][0]["sha"] == main
    compared = ground.owner.read("/compare/main...a")
    assert (compared["status"], compared["ahead_by"], compared["behind_by"]) == ("diverged", 1, 1)
    assert compared["merge_base_commit"]["sha"] == main
    assert [c["sha"] for c in compared["commits"]] == [one]
    assert [f["filename"] for f in compared["files"]] == ["src/app.py"]
    assert ground.owner.read(f"/compare/{main}...main")["status"] == "ahead"
    assert ground.owner.read(f"/compare/main...{main}")["status"] == "behind"
    assert ground.owner.read("/compare/main...main")["status"] == "identical"
    answer = ground.owner.get("/compare/main...a", headers={"Accept": "application/vnd.github.diff"})
    assert answer.text.startswith("diff --git")
    assert ground.owner.get("/commits/nowhere").status_code == 404
    assert ground.owner.get("/compare/main...nowhere").status_code == 404


def test_branches(ground: Ground, clone: Clone) -> None:
    oid = clone.branch("a/b", {"a": "1"}, "one")
    assert [branch["name"] for branch in ground.owner.read("/branches")] == ["a/b", "main"]
    branch = ground.owner.read("/branches/a/b")
    assert (branch["name"], branch["commit"]["sha"], branch["protected"]) == ("a/b", oid, False)
    assert ground.owner.get("/branches/a").status_code == 404


def test_tags(ground: Ground, clone: Clone) -> None:
    assert ground.owner.read("/tags") == []
    oid = clone.git("rev-parse", "main")
    clone.git("tag", "light")
    clone.git("tag", "-a", "heavy", "-m", "annotated")
    clone.git("push", "-q", "--tags", "origin")
    tags = ground.owner.read("/tags")
    assert [(tag["name"], tag["commit"]["sha"]) for tag in tags] == [("heavy", oid), ("light", oid)]


def test_contents(ground: Ground, clone: Clone) -> None:
    assert clone.git("rev-parse", "main")
    shown = ground.owner.read("/contents/src/app.py")
    assert base64.b64decode(shown["content"]) == b"one\ntwo\nthree\n"
    assert [entry["name"] for entry in ground.owner.read("/contents/")] == ["README.md", "src"]
    assert ground.owner.read("/contents/src")[0]["path"] == "src/app.py"
    raw = ground.owner.get("/contents/src/app.py", headers={"Accept": "application/vnd.github.raw"})
    assert raw.text == "one\ntwo\nthree\n"
    assert base64.b64decode(ground.owner.read("/readme")["content"]) == b"# hello\n"
    assert ground.owner.get("/contents/nothing").status_code == 404
    assert ground.owner.get("/contents/src/app.py?ref=nowhere").status_code == 404

    def put(path: str, text: str, **fields: Any) -> Any:
        body = {"message": "write", "content": base64.b64encode(text.encode()).decode(), **fields}
        return ground.writer.put(f"/contents/{path}", body)

    new = put("new/file ü.txt", "1")
    assert new.status_code == 201
    assert new.json()["content"]["path"] == "new/file ü.txt"
    assert put("new/file ü.txt", "2").status_code == 422
    assert put("new/file ü.txt", "2", sha="0" * 40).status_code == 409
    changed = put("new/file ü.txt", "2", sha=new.json()["content"]["sha"])
    assert changed.status_code == 200
    assert put("a//b", "x").status_code == 422
    assert put(".git/config", "x").status_code == 422
    gone = {"message": "remove", "sha": changed.json()["content"]["sha"]}
    assert ground.writer.delete("/contents/new/file ü.txt", gone).status_code == 200
    assert ground.owner.get("/contents/new/file ü.txt").status_code == 404
    titles = [commit["commit"]["message"] for commit in ground.owner.read("/commits")]
    assert titles == ["remove", "write", "write", "first"]
    assert ground.owner.read("/commits/main")["author"]["login"] == "wendy"
    assert ground.triager.put("/contents/x", {"message": "m", "content": ""}).status_code == 403


def test_contents_begin_a_repository(ground: Ground) -> None:
    answer = ground.writer.put("/contents/README.md", {"message": "first", "content": ""})
    assert answer.status_code == 201
    assert ground.owner.read("/commits/main")["parents"] == []
