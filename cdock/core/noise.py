"""What changes in an error's text from run to run, and how a line looks without it.

Each rule is written for a line that may be hostile: repetitions are bounded, or cannot begin anew at each character.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from cdock.core.portable import LIBRARIES, portable

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_UNIT = r"(?:ns|µs|us|ms|s|secs?|seconds?|milliseconds?|m|mins?|minutes?|h|hours?|d|days?)(?![A-Za-z_])"
_DURATION = rf"\d+(?:[.,]\d+)?\s?{_UNIT}"
# A large number behind one of these is the code of an error.
_CODE = re.compile(
    r"(?:error[ (\[#]|(?:code|errno|status|exit|signal|sqlstate|hresult)[\"']?[ :=(\[#]{1,3}"
    r"|(?-i:[A-Z]{3,8}-\d{4}-))\Z",
    re.IGNORECASE,
)


def _url(match: re.Match[str]) -> str:
    """An address on the web without user, port and query; of a socket or a library's file what a path keeps."""
    scheme, host, path, place = match["scheme"], match["host"], match["path"], match["place"] or ""
    if not host:
        return f"{scheme}://{portable(path)}{place}"
    return f"{portable(path)}{place}" if LIBRARIES.search(path) else f"{scheme}://{host}{path}{place}"


def _unless_code(match: re.Match[str], noise: str) -> str:
    before = match.string[max(0, match.start() - 12) : match.start()]
    return match[0] if _CODE.search(before) else noise


class _Rule(NamedTuple):
    """`needs`: what a line must have for the pattern to match, which is quicker to see; "0" is any digit."""

    needs: str
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


