"""Whether an error is the one that came before: a hash of its text without what changes from run to run.

Ports, paths, times, addresses and the order of tests make no difference; another value, another code or another set
of failing tests does. When in doubt two errors differ: the budget of attempts ends what is not recognised here.

A text is read by paragraphs. From the first line that tells of an error on, every line of a paragraph counts, except
those that are known to say nothing; so does what such a line is indented below, and a title right above the first one.
Which words tell is a list that no tool can be forced to keep to, and so it only finds where to begin. What is noise in
a line stands in `noise`, and a coarser name for an error in `failure_class`.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cdock.core.noise import shown, without_noise

ALGORITHM = 6
"""Part of what is hashed, so that the hashes of two sets of rules are never equal by accident."""
LAST = 20
"""Lines that count when none of them looks like an error: the last ones name it most often."""

_TELLING = re.compile(
    r"^E\s|\berror\b|[a-z](?:error|exception)\b|\bfail(?:ed|ure)?\b|\bpanic|\bassert|\bfatal\b|\bdenied\b|\brefused\b"
    r"|\bnot found\b|\bno (?:such|rule)\b|\bcannot\b|\bcan't\b|\bcould not\b|\bunable\b|\bundefined\b|\bunresolved\b"
    r"|\b(?:rejected|declined|conflict|unbound|does not|has not|is not|caused by)\b|^remote: |\*\*\*"
    r"|\btimed out\b|\bkilled\b|\bsegmentation\b|\bnot ok\b|\bmissing\b|\binvalid\b|\bunexpected\b"
    r"|(?-i:\bE[A-Z]{4,}\b|\b[A-Z]{1,6}-?\d{3,5}\b)|^[✕✗×●✖✘]|^\) "
    r"|\b(?:duplicate|multiple|redefin|mismatch|incorrect|wrong|bad|illegal|unknown|unrecogni[sz]ed|unsupported|forbidden"
    r"|unauthorized|violat\w*|corrupt\w*|abort\w*|crash\w*|exceed\w*|expired|unreachable|ambiguous)\b"
    # What was expected and what came tells one failure of a test from the next, and so does a difference.
    r"|!==?|\b(?:expected|actual|received|got|want)\b|^(?:left|right):|^[-+] +\S"
    # Where it happened, in what is not a library: a frame, a finding.
    r"|(?:^|[\w>\])]):<n>|^File \"",
    re.IGNORECASE,
)
# Neither a mistake nor a place of one: remarks, with what stands below them. A code or a place makes them a finding.
_REMARK = re.compile(
    r"(?!E )(?:<time>\W{0,9}|\S{0,200}:<n>\s?|[\w./-]{1,40}[:\]]?\s|[^\w\s]{1,9}\s?|level=){0,2}(?:(?<=:<n> )\w{0,40})?"
    r"(?:warn(?:ing)?s?|note|info(?:rmation)?|hint|help|debug|verbose|notice|trace)\b"
    r"(?!.*\b(?:error|fail(?:ed|ure)?|fatal)\b|(?-i:.*\b[A-Z]{1,6}-?\d{3,5}\b))",
    re.IGNORECASE,
)
_RESULT = (
    r"(?:pass(?:ed|ing)?|fail(?:ed|ing)?|pending|skip(?:ped)?|deselected|ignored|filtered|x(?:failed|passed)|todo"
    r"|failures?|errors?|warnings?|tests?|suites?|examples?|assertions?|specs?|scenarios?|features?|offen[sc]es?"
    r"|problems?|issues?|files?|tasks?|targets?|informations?|hints?|snapshots?|contexts?|checks?)"
)
_LABEL = (
    r"(?:pass(?:ed)?|fail(?:ed|ures)?|skip(?:ped)?|succeeded|errors|warnings|ignored|pending|changed|tests|files)"
    r"\W{1,9}\d+\b"
)
# Says nothing, whatever words it uses: how many there were, how long it took, what went well.
_TALLY = re.compile(
    rf"\W*(?:(?:ran|found|executed|finished|total|with|some)\W+)?\d+ (?:[a-z]+ )?{_RESULT}\b(?!.*: *[a-z]).*"
    r"|(?:(?:Tests?|Test Suites|Snapshots|Total):|Total)\s+\d.*"
    r"|\W*(?:time|duration|start at|test result|tokens|cost):.*"
    rf"|.*?\b{_LABEL}.*\b{_LABEL}.*|\d+\.\.\d+"
    r"|\W*(?:tests|suites|files|pass|fail|passed|failed|cancelled|skipped|todo)\W{1,3}\d+"
    r"|[a-z ]{0,20}: \d{1,3}(?:\.\d+)?%.*|\W*(?:finished|completed|took|done) in <duration>.*"
    r"|.*\b(?:seed(?:ed to)?|shuffle)\b\W{0,3}(?:\d|<n>|<id>).*|\W*\d{1,3}(?:\.\d+)?%.*|.*\d%\|.*"
    r"|(?:remote: )?(?:Enumerating|Counting|Compressing|Receiving|Writing|Resolving|Unpacking) (?:objects|deltas)\b.*"
    r"|(?:remote: )?Delta compression\b.*"
    r"|\(node:\W?\w+\W?\) (?:\[\w+\] )?(?:Deprecation|Experimental)Warning.*|\(Use .node --trace.*"
    r"|\W*(?:Installing|Reusing|Downloading) [^:]*"
    r"|\[<n>:<addr>\] .*"  # V8 tells of its collections
    r"|.*\bwaiting for (?:unfinished|other) jobs\b.*|Starting a Gradle Daemon.*|Auto-merging \S.*"
    r"|Ran all test suites.*|A worker process has failed to exit.*|Force exiting Jest.*|Jest did not exit.*"
    r"|[-+~] [\w.,\[\]-]+==\S+"  # what uv put into an environment
    r"|FAIL|FAILED|FAILURES!?|failures:|short test summary info",
    re.IGNORECASE,
)
_WELL = re.compile(
    r"\W*(?:ok\s+\S|\?\s+\S.*\[no test|PASS\b|PASSED\b|--- PASS|[✓✔√]).*|=== RUN.*"
    r"|.*\b(?:PASSED|Passed|\.\.\. ok)\W*(?:<duration>)?"
)
_STACK = re.compile(
    r"(?:at\s|File \").*(?:node:|<lib>).*|<lib>/.*|(?:\d+: )?(?:core|std|alloc|__rustc)::.*"
    r"|at (?:java|javax|jdk|sun|kotlin|scala|System|Microsoft)\b.*"
)
# Says nothing unless it has a word that tells: what is being done, and what is done.
_DOING = re.compile(
    r"\W{0,9}(?:[\w.\[\]-]{1,60}: )?(?!String|Nothing|During|Required|Needed)"
    r"(?:[A-Z][a-z]+(?:ing|ed)|downloading|fetching|installing|compiling|building|resolving|extracting|collected|added"
    r"|cached|created|Built|Picked up|Requirement already|Success\w*|All \w+ passed|Terraform has been)\b.*"
    r"|.*\b(?:ok|OK|done|Done|DONE|CACHED|Created|Started|Running|Waiting|Pulled|Healthy|up to date)\W*(?:<duration>)?"
    r"|(?:\S+ )?[.FEsxX,]+(?: +\d+ ?/ ?\d+)?(?: +\( *\d+%\))?|(?:# Subtest:|-- |---> |> Task |Step \d+/\d+ ).*"
    # What a tool says of itself before it begins.
    r"|(?:platform|plugins|rootdir|cachedir|configfile|asyncio|Runtime|Configuration|Progress|Packages|\w+ ID"
    r"|bringing up|\d+ workers)\b.*"
)
# The shape of a text: what parts paragraphs, source with its number, and what points at a place in it.
_RULERS = frozenset("-=_*.#━─")
_SOURCE = re.compile(r"\s*(?:[>➜❯→]\s*)?\d+(?:\s*[|│┃┆▕]|\t)")
_POINTER = re.compile(r"[\s|│┃┆▕·]*[\^~▲┬][\s\^~▲┬─]*|\s*\|[\s|]*\^[\^~-]*(?: .*)?")
_ALONE = re.compile(r"\W*(?:\w+ )?(?:error|fatal|fail|panic|traceback|exception|E )|File \"", re.IGNORECASE)
_STEP = re.compile(
    r"\s*(?:\[ *(?:\d+/\d+|\d+%)\]|\d+/\d+ |#\d+ (?:\[|DONE|CACHED|sha256|transferring|extracting|naming))"
)
_NUMBERED = re.compile(r"\s*\d+\s+(?=\S)")
_GUTTER = " \t|│┃"
# Says that a command failed, and nothing of why: that is for the lines above it to say.
_ENDED = re.compile(
    r".*\bexit(?:ed|s)?\b(?: with)?(?: (?:code|status))?:? \d+\b.*|.*\bFAIL code \d+.*|make\S* \*\*\* .* Error \d+"
    r"|.*\b(?:command|script|evaluation|check|step|job) failed\b\W*",
    re.IGNORECASE,
)
# How a run of acceptance commands shows what it ran and how that ended.
_FRAME = re.compile(r"\$ .*|\[exit [1-9]\d*\]")


class _Line(NamedTuple):
    """A line without noise."""

    indent: int
    text: str
    pointed: bool
    """A line of source that the next line points at."""
    tells: bool
    empty: bool
    """It is known to say nothing of an error."""


def fingerprint(error: str) -> str:
    """MD5 (hex) of an error's text without what changes from run to run; equal means "the same error again"."""
    text = f"{ALGORITHM}\n{key_of(error)}"
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def key_of(error: str) -> str:
    """What is hashed: the lines that count, without noise, sorted."""
    paragraphs = list(_paragraphs(error))
    every = [line.text for paragraph in paragraphs for line in paragraph]
    told = list(_told(paragraphs))
    if all(map(_ENDED.fullmatch, told)):
        saying = [line.text for paragraph in paragraphs for line in paragraph if not line.empty]
        told += ([text for text in saying if not _remarks(text)] or saying or every)[-LAST:]
    return "\n".join(sorted({*told, *filter(_FRAME.fullmatch, every)}))


