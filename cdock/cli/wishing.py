"""Asking something of the poller: the wish is kept first, then a person hears who carries it out, and when."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdock.core.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from cdock.core.wishes import Wish, WishKind

STEP = 0.1
"""Seconds between two looks at what became of a wish."""
TEXT_LIMIT = 60_000
"""Characters that can be said at once: what fits into one comment on the forge."""


def wish(state: Path, kind: "WishKind", task: dict[str, Any], text: str = "") -> "Wish":
    """Ask the poller of the clone for something about a task of the mirror.

    Raises:
        Unavailable: it could not be kept.
    """
    from cdock.adapters.files.wishes import FileWishes
    from cdock.cli.tasks import parsed_id

    # A shell passes on any bytes, and half a character can be written nowhere.
    fit = text.encode("utf-8", "replace").decode()
    return FileWishes(state / "wishes").make(kind, parsed_id(task), text=fit, author=person())


def words(text: str, *, what: str) -> str:
    """`text`, if there is something in it and not too much.

    Raises:
        Misconfigured: there is not, or there is.
    """
    if not text.strip() or len(text) > TEXT_LIMIT:
        raise Misconfigured(
            f"{what} has {'no words' if not text.strip() else f'more than {TEXT_LIMIT:,} characters'}",
            code="CD440",
            fix='say it in quotes, or give - to read it from standard input: … 42 "Use the new API."',
        )
    return text


def person() -> str:
    """Who is asking, by the name this machine knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "a person"


def who_does_it(state: Path) -> str:
    """Who carries a wish out, for people."""
    from cdock.adapters.files.poller import poller_runs

    if poller_runs(state):
        return "the poller does it"
    return "no poller runs in this clone, so it is kept until `cdock run`"


def wait(state: Path, what: str, holds: Callable[[], bool], *, limit: float) -> None:
    """Wait until something holds that the poller of the clone does.

    Raises:
        Unavailable: it does not within `limit` seconds, or no poller runs.
    """
    from cdock.adapters.files.poller import poller_runs

    end = time.monotonic() + limit
    while not holds():
        if not poller_runs(state):
            raise Unavailable(
                f"no poller runs in this clone, so there is no {what}",
                code="CD215",
                tried="waiting for the poller",
                fix="cdock run",
            )
        if time.monotonic() > end:
            raise Unavailable(
                f"there was no {what} within {limit:g} s",
                code="CD215",
                tried="waiting for the poller",
                fix="`cdock explain TASK` says what it waits for; `--timeout` gives it longer",
            )
        time.sleep(STEP)