def _rule(needs: str, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> _Rule:
    return _Rule(needs, re.compile(pattern), replacement)


_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[@-Z\\-_])"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_REWOUND = re.compile(r"\x1b\[(?:[01]?G|2K)")
# Order matters: longer and more telling shapes first, so that a later rule finds only what is left.
_RULES = (
    # What stands before a line: a worker, progress, the number of a step or of a line of source.
    _rule("[", r"\[gw\d+\]|\[ *\d+%\]|\[ *\d+/\d+\](?= )", ""),
    _rule("gw", r"\bgw\d+\b", "gw"),
    _rule("0", r"^#\d+ (?=\D|\d+\.\d+ )", ""),
    _rule(".", r"^(?:\d+\.\d{1,3}|\[ *\d+\.\d+\]) (?=\S)", ""),
    _rule("==", r"^==\d+==\s?", ""),
    _rule("", r"[-=_*~─━═⎯]{4,}", " "),
    _rule("", r"^\s*(?:([>➜❯→])\s*)?(?:\d+\s*)?[|│┃┆▕](?:\s+\d+:(?=\s))?", r"\1|"),
    _rule("0", r"^\s+\d+(?::\d+\s+|\s{2,})(?=\S)", ":<n> "),
    _rule("0", r"^\s+\d+:\s+|^\s*\d+\s+(?=[+-](?:\s|$))", ""),
    # How tools write the name of a failed test.
    _rule(" - ", r"^(FAILED|ERROR) (.+?) - .*$", r"\1 \2"),  # pytest cuts the reason at the terminal's width
    _rule("FAILED", r"^test (\S+) \.\.\. FAILED$", r"FAILED \1"),
    _rule("FAILED", r"^(\S+) --- FAILED$", r"FAILED \1"),
    _rule("::", r"^(?=\S*::)(\S.*\S) +(FAILED|ERROR) *$", r"\2 \1"),
    _rule(" ... ", r"^(\w+ \([\w.]+\)) \.\.\. (FAIL|ERROR)$", r"\2: \1"),
    _rule("0", r"^\s*\d+/\d+ (?=\S)|^\s+\d+ - (?=\S)|(?<=\bTest )\s*#\d+(?=: )", ""),
    _rule("at Object.", r"\bat Object\.[\w<>]{1,40} (?=\()", "at Object "),
    _rule("reproduce_failure(", r"(?<=reproduce_failure\()[^)]{1,200}", ""),
    _rule("not ok", r"\b(not ok) \d+", r"\1"),
    _rule(") ", r"^\s*\d+\) (?=\S)", ") "),
    # Names and numbers that somebody else chose.
    _rule("file://", r"\bfile://(?=/)", ""),
    _rule(
        "://",
        r"\b(?P<scheme>[a-z][a-z+]{1,9})://(?:[\w.%+-]{1,64}(?::[^\s@/]{0,64})?@)?"
        r"(?P<host>[\w.-]{0,255}|\[[\da-f:]{2,45}\])(?::\d+)?(?P<path>(?:/[\w.@%~+,=-]*)*)"
        r"(?:\?[^\s:'\"<>)\]]*)?(?:#[\w-]*)?(?P<place>(?::\d+){1,2}(?=\W|$))?",
        _url,
    ),
    _rule("@", r"\b(?!git@)[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", "<email>"),
    _rule("-", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<uuid>"),
    _rule(
        "0",
        r"\b(req|msg|toolu|call|resp|ses|prt|chatcmpl|thread|turn)[_-](?=\w{0,64}\d)\w{5,}",
        r"\1_<id>",
    ),
    _rule(
        "",
        r"(?i)\b((?:req(?:uest)?|trace|span|correlation|session|host|transaction|invocation|operation|event|run|job)"
        r"[ _-]?id)\b(?:[\"']?\s?[:=]\s?[\"']?[\w+/=.-]{4,}|\s(?=[\w-]{0,64}\d)[\w-]{4,})",
        r"\1 <id>",
    ),
    _rule(
        "0", r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![A-Za-z\d])", "-<id>"
    ),  # Kubernetes'
    # Times, and what stands beside them in a log.
    _rule(
        "0",
        r"\b\d{4}([-/])\d\d\1\d\d(?:[T _]\d\d[:_-]?\d\d(?:[:_-]?\d\d(?:[.,_-]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)",
        "<time>",
    ),
    _rule(
        "0",
        rf"\b(?:\d{{1,2}}[ -]{_MONTH}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?)(?:(?:,? |-)\d{{4}})?(?!\w)",
        "<date>",
    ),
    _rule("<date>", r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? (?=<date>)", ""),
    _rule("0", r"\b\d\d?(?::\d\d){1,2}(?:[.,]\d+)? ?[AaPp][Mm]\b|\b\d\d? ?[AaPp][Mm]\b", "<time>"),
    _rule(":", r"\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b|^\d\d:\d\d(?= )", "<time>"),
    _rule("<date>", r"<date>(?:,?\s+(?:at )?|::)(?=<time>)", ""),
    _rule(
        "<time>",
        r"<time>(?: [+-]\d{4}\b| (?!INFO|WARN|FAIL|CRIT)[A-Z]{3,4}\b)?(?: \[?\d+\]?(?= ))?",
        "<time>",
    ),
    _rule("<time>", r"^(?:\d+:[A-Z] )?<time>(?: [+~-]\d+)*:?", "<time>"),
    _rule("<time>", r"^<time>(?: [\w.-]+)? ([\w./@-]+)\[\d+\]:", r"<time> \1:"),
    _rule(
        "<time>",
        r"^\[?<time>(?:[\s:|,-]{1,4}(?:[A-Z]{3,8}\b|\[[\w .:/-]{0,40}\]|[\w.]{1,40} -(?= )|---?)){0,4}"
        r" (?:\[\d+\]|\d+(?:#\d+:)?)(?= )",
        lambda match: re.sub(r"\d+(?:#\d+:)?", "<n>", match[0]),
    ),
    # Places: `:<n>` is what is left of a line and a column.
    _rule("/home/", r"/home/[\w.-]+(?=/)", "~"),
    _rule(
        "/",
        r"(?:(?<![\w.@+/>:-])|(?<=\s-[A-Za-z])|(?<=[^/]:))(?:(?:~|\.\.(?:/\.\.)*)?(?:/(?:[\w.@+-]|<(?:time|id|hex|uuid)>)+){2,}|~/[\w.@+-]+|/(?:app|code|repo|checkout|workspace)\b(?!/))/?",
        lambda match: portable(match[0]),
    ),
    _rule("/", r"(?<![\w.@+/>-])\./(?=\w)", ""),
    _rule(
        "0",
        r"(\.[A-Za-z]\w{0,9}|\bnode:[\w/]+|\b[A-Z][a-z]*file\d?|\bBUILD|<(?:stdin|string|unknown|anonymous)>|\[(?:eval|stdin)\])"
        r"(?::\d+(?:-\d+)?(?::\d+(?:-\d+)?)?|\(\d+(?:,\d+)?\)|:? ?[\[(]\d+, ?\d+[\])]|(?: \d+:\d+(?:-\d+)?)+)"
        r"(?::| -)?(?![\w-])",
        r"\1:<n>",
    ),
    _rule("(", r"\(\d+:\d+\)", "(<n>)"),
    _rule(": ", r"^([^\s:]{1,200}): \d+: (?=[^\s:]{1,200}: )", r"\1: "),  # a shell's script
    _rule(
        "0",
        r"(?i)\b((?:end)?_?(?:lines?|columns?|cols?|characters?|chars?|offset|[pt]id|port"
        r"|attempt|retry(?:ing)?|worker|thread|goroutine|process))([\"']?[ =:#,-]+)\d+(?:[-/]\d+)?",
        r"\1\2<n>",
    ),
    _rule("cdock.", r"\bcdock\.[a-z0-9-]{1,36}\.[a-z0-9]{7}\b", "<dir>"),
    _rule("-", r"((?:Worker|Thread|Process|Task)-)\d+", r"\1<n>"),
    _rule(
        "<n>:", r"((?i:line) <n>:) +\d+ (?=[A-Z])", r"\1 "
    ),  # a shell names the process that a signal ended
    _rule("thread '", r"\b(thread '[^']*') \(\d+\)", r"\1"),
    _rule("<", r"<\d+\.\d+\.\d+>", "<pid>"),
    # Numbers.
    _rule(
        "0",
        r"(?i)\b(\w{0,40}(?:duration|elapsed|latency|took|time)(?:_?(?:ms|s|ns|secs?|seconds|millis))?"
        r"|\w{1,40}_(?:ms|ns|secs?|seconds|millis|turns|tokens|usd|bytes))([\"']?[ =:]+)\d+(?:\.\d+)?(?!\w|\.\d)",
        r"\1\2<n>",
    ),
    _rule("0x", r"\b0x[0-9a-fA-F]+\b", lambda match: _unless_code(match, "<addr>")),
    _rule(
        "0",
        r"\b(?:(?=[0-9a-f]{0,127}\d)(?=\d{0,127}[a-f])[0-9a-f]{7,128}|(?=\d*[A-F])(?=[A-F]*\d)[0-9A-F]{7,128})\b",
        "<hex>",
    ),
    _rule(
        "0",
        r"\b(?:(?=[A-Z]{0,64}\d)(?=\d{0,64}[A-Z])[A-Z\d]{12,64}|(?=(?:[A-Za-z]{0,64}\d{1,64}){3})[A-Za-z\d]{16,128})\b",
        "<id>",
    ),
    _rule("<hex>", r"\b[a-z]{2,20}_[a-z]{2,20}\d?(?= \(<hex>)", "<name>"),  # Docker's, beside the id
    _rule("0", rf"\b(?:\d\d?:\d\d min\b|{_DURATION}(?:\s?{_DURATION})*)", "<duration>"),
    _rule("<duration>)", r" \(<duration>\)", ""),
    _rule("0", r"\b\d+ (test|warning|file|package|lines of output)s?\b", r"<n> \1"),
    _rule("x", r"\bx\d+ over\b", "x<n> over"),
    _rule('"hostname"', r'(?<="hostname":)\s?"[^"]{1,64}"', "<name>"),
    _rule("/s", r"\b\d+(?:\.\d+)? ?[A-Za-z]{1,12}/s(?:ec)?\b", "<rate>"),
    _rule("B", r"\b\d+(?:\.\d+)?\s?(?:[kKMGT]i?B)\b", "<size>"),
    _rule(".", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<ip>"),
    _rule(":", r"\blocalhost:\d+|\[?::1\]?:\d+", "localhost"),
    _rule("tmp", r"\btmp(?:[a-z\d_]{8}|\.\w{6,10})\b", "<dir>"),
)
# Four digits are noise unless they belong to a code such as TS2322, E0308 or ORA-00942, or are what was compared.
_LARGE = re.compile(r"(?<![A-Zx\d])(?<![A-Z]-)(?:\d{4,}|\d{1,3}(?:,\d{3})+(?!\d))(?:\.\d+)?")
_HUGE = re.compile(r"(?<![A-Z\d])\d{9,}")
_COMPARES = re.compile(
    r"\bassert|[!=]==?|\b(?:expected|actual|received|got|want|left|right)\b\W{0,4}\d|^E? *[-+] "
    r"|^(?:FAILED|ERROR) \S+::",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_RULER = re.compile(r"[-=_*~.|^ ]+")


def shown(line: str) -> str:
    """A line as it stands on the screen in the end: without colours, and without what a progress bar wrote over."""
    return _CONTROL.sub("", _REWOUND.sub("\r", line)).rstrip().rpartition("\r")[2]


def without_noise(line: str) -> str:
    """A line as it is the same in every run; empty when nothing is left."""
    line = shown(line)
    if not line:
        return ""
    digits = bool(_DIGIT.search(line))
    for needs, pattern, replacement in _RULES:
        if digits if needs == "0" else needs in line:
            line = pattern.sub(replacement, line)
    if digits:
        numbers = _HUGE if _COMPARES.search(line) else _LARGE
        line = numbers.sub(lambda match: _unless_code(match, "<n>"), line)
    # An abbreviated commit may well have no letter.
    line = " ".join(line.replace(":<hex>", ":<id>").replace("<hex>", "<n>").split())
    return "" if _RULER.fullmatch(line) else line
