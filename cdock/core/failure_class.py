"""The kind of an error, coarser than its fingerprint: the same as long as it keeps failing in the same way.

`python:AssertionError`, `tsc:TS2322`, `git:rejected`, `api:429`, `timeout`, `check:exit 2`: who complained, and by
which code or name. Values, files and texts are no part of it, so it stays when an agent moves an error about.
"""

import re
from typing import NamedTuple

from cdock.core.noise import shown

UNKNOWN = "unknown"
"""The class of an error that no rule knows."""


class _Kind(NamedTuple):
    """`who` complained, and what it is called: `name`, or else what the pattern's group caught."""

    who: str
    pattern: re.Pattern[str]
    name: str = ""


def _kind(who: str, pattern: str, name: str = "") -> _Kind:
    return _Kind(who, re.compile(pattern, re.MULTILINE), name)


# The first that is found counts, so what tells more comes first. Repetitions are bounded: the text may be hostile.
_KINDS = (
    # What cdock itself says of an attempt.
    _kind("timeout", r"\Ano end after \d", "timeout"),
    _kind("agent", r"\Athe agent ended with (exit code \d{1,5})"),
    _kind("agent", r"\Athe agent ran out of memory", "out of memory"),
    _kind("agent", r"\Athe agent says it is done but made no commit", "no commit"),
    _kind("agent", r"\Athe commits were not accepted", "commits refused"),
    _kind("git", r"\Athe commits could not be pushed", "rejected"),
    # The model's provider.
    _kind("api", r"\bYou've hit your [\w -]{1,40}limit\b|\bQuota exceeded\b", "limit"),
    _kind("api", r"\bCredit balance is too low\b", "credit"),
    _kind("api", r"\b[Pp]rompt is too long\b|\bhas hit a token limit\b|\bmodel's context window\b", "context"),
    _kind("api", r"\bInvalid API key\b|\bNot logged in\b", "401"),
    _kind("api", r"\bAPI Error: (?:Request rejected \()?(\d{3})\b"),
    _kind("api", r"\bunexpected status (\d{3})\b|\blast status: (\d{3})\b"),
    _kind("api", r"\"(?:code|statusCode)\":(\d{3})\b"),
    _kind("api", r"\blitellm\.(\w{1,60}Error)\b"),
    _kind("api", r"\b(?:AI_APICallError|Unable to connect to API|stream disconnected)\b", "connection"),
    # Compilers and checkers with codes of their own.
    _kind("tsc", r"\berror (TS\d{3,5})\b"),
    _kind("rustc", r"\berror\[(E\d{4})\]"),
    _kind("mypy", r"\.pyi?:\d[\d:]{0,12} error: .{1,600}\[([a-z-]{3,40})\]$"),
    _kind("lint", r"\.(?:py|sh):\d{1,6}:\d{1,6}: (?:\w{1,10}: )?([A-Z]{1,4}\d{3,4})\b"),
    _kind("lint", r"^([A-Z]{1,4}\d{3,4})\b.{1,300}\n +--> "),
    _kind("shellcheck", r"\b(SC\d{4})\b"),
    _kind("eslint", r"^ +\d+:\d+ +error .{1,300} {2}([a-z][\w/@-]{2,60})$"),
    _kind("npm", r"\bnpm (?:error|ERR!) code (E\w{1,40})"),
    _kind("npm", r"\bnpm (?:error|ERR!) (Missing script)"),
    # Tests that never ended.
    _kind("timeout", r"^E? *Failed: Timeout\b|\bpanic: test timed out\b|\btimed out after \d", "timeout"),
    _kind("timeout", r"\bExceeded timeout of \d|\bTimeout of \d{1,9}ms exceeded\b", "timeout"),
    # Exceptions, by the frames around them.
    _kind("java", r"^(?:\[ERROR\] )?(?:\w{3,12}:? )?(?:Exception in thread \"[^\"\n]{1,99}\" |Caused by: )"
                  r"(?:[\w$]{1,60}\.){0,12}(\w{0,60}(?:Exception|Error))\b"),
    _kind("java", r"^ *(?:[a-z]\w{0,60}\.){1,12}(\w{0,60}(?:Exception|Error))\b(?=: |$| at \w{1,60}\.java)"
                  r"(?=[^\n]{0,600}(?:\n\tat |\.java:))"),
    _kind("ruby", r"\.rb:\d{1,6}:in .{1,400} \((\w{1,60})\)$"),
    _kind("php", r"^(?:PHP )?(Fatal error|Parse error):"),
    _kind("node", r"\bcode: '(E[A-Z_]{2,40}|MODULE_NOT_FOUND)'"),
    _kind("node", r"^ *(\w{0,40}Error)\b(?: \[\w{1,60}\])?:?[^\n]{0,600}\n(?:[^\n]{0,600}\n){0,12}? *at .{0,300}"
                  r"(?:node:internal|\.[cm]?[jt]sx?:\d)"),
    _kind("node", r"^FATAL ERROR: .{1,200}\b(out of memory)$"),
    _kind("node", r"^ *Cannot find module '", "MODULE_NOT_FOUND"),
    _kind("aider", r"\b(SEARCH/REPLACE block) failed\b|^Only \d{1,3} (reflections) allowed"),
    _kind("jest", r"^ *(expect)\((?:received|jest)"),
    _kind("python", r"(?:^(?:E +)?|\.py:\d{1,6}: )(?:[a-z_]\w{0,60}\.){0,8}([A-Z]\w{0,60}(?:Error|Exception|Failure)"
                    r"|SystemExit|KeyboardInterrupt)(?=: |$)"),
    _kind("python", r"^E +(assert)\b"),
    # Programs that name no code: what they were about.
    _kind("docker", r"\bfailed to solve\b|\breturned a non-zero code\b", "build step"),
    _kind("docker", r"\b(No such image|No such container|address already in use|no space left on device"
                    r"|pull access denied|manifest unknown|is unhealthy)\b"),
    _kind("docker", r"\b(OCI runtime create failed|Cannot connect to the Docker daemon|Conflict\. The container name)"),
    _kind("git", r"! \[(?:remote )?(rejected)\]"),
    _kind("git", r"^(?:fatal|error|git@\S{1,99}): (?:.{0,300})?\b(Authentication failed|could not read Username"
                 r"|Permission denied \(publickey\))"),
    _kind("git", r"^CONFLICT\b|\bfix conflicts and then\b|\bcould not apply [0-9a-f]{7}|patch does not apply",
          "conflict"),
    _kind("git", r"^fatal: .{0,300}\.lock': File exists", "locked"),
    _kind("git", r"^(?:fatal|error): .{0,300}\b(?:unknown revision|did not match any|does not match any|not a valid)",
          "no such ref"),
    _kind("git", r"^fatal: .{0,300}\b(?:unable to access|Could not read from remote|not found|early EOF)\b", "remote"),
    _kind("go", r"^(panic|fatal error): "),
    _kind("go", r"^ *(--- FAIL): Test", "test"),
    _kind("rust", r"^thread '.{1,200}' (?:\(\d{1,9}\) )?(panicked) at "),
    _kind("asan", r"\bAddressSanitizer: ([a-z-]{3,60})|\bERROR: (LeakSanitizer)\b"),
    _kind("ld", r"\b(undefined reference)\b"),
    _kind("javac", r"\.java:(?:\d{1,6}:|\[\d{1,6},\d{1,6}\]) (?:error: )?(cannot find symbol|incompatible types"
                   r"|package(?= \S{1,99} does))"),
    _kind("javac", r"\.java:\d{1,6}: (error):"),
    _kind("cc", r"\.(?:c|cc|cpp|h|hpp):\d{1,6}:\d{1,6}: (?:fatal )?(error):"),
    _kind("go", r"^(?:\./)?[\w/.-]{1,200}\.go:\d{1,6}:\d{1,6}: ", "build"),
    _kind("rustc", r"^(error): .{1,300}\n +--> "),
    _kind("cargo", r"^error: (failed to \w{1,20})\b"),
    _kind("cmake", r"^(CMake Error)"),
    _kind("pytest", r"^(FAILED|ERROR) \S", "failed"),
    _kind("psql", r"\b(?:ERROR|FATAL): {1,2}(relation|duplicate key|role|database|syntax error)\b"),
    # Signals, and what any program may say.
    _kind("signal", r"\b(Segmentation fault|Killed|Aborted|core dumped)\b"),
    _kind("net", r"\b(ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EADDRINUSE)\b"),
    _kind("net", r"\b(?:[Cc]onnection refused|Failed to connect)\b", "ECONNREFUSED"),
    _kind("http", r"\breturned error: (\d{3})\b|\bstatus(?: code)? (\d{3})\b"),
    _kind("timeout", r"\b[Tt]imed out\b", "timeout"),
    _kind("shell", r"\b(command not found|Permission denied|No such file or directory|unbound variable"
                   r"|syntax error)\b"),
    _kind("shell", r": not found$", "command not found"),
    _kind("make", r"^make(?:\[\d{1,3}\])?: \*\*\* .{0,300}\b(Error \d{1,3}|No rule to make target)"),
    _kind("make", r"^Makefile:\d{1,6}: \*\*\* (missing separator)"),
    _kind("check", r"^\[(exit [1-9]\d{0,4})\]$"),
)  # fmt: skip


def class_of(error: str) -> str:
    """`WHO:NAME`, or one word such as `timeout`; `unknown` when nothing is recognised. Never raises.

    Of several names that one rule finds it is the first in the alphabet, so the order of tests makes no difference.
    """
    text = "\n".join(map(shown, error.split("\n")))
    for who, pattern, name in _KINDS:
        found = {name or next(filter(None, match.groups()), "") for match in pattern.finditer(text)}
        if found:
            first = min(found)
            return who if first == who else f"{who}:{first}"
    return UNKNOWN
