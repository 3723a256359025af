"""Markdown of issues, comments and readmes as HTML that is safe to show.

The text is written by strangers and by coding agents: raw HTML is never let through, pictures are never
loaded, and links lead to http, https or a place on this forge.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from cdock.forge.web.markdown import folds, references, tasks
from cdock.forge.web.markdown.references import Surroundings

__all__ = ["Surroundings", "render", "safe_link", "task_count", "version_of", "with_task"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]")


def render(text: str, surroundings: Surroundings | None = None) -> Markup:
    """The HTML of a markdown text; every byte of it is either ours or escaped."""
    env = {"surroundings": surroundings or Surroundings()}
    return Markup(_PARSER.render(text.replace("\x00", ""), env))  # noqa: S704 - escaping is what this module does


def version_of(text: str) -> str:
    """A short fingerprint that tells a click on an old text from one on the current text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_task(text: str, *, line: int, checked: bool) -> str:
    """The text with the task box on one line (counted from 0) ticked or cleared.

    Raises ValueError when that line shows no task box.
    """
    if line not in tasks.task_lines(_PARSER.parse(text, {})):
        raise ValueError(f"There is no task box on line {line + 1}.")
    return tasks.with_box(text, line=line, checked=checked)


def task_count(text: str) -> tuple[int, int]:
    """How many task boxes are ticked, and how many there are."""
    boxes = tasks.task_lines(_PARSER.parse(text, {})).values()
    return sum(boxes), len(boxes)


def safe_link(address: str) -> bool:
    """Whether a link may lead there: http, https, or a place on this forge."""
    bare = _INVISIBLE.sub("", address)
    scheme = _SCHEME.match(bare)
    return scheme is None or scheme.group().lower() in ("http:", "https:")


def _without_styles(state: StateCore) -> None:
    """Column alignment comes as a style attribute, which our Content-Security-Policy forbids: use a class."""
    for token in state.tokens:
        style = token.attrs.pop("style", None)
        if style is not None:
            token.attrSet("class", "align-" + str(style).rpartition(":")[2].strip())


def _render_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    token.attrSet("href", _resolved(str(token.attrGet("href") or ""), env))
    token.attrSet("rel", "noopener nofollow")
    return renderer.renderToken(tokens, index, options, env)


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A link in place of the picture: loading one would tell its host who reads this, and when."""
    token = tokens[index]
    source = escapeHtml(_resolved(str(token.attrGet("src") or ""), env))
    words = escapeHtml(renderer.renderInlineAsText(token.children or [], options, env) or "picture")
    # A link does not hold another one; the picture is then only its words.
    return (
        words
        if token.meta.get("in_link")
        else f'<a class="picture" rel="noopener nofollow" href="{source}">{words}</a>'
    )


def _resolved(link: str, env: EnvType) -> str:
    """The link, with a relative one starting from where the text stands."""
    around: Surroundings = env.get("surroundings") or Surroundings()
    relative = not _SCHEME.match(link) and not link.startswith(("/", "#"))
    return around.relative_to + link if relative else link


def _render_table_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>'


def _render_table_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    folds.install(parser)
    tasks.install(parser)
    references.install(parser)
    parser.core.ruler.push("styles", _without_styles)
    # The one gate for links: what does not pass is shown as the text that was written.
    parser.validateLink = safe_link  # type: ignore[method-assign, assignment]
    parser.add_render_rule("link_open", _render_link)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("table_open", _render_table_open)
    parser.add_render_rule("table_close", _render_table_close)
    return parser


_PARSER = _parser()
