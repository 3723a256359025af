"""`cdock plan`: documents in and out, pictures, the editor, and what is kept when the forge is away."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cdock.adapters.files.plans import FilePlans
from cdock.cli.main import cdock
from cdock.cli.main import run as run_cli
from cdock.core.errors import Misconfigured, Refused
from cdock.core.planning.drafts import PARENT, Draft, Stand
from cdock.core.planning.faults import Unreadable
from cdock.core.planning.reading import read_plan

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plans"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose forge does not answer: nothing listens on that port."""
    place = tmp_path / "clone"
    subprocess.run(("git", "init", "-q", str(place)), check=True, timeout=60)
    url = "http://127.0.0.1:9/maria/hello.git"
    subprocess.run(("git", "-C", str(place), "remote", "add", "origin", url), check=True, timeout=60)
    monkeypatch.setenv("CDOCK_TOKEN", "secret")
    for name in ("flux", "ours"):
        (place / f"{name}.md").write_bytes((FIXTURES / f"{name}.md").read_bytes())
    return place


def cli(clone: Path, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cdock, ["-C", str(clone), *words], input=stdin, standalone_mode=False)


def kept(clone: Path) -> tuple[Draft, ...]:
    return FilePlans(clone / ".git" / "cdock" / "plans").list()


def imported(clone: Path, name: str = "flux") -> str:
    done = cli(clone, "plan", "import", f"{name}.md", "--draft")
    assert done.exception is None, done.output
    return done.stdout.strip()


def test_the_example_of_flux_is_imported_as_it_is_written(clone: Path) -> None:
    name = imported(clone)
    (draft,) = kept(clone)
    assert str(draft.id).startswith(name)
    assert draft.plan == read_plan((FIXTURES / "flux.md").read_text())
    assert draft.stand is Stand.TALK
    assert imported(clone) == name, "the same plan is the same draft"
    assert len(kept(clone)) == 1


def test_a_dry_run_shows_and_keeps_nothing(clone: Path) -> None:
    shown = cli(clone, "plan", "import", "flux.md", "--dry-run").stdout
    lines = [line.strip("│├└─ ") for line in shown.splitlines()]
    assert lines[:3] == ["Implement User Authentication", "Stage 1", "Data Models  stage-1-models"]
    assert "after stage-1-models" in lines
    assert "passes cargo test --lib models" in lines
    assert lines.index("Stage 2") < lines.index("API Endpoints  stage-2-api")
    assert kept(clone) == ()


