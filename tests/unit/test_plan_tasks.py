"""Lists of tasks: Flocks' format as it is written, scripts that print it, and each task an issue, once."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cdock.adapters.files.outbox import FileOutbox
from cdock.adapters.prompts import TemplatePrompts
from cdock.cli import tasklists
from cdock.cli.main import cdock
from cdock.cli.main import run as run_cli
from cdock.cli.tasklists import TaskList, numbers_of, tasks_from
from cdock.core import form
from cdock.core.errors import Misconfigured, Unavailable
from cdock.core.goal import goal_of
from cdock.core.outbox import State
from cdock.core.planning.faults import Unreadable
from cdock.core.planning.tasklist import ListedTask, entry_of, read_tasks
from cdock.core.policy import Policy
from cdock.testing import Crash, Faults, MemoryForge, MemoryHub
from cdock.wiring import site
from tests.unit.test_prompts import values

FLOCKS = (
    '{"id": "test-1", "branch": "flocks/test-1", "prompt": '
    "\"Create a file /tmp/proof.txt containing 'hello'. Do nothing else.\"}\n"
)
"""The example of its documentation."""
PROMPT = "Create a file /tmp/proof.txt containing 'hello'. Do nothing else."
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def line(**fields: Any) -> str:
    return json.dumps({"id": "a", "branch": "b", "prompt": "p", **fields}) + "\n"


def test_the_example_of_flocks_is_read_as_it_is_written() -> None:
    assert read_tasks(FLOCKS, name="x") == (ListedTask("test-1", "flocks/test-1", PROMPT),)


def test_a_title_and_a_description_may_be_said() -> None:
    (task,) = read_tasks("\ufeff\n" + line(title="T", description="D").replace("\n", "\r\n"), name="x")
    assert (task.title, task.description) == ("T", "D")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [(1, 1, "there are no tasks in it; one JSON object in each line is wanted")]),
        ("{}\n", [(1, 1, f"the key {key!r} is missing") for key in ("branch", "id", "prompt")]),
        ("[1]\n", [(1, 1, "no JSON object")]),
        ("\n{'id': 1}\n", [(2, 2, "this is no JSON")]),
        ("[" * 100_000 + "\n", [(1, 1, "this is no JSON that anybody wrote")]),
        (line(id=1), [(1, 1, "'id' is no text")]),
        (line(id="a b"), [(1, 1, "'a b' cannot be an id")]),
        (line(branch="../x y"), [(1, 1, "cannot be a branch")]),
        (line(prompt=" "), [(1, 1, "'prompt' is empty")]),
        (line(promt="x"), [(1, 1, "'promt' is no key here; did you mean 'prompt'?")]),
        (line(prompt="x" * 30_001), [(1, 1, "'prompt' has more than 30,000 characters")]),
        ('{"id": "a", "id": "b", "branch": "b", "prompt": "p"}', [(1, 1, "'id' is there twice")]),
        (line() + line(id="A"), [(2, 1, "the id 'A' is there twice")]),
        (line(id=1) + "\n" + line(branch=[]), [(1, 1, "'id' is no text"), (3, 1, "'branch' is no text")]),
        ("".join(line(id=str(n)) for n in range(501)), [(1, 1, "there are 501 tasks; at most 500")]),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, wanted: list[tuple[int, int, str]]) -> None:
    with pytest.raises(Unreadable) as caught:
        read_tasks(text, name="tasks.jsonl")
    assert caught.value.code == "CD473"
    found = caught.value.faults
    assert [(f.place.line, f.place.column) for f in found] == [w[:2] for w in wanted]
    assert all(said in str(fault) for fault, (_, _, said) in zip(found, wanted, strict=True))


@settings(deadline=None)
@given(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_no_line_makes_it_stumble(text: str, value: Any) -> None:
    for document in (text, line(prompt=value), line(id=text, branch=text), json.dumps(value)):
        try:
            tasks = read_tasks(document, name="x")
        except Unreadable:
            continue
        for task in tasks:
            entry_of(task, source="x", begun_at=NOW)


@settings(deadline=None)
@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}", fullmatch=True))
def test_the_worktree_is_called_after_the_branch(branch: str) -> None:
    (task,) = read_tasks(line(branch=branch), name="x")
    entry = entry_of(task, source="x", begun_at=NOW)
    assert form.brief_of(entry.body).worktree == task.worktree
    assert task.worktree or not any(c.isalnum() for c in branch.rpartition("/")[2])


def test_an_issue_says_what_the_line_says() -> None:
    task = ListedTask(
        "a", "flocks/Do_It", "Do `it`.\n\n### Really\n\n```\nopen", description="Because of #1."
    )
    entry = entry_of(task, source="tasks.jsonl", begun_at=NOW)
    assert entry.body == (
        "### Worktree\n\ndo-it\n\n### Description\n\nBecause of #1.\n\n"
        "### Goal\n\nDo `it`.\n\n### Really\n\n```\nopen\n"
    )
    assert entry.title == "Do `it`. ### Really ``` open"
    assert entry.ready
    assert goal_of(entry.body) == task.prompt
    assert entry.op == entry_of(replace(task, prompt="other"), source="tasks.jsonl", begun_at=NOW).op
    assert entry.op != entry_of(task, source="other.jsonl", begun_at=NOW).op
    assert entry.op != entry_of(replace(task, id="b"), source="tasks.jsonl", begun_at=NOW).op


@pytest.mark.parametrize(
    ("body", "goal"),
    [
        ("Only words.", "Only words."),
        ("### Goal\n\nThis.\n\n### Acceptance\n\n```sh\nmake\n```", "This."),
        ("Before.\n\n### Goal\n\nThis.\n\n### Own heading\n\nThat.", "This.\n\n### Own heading\n\nThat."),
        ("### Goal\n<!-- hidden -->\nThis.", "This."),
        ("", ""),
    ],
)
def test_the_goal_of_an_issue(body: str, goal: str) -> None:
    assert goal_of(body) == goal


def test_a_template_of_flocks_is_filled_as_it_is_written(tmp_path: Path) -> None:
    directory = tmp_path / ".cdock" / "templates" / "prompts"
    directory.mkdir(parents=True)
    words = "{{prompt}}|{{task.id}}|{{task.branch}}|{{task.title}}|{{task.description}}"
    (directory / "task.md").write_text(words)
    body = entry_of(read_tasks(FLOCKS, name="x")[0], source="x", begun_at=NOW).body
    filled = TemplatePrompts(tmp_path).fill("task", values(title="T", body=body)).split("|")
    assert filled == [
        PROMPT,
        "cdock.add-oauth-login.a7b2c8d",
        "cdock/add-oauth-login.a7b2c8d",
        "T",
        body.strip(),
    ]
    (directory / "task.md").write_text("{{promt}}")
    with pytest.raises(Misconfigured, match="promt"):
        TemplatePrompts(tmp_path).fill("task", values())


def test_without_words_the_prompt_is_the_title() -> None:
    assert values(title=" Add  login ", body="")["prompt"] == "Add login"


# Files and scripts


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose forge does not answer: nothing listens on that port."""
    place = tmp_path / "clone"
    subprocess.run(("git", "init", "-q", str(place)), check=True, timeout=60)
    url = "http://127.0.0.1:9/maria/hello.git"
    subprocess.run(("git", "-C", str(place), "remote", "add", "origin", url), check=True, timeout=60)
    monkeypatch.setenv("CDOCK_TOKEN", "secret")
    (place / "tasks.jsonl").write_text(FLOCKS)
    return place


