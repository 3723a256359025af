"""What an issue says for cdock beside its words: sections with fixed headings, as an issue form renders them.

`body_of` writes them, `brief_of` reads them; people may write and change them as well. All of it counts only in a text
that somebody with write access has approved, and its commands run nowhere but in the task's container.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from cdock.core import quoting
from cdock.core.brief import Brief
from cdock.core.planning.document import AFTER, LINES, PlanTask

GOAL = "Goal"
ACCEPTANCE = "Acceptance"
FILES = "Files"
DEPENDS = "Depends on"
PLAN = "Plan"
STAGE = "Stage"
BATCH = "Batch"
WORKTREE = "Worktree"
LINE_LIMIT = 500
BATCH_NAME = re.compile(r"(?=.{1,36}$)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
"""What the name of a batch, or of a worktree, may be; two dashes are left to `cdock.core.ids.check_id`."""

_HEADING = re.compile(r"### (?P<name>\S.{0,59}?)[ \t]*")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_SHELL = frozenset({"sh", "bash", "shell", "console"})
_GLOB = re.compile(r"(?:[-*] )?`(?P<glob>[^`\n]{1,500})`")
_REFERENCES = re.compile(r"#[0-9]{1,9}(?:[, ]+#[0-9]{1,9})*")


@lru_cache(maxsize=2_048)
def brief_of(body: str) -> Brief:
    """What the sections of an issue's text say. What readers of the issue cannot see is not read either."""
    said: dict[str, list[str]] = {}
    for name, lines in _sections(quoting.visible(body)):
        said.setdefault(name.casefold(), lines)

    def lines_of(name: str) -> list[str]:
        return said.get(name.casefold(), [])

    return Brief(
        plan=next(iter(_numbers(lines_of(PLAN))), 0),
        stage=_figure(lines_of(STAGE)),
        depends=tuple(dict.fromkeys(_numbers(lines_of(DEPENDS))))[:AFTER],
        files=tuple(found["glob"] for line in lines_of(FILES) if (found := _GLOB.fullmatch(line.strip())))[
            :LINES
        ],
        acceptance=tuple(_commands(lines_of(ACCEPTANCE)))[:LINES],
        batch=_name(lines_of(BATCH)),
        worktree=_name(lines_of(WORKTREE)),
    )


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headings with the lines under them; a heading inside a code block is none."""
    name, fence = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark["fence"].startswith(fence) and not mark["info"].strip():
                fence = ""
        elif mark:
            fence = mark["fence"]
        elif heading := _HEADING.fullmatch(line):
            if name:
                yield name, lines
            name, lines = heading["name"], []
            continue
        lines.append(line)
    if name:
        yield name, lines


def _commands(lines: list[str]) -> Iterator[str]:
    """The lines of the first code block of shell; what stands beside it is for people."""
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            if mark and mark["fence"].startswith(fence) and not mark["info"].strip():
                return
            if line.strip() and len(line) <= LINE_LIMIT:
                yield line.strip()
        elif mark and mark["info"].strip().lower() in _SHELL:
            fence = mark["fence"]


def _numbers(lines: list[str]) -> Iterator[int]:
    for line in lines:
        if _REFERENCES.fullmatch(line.strip()):
            yield from (int(number) for number in re.findall(r"[0-9]+", line))


def _figure(lines: list[str]) -> int:
    word = next((line.strip() for line in lines if line.strip()), "")
    return int(word) if re.fullmatch(r"[0-9]{1,4}", word) else 0


def _name(lines: list[str]) -> str:
    word = next((line.strip() for line in lines if line.strip()), "")
    return word if BATCH_NAME.fullmatch(word) else ""


def body_of(
    task: PlanTask, *, plan: int = 0, depends: tuple[int, ...] = (), batch: str = "", worktree: str = ""
) -> str:
    """The text of the issue of a planned task, with the numbers that its plan and its forerunners were given."""
    goal = f"### {GOAL}\n\n{prose(task.description or task.title)}\n"
    sections = sections_of(task, plan=plan, depends=depends, batch=batch, worktree=worktree)
    return f"{goal}\n{sections}" if sections else goal


def sections_of(
    task: PlanTask, *, plan: int = 0, depends: tuple[int, ...] = (), batch: str = "", worktree: str = ""
) -> str:
    """What `body_of` says below the words; empty when there is nothing to say."""
    parts = []
    if task.acceptance:
        parts.append((ACCEPTANCE, _block(task.acceptance)))
    if task.files:
        parts.append((FILES, "\n".join(f"- `{glob.replace('`', '?')}`" for glob in task.files)))
    if depends:
        parts.append((DEPENDS, ", ".join(f"#{number}" for number in depends)))
    if plan:
        parts.append((PLAN, f"#{plan}"))
    if task.stage:
        parts.append((STAGE, str(task.stage)))
    fields = {
        BATCH: batch,
        WORKTREE: worktree,
        "Agent": task.agent,
        "Model": task.model,
        "Most turns": str(task.max_turns or ""),
        "Most cost (US$)": f"{task.max_cost:g}" if task.max_cost else "",
    }
    parts += [(name, value) for name, value in fields.items() if value]
    return "\n".join(f"### {name}\n\n{text}\n" for name, text in parts)


def _block(commands: tuple[str, ...]) -> str:
    longest = max((len(run) for line in commands for run in re.findall(r"^`{3,}", line)), default=2)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}sh", *commands, fence))


def prose(text: str) -> str:
    """Words of an agent or a file as Markdown that mentions nobody, refers to nothing, and forges no section."""
    lines = closed(quoting.unlinked(quoting.visible(text))).split("\n")
    return "\n".join(f"#{line}" if line.startswith("### ") else line for line in lines)


def closed(text: str) -> str:
    """`text` with the code block closed that it leaves open: it would swallow the sections that follow."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence and mark and mark["fence"].startswith(fence) and not mark["info"].strip():
            fence = ""
        elif mark and not fence:
            fence = mark["fence"]
    return f"{text}\n{fence}" if fence else text
