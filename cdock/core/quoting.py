"""Words of agents and strangers, made harmless before cdock writes them on the forge or acts upon them.

They are cut to size, and put into fences longer than any run of backticks in them, so that they mention nobody, close
nothing and forge no marker.
"""

import re

ZERO_WIDTH_SPACE = "\u200b"
TITLE_LIMIT = 250
EXCERPT_LIMIT = 6_000
COMMAND_LIMIT = 500

# Printable by Unicode's word, but nothing to see: fillers, joiners and the selectors that can carry hidden text.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0))
}


def seen(text: str) -> str:
    """`text` without characters that hide, reorder or control; blanks of all kinds become plain ones."""
    # Comments are looked at in every tick, and most of them are plain throughout.
    return _UNUSUAL.sub(_fit, text.replace("\r\n", "\n"))


_UNUSUAL = re.compile(r"[^\n\t -~]")


def _fit(found: re.Match[str]) -> str:
    c = found[0]
    return " " if c.isspace() else c if c.isprintable() and c not in _UNSEEN else ""


def fenced(text: str, *, limit: int = EXCERPT_LIMIT) -> str:
    """`text` as a code block it cannot leave, its end kept when it is too long (`limit` in characters)."""
    # Readers of our own marks look at lines, not at fences.
    clean = seen(text).strip("\n").replace("<!-- cdock:", f"<!-- cdock{ZERO_WIDTH_SPACE}:")
    if len(clean) > limit:
        clean = f"[… {len(clean) - limit} characters left out]\n{clean[-limit:]}"
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{clean}\n{fence}"


def inline(text: str, *, limit: int = 120) -> str:
    """`text` as a single line that mentions nobody, links nothing and breaks no table."""
    line = " ".join(seen(text).split())
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    line = unlinked(line)
    line = re.sub(r"([\\`*_~|<>\[\]&])", r"\\\1", line)
    return line.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


def title_of(text: str) -> str:
    """`text` fit for the title of an issue or a pull request: one line, no mention, within the limit, never empty."""
    line = unlinked(" ".join(seen(text).split()))
    if len(line) > TITLE_LIMIT:
        line = line[: TITLE_LIMIT - 1].rstrip() + "…"
    return line or "Untitled"


def unlinked(line: str) -> str:
    """`line` without mentions, references (`#12`, `GH-12`) and bare addresses, which GitHub would all act upon."""
    return re.sub(r"(?i)([@#]|\bGH-|://|\bwww\.)(?=\w)", rf"\1{ZERO_WIDTH_SPACE}", line)


_CLOSING = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+"
    r"(?P<issue>(?:[\w.-]+/[\w.-]+)?#(?P<number>\d+)|GH-(?P<short>\d+)|https?://\S+/(?:issues|pull)/\d+)",
    re.IGNORECASE,
)


def closed_by(text: str, *, own: int) -> str:
    """The first issue but `own` that `text` would close when it is merged; empty when there is none.

    The keywords are GitHub's (docs: get-started/writing-on-github, linking a pull request to an issue).
    """
    for match in _CLOSING.finditer(text):
        plain = match["number"] if match["issue"].startswith("#") else match["short"]
        if plain is None or int(plain) != own:
            return match["issue"]
    return ""


def code(text: str) -> str:
    line = " ".join(seen(text).split())
    if len(line) > COMMAND_LIMIT:
        line = line[: COMMAND_LIMIT - 1] + "…"
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def visible(text: str, *, strip: bool = True) -> str:
    """A text of the forge without what its readers cannot see: comments, and characters that hide or reorder."""
    text = _without_comments(text)
    for pattern in _HIDDEN:
        text = pattern.sub("", text)
    clean = seen(text)
    return clean.strip() if strip else clean


def _without_comments(text: str) -> str:
    """`text` without what stands between `<!--` and `-->`; by hand, because a pattern takes seconds for a text full of
    the former without the latter."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join((*kept, text[at:]))


_HIDDEN = (
    # Left open, a comment hides the rest of the text where it begins a line, and is plain text elsewhere.
    re.compile(r"^ {0,3}<!--.*\Z", re.DOTALL | re.MULTILINE),
    # A link definition that leads nowhere, such as `[//]: # (words)`, is used for notes that are not shown.
    re.compile(r"^ {0,3}\[[^\]\n]{1,99}\]:[ \t]*(?:#|<#?>)(?:[ \t].*)?$", re.MULTILINE),
)