def test_a_faulty_document_is_refused_with_its_lines(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (clone / "flux.md").read_text().replace("[stage-1-models]", "[stage-1-model]", 1)
    (clone / "flux.md").write_text(text)
    assert run_cli(["-C", str(clone), "plan", "import", "flux.md", "--publish"]) == 2
    said = capsys.readouterr().err
    assert "error[CD470]: flux.md is no plan: 1 fault" in said
    assert "did you mean 'stage-1-models'?" in said
    assert "      dependencies: [stage-1-model]" in said
    assert kept(clone) == ()


def test_nobody_is_asked_where_nobody_is(clone: Path) -> None:
    assert cli(clone, "plan", "import", "flux.md").exception is not None
    assert kept(clone) == ()
    assert cli(clone, "plan", "import", "flux.md", stdin="n\n").exception is None
    assert [draft.stand for draft in kept(clone)] == [Stand.TALK]


@pytest.mark.parametrize("words", [("--publish",), ("--yes",)])
def test_offline_a_plan_is_kept_until_it_can_be_published(clone: Path, words: tuple[str, ...]) -> None:
    done = cli(clone, "plan", "import", "flux.md", *words)
    assert done.exception is None, done.output
    assert "`cdock sync` or the poller publishes it, once" in done.stderr
    assert [draft.stand for draft in kept(clone)] == [Stand.APPROVED]
    assert cli(clone, "plan", "publish", str(kept(clone)[0].id)[:4]).exception is None
    assert len(kept(clone)) == 1


def test_a_published_plan_is_not_published_again(clone: Path) -> None:
    publish(clone)
    done = cli(clone, "plan", "import", "flux.md", "--publish")
    assert "it is published already: #7" in done.stderr
    assert [draft.numbers[PARENT] for draft in kept(clone)] == [7]


def publish(clone: Path, *, number: int = 7) -> None:
    """As if the forge had made the issues."""
    from dataclasses import replace

    imported(clone)
    (draft,) = kept(clone)
    numbers = {PARENT: number, **{t.key: number + n for n, t in enumerate(draft.plan.tasks, start=1)}}
    plans = FilePlans(clone / ".git" / "cdock" / "plans")
    plans.put(replace(draft, stand=Stand.PUBLISHED, numbers=numbers))


def test_plans_are_listed(clone: Path) -> None:
    assert "no plans are kept here" in cli(clone, "plan", "list").stderr
    publish(clone)
    other = imported(clone, "ours")
    lines = cli(clone, "plan", "list").stdout.splitlines()
    assert {line.split()[1] for line in lines} == {"published", "talk"}
    assert any(line.startswith(other) and line.endswith("5 tasks  Log in with OAuth") for line in lines)
    rows = json.loads(cli(clone, "plan", "list", "--json").stdout)["data"]
    assert sorted(row["number"] or 0 for row in rows) == [0, 7]


def test_a_plan_is_found_by_its_number_its_id_or_its_file(clone: Path) -> None:
    publish(clone)
    name = str(kept(clone)[0].id)
    shown = {
        json.loads(cli(clone, "plan", "show", n, "--json").stdout)["data"]["title"] for n in ("#7", "7", name)
    }
    assert shown == {"Implement User Authentication"}
    data = json.loads(cli(clone, "plan", "show", "ours.md", "--json").stdout)["data"]
    assert [task["id"] for task in data["tasks"]] == ["models", "providers", "pages"]
    assert data["tasks"][1]["tasks"][1] == {"id": "google", "name": "Google", "after": ["github"], "stage": 2}
    for wrong in ("zzz", "8", ""):
        error = cli(clone, "plan", "show", wrong).exception
        assert isinstance(error, Refused)
        assert error.code == "CD471"
        assert "#7" in error.tried


def test_a_published_plan_shows_how_its_tasks_stand(clone: Path) -> None:
    publish(clone)
    task: dict[str, Any] = {
        "github": {"issue_number": 8, "pr_number": None},
        "worktree_id": "models",
        "short_uuid": "a7b2c8d",
        "status": "in-review",
        "title": "Data Models",
        "attempts": {"history": []},
    }
    record = {"version": 1, "isolation": "", "forge": {}, "tasks": [task]}
    (clone / ".git" / "cdock" / "state.json").write_text(json.dumps(record))
    assert "◉ in-review  #8 Data Models" in cli(clone, "plan", "show", "7").stdout
    assert "#35;8 Data Models<br/>worked" in cli(clone, "plan", "graph", "7", "--format", "mermaid").stdout


def test_pictures_are_written_into_files(clone: Path) -> None:
    for form, file in (("mermaid", "p.mmd"), ("svg", "p.svg"), ("tree", "p.txt")):
        done = cli(clone, "plan", "graph", "ours.md", "--format", form, "-o", file)
        assert done.exception is None, done.output
        assert done.output == ""
    assert (clone / "p.mmd").read_text().startswith("flowchart LR\n")
    assert ElementTree.parse(clone / "p.svg").getroot().tag.endswith("svg")  # noqa: S314 - of our own making
    assert (clone / "p.txt").read_text() == cli(clone, "plan", "graph", "ours.md").stdout


def test_a_document_of_flux_is_exported_in_our_format(clone: Path) -> None:
    cli(clone, "plan", "export", "flux.md", "-o", "out.md")
    assert "cdock:\n  version: 1" in (clone / "out.md").read_text()
    assert read_plan((clone / "out.md").read_text()) == read_plan((FIXTURES / "flux.md").read_text())
    assert cli(clone, "plan", "export", "out.md").stdout == (clone / "out.md").read_text()


def test_words_of_strangers_do_not_reach_the_terminal_as_orders(clone: Path) -> None:
    text = (clone / "flux.md").read_text().replace('"Data Models"', '"a\\e[31m\\u202e[red]b"')
    (clone / "flux.md").write_text(text)
    shown = cli(clone, "plan", "show", "flux.md").stdout
    assert "a[31m[red]b  stage-1-models" in shown


# The editor


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An editor that applies one replacement each time it is opened, and keeps what it saw."""
    seen = tmp_path / "seen"
    seen.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def use(*changes: tuple[str, str]) -> Path:
        program = tmp_path / "editor.py"
        program.write_text(
            "import json, os, pathlib, sys\n"
            f"seen = pathlib.Path({str(seen)!r})\n"
            f"changes = json.loads({json.dumps(json.dumps(changes))})\n"
            "file = pathlib.Path(sys.argv[1])\n"
            "text = file.read_text()\n"
            "n = len(list(seen.iterdir()))\n"
            "(seen / str(n)).write_text(text)\n"
            "if n < len(changes):\n"
            "    old, new = changes[n]\n"
            "    file.write_text(text.replace(old, new) if old else new)\n"
        )
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"{sys.executable} {program}")
        return seen

    return use


def test_a_draft_is_changed_in_an_editor(clone: Path, editor: Any) -> None:
    name = imported(clone)
    seen = editor(("API Endpoints", "Endpoints"))
    done = cli(clone, "plan", "edit", name)
    assert done.exception is None, done.output
    assert [task.title for task in kept(clone)[0].plan.tasks][1] == "Endpoints"
    assert len(list(seen.iterdir())) == 1
    assert not list(clone.parent.glob("cdock-plan-*")), "nothing is left behind"


def test_faults_are_shown_in_the_editor_which_opens_again(clone: Path, editor: Any) -> None:
    name = imported(clone)
    seen = editor(("- stage-1-models", "- stage-9"), ("- stage-9", "- stage-1-models"), ("x", "x"))
    text = cli(clone, "plan", "edit", name)
    assert text.exception is None, text.output
    second = (seen / "1").read_text()
    assert second.startswith("<!-- cdock: this cannot be used yet.")
    where = next(line for line in second.splitlines() if "depends on 'stage-9'" in line)
    number = int(where.split(":")[1])
    assert second.splitlines()[number - 1].strip() == "- stage-9", (
        "the line is that of the file as it is shown"
    )
    assert second.endswith((seen / "0").read_text().replace("- stage-1-models", "- stage-9"))
    assert len(list(seen.iterdir())) == 2


@pytest.mark.parametrize(
    "changes",
    [[("- stage-1-models", "- no --> where")], [("", "")], [("version: 1", "version: 2"), ("", "")]],
)
def test_giving_up_keeps_the_draft_and_what_was_written(
    clone: Path, editor: Any, changes: list[tuple[str, str]]
) -> None:
    name = imported(clone)
    before = kept(clone)
    editor(*changes)
    done = cli(clone, "plan", "edit", name)
    assert done.return_value == 1
    assert kept(clone) == before
    (left,) = clone.parent.glob("cdock-plan-*")
    assert str(left) in done.stderr


def test_nothing_changed_is_nothing_changed(clone: Path, editor: Any) -> None:
    name = imported(clone)
    editor()
    assert "nothing was changed" in cli(clone, "plan", "edit", name).stderr
    assert not list(clone.parent.glob("cdock-plan-*"))


def test_a_published_plan_is_not_edited_here(clone: Path) -> None:
    publish(clone)
    error = cli(clone, "plan", "edit", "7").exception
    assert isinstance(error, Refused)
    assert error.code == "CD472"


def test_a_file_that_cannot_be_read(clone: Path) -> None:
    (clone / "bad.md").write_bytes(b"\xff\xfe\x00")
    for name in ("bad.md", "missing.md"):
        error = cli(clone, "plan", "import", name, "--draft").exception
        assert isinstance(error, Misconfigured)
        assert error.code == "CD442"
    (clone / "empty.md").write_text("")
    assert isinstance(cli(clone, "plan", "import", "empty.md", "--draft").exception, Unreadable)
