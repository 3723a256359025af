"""The pages say what is true: generated ones are current, links lead somewhere, commands exist, codes are listed."""

import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import click
import pytest
import yaml

from cdock.adapters import rundir
from cdock.cli.main import cdock
from cdock.core.record import load_record
from cdock.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", *ROOT.glob(".github/*.md")])
TEXTS = sorted([*PAGES, ROOT / "docs/generate.py", *(p for p in ROOT.glob(".github/**/*.yml"))])
FORMS = ".github/ISSUE_TEMPLATE"
# Where pages may lead to outside of this repository: what is read by people, and addresses that are examples.
HOSTS = {
    "github.com",
    "api.github.com",
    "docs.astral.sh",
    "127.0.0.1",
    "localhost",
    "proxy.example",
    "api.anthropic.com",
    "host",
}

# What the small `cdock` inside a run knows, which is another program.
INSIDE = {"help-agent"}

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=ticks)\s*$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"(?<!`)`(cdock [a-z][^`]*)`(?!`)", re.DOTALL)
_CODE = re.compile(r"\bCD\d{3}\b")
_VARIABLE = re.compile(r"\bCDOCK_[A-Z_]+\b")


def name_of(path: Path) -> str:
    """A page as people name it."""
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    """The text of a page."""
    return path.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def generator() -> ModuleType:
    """`docs/generate.py`, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    stale = [
        name_of(path) for path, text in generator().pages().items() if not path.exists() or read(path) != text
    ]
    assert not stale, "run `uv run python docs/generate.py`"


def test_a_setting_without_a_meaning_is_noticed() -> None:
    with pytest.raises(SystemExit, match=r"budget\.patience says nowhere"):
        generator()._meaning("budget.patience", "")


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors GitHub makes of a page's headings."""
    titles = re.findall(r"^#{1,6} (.+?)\s*$", prose(read(path)), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles)
    return frozenset(re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain)


def links(path: Path) -> Iterator[str]:
    """The targets of a page's links."""
    return (match["target"] for match in _LINK.finditer(prose(read(path))))


def broken(path: Path, target: str) -> str:
    """Why a relative link leads nowhere; empty when it leads somewhere."""
    file, _, anchor = target.partition("#")
    there = (path.parent / file).resolve() if file else path
    if not there.exists():
        return f"{target}: there is no {file}"
    if ROOT not in there.parents and there != ROOT:
        return f"{target}: leads out of the repository"
    if anchor and there.suffix == ".md" and anchor not in anchors(there):
        return f"{target}: no such heading, there are {', '.join(sorted(anchors(there)))}"
    return ""


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    inside = [target for target in links(path) if not urlsplit(target).scheme]
    assert [why for target in inside if (why := broken(path, target))] == []


def test_a_broken_link_is_noticed() -> None:
    index = ROOT / "docs/index.md"
    assert broken(index, "nowhere.md")
    assert broken(index, "explanation/limits.md#nothing-of-the-kind")
    assert not broken(index, "explanation/limits.md#known-faults")


def test_every_page_can_be_reached() -> None:
    reached: set[Path] = set()
    new = [ROOT / "docs/index.md"]
    while new:
        page = new.pop()
        if page not in reached:
            reached.add(page)
            new += [
                there
                for target in links(page)
                if not urlsplit(target).scheme
                and (there := (page.parent / target.partition("#")[0]).resolve()).suffix
                if there.suffix == ".md" and there.is_file()
            ]
    # Fragments of the changelog are read at a release.
    expected = {page for page in ROOT.glob("docs/**/*.md") if page.parent.name != "changelog.d"}
    assert {name_of(page) for page in expected - reached} == set()


def commands(path: Path) -> Iterator[str]:
    """Every `cdock …` of a page: the command lines in its blocks for a shell, and those within sentences."""
    text = read(path)
    for block in _FENCE.finditer(text):
        if block["language"] in ("sh", "bash", "console"):
            for line in block["body"].replace("\\\n", " ").splitlines():
                found = re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*(?:uvx |uv run )?(cdock\b.*)", line)
                if found:
                    yield found[1]
    for inline in _INLINE.finditer(prose(text)):
        yield " ".join(inline[1].split())


