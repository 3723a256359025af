"""What changes in an error's text from run to run, and how a line looks without it.

Each rule is written for a line that may be hostile: repetitions are bounded, or cannot begin anew at each character.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

# A child of these is somebody's checkout: its own name says nothing.
_CHECKOUT = re.compile(
    r"~|/(?:root|home|srv|mnt|tmp|var/tmp|var/folders|var/lib|dev/shm|Users|builds?|github|workspaces?|private|data|wt)\b"
)
# Below these names paths are alike in every checkout.
_TOPS = frozenset(
    {"src", "tests", "test", "spec", "packages", "crates", "apps", "cmd", "internal", "include", "docs"}
)
_LIBRARIES = re.compile(
    r"/(?:site-packages|dist-packages|node_modules|go/pkg/mod|\.cargo/registry|rustc/[0-9a-f]+|go/src|lib/python[\d.]+)/"
)
_PASSING = re.compile(r"/(?:tmp|var/tmp|var/folders|dev/shm|private/tmp)/")
_FILE = re.compile(r".*\.[A-Za-z]\w{0,4}", re.DOTALL)
_NAMED_BY_PEOPLE = re.compile(r"[A-Za-z_.-]+(?:\d{1,2}[A-Za-z_.-]*)?")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_UNIT = r"(?:ns|µs|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b"
_DURATION = rf"\d+(?:[.,]\d+)?\s?{_UNIT}"


def _path(match: re.Match[str]) -> str:
    """What of an absolute path is the same in another checkout."""
    path = match[0]
    parts = path.strip("/").split("/")
    if _LIBRARIES.search(path):
        return f"<lib>/{'/'.join(parts[-2:])}"
    if _PASSING.match(path) and (len(parts) < 3 or not _NAMED_BY_PEOPLE.fullmatch(parts[-1])):
        return "<tmp>"
    if _CHECKOUT.match(path) or _FILE.fullmatch(path):
        top = next((at for at, part in enumerate(parts[:-1]) if at and part in _TOPS), len(parts) - 1)
        return "/".join(parts[top:])
    return "/".join(parts[-2:])


class _Rule(NamedTuple):
    """`needs`: what a line must have for the pattern to match, which is quicker to see; "0" is any digit."""

    needs: str
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


def _rule(needs: str, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> _Rule:
    return _Rule(needs, re.compile(pattern), replacement)


_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]"
)
# Order matters: longer and more telling shapes first, so that a later rule finds only what is left.
_RULES = (
    # How tools write the name of a failed test, and what they put around it.
    _rule(" - ", r"^(FAILED|ERROR) (.+?) - .*$", r"\1 \2"),  # pytest cuts the reason at the terminal's width
    _rule("---- ", r"^---- (\S+) stdout ----$", r"FAILED \1"),
    _rule("FAILED", r"^test (\S+) \.\.\. FAILED$", r"FAILED \1"),
    _rule("FAILED", r"^(\S+) --- FAILED$", r"FAILED \1"),
    _rule(" ... ", r"^(\w+ \([\w.]+\)) \.\.\. (FAIL|ERROR)$", r"\2: \1"),
    _rule("[", r"\[gw\d+\]|\[ *\d+%\]", ""),
    _rule("gw", r"\bgw\d+\b", "gw<n>"),
    _rule("0", r"^#\d+ (?=\D|\d+\.\d+ )", ""),  # a step of BuildKit
    _rule(".", r"^\d+\.\d{1,3} (?=\S)", ""),  # and how long it ran by then
    _rule("", r"[-=_*~]{4,}", " "),
    _rule("|", r"^\s*(?:\d+\s+)?\|", "|"),
    # Names and numbers that somebody else chose.
    _rule("file://", r"\bfile://(?=/)", ""),
    _rule("://", r"\b[a-z][a-z+]{1,9}://[^\s'\"<>)\]]+", "<url>"),
    _rule("@", r"\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", "<email>"),
    _rule("0", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<uuid>"),
    _rule(
        "0",
        r"\b(req|msg|toolu|call|resp|ses|prt|chatcmpl|thread|turn)[_-](?=\w*\d)\w{8,}",
        r"\1_<id>",
    ),
    # Times.
    _rule(
        "-",
        r"\b\d{4}-\d\d-\d\d(?:[T _]\d\d[:_-]?\d\d(?:[:_-]?\d\d(?:[.,_-]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)",
        "<time>",
    ),
    _rule(
        "0", rf"\b(?:\d{{1,2}} {_MONTH}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?)(?:,? \d{{4}})?(?!\w)", "<date>"
    ),
    _rule("<date>", r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?=<date>)", ""),
    _rule("0", r"\b\d\d?(?::\d\d){1,2}(?:[.,]\d+)? ?[AaPp][Mm]\b|\b\d\d? ?[AaPp][Mm]\b", "<time>"),
    _rule(":", r"\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
    _rule("<date>", r"<date>,? (?:at )?(?=<time>)", ""),
    _rule("<time>", r"<time>(?: [A-Z]{3,4}\b)?(?: \[?\d+\]?(?= ))?", "<time>"),  # a log's time, zone, process
    # Places.
    _rule("/home/", r"/home/[\w.-]+(?=/)", "~"),
    _rule("/", r"(?<![\w.@+/>-])~?(?:/[\w.@+-]+){2,}", _path),
    _rule("/", r"(?<![\w.@+/>-])\./(?=\w)", ""),
    _rule("[ERROR]", r"^(\[ERROR\]\s+[\w.$]+):\d+(?= )", r"\1"),
    _rule(
        "0",
        r"(\.[A-Za-z]{1,5}|\bnode:[\w/]+|Makefile|Dockerfile)"
        r"(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)|:\[\d+(?:,\d+)?\])(?::| -)?(?![\w-])",
        r"\1:",
    ),
    _rule("sh: ", r"^([^\s:]*sh): \d+: ", r"\1: "),
    _rule("0", r"^(\s*)\d+:\d+(?=\s+(?:error|warning)\b)", r"\1"),
    _rule("not ok", r"\b(not ok) \d+", r"\1"),
    _rule(") ", r"^\s*\d+\) ", ""),
    _rule(
        "0", r"\b(line|column|col|character|offset|pid|port|attempt|worker|thread)([ =:#-]+)\d+", r"\1\2<n>"
    ),
    _rule(
        "line <n>:", r"(line <n>:) +\d+ (?=[A-Z])", r"\1 "
    ),  # the shell names the process that a signal ended
    _rule("thread '", r"\b(thread '[^']*') \(\d+\)", r"\1"),
    # Numbers.
    _rule("0x", r"\b0x[0-9a-fA-F]+\b", "<addr>"),
    _rule(
        "0",
        r"\b(?:(?=[0-9a-f]{0,127}\d)(?=\d{0,127}[a-f])[0-9a-f]{7,128}|(?=\d*[A-F])(?=[A-F]*\d)[0-9A-F]{7,128})\b",
        "<hex>",
    ),
    _rule("0", rf"\b(?:\d\d?:\d\d min\b|{_DURATION}(?:\s?{_DURATION})*)", "<duration>"),
    _rule("0", r"\b\d+(?:\.\d+)?\s?(?:[kKMGT]i?B)\b", "<size>"),
    _rule(".", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<ip>"),
    _rule("localhost:", r"\blocalhost:\d+", "localhost"),
)
# Four digits are noise unless they belong to a code such as TS2322, E0308 or ORA-00942, or are what was compared.
_LARGE = re.compile(r"(?<![A-Z\d])(?<![A-Z]-)(?:\d{4,}|\d{1,3}(?:,\d{3})+(?!\d))(?:\.\d+)?")
_HUGE = re.compile(r"(?<![A-Z\d])\d{9,}")
_COMPARES = re.compile(
    r"\bassert|[!=]==?|\b(?:expected|actual|received|got|want|left|right)\b\W{0,4}\d|^E? *[-+] ",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_RULER = re.compile(r"[-=_*~.|^ ]+")


def shown(line: str) -> str:
    """A line as it stands on the screen in the end: without colours, and without what a progress bar wrote over."""
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2])


def without_noise(line: str) -> str:
    """A line as it is the same in every run; empty when nothing is left."""
    line = shown(line)
    digits = bool(_DIGIT.search(line))
    for needs, pattern, replacement in _RULES:
        if digits if needs == "0" else needs in line:
            line = pattern.sub(replacement, line)
    if digits:
        line = (_HUGE if _COMPARES.search(line) else _LARGE).sub("<n>", line)
    line = " ".join(line.split())
    return "" if _RULER.fullmatch(line) else line
