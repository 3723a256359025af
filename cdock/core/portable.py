"""What of a path is the same in another checkout, of another user, on another machine."""

import re

# Below which checkouts lie, with the first directory there: how deep, and under what name, everybody chooses.
_CHECKOUTS = re.compile(
    r"(?:~|/root|/(?:home|Users)/[^/]+)(?:/(?:go/)?src(?=/[^/]+/))?(?:/[^/]+|\Z)"
    r"|/(?:usr/src|srv|mnt|data|opt|var|work|private|github|__w|agent|runner|builds?|tmp|dev/shm|wt)/[^/]+"
    r"|/(?:app|code|repo|src|project|checkout|source|workspaces?)\b"
)
# Below the name of which all checkouts are alike.
_BELOW = re.compile(
    r"/((?:src|lib|tests?|spec|packages|crates|apps|cmd|internal|include|docs)(?:/.*|\Z))", re.DOTALL
)
LIBRARIES = re.compile(
    r"/(?:site-packages|dist-packages|node_modules|go/pkg/mod|\.cargo/registry|rustc/[0-9a-f]+|go[-\d.]*/src(?!/[\w-]+\.\w)|lib/python[\d.]+"
    r"|gems|vendor/bundle|\.m2/repository)/"
)
# For what is gone soon, wherever it lies; what is named there by a program has more digits than a word has.
_PASSING = re.compile(r"/(?:\.?te?mp|var/folders|dev/shm)/")
_FILE = re.compile(r".*(?:\.[A-Za-z]{1,10}\d{0,2}|/[A-Z][a-z]*file)", re.DOTALL)
_BY_PEOPLE = re.compile(
    r"(?!cc\w{6}\.|[\w-]{1,40}-[\da-f]{6}\.\w|\.?tmp\.?\w{6,10}\b)(?:[A-Za-z_.-]|<\w{2,5}>)+(?:\d{1,2}[A-Za-z_.-]*)?(?:\+0x[\da-f]+)?"
)
# How cdock names a worktree, and so the directory of every attempt that has one.
_WORKTREE = re.compile(r".*/cdock\.[a-z0-9-]{1,36}\.[a-z0-9]{7}(?=/|\Z)", re.DOTALL)


def portable(path: str) -> str:
    """What of an absolute path is the same in another checkout: below a well-known directory its place, else its name.

    How deep a checkout lies cannot be seen, so no other directory counts.
    """
    if path.startswith("..") and not LIBRARIES.search(path):
        return path
    parts = path.strip("/").split("/")
    if LIBRARIES.search(path):
        return f"<lib>/{'/'.join(parts[-2:])}"
    file = _FILE.fullmatch(path)
    checkouts = _WORKTREE.match(path) or _CHECKOUTS.match(path)
    passing = _PASSING.search(path)
    if passing and not ((file or path.find("/", passing.end()) > 0) and _BY_PEOPLE.fullmatch(parts[-1])):
        return "<dir>"
    if not checkouts:
        return parts[-1] if file else "/".join(parts[-2:])
    below = _BELOW.search(path, checkouts.end())
    return below[1] if below else parts[-1] if file and (passing or checkouts.end() < len(path)) else "<dir>"
