"""Claude Code as an agent: how it is started, and what its end means.

Safety of the command line: `--setting-sources user --strict-mcp-config` keeps the repository's `.claude/settings.json`
and `.mcp.json` out. Otherwise a pull request could run hooks without a question, or set ANTHROPIC_BASE_URL and so
send the key elsewhere. That also drops the repository's CLAUDE.md, which is wanted; `--add-dir .` brings it back
(with the files it imports), for the memory of an added directory is text for the model and nothing more. All of
this was observed on 2.1.197 and 2.1.330.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdock.adapters.agents.claude_stream import fold
from cdock.adapters.agents.lines import STOP_SIGNALS, how_it_died, signal_of, words, words_after
from cdock.core.events import Capabilities, Ending, Event, Job, Launch, Reading
from cdock.core.runs import Verdict
from cdock.core.task import Cap

_ENV: Mapping[str, str] = {
    "CLAUDE_CONFIG_DIR": "{state}/claude",  # the conversation, so that a later attempt can resume it
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # a shell left in the background keeps a finished run alive
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "5",  # the default of 10 takes three minutes to notice a wrong key
    "DISABLE_AUTOUPDATER": "1",
    "LANG": "C.UTF-8",
}

_RESULT = '"type":"result"'
"""In the line that ends a turn, and in no other: within a string the quotes would be escaped."""

_ENDINGS: Mapping[str, Ending] = {
    "authentication_failed": Ending.AUTH,
    "oauth_org_not_allowed": Ending.AUTH,
    "billing_error": Ending.AUTH,
    "rate_limit": Ending.LIMITED,
    "overloaded": Ending.UNAVAILABLE,
    "server_error": Ending.UNAVAILABLE,
    "aborted_tools": Ending.STOPPED,
    "aborted_streaming": Ending.STOPPED,
    "blocking_limit": Ending.FULL,
    "prompt_too_long": Ending.FULL,
    "error_max_turns": Ending.CAPPED,
    "error_max_budget_usd": Ending.CAPPED,
}

_CAPS: Mapping[str, Cap] = {"error_max_turns": Cap.TURNS, "error_max_budget_usd": Cap.COST}

# What stops a program started at a terminal is all answered before: the theme, whether the folder is trusted, whether
# the key may be used. It writes this file itself, so it is made anew each time; the conversations lie elsewhere.
_ATTACH = r"""# Starts Claude Code at a terminal so that it asks nothing.
set -eu
key=$(printf %s "${ANTHROPIC_API_KEY-}" | tail -c 20 | tr -cd 'A-Za-z0-9_-')
here=$(pwd -P | sed 's/[\\"]/\\&/g')
mkdir -p "$CLAUDE_CONFIG_DIR"
printf '{"hasCompletedOnboarding":true,"projects":{"%s":{"hasTrustDialogAccepted":true}},%s["%s"],"rejected":[]}}\n' \
    "$here" '"customApiKeyResponses":{"approved":' "$key" >"$CLAUDE_CONFIG_DIR/.claude.json"
exec claude "$@"
"""


@dataclass(frozen=True)
class ClaudeAgent:
    """The `claude` program. `tokens` counts all that went in, cached or not, and all that came out."""

    name: str = "claude"

    @property
    def can(self) -> Capabilities:
        """All there is."""
        return Capabilities(
            resume=True,
            live=True,
            turns=True,
            cost=True,
            context=True,
            limits=True,
            schema=True,
            attach=True,
        )

    def start(self, job: Job) -> Launch:
        """A new conversation with the id we chose, so that a crash cannot lose it."""
        return _headless(job, "--session-id")

    def resume(self, job: Job) -> Launch:
        """The conversation `job.session` goes on; it must not be running anywhere, for nothing locks it."""
        return _headless(job, "--resume")

    def attach(self, job: Job) -> Launch:
        """The same conversation at a terminal. What it starts with no id is not one that can be found again."""
        argv = ["sh", "{run}/attach.sh", *_common(job)]
        argv += ["--settings", json.dumps({"skipDangerousModePermissionPrompt": True})]
        argv += ["--resume", job.session] if job.session else []
        return Launch(tuple(argv), env=_ENV, files={"{run}/attach.sh": _ATTACH}, terminal=True)

    def say(self, text: str, *, uid: str) -> str:
        """It reads the line after the tool it is using, and then repeats it on its output with our uid.

        A conversation that has heard a uid before passes over the line.
        """
        return _message(text, uuid=uid)

    def read(self, reading: Reading, line: str) -> tuple[Reading, Sequence[Event]]:
        """Fold one line of the stream. Words outside of it are notes, what cannot be parsed is passed over."""
        return fold(reading, line)

    def end(self, reading: Reading, *, exit_code: int, tail: str) -> Verdict:
        """Done needs a good result, a normal reason and exit code 0; a failed API call also says "success"."""
        kind, text = _ending(reading, exit_code, words_after(tail))
        return Verdict(
            kind=kind,
            text=text,
            session=reading.session,
            turns=reading.turns,
            tokens=reading.tokens,
            cost=reading.cost,
            cap=_CAPS.get(reading.reason) if kind is Ending.CAPPED else None,
            until=reading.until if kind is Ending.LIMITED else None,
        )


def _headless(job: Job, conversation: str) -> Launch:
    argv = ["claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
    argv += ["--replay-user-messages", *_common(job), conversation, job.session]
    argv += ["--max-turns", str(job.max_turns)] if job.max_turns else []
    argv += ["--max-budget-usd", f"{job.max_cost:g}"] if job.max_cost else []
    argv += ["--json-schema", job.schema] if job.schema else []
    argv += words(job.settings.get("args", "[]"))
    # The prompt has no uid: a conversation takes each uid once, and one that goes on would pass over the second prompt.
    return Launch(tuple(argv), stdin=f"{_message(job.prompt)}\n", env=_ENV, until=_RESULT)


def _common(job: Job) -> list[str]:
    """What is the same with and without a terminal."""
    permission = job.settings.get("permission", "bypass")
    argv = ["--dangerously-skip-permissions"] if permission == "bypass" else ["--permission-mode", permission]
    # `--add-dir` takes all words up to the next flag, so one has to follow it.
    argv += ["--setting-sources", "user", "--add-dir", ".", "--strict-mcp-config"]
    return argv + (["--model", job.model] if job.model else [])


def _message(text: str, **fields: str) -> str:
    # A "/" in front, blanks aside, makes a command of the program's own, and one that waits until it has finished.
    said = f"Read this:\n{text}" if text.lstrip().startswith("/") else text
    return json.dumps({"type": "user", "message": {"role": "user", "content": said}, **fields})


def _ending(reading: Reading, exit_code: int, words: str) -> tuple[Ending, str]:
    if reading.ended and reading.ok and exit_code == 0:
        return Ending.DONE, reading.text
    if signal_of(exit_code) in STOP_SIGNALS:
        return Ending.STOPPED, reading.error or how_it_died(exit_code)
    if not reading.ended:
        return Ending.FAILED, words or reading.error or f"claude said nothing: {how_it_died(exit_code)}"
    if reading.ok:
        return Ending.FAILED, words or f"claude said it was done, but {how_it_died(exit_code)}"
    return _ENDINGS.get(reading.reason, Ending.FAILED), reading.error or f"claude ended with {reading.reason}"
