"""What holds for any failure: the noise of another attempt leaves its fingerprint alone, another meaning does not.

Texts of the corpus are changed in one way at a time, by noise and by meaning of every kind. What a kind looks like is
said here a second time, by other patterns than the rules have, so the two can disagree.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest

from cdock.core.fingerprint import fingerprint
from tests.fixtures.failures.corpus import fresh, pairs, unseen

Change = Callable[[str, random.Random], str]
STAYS, CHANGES = 0.99, 0.99
"""Of all changes of noise, and of all of meaning: how many have to be seen through, and to be seen."""
PER_KIND = 60
"""Texts that one kind of change is tried on; all of them together take minutes."""

_ROOTS = re.compile(
    r"(?:/home/ana/\.cdock/worktrees/[\w-]+/cdock\.[\w-]+\.\w{7}|/srv/agents/ci-7/wt/cdock\.[\w-]+\.\w{7}"
    r"|/home/ana/src/shop|/home/dev/app|/srv/build/agent-3|/builds/4711/group/shop|/srv/jobs/17/repo|/home/ci/shop"
    r"|/mnt/ws/3/tree|/srv/app|/srv/ci/jobs/17/shop)(?![\w-])"
)
_HOMES = re.compile(r"/(?:home/(?:ana|dev|ci|runner|bob|mia)|root|Users/\w+)(?=/\.)")
_PLACES = (
    "/home/u/.cdock/worktrees/api/cdock.api.{:07x}", "/srv/wt/{:x}/repo", "/workspace", "/builds/group/{}",
    "/home/kim/code/work-{}", "/Users/kim/dev/tree-{}", "/var/lib/cdock/wt/{}", "/home/runner/work/shop/shop",
)  # fmt: skip
_COLOURS = ("\x1b[31m", "\x1b[1;33m", "\x1b[38;5;9m", "\x1b[2m")
_PROGRESS = (
    "Downloading data.tar.gz (1.{} MB)", " {}% |████      | 3/10", "Compiling serde v1.0.{}", "✓ adds tax ({} ms)",
    "remote: Counting objects: {}% (9/9), done.", "ok  \texample.org/other\t0.{}s", "Resolving deltas: {}%",
    "[{}/99] CC other.o", "10%\r{}%\rdone", "test other::works ... ok", "PASSED tests/test_other.py::test_{}",
    "npm notice", "Collecting click>=8.{}", "#{} CACHED", "> Task :other{} UP-TO-DATE", "Fetching {} objects",
)  # fmt: skip


def _each(make: Callable[[re.Match[str], random.Random], str], *patterns: str, count: int = 0) -> Change:
    found = re.compile("|".join(patterns), re.MULTILINE)
    return lambda text, chance: found.sub(lambda match: make(match, chance), text, count=count)


def _first(make: Callable[[re.Match[str], random.Random], str], *patterns: str) -> Change:
    return _each(make, *patterns, count=1)


def _digits(match: re.Match[str], chance: random.Random) -> str:
    return re.sub(r"\d", lambda _: chance.choice("123456789"), match[0])


def _hexes(match: re.Match[str], chance: random.Random) -> str:
    """A digit where one was and a letter where one was: most ids are known by having both."""
    return re.sub(r"[\da-f]", lambda m: chance.choice("12345679" if m[0].isdigit() else "abcdef"), match[0])


def _count(match: re.Match[str], chance: random.Random) -> str:
    return str(chance.randrange(2, 400))


def _port(match: re.Match[str], chance: random.Random) -> str:
    return str(chance.randrange(30_000, 60_000))


def _random_name(match: re.Match[str], chance: random.Random) -> str:
    return match[0][:-6] + "".join(chance.choices("abcxyzQRS123", k=6))


def _seconds(match: re.Match[str], chance: random.Random) -> str:
    return f"{chance.randrange(1, 9)}.{chance.randrange(10, 99)}s"


def _clock(match: re.Match[str], chance: random.Random) -> str:
    return f"1{chance.randrange(9)}:{chance.randrange(10, 59)}:{chance.randrange(10, 59)}"


def _day(match: re.Match[str], chance: random.Random) -> str:
    return f"20{chance.randrange(25, 29)}-0{chance.randrange(1, 9)}-1{chance.randrange(9)}"


def _checkout(text: str, chance: random.Random) -> str:
    place = chance.choice(_PLACES).format(chance.randrange(1000, 99999))
    return _ROOTS.sub(lambda _: place, text)


def _home(text: str, chance: random.Random) -> str:
    home = chance.choice(("/home/zoe", "/root", "/Users/zoe", "/home/build-user"))
    return _HOMES.sub(lambda _: home, text)


def _moved(text: str, chance: random.Random) -> str:
    """Some lines were written above: everything in the project's own files moves by as much."""
    by = chance.randrange(1, 90)
    return re.sub(
        r"(\w\.(?:py|[cm]?[jt]sx?|go|rs|c|cc|cpp|h|java|kt|rb|php|sh)(?::|\", line |\())(\d{1,4})(?=\D)",
        lambda match: f"{match[1]}{int(match[2]) + by}",
        text,
    )


