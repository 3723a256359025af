"""What a failed check says, wherever its words are: its own text, notes on lines, the log of a workflow's job."""

from collections.abc import Iterator
from itertools import islice

from cdock.adapters import payload
from cdock.adapters.github.checks import run_of
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.home import Home
from cdock.adapters.payload import Row
from cdock.adapters.refusals import Absent
from cdock.core.errors import Unavailable
from cdock.core.pulls import Check

CHECKS, LOGS = "see check runs", "read logs of workflows"
ANNOTATIONS, LINES = 50, 200
"""How many notes on lines are told, and how many lines from the end of a log."""
MOST = 65_536
"""Characters of a log, and of a check's own text, that are told at most."""


class Explainer:
    """Explains checks of one repository."""

    def __init__(self, client: Client, home: Home, optional: OptionalFeatures) -> None:
        self._client = client
        self._home = home
        self._optional = optional

    def explain(self, check: Check) -> str:
        """See `Forge.explain_check`. A commit status has nothing but what `check` holds.

        Raises:
            Unavailable: no usable answer, now.
        """
        run = run_of(check)
        if not run:
            return ""
        row: Row = self._optional.attempt(CHECKS, lambda: self._run(run), otherwise={})
        parts = [*_own(row), self._notes(run, row), self._log(run, row)]
        return "\n\n".join(part for part in parts if part)

    def _run(self, run: int) -> Row:
        return self._client.find(self._home.path(f"check-runs/{run}")) or {}

    def _notes(self, run: int, row: Row) -> str:
        output = row.get("output")
        if not isinstance(output, dict) or not output.get("annotations_count"):
            return ""
        rows = self._client.rows(self._home.path(f"check-runs/{run}/annotations"))
        try:
            return "\n".join(_note(note) for note in islice(rows, ANNOTATIONS))
        except Absent:
            return ""

    def _log(self, run: int, row: Row) -> str:
        app = row.get("app")
        if not isinstance(app, dict) or app.get("slug") != "github-actions":
            return ""

        def read() -> str:
            try:
                # The job of a workflow has the id of its check run.
                return self._client.text(self._home.path(f"actions/jobs/{run}/logs"), most=MOST)
            except (Absent, Unavailable):
                # Logs are deleted after a while; and without one the rest is still worth telling.
                return ""

        text = self._optional.attempt(LOGS, read, otherwise="")
        return "\n".join(text.splitlines()[-LINES:])


def _own(row: Row) -> Iterator[str]:
    output = row.get("output")
    if isinstance(output, dict):
        for name in ("title", "summary", "text"):
            yield payload.text_of(output, name).strip()[:MOST]


def _note(row: Row) -> str:
    first, last = row.get("start_line"), row.get("end_line")
    place = f"{payload.text_of(row, 'path')}:{first}" + (f"-{last}" if last != first else "")
    words = [payload.text_of(row, name).strip() for name in ("title", "message", "raw_details")]
    level = payload.text_of(row, "annotation_level")
    return f"{place}: {level}: " + "\n".join(word for word in words if word)
