"""New tasks from the terminal: pairs of names and prompts, batches, and the sections of their issues."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cdock.adapters.files.outbox import FileOutbox
from cdock.cli.main import cdock
from cdock.cli.main import run as run_cli
from cdock.cli.making import title_of
from cdock.cli.pairs import LIMIT, Pair, pairs_in, pairs_of
from cdock.core.errors import Misconfigured
from cdock.core.form import brief_of
from cdock.core.outbox import Entry

names = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,4}){0,3}", fullmatch=True)
prompts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose forge does not answer: nothing listens on that port."""
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True, timeout=60)
    url = "http://127.0.0.1:9/maria/hello.git"
    subprocess.run(("git", "-C", str(tmp_path), "remote", "add", "origin", url), check=True, timeout=60)
    return tmp_path


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDOCK_TOKEN", "secret")


def cli(clone: Path, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cdock, ["-C", str(clone), *words], input=stdin, standalone_mode=False)


def kept(clone: Path) -> tuple[Entry, ...]:
    return FileOutbox(clone / ".git" / "cdock" / "outbox").list()


def mirror(clone: Path, **record: Any) -> None:
    (clone / ".git" / "cdock").mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": 1, "isolation": "", "tasks": [], **record})
    (clone / ".git" / "cdock" / "state.json").write_text(text)


# Pairs.


@given(st.dictionaries(names, prompts, min_size=1, max_size=8))
def test_whatever_the_prompts_are_pairs_are_read_as_they_were_said(said: dict[str, str]) -> None:
    found = pairs_of([f"{name}:{prompt}" for name, prompt in said.items()])
    assert found == tuple(Pair(name, prompt.strip()) for name, prompt in said.items())


@given(st.lists(st.text(max_size=30) | st.builds("{}:{}".format, names, prompts), max_size=6))
def test_any_words_are_pairs_or_refused_with_their_places(words: list[str]) -> None:
    good = bool(words) and all(_reads_alone(word) for word in words)
    if not good or len({word.partition(":")[0].strip() for word in words}) < len(words):
        with pytest.raises(Misconfigured, match=r"argument |no tasks"):
            pairs_of(words)
        return
    found = pairs_of(words)
    assert len({pair.name for pair in found}) == len(found) == len(words)
    assert all(pair.prompt for pair in found)


def _reads_alone(word: str) -> bool:
    name, _, prompt = word.partition(":")
    return bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name.strip()) and prompt.strip())