def _coloured(text: str, chance: random.Random) -> str:
    def line(shown: str) -> str:
        if not shown.strip() or chance.random() < 0.5:
            return shown
        at = chance.randrange(len(shown) - len(shown.lstrip()), len(shown))
        return f"{shown[:at]}{chance.choice(_COLOURS)}{shown[at:]}\x1b[0m"

    return text if "\x1b" in text else "\n".join(map(line, text.split("\n")))


def _amid_progress(text: str, chance: random.Random) -> str:
    """Before, after, or between two paragraphs."""
    lines = text.split("\n")
    at = chance.choice([0, *(number for number, line in enumerate(lines) if not line.strip()), len(lines)])
    blank = [""] if at == 0 else []
    lines[at:at] = [line.format(chance.randrange(1, 99)) for line in chance.sample(_PROGRESS, 2)] + blank
    return "\n".join(lines)


def _reordered(text: str, chance: random.Random) -> str:
    """Findings that follow each other, in another order."""
    finding = re.compile(r"(?:FAILED|ERROR) \S+::|\S+\.(?:tsx?|py|go):\d+:\d+")
    lines = text.split("\n")
    begin = 0
    while begin < len(lines):
        end = begin
        while end < len(lines) and finding.match(lines[end]):
            end += 1
        lines[begin:end] = chance.sample(lines[begin:end], end - begin)
        begin = end + 1
    return "\n".join(lines)


