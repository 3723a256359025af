"""`cdock demo`: the whole loop on the embedded forge, with nothing but git and Python."""

import base64
import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdock.cli import embedded

if TYPE_CHECKING:
    from rich.console import Console

    from cdock.core.policy import Labels
    from cdock.reconciler.house import House

PERSON = "ada"
REPOSITORY = f"{PERSON}/hello"
FIRST = (
    "Greet people by name",
    "### Goal\n\n`python3 hello.py Ada` should print `Hello, Ada!`.\n\n"
    "### Acceptance\n\n- [ ] it greets by name\n- [ ] a test shows it\n",
)
SECOND = (
    "Write down the opening hours",
    "### Goal\n\nPut our opening hours into a file `HOURS.md`.\n",
)
ANSWER = "We are open from 9 to 17, Monday to Friday."
LIMIT = 600.0
"""Seconds after which an unattended demonstration gives up."""


@click.command(short_help="Watch an issue become a pull request.")
@click.option("--auto", is_flag=True, help="Answer the agent's question after a moment, and end by itself.")
@click.option("--interactive", is_flag=True, help="You label the issues, in the browser.")
@click.option("--agent", type=click.Choice(["scripted", "claude"]), default="scripted", show_default=True)
@click.option(
    "--isolation",
    type=click.Choice(["auto", "docker", "local"]),
    default="auto",
    show_default=True,
    help="Where agents run; auto: containers when Docker and the image are there.",
)
@click.option("--keep", is_flag=True, help="Keep forge and clone afterwards, and say where they are.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def command(auto: bool, interactive: bool, agent: str, isolation: str, keep: bool, no_browser: bool) -> int:
    """Start a forge on this machine, open two issues, and let an agent work on them.

    The first becomes a pull request. On the second the agent hits the same error three times and asks: answer it in
    the browser, or by `cdock answer`, and it goes on. No account, no key, no Docker is needed; nothing leaves this
    machine.
    """
    from cdock.cli.console import talk

    console = talk()
    folder = Path(tempfile.mkdtemp(prefix="cdock-demo-"))
    try:
        with _forge(folder, console) as forge:
            stage = _Stage(forge, folder, console)
            stage.make(agent=agent, kind=_kind(isolation, agent))
            stage.greet(open_browser=not (auto or no_browser))
            done = stage.play(auto=auto, interactive=interactive)
            stage.sum_up()
            if not auto:
                with contextlib.suppress(KeyboardInterrupt, click.Abort):
                    click.prompt("Enter ends the demonstration", default="", show_default=False, err=True)
    finally:
        if keep:
            console.print(f"kept: {folder} (cdock forge up --data {folder / 'forge'})", markup=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if done else 1


@contextlib.contextmanager
def _forge(folder: Path, console: "Console") -> Iterator[embedded.Forge]:
    forge = embedded.up(folder / "forge", port=0)
    try:
        yield forge
    finally:
        embedded.down(forge)


def _kind(isolation: str, agent: str) -> str:
    """`docker` or `local`: what was asked for, or the best that is there."""
    from cdock.core.errors import CdockError, Missing

    if isolation == "local":
        return "local"
    from cdock.settings import environment
    from cdock.wiring import agent_image, engine_of

    try:
        agent_image(engine_of(environment()))
    except CdockError as error:
        if isolation == "docker":
            raise
        if agent != "scripted" and not shutil.which(agent):
            raise Missing(
                f"neither containers nor the {agent} command line are there",
                tried=f"Docker: {error.message}; {agent}: not on PATH",
                fix=f"{error.fix}, or install {agent}",
            ) from error
        return "local"
    return "docker"


def _leave_nothing(house: "House") -> None:
    """Stop and remove what the demonstration's runs are made of; containers and volumes are outside its folder."""
    for run in house.runner.list():
        house.runner.stop(run.name, grace=1)
        house.runner.remove(run.name)
    for claim in house.memory.claims.values():
        house.runner.clear(claim.task.id)


@dataclass
class _Stage:
    """The forge, the clone and what the audience sees."""

    forge: embedded.Forge
    folder: Path
    console: "Console"

    def make(self, *, agent: str, kind: str) -> None:
        """People, tokens, the repository with its first commit, the clone, two issues."""
        for login, flags in ((PERSON, ()), (embedded.BOT, ("--bot",))):
            self.forge.admin("user", login, *flags)
        self.forge.admin("repo", REPOSITORY, "--description", "A very small program")
        self.forge.admin("role", REPOSITORY, embedded.BOT, "write")
        self._person = self.forge.admin("token", PERSON, "--note", "demo")["token"]
        self._bot = self.forge.admin("token", embedded.BOT, "--note", "cdock")["token"]
        self.clone = self.folder / "hello"
        self._files(agent=agent, kind=kind)
        self._push()
        self.numbers = [
            int(self._say("POST", "/issues", {"title": title, "body": body})["number"])
            for title, body in (FIRST, SECOND)
        ]

    def _files(self, *, agent: str, kind: str) -> None:
        from cdock.adapters.prompts import template_file

        self.clone.mkdir()
        for name in ("hello.py", "test_hello.py", "README.md", "cdock.toml"):
            text = template_file(f"demo/{name}").read_text(encoding="utf-8")
            if name == "cdock.toml":
                text = text.replace('"scripted"', f'"{agent}"').replace('"local"', f'"{kind}"')
            (self.clone / name).write_text(text, encoding="utf-8")
        form = template_file("github/ISSUE_TEMPLATE/cdock-task.yml").read_text(encoding="utf-8")
        forms = self.clone / ".github" / "ISSUE_TEMPLATE"
        forms.mkdir(parents=True)
        (forms / "cdock-task.yml").write_text(form, encoding="utf-8")
        (self.clone / ".gitignore").write_text("/.cdock/*\n__pycache__/\n", encoding="utf-8")
        (self.clone / ".cdock").mkdir()
        script = template_file("demo/script.json").read_text(encoding="utf-8")
        (self.clone / ".cdock" / "demo-script.json").write_text(script, encoding="utf-8")

    def _push(self) -> None:
        from cdock.settings import environment

        basic = base64.b64encode(f"{PERSON}:{self._person}".encode()).decode()
        env = {
            **{name: value for name, value in environment().items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.forge.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@localhost",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@localhost",
            "GIT_TERMINAL_PROMPT": "0",
        }
        for words in (
            ("init", "-q", "-b", "main"),
            ("remote", "add", "origin", f"{self.forge.url}/{REPOSITORY}.git"),
            ("add", "."),
            ("commit", "-q", "-m", "A program that says hello"),
            ("push", "-q", "origin", "main"),
        ):
            subprocess.run(("git", *words), cwd=self.clone, env=env, check=True, timeout=60)

    def _say(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the person does in the browser, done for them."""
        import requests

        answer = requests.request(
            method,
            f"{self.forge.url}/api/v3/repos/{REPOSITORY}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._person}"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def greet(self, *, open_browser: bool) -> None:
        """Say where everything is."""
        login = self.forge.login_url(PERSON, to=f"/{REPOSITORY}/issues")
        self.console.print()
        self.console.print("cdock demo: two issues, one agent, one forge on this machine", style="bold")
        self.console.print(f"  in the browser  {login}", markup=False, soft_wrap=True)
        terminal = f"  in a terminal   cdock -C {self.clone} status"
        self.console.print(terminal, markup=False, highlight=False, soft_wrap=True)
        if open_browser:
            webbrowser.open(login)

    def play(self, *, auto: bool, interactive: bool) -> bool:
        """Run the poller until both issues have their pull request; whether they do."""
        from cdock.adapters.files.poller import only_poller
        from cdock.adapters.git.clone import find_clone
        from cdock.adapters.system import SystemClock
        from cdock.cli.live import journaled, listen
        from cdock.core.errors import Unavailable
        from cdock.reconciler.loop import run
        from cdock.settings import environment, load_settings
        from cdock.wiring import Site, build

        env = {**environment(), "CDOCK_TOKEN": self._bot}
        here = Site(clone=find_clone(self.clone), settings=load_settings(self.clone), env=env)
        house = build(here)
        clock = house.clock
        assert isinstance(clock, SystemClock)  # noqa: S101 - wiring chose it a moment ago
        self.console.print(f"  isolation       {house.runner.isolation}", markup=False, soft_wrap=True)
        self.console.print()
        house.forge.ensure_repository_labels(house.policy.labels)
        if interactive:
            numbers = " and ".join(f"#{number}" for number in self.numbers)
            self.console.print(f"Label the issues {numbers} with agent-ready, in the browser.", style="bold")
        else:
            for number in self.numbers:
                self._say("POST", f"/issues/{number}/labels", {"labels": [house.policy.labels.ready]})
                self.console.print(f"{PERSON} labels #{number} agent-ready", style="dim", markup=False)
        handler = listen(self.console)
        watcher = threading.Thread(target=self._watch, args=(house, clock.end, auto), daemon=True)
        watcher.start()
        try:
            # What is said in another terminal meanwhile is delivered by this poller, which has the token.
            with only_poller(here.clone.state), journaled({house.name: here}):
                run(house)
        except Unavailable as error:
            self.console.print(f"the forge is away: {error.message}", markup=False)
        finally:
            clock.end()
            watcher.join(timeout=30)
            handler.close()
            _leave_nothing(house)
        return len(self._pulls()) == len(self.numbers)

    def _watch(self, house: "House", end: Callable[[], None], auto: bool) -> None:
        """Answer for the person when asked to, and end when both are in review."""
        told: set[int] = set()
        limit = time.monotonic() + LIMIT if auto else float("inf")
        while not house.clock.sleep(0.5):
            if time.monotonic() > limit:
                self.console.print(f"not finished after {LIMIT:g} seconds", style="red")
                return end()
            for asked in self._say("GET", f"/issues?labels={house.policy.labels.help_issue}"):
                number = int(asked["number"])
                if number in told:
                    continue
                told.add(number)
                if auto:
                    house.clock.sleep(2)
                    self._say("POST", f"/issues/{number}/comments", {"body": ANSWER})
                    self.console.print(
                        f"{PERSON} answers in #{number}: {ANSWER}", style="yellow", markup=False
                    )
                else:
                    url = self.forge.login_url(PERSON, to=f"/{REPOSITORY}/issues/{number}")
                    line = f"The agent is stuck and asks. Answer here, with a comment: {url}"
                    self.console.print(line, style="bold yellow", markup=False, soft_wrap=True)
            if len(self._pulls()) == len(self.numbers) and self._nothing_to_do(house.policy.labels):
                return end()
        return None

    def _pulls(self) -> list[dict[str, Any]]:
        pulls: list[dict[str, Any]] = self._say("GET", "/pulls?state=all")
        return pulls

    def _nothing_to_do(self, labels: "Labels") -> bool:
        """Whether no issue waits for an agent or a person; what became of the pull requests is up to people."""
        issues = [self._say("GET", f"/issues/{number}") for number in self.numbers]
        shown = {label["name"] for issue in issues for label in issue["labels"]}
        return not shown & (labels.states - {labels.in_review, labels.done})

    def sum_up(self) -> None:
        """Say what there is now."""
        self.console.print()
        for pull in reversed(self._pulls()):
            self.console.print(f"✓ #{pull['number']} {pull['title']}", style="green", markup=False)
            self.console.print(
                f"    {self.forge.url}/{REPOSITORY}/pull/{pull['number']}", markup=False, soft_wrap=True
            )
        login = self.forge.login_url(PERSON, to=f"/{REPOSITORY}/pulls")
        self.console.print(f"  look at them    {login}", markup=False, soft_wrap=True)
        self.console.print("On your own repository: cdock init, cdock doctor, cdock run.", style="dim")
