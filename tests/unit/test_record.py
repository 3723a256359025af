"""The stored form of tasks and claims: what was written is read back, and nothing else is."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.ids import SLUG_LIMIT, task_id
from cdock.core.policy import Policy
from cdock.core.pulls import PullRequest
from cdock.core.record import dump_claim, dump_record, load_claim, load_record, record_of, task_of
from cdock.core.task import Attempt, Claim, Outcome, Status, Task

V1 = Path(__file__).parent.parent / "fixtures" / "state-v1.json"
"""Written by the first version. Never change it: a cdock of any later version has to read it."""
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
POLICY = Policy()

texts = st.text(max_size=40)
times = st.datetimes(timezones=st.just(UTC))
counts = st.integers(0, 10**12)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Any task that can come about."""
    uuid = draw(st.uuids(version=4))
    slug = draw(st.from_regex(rf"[a-z0-9][a-z0-9-]{{0,{SLUG_LIMIT - 1}}}", fullmatch=True))
    attempts = draw(
        st.lists(
            st.builds(
                Attempt,
                number=st.integers(1, 99),
                round=st.integers(1, 9),
                agent=texts,
                started_at=times,
                session=texts,
                ended_at=st.none() | times,
                outcome=st.none() | st.sampled_from(Outcome),
                error=texts,
                fingerprint=texts,
                summary=texts,
                turns=counts,
                tokens=counts,
                cost=st.floats(0, 1e6),
                answer=texts,
            ),
            max_size=4,
        )
    )
    return Task(
        id=task_id(slug, uuid),
        uuid=uuid,
        issue=draw(st.integers(1, 10**9)),
        title=draw(texts),
        created_at=draw(times),
        base=draw(texts),
        round=draw(st.integers(1, 9)),
        attempts=tuple(attempts),
        stopped=draw(st.booleans()),
    )


@given(tasks(), st.none() | st.sampled_from(Status), st.lists(texts))
def test_a_task_comes_back_as_it_was(task: Task, status: Status | None, labels: list[str]) -> None:
    pull = PullRequest(number=58, url="https://x", head="y")
    record = record_of(task, policy=POLICY, status=status, labels=tuple(labels), pull=pull)
    text = json.dumps(dump_record(record))
    assert load_record(text) == record
    assert task_of(load_record(text.encode())) == task


@given(tasks(), texts, st.integers(0, 10**9), st.floats(1e-3, 1e9))
def test_a_claim_comes_back_as_it_was(task: Task, holder: str, seq: int, ttl: float) -> None:
    claim = Claim(
        issue=task.issue,
        oid="c0ffee",
        holder=holder or "me",
        process="life",
        machine="laptop",
        seq=seq,
        ttl=ttl,
        task=task,
    )
    line = dump_claim(replace(claim, seen_at=5.0), nonce="n")
    assert "\n" not in line, "a claim is one line"
    assert load_claim(line, oid="c0ffee") == claim


def test_half_a_character_does_not_make_a_claim_unreadable() -> None:
    broken = replace(a_task(), title="a\ud800b", attempts=(attempt(error="\udfff", summary="\ud83d"),))
    claim = Claim(issue=42, oid="", holder="me", process="life", seq=0, ttl=900, task=broken)
    read = load_claim(dump_claim(claim, nonce="n"), oid="")
    assert read.task.title == "a?b"
    json.dumps(dump_record(record_of(broken, policy=POLICY)), ensure_ascii=False).encode()


def attempt(number: int = 1, **changes: Any) -> Attempt:
    told = {"round": 1, "agent": "claude", "started_at": NOW, "outcome": Outcome.FAILED, **changes}
    return Attempt(number=number, **told)


def a_task(*attempts: Attempt, **changes: Any) -> Task:
    uuid = UUID("a7b2c8d0-e29b-41d4-a716-446655440000")
    told = {"issue": 42, "title": "Add OAuth", "created_at": NOW, **changes}
    return Task(id=task_id("auth-system-20240115", uuid), uuid=uuid, attempts=attempts, **told)


def test_nonces_make_equal_claims_differ() -> None:
    claim = Claim(issue=42, oid="", holder="me", process="life", seq=0, ttl=900, task=a_task())
    assert dump_claim(claim, nonce="a") != dump_claim(claim, nonce="b")


def test_the_shape_other_programs_read() -> None:
    failed = attempt(1, error="KeyError: 'x'", fingerprint="f" * 32, ended_at=NOW)
    record = record_of(
        a_task(failed, attempt(2, outcome=None, started_at=NOW)),
        policy=POLICY,
        status=Status.IN_PROGRESS,
        labels=("cdock.auth-system-20240115.a7b2c8d", "stage-1", "in-progress"),
    )
    shape = dump_record(record)
    history = shape["attempts"].pop("history")
    assert shape == {
        "version": 1,
        "worktree_id": "auth-system-20240115",
        "task_uuid": "a7b2c8d0-e29b-41d4-a716-446655440000",
        "short_uuid": "a7b2c8d",
        "branch": "cdock/auth-system-20240115.a7b2c8d",
        "base": "",
        "title": "Add OAuth",
        "created_at": "2026-01-01T12:00:00Z",
        "github": {
            "issue_number": 42,
            "pr_number": None,
            "labels": ["cdock.auth-system-20240115.a7b2c8d", "stage-1", "in-progress"],
        },
        "parent_worktree": None,
        "sub_worktrees": [],
        "status": "in-progress",
        "stopped": False,
        "paused": False,
        "approved": "",
        "approved_at": None,
        "disputed": "",
        "heard": 0,
        "budget": 0,
        "allowed": {"turns": 0, "cost": 0.0, "lines": 0},
        "agent": "",
        "model": "",
        "told": 0,
        "max_turns": 0,
        "max_cost": 0.0,
        "question": "",
        "brief": {
            "plan": 0,
            "stage": 0,
            "depends": [],
            "files": [],
            "acceptance": [],
            "batch": "",
            "worktree": "",
        },
        "plans": False,
        "agreed": 0,
        "opened": 0,
        "released": [],
        "picked": False,
        "onto": "",
        "attempts": {
            "current": 1,
            "max": 3,
            "last_error": "KeyError: 'x'",
            "error_hash": "f" * 32,
            "round": 1,
        },
        "timing": {
            "started_at": "2026-01-01T12:00:00Z",
            "max_duration": 1800,
            "timeout_at": "2026-01-01T12:30:00Z",
        },
    }
    assert [one["outcome"] for one in history] == ["failed", None]


