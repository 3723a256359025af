"""What `cdock.toml` may say, and how cdock complains about what it may not."""

import re
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import timedelta
from pathlib import Path

import pytest

from cdock.core.errors import Misconfigured
from cdock.core.policy import Labels, Policy, Step
from cdock.settings import FILE, Settings, home, load_settings
from cdock.settings.tables import LabelsTable

Load = Callable[[str | bytes], Settings]
TEMPLATES = Path(__file__).parent.parent.parent / "templates"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The settings of a repository whose file has this text."""

    def from_text(text: str | bytes) -> Settings:
        (tmp_path / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(tmp_path)

    return from_text


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()


def test_an_empty_file_means_the_same(load: Load) -> None:
    assert load("") == load("# nothing\n[poll]\n") == Settings()


def test_both_homes_of_a_default_agree() -> None:
    """The rules have defaults for tests, the file for people; they must not drift apart."""
    assert Settings().policy() == Policy()
    assert LabelsTable().model_dump() == asdict(Labels())


def test_every_setting_of_a_policy_is_handed_on(load: Load) -> None:
    policy = load("""
        [agent]
        default = "scripted"
        models = ["m"]
        [acceptance]
        commands = ["make lint", "make test"]
        [budget]
        tries = 5
        attempts = 6
        time_box = "1h"
        backoff = 0
        class_tries = 8
        stall = "3m"
        turns = 40
        cost = 2.5
        day_cost = 20
        lines = 900
        escalation = [{ model = "strong" }, { agent = "scripted" }]
        [limits]
        resume = false
        pause = "1m"
        [handoff]
        at = 0.5
        grace = "2m"
        agent = "claude"
        [pull]
        draft = false
        rounds = 2
        debounce = 0
        conflicts = "rebase"
        reviewer = "claude"
        [plan]
        gates = false
        overlap = "warn"
        agent = "scripted"
        [poll]
        max_parallel = 7
        lease = "20m"
        harvest_every = "1s"
        push_every = "2s"
        [labels]
        ready = "go"
        in_progress = "a"
        needs_help = "b"
        waiting = "c"
        in_review = "d"
        done = "e"
        failed = "f"
        help_issue = "g"
        plan = "h"
        [branch]
        prefix = "bot/"
    """).policy()
    assert policy == Policy(
        gates=False,
        overlap="warn",
        planner="scripted",
        max_parallel=7,
        tries=5,
        max_attempts=6,
        time_box=timedelta(hours=1),
        lease=timedelta(minutes=20),
        backoff=timedelta(0),
        class_tries=8,
        stall=timedelta(minutes=3),
        max_turns=40,
        max_cost=2.5,
        day_cost=20.0,
        max_lines=900,
        escalation=(Step(model="strong"), Step(agent="scripted")),
        resume_limits=False,
        limit_pause=timedelta(minutes=1),
        handoff=0.5,
        handoff_grace=timedelta(minutes=2),
        handoff_agent="claude",
        drafts=False,
        rounds=2,
        debounce=timedelta(0),
        conflicts="rebase",
        reviewer="claude",
        models=("m",),
        harvest_every=timedelta(seconds=1),
        push_every=timedelta(seconds=2),
        acceptance=("make lint", "make test"),
        branch_prefix="bot/",
        agent="scripted",
        agents=("claude", "scripted"),
        labels=Labels("go", "a", "b", "c", "d", "e", "f", "g", "h"),
    )
    untouched = {"lease_margin", "backoff_limit", "stop_grace", "snapshot_every"}
    same = {f.name for f in fields(Policy) if getattr(policy, f.name) == getattr(Policy(), f.name)}
    assert same == untouched, "a setting that changes nothing is not wired"


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("cdock.toml")), ids=lambda path: path.parent.name)
def test_the_shipped_files_are_right(load: Load, file: Path) -> None:
    load(file.read_text(encoding="utf-8"))


def test_what_the_shipped_file_shows_are_the_defaults(load: Load) -> None:
    text = (TEMPLATES / FILE).read_text(encoding="utf-8")
    shown = load(re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", text))
    assert shown.acceptance.commands, "an example, not a default"
    assert shown.model_copy(update={"acceptance": Settings().acceptance}) == Settings()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ('"90s"', 90),
        ('"30m"', 1800),
        ('"2h"', 7200),
        ('"1.5h"', 5400),
        ('" 5 m "', 300),
        ("45", 45),
        ("0.5", 0.5),
    ],
)
def test_durations(load: Load, text: str, seconds: float) -> None:
    assert load(f"[poll]\ninterval = {text}").poll.interval == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        '"soon"',
        '"30"',
        '"30 minutes"',
        '"1h30m"',
        '"-5m"',
        '"PT5M"',
        '"٣m"',
        '""',
        "0",
        "-1",
        '"0s"',
        "true",
        "[]",
        "{}",
        "nan",
        "inf",
        "1e300",
        '"99999999999999999h"',
        "10:30:00",
        "2026-01-01",
    ],
)
def test_what_is_no_duration(load: Load, text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^cdock.toml: poll.interval: "):
        load(f"[poll]\ninterval = {text}")


@pytest.mark.parametrize(
    ("text", "where", "suggestion"),
    [
        ("[pol]\ninterval = 5", "pol", "did you mean 'poll'?"),
        ("[poll]\nintervall = 5", "poll.intervall", "did you mean 'interval'?"),
        ("[poll]\nmaxparallel = 5", "poll.maxparallel", "did you mean 'max_parallel'?"),
        ("[agent]\ndefualt = 'claude'", "agent.defualt", "did you mean 'default'?"),
        ("[agent.claud]\nmodel = 'x'", "agent.claud", "did you mean 'claude'?"),
        ("[agent.claude]\nmodle = 'x'", "agent.claude.modle", "did you mean 'model'?"),
        ("[agent.command]\nok_code = [0]", "agent.command.ok_code", "did you mean 'ok_codes'?"),
        ("[labels]\nred = 'x'", "labels.red", "did you mean 'ready'?"),
        ("[acceptance]\ncommand = ['x']", "acceptance.command", "did you mean 'commands'?"),
        ("[branch]\nzzz = 'x'", "branch.zzz", "use one of: prefix"),
        ("interval = 5", "interval", "use one of: repository, trust,"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(
    load: Load, text: str, where: str, suggestion: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(text)
    assert str(caught.value) == f"cdock.toml: {where}: no such key"
    assert caught.value.fix.startswith(suggestion)
    assert (caught.value.code, caught.value.exit_code) == ("CD411", 2)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("poll = 3", "poll"),
        ("[[poll]]\ninterval = 3", "poll"),
        ("[poll]\nmax_parallel = 0", "poll.max_parallel"),
        ("[poll]\nmax_parallel = 1.5", "poll.max_parallel"),
        ("[poll]\nmax_parallel = 'many'", "poll.max_parallel"),
        ("[budget]\ntries = 0", "budget.tries"),
        ("[budget]\nattempts = -1", "budget.attempts"),
        ("[budget]\nbackoff = '-1s'", "budget.backoff"),
        ("[acceptance]\ncommands = 'make test'", "acceptance.commands"),
        ("[acceptance]\ncommands = [1]", "acceptance.commands.0"),
        ("[runner]\nkind = 'podman'", "runner.kind"),
        ("[runner]\ncpus = 0", "runner.cpus"),
        ("[runner]\ncpus = nan", "runner.cpus"),
        ("[runner]\nmemory = 'lots'", "runner.memory"),
        ("[runner]\npids = 0", "runner.pids"),
        ("[repository]\nremote = 3", "repository.remote"),
        ("[agent.claude]\nmax_turns = 'ten'", "agent.claude.max_turns"),
        ("[agent.claude]\nmax_turns = -1", "agent.claude.max_turns"),
        ("[agent.command]\nargv = 'aider'", "agent.command.argv"),
        ("[branch]\nprefix = '-x'", "branch.prefix"),
        ("[branch]\nprefix = 'a..b/'", "branch.prefix"),
        ("[branch]\nprefix = 'a//'", "branch.prefix"),
        ("[branch]\nprefix = 'a b/'", "branch.prefix"),
        ("[branch]\nprefix = 'a/.b/'", "branch.prefix"),
        ("[branch]\nprefix = '../'", "branch.prefix"),
        ("[branch]\nprefix = ''", "branch.prefix"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_do(load: Load, text: str, where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(text)
    assert str(caught.value).startswith(f"cdock.toml: {where}: ")
    assert caught.value.fix
    assert FILE in caught.value.tried
    for jargon in ("tuple", "Table", "dictionary", "pydantic", "Value error"):
        assert jargon not in str(caught.value)


@pytest.mark.parametrize("prefix", ["cdock/", "bot", "team/cdock-", "a.b/c/", "v1.x/"])
def test_prefixes_git_accepts(load: Load, prefix: str) -> None:
    assert load(f"[branch]\nprefix = '{prefix}'").policy().branch_prefix == prefix


@pytest.mark.parametrize("name", ["", " ", "x" * 51, "a,b", "a\\nb", " a", "a\\u202eb"])
def test_labels_the_forge_would_not_take(load: Load, name: str) -> None:
    with pytest.raises(Misconfigured, match=r"labels\.ready: "):
        load(f'[labels]\nready = "{name}"')


@pytest.mark.parametrize(
    "text",
    [
        "ready = 'done'",
        "ready = 'In-Progress'",
        "help_issue = 'needs-help'",
        "waiting = 'x'\nfailed = 'X'",
    ],
)
def test_two_states_cannot_share_a_label(load: Load, text: str) -> None:
    with pytest.raises(Misconfigured, match="is used twice"):
        load(f"[labels]\n{text}")


def test_labels_may_be_in_any_script(load: Load) -> None:
    labels = load("[labels]\nready = 'bereit: los 🚀'").policy().labels
    assert labels.ready in labels.states
    assert len(labels.states) == 7
    assert labels.help_issue not in labels.states, "a help issue keeps its label whatever its state"


@pytest.mark.parametrize(
    "text",
    [
        "[poll\ninterval = 5",
        "interval",
        "[poll]\ninterval = 5\ninterval = 6",
        "<<<<<<< HEAD\n",
        b"\xff\xfe\x00",
        b"a = '\x00'",
    ],
)
def test_a_broken_file_is_named(load: Load, text: str | bytes) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(text)
    assert str(caught.value).startswith("cannot read cdock.toml: ")
    assert FILE in caught.value.fix


def test_a_directory_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(Misconfigured, match=r"cannot read cdock\.toml"):
        load_settings(tmp_path)


def test_only_what_is_set_reaches_an_agent(load: Load) -> None:
    agent = load("[agent.command]\nargv = ['aider', '{prompt_file}']").agent
    assert agent.command.model_dump(mode="json", exclude_unset=True) == {"argv": ["aider", "{prompt_file}"]}
    assert agent.claude.model_dump(exclude_unset=True) == {}


@pytest.mark.parametrize("written", ["123456", '"123456"', '"Iv23abc"'])
def test_an_apps_id_is_a_number_or_a_word(load: Load, written: str) -> None:
    assert load(f"[github]\napp_id = {written}").github.app_id == written.strip('"')


@pytest.mark.parametrize(
    "line",
    ["app_id = true", "app_id = 1.5", "writes_per_hour = 3", "writes_per_hour = 501", "installation_id = -1"],
)
def test_what_no_account_has(load: Load, line: str) -> None:
    with pytest.raises(Misconfigured, match=rf"github\.{line.split()[0]}"):
        load(f"[github]\n{line}")


def test_the_home_of_what_belongs_to_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert home({"CDOCK_HOME": "~/here"}) == tmp_path / "here"
    assert home({"CDOCK_HOME": "/there"}) == Path("/there")
    assert home({}).is_relative_to(tmp_path)
    assert home({"CDOCK_HOME": ""}) == home({})