def script(clone: Path, text: str) -> str:
    path = clone / "tasks.sh"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path.name


def test_a_script_prints_the_tasks(clone: Path) -> None:
    listed = tasks_from(site(clone), clone, script(clone, "cat tasks.jsonl; echo talk >&2"))
    assert [task.id for task in listed.tasks] == ["test-1"]
    assert listed.source == "tasks.sh"


def test_a_list_that_somebody_made_executable_is_read(clone: Path) -> None:
    (clone / "tasks.jsonl").chmod(0o755)
    assert len(tasks_from(site(clone), clone, "tasks.jsonl").tasks) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "it ended with 3"),
        ("cat /dev/zero", "it prints more than 1,000,000 bytes"),
        ("sleep 1000 & echo $! >pid; wait", "it did not end within"),
        ("sleep 1000 >/dev/null & echo $! >pid; exec >&-; wait", "it did not end within"),
        ("printf '\\377'", "what it prints is no UTF-8"),
    ],
)
def test_a_script_that_is_of_no_use(
    clone: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(tasklists, "PATIENCE", 3.0)
    with pytest.raises(Misconfigured) as caught:
        tasks_from(site(clone), clone, script(clone, text))
    assert caught.value.code == "CD474"
    assert why in caught.value.message
    if (clone / "pid").exists():
        gone(int((clone / "pid").read_text()))


def gone(pid: int) -> None:
    """Wait until a process has ended, its zombie included or not."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still runs")


def test_a_program_that_is_none(clone: Path) -> None:
    (clone / "tasks.sh").write_bytes(b"\x7fELFnot")
    (clone / "tasks.sh").chmod(0o755)
    with pytest.raises(Misconfigured, match="it cannot be run"):
        tasks_from(site(clone), clone, "tasks.sh")


# Issues


@dataclass
class Desk:
    """What delivers, on a forge in memory."""

    outbox: FileOutbox
    hub: MemoryHub = field(default_factory=MemoryHub)
    faults: Faults = field(default_factory=Faults)
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self.forge = MemoryForge(self.hub, self.faults)
        self.clock = self.hub.clock

    def titles(self) -> list[str]:
        return sorted(issue.title for issue in self.hub.issues.values())


@pytest.fixture
def desk(clone: Path) -> Desk:
    return Desk(FileOutbox(clone / ".git" / "cdock" / "outbox"))


def two(clone: Path) -> TaskList:
    (clone / "tasks.jsonl").write_text(line(id="a", title="A") + line(id="b", title="B"))
    return tasks_from(site(clone), clone, "tasks.jsonl")


def test_each_task_becomes_an_issue_once(clone: Path, desk: Desk) -> None:
    numbers = numbers_of(two(clone), desk)
    assert desk.titles() == ["A", "B"]
    assert all(desk.hub.issues[number].wears("agent-ready") for number in numbers)
    assert numbers_of(two(clone), desk) == numbers
    # Long after the outbox forgot, and for a clone that remembers nothing.
    for entry in desk.outbox.list():
        desk.outbox.remove(entry.op)
    assert numbers_of(two(clone), desk) == numbers
    for memory in (clone / ".git" / "cdock" / "lists").iterdir():
        memory.unlink()
    assert numbers_of(two(clone), desk) == numbers
    assert desk.titles() == ["A", "B"]


def test_a_task_that_was_added_is_the_only_new_one(clone: Path, desk: Desk) -> None:
    before = numbers_of(two(clone), desk)
    with (clone / "tasks.jsonl").open("a") as file:
        file.write(line(id="c", title="C"))
    after = numbers_of(tasks_from(site(clone), clone, "tasks.jsonl"), desk)
    assert before < after
    assert desk.titles() == ["A", "B", "C"]


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_call_nothing_is_made_twice(clone: Path, desk: Desk, after: bool) -> None:
    died = []
    numbers_of(two(clone), desk)
    for at in range(1, desk.faults.calls + 1):
        desk.hub.issues.clear()
        for entry in desk.outbox.list():
            desk.outbox.remove(entry.op)
        for memory in (clone / ".git" / "cdock").glob("lists/*"):
            memory.unlink()
        desk.faults.calls, desk.faults.crash_at, desk.faults.crash_after = 0, at, after
        try:
            numbers_of(two(clone), desk)
        except Crash:
            died.append(at)
        desk.faults.crash_at = None
        assert len(numbers_of(two(clone), desk)) == 2
        assert desk.titles() == ["A", "B"]
    assert len(died) >= 2, "each of the two was lost once"


def test_offline_the_tasks_are_kept(clone: Path, desk: Desk) -> None:
    desk.faults.down.add("forge")
    with pytest.raises(Unavailable, match="2 tasks are kept and not delivered yet"):
        numbers_of(two(clone), desk)
    assert [entry.state for entry in desk.outbox.list()] == [State.PENDING] * 2
    desk.faults.down.clear()
    assert len(numbers_of(two(clone), desk)) == 2
    assert desk.titles() == ["A", "B"]


def test_a_memory_that_somebody_broke_is_told(clone: Path, desk: Desk) -> None:
    numbers_of(two(clone), desk)
    (memory,) = (clone / ".git" / "cdock" / "lists").iterdir()
    for text in ("{", "[]", '{"version": 9}', '{"version": 1, "begun_at": "x", "made": {}}'):
        memory.write_text(text)
        with pytest.raises(Misconfigured) as caught:
            two(clone)
        assert caught.value.code == "CD474"
        assert str(memory) in caught.value.tried


# The command


def test_a_dry_run_says_what_would_be_made(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / "cdock.toml").write_text(
        '[runner]\nkind = "local"\n[agent]\ndefault = "command"\n[agent.command]\nargv = ["true"]\n'
    )
    done = CliRunner().invoke(cdock, ["-C", str(clone), "run", "--dry-run", "--tasks", "tasks.jsonl"])
    assert done.stdout == f"new issue  test-1  {PROMPT}\n", done.output
    assert not (clone / ".git" / "cdock" / "outbox").exists()


@pytest.mark.parametrize("words", [("--issue", "3"), (".", ".")])
def test_tasks_are_for_one_clone_and_alone(clone: Path, words: tuple[str, ...]) -> None:
    assert run_cli(["-C", str(clone), "run", "--tasks", "tasks.jsonl", *words]) == 2


def test_a_faulty_list_starts_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "tasks.jsonl").write_text(FLOCKS + "{}\n")
    assert run_cli(["-C", str(clone), "run", "--tasks", "tasks.jsonl"]) == 2
    said = capsys.readouterr().err
    assert "error[CD473]: tasks.jsonl is no list of tasks: 3 faults" in said
    assert "tasks.jsonl:2:1: the key 'prompt' is missing" in said