def test_nothing_went_wrong_and_nothing_runs() -> None:
    shape = dump_record(record_of(a_task(), policy=replace(POLICY, tries=5, time_box=timedelta(hours=1))))
    assert shape["attempts"] == {
        "current": 0,
        "max": 5,
        "last_error": None,
        "error_hash": None,
        "round": 1,
        "history": [],
    }
    assert shape["timing"] == {"started_at": None, "max_duration": 3600, "timeout_at": None}
    assert shape["github"]["pr_number"] is None


@pytest.mark.parametrize(
    ("prints", "current"),
    [(["a"], 1), (["a", "a"], 2), (["a", "b"], 1), (["a", "b", "a"], 2), (["a", ""], 1)],
)
def test_the_tries_of_the_present_error_are_counted(prints: list[str], current: int) -> None:
    made = [attempt(n, fingerprint=p, error=f"error {p}") for n, p in enumerate(prints, 1)]
    record = record_of(a_task(*made), policy=POLICY)
    assert record.attempts.current == current
    assert record.attempts.error_hash == next(p for p in reversed(prints) if p)


def test_an_answer_starts_the_count_anew() -> None:
    task = a_task(attempt(1, fingerprint="a"), attempt(2, fingerprint="a"), round=2)
    assert record_of(task, policy=POLICY).attempts.current == 0


def test_the_first_version_is_still_read() -> None:
    record = load_record(V1.read_bytes())
    task = task_of(record)
    assert str(task.id) == "cdock.auth-system-20240115.a7b2c8d"
    assert task.uuid == UUID("a7b2c8d0-e29b-41d4-a716-446655440000")
    assert (task.issue, task.title, task.round, task.stopped) == (42, "Add OAuth", 2, True)
    assert task.created_at == datetime(2024, 1, 15, 9, 58, tzinfo=UTC)
    first, second = task.attempts
    assert (first.outcome, first.error, first.round) == (Outcome.TIMED_OUT, "no end after 30 minutes", 1)
    assert (first.tokens, first.cost, first.summary) == (91_000, 0.42, "")
    assert (second.outcome, second.answer, second.session) == (
        None,
        "comment-77",
        "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11",
    )
    assert record.sub_worktrees == ("worktrees/login-ui", "worktrees/oauth-flow")
    assert record.timing.timeout_at == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def test_what_a_later_version_adds_is_left_alone() -> None:
    stored = json.loads(V1.read_text(encoding="utf-8"))
    known = load_record(json.dumps(stored))
    for part in (
        stored,
        stored["github"],
        stored["attempts"],
        stored["attempts"]["history"][0],
        stored["timing"],
    ):
        part["from_the_future"] = {"deep": [1, 2]}
    assert load_record(json.dumps(stored)) == known


MISSING = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("version", "1"),
        ("worktree_id", MISSING),
        ("worktree_id", "../../etc"),
        ("worktree_id", ""),
        ("task_uuid", MISSING),
        ("task_uuid", "a7b2c8d"),
        ("short_uuid", "A7B2C8D"),
        ("short_uuid", "a7b2c8d/.."),
        ("branch", None),
        ("created_at", "2024-01-15T09:58:00"),
        ("created_at", "yesterday"),
        ("github", MISSING),
        ("github.issue_number", MISSING),
        ("github.issue_number", 0),
        ("github.labels", "in-progress"),
        ("stopped", "perhaps"),
        ("attempts.history.0.outcome", "exploded"),
        ("attempts.history.1.number", -1),
        ("attempts.history.1.started_at", None),
        ("attempts.round", "two"),
        ("timing.timeout_at", "10:30"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object) -> None:
    stored = json.loads(V1.read_text(encoding="utf-8"))
    place: Any = stored
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        place = place[part]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(ValueError) as caught:
        load_record(json.dumps(stored))
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "Merge branch 'main'", '"x"', "[" * 10_000, "\ufeff{}"]
)
def test_what_is_no_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(top\)|version|worktree_id"):
        load_record(text)
    with pytest.raises(ValueError):
        load_claim(text, oid="c0ffee")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("v", 2),
        ("owner", ""),
        ("ttl", 0),
        ("ttl", "long"),
        ("issue", "x"),
        ("task.worktree_id", "/etc"),
    ],
)
def test_a_wrong_field_of_a_claim_is_named(path: str, value: object) -> None:
    claim = Claim(issue=42, oid="", holder="me", process="life", seq=0, ttl=900, task=a_task())
    stored = json.loads(dump_claim(claim, nonce="n"))
    *parents, last = path.split(".")
    place = stored
    for part in parents:
        place = place[part]
    place[last] = value
    with pytest.raises(ValueError) as caught:
        load_claim(json.dumps(stored), oid="c0ffee")
    assert str(caught.value).startswith(f"{path}: ")