def wrong_in(line: str) -> str:
    """What is wrong with a command line; empty when click would take it. Values of options are not looked at twice."""
    words = shlex.split(re.split(r"\s(?:\||>|&&|;)\s?", line)[0].replace("…", "X"), comments=True)
    context = click.Context(cdock, info_name="cdock")
    command: click.Command = cdock
    rest = words[1:]
    if rest and rest[0] in INSIDE:
        return ""
    while True:
        try:
            values, rest, _ = command.make_parser(context).parse_args(rest)
        except click.UsageError as error:
            return f"{line}: {error.format_message()}"
        for param in command.get_params(context):
            value = values.get(param.name or "")
            if (
                isinstance(param.type, click.Choice)
                and isinstance(value, str)
                and value not in param.type.choices
            ):
                return f"{line}: {value} is none of {', '.join(map(str, param.type.choices))}"
        if not isinstance(command, click.Group):
            return f"{line}: {rest[0]} is too much" if rest else ""
        if not rest:
            return ""
        inner = command.get_command(context, rest[0])
        if inner is None:
            return f"{line}: there is no {rest[0]}"
        context = click.Context(inner, info_name=rest[0], parent=context)
        command, rest = inner, rest[1:]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_exist(path: Path) -> None:
    assert [why for line in commands(path) if (why := wrong_in(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "cdock orchestra",
        "cdock run --forever",
        "cdock demo --isolation cage",
        "cdock forge sideways",
        "cdock stop 42 43",
        "cdock status --json",
    ],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    assert wrong_in(line)


def test_the_verb_inside_a_run_exists() -> None:
    assert all(f"!= {verb} ]" in rundir._SHIM for verb in INSIDE)


def test_commands_are_looked_at() -> None:
    seen = {line.split()[1] for path in PAGES for line in commands(path) if len(line.split()) > 1}
    assert set(cdock.list_commands(click.Context(cdock))) <= seen, "every verb is shown somewhere"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_blocks_name_their_language(path: Path) -> None:
    assert [block[0][:60] for block in _FENCE.finditer(read(path)) if not block["language"]] == []


def test_settings_shown_are_settings() -> None:
    shown = 0
    for path in PAGES:
        for block in _FENCE.finditer(read(path)):
            if block["language"] != "toml" or "[tool." in block["body"]:
                continue
            Settings.model_validate(tomllib.loads(block["body"]))
            shown += 1
    assert shown > 3


def test_the_sample_settings_are_settings() -> None:
    sample = read(ROOT / "templates/cdock.toml")
    Settings.model_validate(tomllib.loads(sample))
    # What is commented out claims to be the default. Prose has no "=", and lists are examples.
    lines = [re.sub(r"^# (?=\[|\w+ = )", "", line) for line in sample.splitlines()]
    told = tomllib.loads("\n".join(line for line in lines if not line.startswith("commands =")))
    assert Settings.model_validate(told) == Settings()


def test_records_shown_are_records() -> None:
    blocks = [
        b["body"]
        for b in _FENCE.finditer(read(ROOT / "docs/reference/state-json.md"))
        if b["language"] == "json"
    ]
    assert load_record(blocks[0]).worktree_id == "add-oauth-login"
    assert all(json.loads(block) for block in blocks)


def test_error_codes_are_documented_both_ways() -> None:
    used = {code for path in ROOT.glob("cdock/**/*.py") for code in _CODE.findall(read(path))}
    page = read(ROOT / "docs/reference/errors.md")
    listed = re.findall(r"^\| (CD\d{3}) \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(set(listed)), "each once, in order"
    assert set(listed) == used
    elsewhere = {code for path in PAGES for code in _CODE.findall(read(path))}
    assert elsewhere <= used


def test_variables_are_documented_both_ways() -> None:
    inside = {
        name for path in ROOT.glob("templates/*") if path.is_file() for name in _VARIABLE.findall(read(path))
    }
    used = {name for path in ROOT.glob("cdock/**/*.py") for name in _VARIABLE.findall(read(path))}
    page = read(ROOT / "docs/reference/settings.md").partition("## Environment")[2]
    listed = {name for line in page.splitlines() if line.startswith("|") for name in _VARIABLE.findall(line)}
    assert listed == used - inside, "what scripts in a run are told is no setting"
    assert set(_VARIABLE.findall("".join(map(read, PAGES)))) <= used


def test_the_task_form_is_the_one_that_ships() -> None:
    assert read(ROOT / FORMS / "cdock-task.yml") == read(
        ROOT / "templates/github/ISSUE_TEMPLATE/cdock-task.yml"
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/**/*.yml")), ids=name_of)
def test_forms_and_workflows_are_yaml(path: Path) -> None:
    content = yaml.safe_load(read(path))
    assert isinstance(content, dict)
    if path.parent.name == "ISSUE_TEMPLATE" and path.name != "config.yml":
        assert {"name", "description", "body"} <= set(content)
        ids = [part["id"] for part in content["body"] if part["type"] != "markdown"]
        assert len(ids) == len(set(ids))


def test_ci_pins_its_actions_and_may_only_read() -> None:
    text = read(ROOT / ".github/workflows/ci.yml")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action) for action in used)
    assert "secrets." not in text
    assert (ROOT / ".ci/run").is_file()


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_pages_know_nothing_of_one_machine(path: Path) -> None:
    text = read(path)
    for place in (ROOT, Path.home()):
        assert not re.search(rf"(?<![\w.~]){re.escape(str(place))}(?![\w-])", text), place
    for address in re.findall(r"\bhttps?://[^\s)>\"'`]+", text):
        host = (urlsplit(address).hostname or "").lower()
        assert host in HOSTS, f"{address}: is this a page people should go to?"
