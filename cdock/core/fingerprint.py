"""Whether an error is the one that came before: a hash of its text without what changes from run to run.

Ports, paths, times, addresses and the order of tests make no difference; another value, another code or another set
of failing tests does. When in doubt two errors differ: the budget of attempts ends what is not recognised here.
What is noise in a line stands in `noise`, and a coarser name for an error in `failure_class`.
"""

import hashlib
import re

from cdock.core.noise import without_noise

ALGORITHM = 3
"""Part of what is hashed, so that the hashes of two sets of rules are never equal by accident."""
LINES = 60
"""Most lines that count, sorted."""
LAST = 8
"""Lines that count when none of them looks like an error: the last ones name it most often."""

_COUNTS = re.compile(
    r"=*\s*\d+ (?:failed|passed|skipped|deselected|x?failed|error|errors|warnings?)\b.*"
    r"|(?:Tests?|Test Suites|Snapshots|Time|Duration|Start at|test result):.*"
    r"|Ran \d+ tests?\b.*|Found \d+ errors?\b.*|.*\bseed\b.*|npm warn\b.*|\W*\d{1,3}(?:\.\d+)?%.*|.*\d%\|.*"
    r"|(?:remote: )?(?:Enumerating|Counting|Compressing|Receiving|Writing|Resolving|Unpacking) (?:objects|deltas)\b.*"
    r"|\[<n>:<addr>\] .*"  # V8 tells of its collections
    r"|FAIL|FAILED|FAILURES|failures:|short test summary info",
    re.IGNORECASE,
)
_STACK = re.compile(r"(?:at\s|File \").*(?:node:|<lib>).*|<lib>/.*|\d+: (?:core|std|alloc|__rustc)::.*")
_TELLING = re.compile(
    r"^E\s|\berror\b|[a-z](?:error|exception)\b|\bfail(?:ed|ure)?\b|\bpanic|\bassert|\bfatal\b|\bdenied\b|\brefused\b"
    r"|\bnot found\b|\bno such\b|\bcannot\b|\bcan't\b|\bcould not\b|\bunable\b|\bundefined\b|\bunresolved\b"
    r"|\b(?:rejected|declined|conflict|unbound|does not|has not|is not)\b|^remote: "
    r"|\btimed out\b|\bkilled\b|\bsegmentation\b|\bnot ok\b|\bmissing\b|\binvalid\b|\bunexpected\b"
    r"|(?-i:\bE[A-Z]{4,}\b|\b[A-Z]{1,6}-?\d{3,5}\b)|^[✕✗×●✖]"
    # What was expected and what came tells one failure of a test from the next, and so does a difference.
    r"|!==?|\b(?:expected|actual|received|got|want)\b|^(?:left|right):|^[-+] +\S"
    # Where it happened, in what is not a library: a frame, a finding, a test that did not end.
    r"|^File \"|(?-i:^Test\w+ \(<duration>\))",
    re.IGNORECASE,
)
_LOCATED = re.compile(r"\.[A-Za-z]{1,5}:(?=[\s)])")
_REMARK = re.compile(r"\b(?:warning|note|info|hint|help)\b", re.IGNORECASE)
# How a run of acceptance commands shows what it ran and how that ended.
_FRAME = re.compile(r"\$ .*|\[exit [1-9]\d*\]")


def fingerprint(error: str) -> str:
    """MD5 (hex) of an error's text without what changes from run to run; equal means "the same error again"."""
    text = f"{ALGORITHM}\n{key_of(error)}"
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def key_of(error: str) -> str:
    """What is hashed: the telling lines of an error, without noise, sorted."""
    plain = [line for line in map(without_noise, error.split("\n")) if line]
    kept = [line for line in plain if not _COUNTS.fullmatch(line) and not _STACK.fullmatch(line)] or plain
    telling = [line for line in kept if _telling(line)] or kept[-LAST:]
    frame = [line for line in kept if _FRAME.fullmatch(line)]
    return "\n".join(sorted({*telling, *frame})[:LINES])


def _telling(line: str) -> bool:
    return bool(_TELLING.search(line) or (_LOCATED.search(line) and not _REMARK.search(line)))