def _paragraphs(error: str) -> Iterator[list[_Line]]:
    lines = [shown(line) for line in error.split("\n")]
    paragraph: list[_Line] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _parts(line):
            yield paragraph
            paragraph = []
        pointed = bool(_POINTER.fullmatch(below))
        if _SOURCE.match(line) and not pointed:
            continue
        text = without_noise(_NUMBERED.sub("", line, count=1) if pointed else line)
        if text:
            indent = len(line) - len(line.lstrip(_GUTTER))
            paragraph.append(_line(text, indent=indent, pointed=pointed, step=bool(_STEP.match(line))))
    yield paragraph


def _line(text: str, *, indent: int, pointed: bool, step: bool) -> _Line:
    tells = bool(_TELLING.search(text))
    known = _TALLY.fullmatch(text) or _WELL.fullmatch(text) or _STACK.fullmatch(text)
    return _Line(
        indent, text, pointed, tells, bool(known or (not tells and (step or _DOING.fullmatch(text))))
    )


def _parts(line: str) -> bool:
    """Whether a line is blank, a rule, or a title between two rules."""
    line = line.strip()
    return not line or (len(line) >= 4 and _RULERS.issuperset(line[:4] + line[-4:]))


def _told(paragraphs: Sequence[Sequence[_Line]]) -> Iterator[str]:
    """The lines that count. A line that ends in a colon speaks of the next paragraph."""
    promised = False
    for paragraph in paragraphs:
        if paragraph:
            told = list(_told_in(paragraph, promised=promised))
            yield from (line.text for line in told)
            promised = bool(told) and not told[-1].pointed and told[-1].text.endswith(":")


