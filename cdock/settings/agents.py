"""The tables of agents: one for each program, in which its adapter finds what it is started with."""

from typing import Literal

from pydantic import Field

from cdock.settings.values import Table


class ClaudeTable(Table):
    """How Claude Code is started."""

    model: str = ""
    """A full model name; empty means the program's own choice."""
    max_turns: int = Field(default=0, ge=0)
    """0 means no limit."""
    max_cost: float = Field(default=0, ge=0, allow_inf_nan=False)
    """In US dollars, for one run; 0 means no limit."""
    permission: Literal["bypass", "acceptEdits", "plan"] = "bypass"
    """What it may do without a question, which nobody would answer: all, no more than edit files, or only look."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class CodexTable(Table):
    """How Codex is started. It tells no money, so limits of money are refused with it."""

    model: str = ""
    """Its name; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class GeminiTable(Table):
    """How Gemini CLI is started. It tells no money, so limits of money are refused with it."""

    model: str = ""
    """Its name; empty means the program's own choice."""
    max_turns: int = Field(default=0, ge=0)
    """0 means no limit."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class OpencodeTable(Table):
    """How OpenCode is started."""

    model: str = ""
    """As `provider/model`; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class AiderTable(Table):
    """How Aider is started."""

    model: str = ""
    """As Aider names it; empty means the program's own choice."""
    args: tuple[str, ...] = ()
    """Words to add to its command line."""


class CommandTable(Table):
    """Any program as an agent."""

    argv: tuple[str, ...] = ()
    """The program and its arguments; `{prompt_file}`, `{model}` and `{session}` are replaced."""
    resume: tuple[str, ...] = ()
    """The same for a conversation that goes on; without it the program is started again."""
    ok_codes: tuple[int, ...] = (0,)
    """Exit codes that mean success."""
    ok_regex: str = ""
    """A line that a success needs, for a program that ends well whatever happened."""
    error_regex: str = ""
    """A line that means a failure."""
    session_regex: str = ""
    """A line with its own id of the conversation, in one group."""
    cost_regex: str = ""
    """A line with what the run cost so far, in one group, in US dollars."""
    model: str = ""


class ScriptedTable(Table):
    """The agent of demonstrations and tests."""

    script: str = ""
    """Its script, a path in the repository."""


class AgentTable(Table):
    """Which agent, and how each is started. What is set in an agent's own table is handed to its adapter."""

    default: str = "claude"
    models: tuple[str, ...] = ()
    """The models that an issue may ask for; empty for any."""
    claude: ClaudeTable = ClaudeTable()
    codex: CodexTable = CodexTable()
    gemini: GeminiTable = GeminiTable()
    opencode: OpencodeTable = OpencodeTable()
    aider: AiderTable = AiderTable()
    command: CommandTable = CommandTable()
    scripted: ScriptedTable = ScriptedTable()

    @property
    def names(self) -> tuple[str, ...]:
        """The agents that are configured well enough to be started: Claude Code, and those that have a table."""
        usable = {"claude": True, "command": bool(self.command.argv), "scripted": bool(self.scripted.script)}
        usable |= {name: name in self.model_fields_set for name in ("codex", "gemini", "opencode", "aider")}
        return tuple(sorted({name for name, there in usable.items() if there} | {self.default}))
