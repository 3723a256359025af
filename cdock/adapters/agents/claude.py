"""Claude Code as an agent: how it is started, and what its end means.

Safety of the command line: `--setting-sources user --strict-mcp-config` keeps the repository's `.claude/settings.json`
and `.mcp.json` out. Otherwise a pull request could run hooks without a question, or set ANTHROPIC_BASE_URL and so
send the key elsewhere. That also drops the repository's CLAUDE.md, which is wanted; `--add-dir .` brings it back
(with the files it imports), for the memory of an added directory is text for the model and nothing more. All of
this was observed on 2.1.197 and 2.1.330.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdock.adapters.agents.claude_stream import fold
from cdock.adapters.agents.lines import STOP_SIGNALS, how_it_died, signal_of, words_after
from cdock.core.events import Ending, Event, Job, Launch, Reading
from cdock.core.model import Verdict

_ENV: Mapping[str, str] = {
    "CLAUDE_CONFIG_DIR": "{state}/claude",  # the conversation, so that a later attempt can resume it
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # a shell left in the background keeps a finished run alive
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "5",  # the default of 10 takes three minutes to notice a wrong key
    "DISABLE_AUTOUPDATER": "1",
    "LANG": "C.UTF-8",
}

_ENDINGS: Mapping[str, Ending] = {
    "authentication_failed": Ending.AUTH,
    "oauth_org_not_allowed": Ending.AUTH,
    "billing_error": Ending.AUTH,
    "rate_limit": Ending.LIMITED,
    "overloaded": Ending.UNAVAILABLE,
    "server_error": Ending.UNAVAILABLE,
    "aborted_tools": Ending.STOPPED,
    "aborted_streaming": Ending.STOPPED,
}


@dataclass(frozen=True)
class ClaudeAgent:
    """The `claude` program. `tokens` counts all that went in, cached or not, and all that came out."""

    name: str = "claude"

    def start(self, job: Job) -> Launch:
        """A new conversation with the id we chose, so that a crash cannot lose it."""
        return _launch(job, "--session-id")

    def resume(self, job: Job) -> Launch:
        """The conversation `job.session` goes on; it must not be running anywhere, for nothing locks it."""
        return _launch(job, "--resume")

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
        )


def _launch(job: Job, conversation: str) -> Launch:
    # `--add-dir` takes all words up to the next flag, so one has to follow it.
    argv = ["claude", "-p", "--input-format", "text", "--output-format", "stream-json", "--verbose"]
    argv += [
        "--dangerously-skip-permissions",
        "--setting-sources",
        "user",
        "--add-dir",
        ".",
        "--strict-mcp-config",
    ]
    argv += [conversation, job.session]
    argv += ["--model", job.model] if job.model else []
    argv += ["--max-turns", str(job.max_turns)] if job.max_turns else []
    # A first character of "/" would make the prompt a command of the program's own.
    prompt = f"\n{job.prompt}" if job.prompt.startswith("/") else job.prompt
    return Launch(tuple(argv), stdin=prompt, env=_ENV)


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