@given(st.dictionaries(names, prompts, min_size=1, max_size=8), st.sampled_from(["", " ", "\t"]))
def test_a_file_says_the_same_as_arguments(said: dict[str, str], blank: str) -> None:
    flat = {name: " ".join(prompt.split()) for name, prompt in said.items()}
    flat = {name: prompt for name, prompt in flat.items() if prompt and prompt[0] not in "\"'"}
    lines = "\n".join(["# tasks", "", *(f"{name}{blank}:{blank}{prompt}" for name, prompt in flat.items())])
    if flat:
        assert pairs_in(lines) == pairs_of([f"{name}:{prompt}" for name, prompt in flat.items()])


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ('a:"Fix: the login"', "Fix: the login"),
        ("a: 'Say \"yes\"'", 'Say "yes"'),
        ('a: "One" and "two"', '"One" and "two"'),
        ('a: "', '"'),
        ("a: see http://x.test:80/y", "see http://x.test:80/y"),
    ],
)
def test_quotes_in_a_file_are_taken_off_around_the_whole_of_a_prompt(line: str, prompt: str) -> None:
    assert pairs_in(line) == (Pair("a", prompt),)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a:x", "b"], "argument 2: 'b' has no colon"),
        (["a:x", "b: "], "argument 2: 'b' has no prompt"),
        ([":x"], "argument 1: the name is empty"),
        (["Fix Auth:x"], "argument 1: 'Fix Auth' cannot be a name: 1 to 36 of a-z, 0-9 and single dashes"),
        (["Fix Auth:x"], "(perhaps 'fix-auth'?)"),
        (["check--me:x"], "argument 1: 'check--me' cannot be a name"),
        (["a:x", "b:y", "a:z"], "argument 3: the name 'a' is that of argument 1 already"),
        (["A:x", "b:"], "argument 1: 'A' cannot be a name"),
        (["A:x", "b:"], "argument 2: 'b' has no prompt"),
        ([], "there are no tasks"),
        ([f"t{n}:x" for n in range(LIMIT + 1)], f"one command makes {LIMIT}"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(words: list[str], why: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        pairs_of(words)
    assert why in raised.value.message


# multi


def test_multi_keeps_one_issue_for_each_pair_in_their_order(clone: Path) -> None:
    done = cli(clone, "multi", "fix-auth:Fix: the login\nin full", "add-tests:See https://x.test/#4 @bob")
    assert done.exit_code == 0, done.output
    assert "kept 2 of 2 tasks; the forge is away" in done.stderr
    first, second = kept(clone)
    assert (first.title, second.title) == ("Fix: the login", "See https://x.test/#4 @bob")
    assert first.ready
    assert second.ready
    assert first.body.startswith("Fix: the login\nin full\n\n### Worktree\n\nfix-auth")
    assert brief_of(second.body).worktree == "add-tests"
    assert "https://x.test/#4 @bob" in second.body, "a person's words stay as they are"


@pytest.mark.parametrize("words", [("-",), ("--file", "-")])
def test_multi_reads_lines(clone: Path, words: tuple[str, ...]) -> None:
    stdin = '# sprint\n\na: "One: first"\nb: Two\n'
    done = cli(clone, "multi", *words, "--acceptance", "make test", "--no-wait", "--json", stdin=stdin)
    rows = json.loads(done.stdout)["data"]
    assert [(row["worktree"], row["title"], row["state"]) for row in rows] == [
        ("a", "One: first", "pending"),
        ("b", "Two", "pending"),
    ]
    assert [brief_of(entry.body).acceptance for entry in kept(clone)] == [("make test",)] * 2


def test_multi_keeps_nothing_when_something_is_wrong(clone: Path) -> None:
    for words in (("a:x", "a:y"), ("a:x", f"b:{'y' * 70_000}"), ("a:### Worktree\n\nother",)):
        assert run_cli(["-C", str(clone), "multi", *words]) == 2
    assert run_cli(["-C", str(clone), "multi", "a:x", "--agent", "nobody"]) == 2
    assert cli(clone, "multi").exit_code != 0
    assert cli(clone, "multi", "a:x", "--file", "-").exit_code != 0
    assert kept(clone) == ()


def test_names_of_open_tasks_are_refused_wherever_they_are_known_from(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_, over = (
        {
            "github": {"issue_number": number, "pr_number": None},
            "worktree_id": name,
            "short_uuid": "a7b2c8d",
            "status": status,
            "attempts": {"history": []},
        }
        for number, name, status in ((4, "auth", "waiting"), (5, "old", "done"))
    )
    mirror(clone, tasks=[open_, over], queue=[{"issue": 6, "worktree": "docs"}, {"issue": 7}])
    assert run_cli(["-C", str(clone), "multi", "--no-wait", "old:x", "new:y"]) == 0
    assert run_cli(["-C", str(clone), "multi", "auth:x", "docs:y", "new:z", "free:w"]) == 1
    said = capsys.readouterr().err
    assert "auth (#4), docs (#6), new (" in said
    assert "free" not in said
    assert run_cli(["-C", str(clone), "create", "t", "--worktree", "docs"]) == 1
    assert len(kept(clone)) == 2


# fanout


def test_fanout_without_a_prefix_makes_a_name(clone: Path) -> None:
    done = cli(clone, "fanout", "3", "--prompt", "# Refactor auth\n\nAll of it.", "--no-wait", "--json")
    data = json.loads(done.stdout)["data"]
    batch = data["batch"]
    assert len(batch) == 8
    assert int(batch, 16) >= 0
    assert [row["worktree"] for row in data["tasks"]] == [f"fanout-{batch}-a{n}" for n in (1, 2, 3)]
    entries = kept(clone)
    assert [entry.title for entry in entries] == [f"Refactor auth ({n} of 3)" for n in (1, 2, 3)]
    assert {brief_of(entry.body).batch for entry in entries} == {batch}


def test_fanout_mixes_agents_and_says_what_has_to_pass(clone: Path) -> None:
    (clone / "cdock.toml").write_text("[agent.codex]\n")
    words = ("--agents", "claude,codex", "--acceptance", "pytest -q", "--files", "src/**", "--title", "Auth")
    done = cli(clone, "fanout", "3", "auth", "--prompt", "x", "--no-wait", *words)
    assert done.exit_code == 0, done.output
    batch = done.stdout.split()[1]
    assert batch.startswith("auth-")
    assert len(batch) == len("auth-") + 8
    assert f"cdock pick {batch}" in done.stderr
    said = [(entry.title, brief_of(entry.body)) for entry in kept(clone)]
    assert [(title, brief.worktree) for title, brief in said] == [
        (f"Auth ({n} of 3)", f"auth-a{n}") for n in (1, 2, 3)
    ]
    assert said[0][1].acceptance == ("pytest -q",)
    assert said[0][1].files == ("src/**",)
    agents = [entry.body.partition("### Agent\n\n")[2].split("\n")[0] for entry in kept(clone)]
    assert agents == ["claude", "codex", "claude"]


@pytest.mark.parametrize(
    "words",
    [
        ("0", "--prompt", "x"),
        ("51", "--prompt", "x"),
        ("2", "Auth", "--prompt", "x"),
        ("2", "a" * 28, "--prompt", "x"),
        ("2", "--prompt", " "),
        ("2", "auth"),
        ("2", "--prompt", "x", "--agents", "claude,nobody"),
        ("2", "--prompt", "### Batch\n\nother"),
        ("2", "--prompt", "x\n\n<!-- open"),
    ],
)
def test_fanout_refuses_what_could_not_be_told_apart(clone: Path, words: tuple[str, ...]) -> None:
    assert run_cli(["-C", str(clone), "fanout", *words]) == 2
    assert kept(clone) == ()


def test_fanout_refuses_a_prefix_that_open_tasks_have(clone: Path) -> None:
    assert cli(clone, "fanout", "2", "auth", "--prompt", "x", "--no-wait").exit_code == 0
    assert run_cli(["-C", str(clone), "fanout", "5", "auth", "--prompt", "x"]) == 1
    assert len(kept(clone)) == 2


# create


def test_create_says_more_in_sections_only_when_it_is_told_more(clone: Path) -> None:
    cli(clone, "create", "One", "-b", "```\nopen", "--no-wait")
    (entry,) = kept(clone)
    assert entry.body == "```\nopen"
    words = ("--worktree", "fix-42", "--acceptance", "make", "--acceptance", "make test", "--files", "a/*")
    cli(clone, "create", "Two", "--prompt", "```\nopen", *words, "--depends", "41", "--no-wait")
    brief = brief_of(next(entry.body for entry in kept(clone) if entry.title == "Two"))
    assert brief.worktree == "fix-42"
    assert brief.acceptance == ("make", "make test")
    assert (brief.files, brief.depends) == (("a/*",), (41,))


def test_titles_are_made_of_the_first_line_that_says_something() -> None:
    assert title_of("\n## Do it\n\nNow.") == "Do it"
    long = title_of("word " * 40)
    assert len(long) <= 80
    assert long.endswith("word…")
    assert len(title_of("x" * 300)) == 80


# list


def entry(number: int, name: str, status: str, *, batch: str = "", plan: int = 0) -> dict[str, Any]:
    """A task of the mirror."""
    return {
        "github": {"issue_number": number, "pr_number": None},
        "worktree_id": name,
        "short_uuid": f"{number:07x}",
        "branch": f"cdock/{name}.{number:07x}",
        "status": status,
        "title": f"Task {number}",
        "attempts": {"history": []},
        "brief": {"batch": batch, "plan": plan},
    }


def waiting(number: int, *, batch: str = "", plan: int = 0) -> dict[str, Any]:
    """An issue of the mirror that nobody has claimed."""
    about = {"issue": number, "title": f"Task {number}", "url": "", "why": "All places are taken."}
    return {**about, "worktree": f"w-{number}", "batch": batch, "plan": plan}


def test_list_shows_batches_and_plans_with_what_nobody_has_claimed(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [
        entry(9, "alone", "in-review"),
        entry(2, "auth-a2", "waiting", batch="auth-1"),
        entry(1, "auth-a1", "failed", batch="auth-1"),
        entry(5, "api", "done", plan=4),
        entry(7, "ask", "needs-help"),
    ]
    queue = [waiting(3, batch="auth-1"), waiting(6, plan=4), waiting(8)]
    mirror(clone, tasks=tasks, queue=queue)
    rows = json.loads(cli(clone, "list", "--group", "--json", "issue,batch,plan,status").stdout)["data"]
    assert [row["issue"] for row in rows] == [1, 2, 3, 6, 5, 7, 9]
    assert rows[2] == {"issue": 3, "batch": "auth-1", "plan": 0, "status": "ready"}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "120")
    assert run_cli(["-C", str(clone), "list"]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert shown[1].startswith("3 batch auth-1 1 failed, 1 waiting, 1")
    assert any(line.startswith("2 plan #4 1 ready, 1") for line in shown)
    assert shown[-4:-2] == ["1 needs-help", "#7 ? needs-help ask.0000007 0 asks a person"]
    assert run_cli(["-C", str(clone), "status"]) == 0
    assert "#3" not in capsys.readouterr().out


# kill


def test_kill_takes_back_what_is_no_issue_yet_when_the_forge_is_away(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli(clone, "fanout", "2", "auth", "--prompt", "x", "--no-wait")
    cli(clone, "multi", "--no-wait", "other:y")
    batch = brief_of(kept(clone)[0].body).batch or brief_of(kept(clone)[-1].body).batch
    assert run_cli(["-C", str(clone), "kill", "auth-*"]) == 2
    assert "CD505" in capsys.readouterr().err
    assert run_cli(["-C", str(clone), "kill", "--batch", batch, "--yes"]) == 0
    assert [brief_of(one.body).worktree for one in kept(clone)] == ["other"]
    assert run_cli(["-C", str(clone), "kill", "--batch", batch, "--yes"]) == 1
    assert "CD403" in capsys.readouterr().err


def test_kill_says_what_it_could_not_close_and_leaves_reviews_and_strangers_alone(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror(
        clone,
        tasks=[entry(1, "auth-a1", "in-review", batch="b"), entry(2, "old", "done", batch="b")],
        queue=[waiting(3, batch="c")],
    )
    assert run_cli(["-C", str(clone), "kill", "auth-*", "--yes"]) == 1
    assert "CD504" in capsys.readouterr().err
    assert run_cli(["-C", str(clone), "kill", "--batch", "c", "--yes"]) == 5
    assert "1 that nobody has claimed are still open" in capsys.readouterr().err
    assert run_cli(["-C", str(clone), "kill", "old", "--yes"]) == 1
    assert "CD445" in capsys.readouterr().err
    assert cli(clone, "kill").exit_code != 0
    assert list((clone / ".git" / "cdock" / "wishes").glob("*")) == []


# approve, stage


def planned(number: int, status: str, *, opened: int) -> dict[str, Any]:
    """A plan of the mirror."""
    return {**entry(number, "plan", status), "plans": True, "opened": opened}


@pytest.mark.parametrize(
    ("plan", "words", "said"),
    [
        (planned(7, "waiting", opened=2), ("7",), "/cdock approve 2"),
        (planned(7, "waiting", opened=2), ("plan", "2"), "/cdock approve 2"),
        (planned(7, "waiting", opened=0), ("#7",), "/cdock approve"),
        (entry(8, "other", "waiting"), ("7", "3"), "/cdock approve 3"),
    ],
)
def test_an_approval_names_its_stage_so_that_a_late_one_approves_no_other(
    clone: Path, plan: dict[str, Any], words: tuple[str, ...], said: str
) -> None:
    mirror(clone, tasks=[plan])
    done = cli(clone, "approve", *words)
    assert done.exit_code == 0, done.output
    assert f"kept `{said}` for #7" in done.stderr
    (one,) = kept(clone)
    assert (one.on, one.body, one.while_open) == (7, said, True)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (entry(7, "task", "in-review"), ("7",)),
        (planned(7, "planned", opened=2), ("7",)),
        (planned(7, "waiting", opened=2), ("7", "1")),
        (planned(7, "waiting", opened=0), ("7", "1")),
    ],
)
def test_what_waits_for_nobody_is_not_approved(
    clone: Path, capsys: pytest.CaptureFixture[str], plan: dict[str, Any], words: tuple[str, ...]
) -> None:
    mirror(clone, tasks=[plan])
    assert run_cli(["-C", str(clone), "approve", *words]) == 1
    assert "CD509" in capsys.readouterr().err
    assert kept(clone) == ()


def test_stage_says_so_on_the_issue_where_that_makes_sense(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror(clone, tasks=[entry(1, "a", "in-progress"), entry(2, "b", "needs-help"), entry(3, "c", "done")])
    assert run_cli(["-C", str(clone), "stage", "1", "block", "--no-wait"]) == 0
    assert run_cli(["-C", str(clone), "stage", "b", "reset", "--no-wait"]) == 0
    assert sorted((one.on, one.body) for one in kept(clone)) == [(1, "/cdock pause"), (2, "/cdock retry")]
    capsys.readouterr()
    for words, why in ((("1", "reset"), "CD510"), (("3", "block"), "CD445"), (("9", "reset"), "CD403")):
        assert run_cli(["-C", str(clone), "stage", *words]) == 1
        assert why in capsys.readouterr().err
