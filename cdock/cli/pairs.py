"""Several tasks in one command: `NAME:PROMPT` words and `name: prompt` lines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdock.core.errors import Misconfigured
from cdock.core.form import BATCH_NAME
from cdock.core.ids import slug_of

LIMIT = 100
"""Tasks that one command makes; a mistake in a file should not fill a repository with issues."""


@dataclass(frozen=True)
class Pair:
    """A task by the name of its worktree and what its agent is told."""

    name: str
    prompt: str


def pairs_of(words: Sequence[str]) -> tuple[Pair, ...]:
    """The pairs given as arguments. The first colon parts a name from its prompt; all others belong to the prompt.

    Raises:
        Misconfigured: some cannot be read, have no words, or share a name; all of them are named by their place.
    """
    return _checked((f"argument {place}", word) for place, word in enumerate(words, start=1))


def pairs_in(text: str) -> tuple[Pair, ...]:
    """The pairs in a file, one a line; empty lines and those that begin with # say nothing.

    A prompt may stand in quotes as it does on a command line: one pair around the whole of it is taken off.

    Raises:
        Misconfigured: as `pairs_of`.
    """
    lines = ((f"line {place}", line.strip()) for place, line in enumerate(text.split("\n"), start=1))
    said = ((place, line) for place, line in lines if line and not line.startswith("#"))
    return _checked((place, _unquoted(line)) for place, line in said)


def _unquoted(line: str) -> str:
    name, colon, prompt = line.partition(":")
    bare = prompt.strip()
    quote = bare[:1]
    if quote in ('"', "'") and len(bare) > 1 and bare.endswith(quote) and quote not in bare[1:-1]:
        bare = bare[1:-1]
    return f"{name}{colon}{bare}"


def _checked(said: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    found: list[Pair] = []
    problems: list[str] = []
    places: dict[str, str] = {}
    for place, text in said:
        pair = _pair(text)
        wrong = [*_problems(pair, text)]
        if not wrong and pair.name in places:
            wrong = [f"the name {pair.name!r} is that of {places[pair.name]} already"]
        places.setdefault(pair.name, place)
        problems += [f"{place}: {why}" for why in wrong]
        found.append(pair)
    if not found:
        problems = ["there are no tasks"]
    if len(found) > LIMIT:
        problems = [f"there are {len(found)} tasks, and one command makes {LIMIT}"]
    if problems:
        raise Misconfigured(
            "; ".join(problems),
            code="CD500",
            tried="reading tasks as NAME:PROMPT",
            fix='cdock multi fix-auth:"Fix the login bug" add-tests:"Add tests of the login"',
        )
    return tuple(found)


def _pair(text: str) -> Pair:
    name, _, prompt = text.partition(":")
    return Pair(name.strip(), prompt.strip())


def _problems(pair: Pair, text: str) -> Iterator[str]:
    if ":" not in text:
        yield f"{_short(text)!r} has no colon between a name and a prompt"
        return
    if why := name_problem(pair.name):
        yield why
    if not pair.prompt:
        yield f"{pair.name!r} has no prompt"


def name_problem(name: str) -> str:
    """Why this cannot be the name of a worktree; empty when it can."""
    if BATCH_NAME.fullmatch(name):
        return ""
    if not name:
        return "the name is empty"
    meant = slug_of(name)
    hint = f" (perhaps {meant!r}?)" if BATCH_NAME.fullmatch(meant) and meant != "task" else ""
    return f"{_short(name)!r} cannot be a name: 1 to 36 of a-z, 0-9 and single dashes between them{hint}"


def require_name(name: str) -> None:
    """Raises `Misconfigured` when no worktree can be called so."""
    if why := name_problem(name):
        raise Misconfigured(
            why, code="CD500", tried="naming a worktree", fix="choose another name, such as 'fix-auth'"
        )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