def _told_in(paragraph: Sequence[_Line], *, promised: bool) -> Iterator[_Line]:
    begun = promised
    headings: list[_Line] = []
    remark: _Line | None = None
    for line, below in zip(paragraph, [*paragraph[1:], None], strict=True):
        if line.empty or (below and below.empty and below.indent > line.indent and not line.tells):
            continue
        if _remarks(line.text):
            remark = line
            continue
        if remark and (line.indent > remark.indent or line.pointed or line.text.startswith("|")):
            continue
        remark = None
        above = headings[-1] if headings else None
        while headings and headings[-1].indent >= line.indent:
            headings.pop()
        if line.tells:
            yield from headings
            if above and above.indent == line.indent and not begun and _needs_heading(above, line):
                yield above
            headings.clear()
            begun = True
        if begun or line.pointed:
            yield line
        else:
            headings.append(line)


def _needs_heading(above: _Line, line: _Line) -> bool:
    """Whether a line that tells speaks of the one above: that is a title, or the line itself names no place."""
    return above.text.endswith((":", "]")) or not (_ALONE.match(line.text) or ":<n>" in line.text)


def _remarks(text: str) -> bool:
    """Whether a line is a remark that names no place in a file; where make was in its own file does not tell."""
    return bool(_REMARK.match(text)) and ("***" in text or not (":<n>" in text or "line <n>" in text))
