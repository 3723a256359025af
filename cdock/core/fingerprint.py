"""Whether an error is the one that came before: a hash of its text without what changes from run to run.

Ports, paths, times, addresses and the order of tests make no difference; another value, another code or another set
of failing tests does. When in doubt two errors differ: the budget of attempts ends what is not recognised here.
"""

import hashlib
import re
from collections.abc import Callable

ALGORITHM = 2
"""Part of what is hashed, so that the hashes of two sets of rules are never equal by accident."""
LINES = 60
"""Most lines that count, sorted."""
LAST = 8
"""Lines that count when none of them looks like an error: the last ones name it most often."""

_LIBRARIES = re.compile(
    r"/(?:site-packages|dist-packages|node_modules|go/pkg/mod|\.cargo/registry|rustc/[0-9a-f]+|go/src|lib/python[\d.]+)/"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"


def _path(match: re.Match[str]) -> str:
    """The file and its directory: roots differ from machine to machine, names repeat from directory to directory."""
    tail = "/".join(match[0].split("/")[-2:])
    return f"<lib>/{tail}" if _LIBRARIES.search(match[0]) else tail


_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]"
)
# Order matters: longer and more telling shapes first, so that a later rule finds only what is left. Repetitions are
# bounded where a long line without blanks would otherwise be scanned again from each of its characters.
_NOISE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(FAILED|ERROR) (.+?) - .*$", r"\1 \2"),  # pytest cuts the reason at the terminal's width
        (r"\[gw\d+\]|\[ *\d+%\]", ""),
        (r"[-=_*~]{4,}", " "),
        (r"^\s*\d*\s+\|", "|"),
        (r"\bfile://(?=/)", ""),
        (r"\b[a-z][a-z+]{1,9}://[^\s'\"<>)\]]+", "<url>"),
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b", "<email>"),
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<uuid>"),
        (r"\b(req|msg|toolu|call|resp|ses|prt|chatcmpl|thread|turn)[_-](?=\w*\d)\w{8,}", r"\1_<id>"),
        (
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w-])",
            "<time>",
        ),
        (rf"\b(?:\d{{1,2}} {_MONTH}|{_MONTH} \d{{1,2}})(?:,? \d{{4}})?\b", "<date>"),
        (r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?=<date>)", ""),
        (r"\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"(?:/tmp|/var/tmp|/var/folders|/dev/shm)/[^\s'\":,)]+", "<tmp>"),
        (r"/home/[\w.-]+(?=/)", "~"),
        (r"(?<![\w.@+/>-])~?(?:/[\w.@+-]+){2,}", _path),
        (r"(\.[A-Za-z]{1,5}|\bnode:[\w/]+|Makefile|Dockerfile)(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\))", r"\1"),
        (r"^(\s*)\d+:\d+(?=\s+(?:error|warning)\b)", r"\1"),
        (r"\b(not ok) \d+", r"\1"),
        (r"^\s*\d+\) ", ""),
        (r"\b(line|column|col|offset|pid|port|attempt|worker|thread)([ =:#]+)\d+", r"\1\2<n>"),
        (r"\b(thread '[^']*') \(\d+\)", r"\1"),
        (r"\b0x[0-9a-fA-F]+\b", "<addr>"),
        (
            r"\b(?:(?=[0-9a-f]{0,127}\d)(?=\d{0,127}[a-f])[0-9a-f]{7,128}|(?=\d*[A-F])(?=[A-F]*\d)[0-9A-F]{7,128})\b",
            "<hex>",
        ),
        (r"\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|sec|secs|seconds|m|min|minutes)\b", "<duration>"),
        (r"\b\d+(?:\.\d+)?\s?(?:[kKMGT]i?B)\b", "<size>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<ip>"),
        (r"\blocalhost:\d+", "localhost"),
        # Four digits are noise unless they belong to a code such as TS2322, E0308 or ORA-00942.
        (r"(?<![A-Z\d])(?<![A-Z]-)\d{4,}(?:\.\d+)?", "<n>"),
    )
)
_COUNTS = re.compile(
    r"=*\s*\d+ (?:failed|passed|skipped|deselected|x?failed|error|errors|warnings?)\b.*"
    r"|(?:Tests?|Test Suites|Snapshots|Time|Duration|Start at|test result):.*"
    r"|Ran \d+ tests?\b.*|Found \d+ errors?\b.*|.*\bseed\b.*|npm warn\b.*|\W*\d{1,3}(?:\.\d+)?%.*|.*\d%\|.*"
    r"|FAIL|FAILED|FAILURES|failures:|short test summary info",
    re.IGNORECASE,
)
_STACK = re.compile(r"(?:at\s|File \").*(?:node:|<lib>).*|<lib>/.*|\d+: (?:core|std|alloc|__rustc)::.*")
_TELLING = re.compile(
    r"^E\s|\berror\b|[a-z](?:error|exception)\b|\bfail(?:ed|ure)?\b|\bpanic|\bassert|\bfatal\b|\bdenied\b|\brefused\b"
    r"|\bnot found\b|\bno such\b|\bcannot\b|\bcan't\b|\bcould not\b|\bunable\b|\bundefined\b|\bunresolved\b"
    r"|\btimed out\b|\bkilled\b|\bsegmentation\b|\bnot ok\b|\bmissing\b|\binvalid\b|\bunexpected\b"
    r"|(?-i:\bE[A-Z]{4,}\b|\b[A-Z]{1,6}-?\d{3,5}\b)|^[✕✗×●✖]"
    # What was expected and what came tells one failure of a test from the next.
    r"|!==?|\b(?:expected|actual|received|got|want)\b|^(?:left|right):",
    re.IGNORECASE,
)
# How a run of acceptance commands shows what it ran and how that ended.
_FRAME = re.compile(r"\$ .*|\[exit [1-9]\d*\]")


def fingerprint(error: str) -> str:
    """MD5 (hex) of an error's text without what changes from run to run; equal means "the same error again"."""
    text = f"{ALGORITHM}\n{key_of(error)}"
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def key_of(error: str) -> str:
    """What is hashed: the telling lines of an error, without noise, sorted."""
    # What a progress bar wrote over is gone from the screen as well.
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in error.split("\n"))
    plain = [line for line in map(_plain, lines) if line]
    kept = [line for line in plain if not _COUNTS.fullmatch(line) and not _STACK.fullmatch(line)] or plain
    telling = [line for line in kept if _TELLING.search(line)] or kept[-LAST:]
    frame = [line for line in kept if _FRAME.fullmatch(line)]
    return "\n".join(sorted({*telling, *frame})[:LINES])


def _plain(line: str) -> str:
    line = _CONTROL.sub("", line)
    for pattern, replacement in _NOISE:
        line = pattern.sub(replacement, line)
    line = " ".join(line.split())
    return "" if re.fullmatch(r"[-=_*~.|^ ]+", line) else line
