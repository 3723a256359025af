"""The store: all or nothing, one writer at a time, ids that are never numbers."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cdock.forge import schema
from cdock.forge.domain import comments, edits, issues, repos, users
from cdock.forge.domain.errors import Invalid
from cdock.forge.store import Store, moment_of, text_of


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(Invalid), store.write() as tx:
            users.ensure(tx, "bad login", kind=users.ensure(tx, "alice").kind)
        with store.read() as tx:
            assert tx.rows("SELECT * FROM user") == []


def test_numbers_are_shared_and_ids_are_far_from_them(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.write() as tx:
        owner = users.ensure(tx, "alice")
        one, _ = repos.ensure(tx, "alice", "one")
        two, _ = repos.ensure(tx, "alice", "two")
        made = [issues.create(tx, repo, "x", actor=owner) for repo in (one, one, two)]
        assert [issue.number for issue in made] == [1, 2, 1]
        assert min(owner.id, one.id, made[0].id) > 1_000_000
        assert len({issue.id for issue in made}) == 3


def test_writers_take_turns(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with store.write() as tx:
            owner = users.ensure(tx, "alice")
            repo, _ = repos.ensure(tx, "alice", "one")

        def write() -> None:
            for _ in range(10):
                with store.write() as tx:
                    issues.create(tx, repo, "x", actor=owner)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as tx:
            numbers = [row["number"] for row in tx.rows("SELECT number FROM issue ORDER BY number")]
        assert numbers == list(range(1, 81))


def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.write() as tx:
        users.ensure(tx, "alice")
    with Store(tmp_path) as store, store.read() as tx:
        assert users.find(tx, "ALICE").login == "alice"


def test_another_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "forge.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="schema 99"):
        Store(tmp_path)


def test_an_older_schema_gets_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issue that was edited before versions of texts were kept has those that are known."""
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", schema.STEPS[:2])
        patched.setattr(schema, "VERSION", 2)
        with Store(tmp_path) as store, store.write() as tx:
            owner = users.ensure(tx, "alice")
            repo, _ = repos.ensure(tx, "alice", "one")
            number = issues.create(tx, repo, "x", actor=owner, body="one").number
            tx.run("UPDATE issue SET body = 'two', edited = ?, editor_id = ?", tx.stamp, owner.id)
    with Store(tmp_path) as store:
        with store.read() as tx:
            assert edits.of_issue(tx, issues.find(tx, repo, number)) == []
        with store.write() as tx:
            issues.edit(tx, repo, issues.find(tx, repo, number), actor=owner, body="three")
            found = edits.of_issue(tx, issues.find(tx, repo, number))
        assert [edit.body for edit in found] == ["three", "two", "two"]


def test_a_comment_of_an_older_schema_has_the_versions_that_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", schema.STEPS[:3])
        patched.setattr(schema, "VERSION", 3)
        with Store(tmp_path) as store, store.write() as tx:
            owner = users.ensure(tx, "alice")
            repo, _ = repos.ensure(tx, "alice", "one")
            issue = issues.create(tx, repo, "x", actor=owner)
            comment = comments.create(tx, repo, issue, "one", actor=owner)
            tx.run("UPDATE comment SET body = 'two', editor_id = ?", owner.id)
    with Store(tmp_path) as store, store.write() as tx:
        comments.edit(tx, repo, comments.find(tx, repo, comment.id), "three", actor=owner)
        found = edits.of_comment(tx, comments.find(tx, repo, comment.id))
    assert [edit.body for edit in found] == ["three", "two", "two"]


def test_times_are_utc_with_whole_seconds() -> None:
    berlin = timezone(timedelta(hours=2))
    assert text_of(datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=berlin)) == "2026-01-02T01:04:05Z"
    assert moment_of("2026-01-02T01:04:05Z") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert moment_of("2026-01-02T03:04:05+02:00") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert moment_of("2026-01-02") == datetime(2026, 1, 2, tzinfo=UTC)
    with pytest.raises(ValueError):
        moment_of("yesterday")


def test_a_backup_is_a_store(tmp_path: Path) -> None:
    with Store(tmp_path / "one") as store:
        for login in ("alice", "bob"):
            with store.write() as tx:
                users.ensure(tx, login)
            store.back_up()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "forge.db.backup").rename(tmp_path / "two" / "forge.db")
    with Store(tmp_path / "two") as store, store.read() as tx:
        assert users.find(tx, "bob").login == "bob"