NOISE: Mapping[str, Change] = {
    "checkout": _checkout,
    "home": _home,
    "temporary name": _each(_random_name, r"/tmp/tmp[.\w]{6,}", r"/tmp/cc\w{6}(?=\.)"),
    "clock": _each(_clock, r"\b\d\d:\d\d:\d\d\b"),
    "day": _each(_day, r"\b\d{4}-\d\d-\d\d(?=[T ]\d)"),
    "part of a second": _each(_digits, r"(?<=:\d\d[.,])\d{3,9}\b"),
    "duration": _each(_digits, r"(?<=[ (=])\d+\.\d+ ?(?:m?s|sec|seconds|min)\b", r"(?<=[ (])\d+ ?ms\b"),
    "unit of a duration": _each(_seconds, r"(?<=[ (])\d+ ?ms\b"),
    "process": _each(_digits, r"(?<=\bpid[ =:])\s?\d+\b", r"(?<===)\d+(?===)", r"(?i:(?<=process ))\d+\b"),
    "process in a log": _each(_digits, r"(?<=\(node:)\d+(?=\))", r"(?<=\w\[)\d{2,6}(?=\]: )"),
    "thread": _each(_digits, r"(?<=goroutine )\d+", r"(?<=Thread-)\d+", r"(?<=thread 'main' \()\d+"),
    "port": _each(_port, r"(?<=localhost:)\d{4,5}\b", r"(?<=127\.0\.0\.1:)\d{4,5}\b"),
    "uuid": _each(_hexes, r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b"),
    "address": _each(_hexes, r"(?<=\b0x)(?=0{0,8}[1-9a-f])[\da-f]{6,16}\b"),
    "commit": _each(_hexes, r"\b(?=[a-f]{0,39}\d)(?=\d{0,39}[a-f])[\da-f]{40}\b"),
    "lines": _moved,
    "places": _each(_digits, r"^ +\d+:\d+(?= +(?:error|warning) )", r"(?<=[a-z]\()\d+,\d+(?=\): )",
                    r"(?<=\[)\d+,\d+(?=\] )", r"(?<=\bline )\d{1,4}\b"),
    "passed": _each(_count, r"\b\d+(?= (?:passed|passing))"),
    "ran": _each(_count, r"(?<=^Ran )\d+(?= tests?)", r"\b\d+(?= total$)", r"(?i:(?<=tests run: ))\d+",
                 r"(?<=collected )\d+(?= items$)", r"(?<=\()\d+(?= tests \|)", r"(?<=running )\d+(?= tests?)"),
    "of no matter": _each(_count, r"\b\d+(?= (?:skipped|deselected|ignored|filtered out|warnings?)\b)"),
    "size": _each(_digits, r"\b\d+(?:\.\d+)? ?[kM]B\b"),
    "order": _reordered,
    "progress": _amid_progress,
    "colours": _coloured,
    "line ends": lambda text, _: text.replace("\n", "\r\n"),
    "blank lines": lambda text, _: f"\n\n{text}\n\n",
    "blanks at the end of lines": _each(lambda _, chance: " " * chance.randrange(3), "$"),
}  # fmt: skip


def _word(match: re.Match[str], chance: random.Random) -> str:
    return "".join(chance.choices("bcdfghjklmnpqrstvwxz", k=5)) + match[0][5:]


def _number(match: re.Match[str], chance: random.Random) -> str:
    return str(int(match[0]) + chance.randrange(1, 9))


def _name(match: re.Match[str], _: random.Random) -> str:
    return f"{match[0]}_q"


def _exception(match: re.Match[str], _: random.Random) -> str:
    return f"Other{match[0]}"


MEANING: Mapping[str, Change] = {
    "number compared": _first(_number, r"(?<=assert )\d{1,7}(?= [!=]= )", r"(?<=want )\d{1,7}\b",
                              r"(?<=Expected: )\d{1,7}$", r"(?<=Received: )\d{1,7}$", r"(?<=left: )\d{1,7}$"),
    "text compared": _first(_word, r"(?<=Received: \")\w[^\"\n]+(?=\"$)", r"(?<=Error: ')\w+(?=' not found in)"),
    "test": _first(_name, r"(?<=^FAILED )\S+::\w+", r"(?<=--- FAIL: )\w+", r"(?<=^FAIL: )\w+", r"(?<=✕ )\w+"),
    "symbol": _first(_word, r"(?<=annot find name ')\w+", r"(?<=undefined reference to `)\w+",
                     r"(?<=undefined: )\w+", r"(?<=name ')\w+(?=' is not)"),
    "module": _first(_name, r"(?<=No module named ')\w+", r"(?<=Cannot find module ')[.\w@/-]+"),
    "code": _first(_number, r"(?<=error TS)\d{4}", r"(?<=\bSC)\d{4}\b", r"(?<=error\[E0)\d{3}"),
    "named code": _first(_name, r"(?<=npm error code )E[A-Z]+", r"(?<=code: ')E[A-Z]+"),
    "exception": _first(_exception, r"(?<=^E   )\w*(?:Error|Exception)(?=: )", r"^[A-Z]\w*Error(?=: )"),
    "message of an exception": _first(_word, r"(?<=Error: )[A-Za-z]\w+"),
    "exit status": _first(_number, r"(?<=exit status )\d{1,3}$", r"(?<=exit code: )\d{1,3}\b",
                          r"(?<=\] Error )\d{1,3}$", r"(?<=^\[exit )\d+(?=\]$)"),
    "status of an answer": _first(_number, r"(?<=API Error: )\d{3}", r"(?<=returned error: )\d{3}"),
    "file": _first(_word, r"(?<=No such file or directory: ')\w+", r"(?<=cannot stat ')\w+"),
    "target": _first(_name, r"(?<=: )[a-z]+(?=\] Error )"),
}  # fmt: skip


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Every text of the corpus with its tool, in an order that mixes the tools."""
    every = {
        text: pair.tool for pair in (*pairs(), *fresh(), *unseen()) for text in (pair.first, pair.second)
    }
    mixed = sorted((tool, text) for text, tool in every.items())
    random.Random(1).shuffle(mixed)  # noqa: S311 (it has to repeat)
    return tuple(mixed)


def changed(changes: Mapping[str, Change], *, at_most: int) -> Iterator[tuple[str, str, str, str]]:
    """Kind of change, tool, text before and after; of each kind as many as occur, but no more than that."""
    for kind, change in changes.items():
        found = 0
        for number, (tool, text) in enumerate(texts()):
            after = change(text, random.Random(number)) if found < at_most else text  # noqa: S311
            if after != text:
                found += 1
                yield kind, tool, text, after


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("changes", "same", "share"), [(NOISE, True, STAYS), (MEANING, False, CHANGES)])
def test_noise_makes_no_difference_and_meaning_makes_one(
    changes: Mapping[str, Change], same: bool, share: float
) -> None:
    tried, wrong = Counter[str](), Counter[tuple[str, str]]()
    for kind, tool, before, after in changed(changes, at_most=PER_KIND):
        tried[kind] += 1
        wrong[kind, tool] += (fingerprint(before) == fingerprint(after)) is not same
    assert set(tried) == set(changes), "every kind occurs"
    assert 1 - wrong.total() / tried.total() >= share, wrong.most_common(20)
