"""Coding agents' command lines: how each is started, and what its output means. Pure functions, no I/O."""

from collections.abc import Callable, Mapping

from cdock.adapters.agents.aider import AiderAgent
from cdock.adapters.agents.claude import ClaudeAgent
from cdock.adapters.agents.codex import CodexAgent
from cdock.adapters.agents.command import command_agent
from cdock.adapters.agents.gemini import GeminiAgent
from cdock.adapters.agents.opencode import OpencodeAgent
from cdock.adapters.agents.scripted import ScriptedAgent
from cdock.core.errors import Misconfigured
from cdock.ports import Agent

KINDS: Mapping[str, Callable[[str, Mapping[str, str]], Agent]] = {
    "aider": lambda name, _: AiderAgent(name),
    "claude": lambda name, _: ClaudeAgent(name),
    "codex": lambda name, _: CodexAgent(name),
    "command": command_agent,
    "gemini": lambda name, _: GeminiAgent(name),
    "opencode": lambda name, _: OpencodeAgent(name),
    "scripted": lambda name, _: ScriptedAgent(name),
}
"""What an agent can be, by the name of the kind."""


def agent(name: str, *, kind: str = "", settings: Mapping[str, str] | None = None) -> Agent:
    """The agent called `name` in the configuration, with its table there as strings.

    `kind` is one of `KINDS`, the name itself when not given. Raises `Misconfigured` for any other, and for settings
    the kind cannot use.
    """
    make = KINDS.get(kind or name)
    if make is None:
        raise Misconfigured(
            f"there is no agent of the kind {kind or name!r}",
            tried=f"choosing the agent {name!r}",
            fix=f"choose one of {', '.join(sorted(KINDS))}; any program can be an agent of the kind 'command'",
        )
    return make(name, settings or {})
