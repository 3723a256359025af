"""What an issue asks for, without what it says for cdock."""

from cdock.core import form
from cdock.core.quoting import visible

_SECTIONS = frozenset(
    f"### {name}"
    for name in (
        form.ACCEPTANCE,
        form.FILES,
        form.DEPENDS,
        form.PLAN,
        form.STAGE,
        form.BATCH,
        form.WORKTREE,
        "Agent",
        "Model",
        "Most turns",
        "Most cost (US$)",
    )
)


def goal_of(body: str) -> str:
    """The words under `Goal`, with headings of people's own; all that can be seen where there is no such section."""
    text = visible(body)
    lines = [line.rstrip() for line in text.split("\n")]
    if f"### {form.GOAL}" not in lines:
        return text.strip()
    begin = lines.index(f"### {form.GOAL}") + 1
    end = next((n for n in range(begin, len(lines)) if lines[n] in _SECTIONS), len(lines))
    return "\n".join(text.split("\n")[begin:end]).strip()
