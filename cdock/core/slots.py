"""Room for attempts on this machine, and for changes of files, used up while one plan is made."""

from collections.abc import Iterable

from cdock.core.overlap import Files, shared


class Slots:
    """How many more issues may be claimed, how many more runs may start, and which files are being changed."""

    def __init__(self, *, claims: int, runs: int, files: Iterable[Files] = ()) -> None:
        self.claims = claims
        self.runs = runs
        self._files = list(files)

    def claim(self) -> bool:
        """Take room for one more claimed issue, if there is any."""
        if self.claims <= 0:
            return False
        self.claims -= 1
        return True

    def meets(self, wanted: Files) -> tuple[int, str] | None:
        """The issue whose files a task would change as well, with one of them; None when nobody does."""
        for others in self._files:
            if wanted.beside(others) and (what := shared(wanted, others)):
                return others.issue, what
        return None

    def change(self, wanted: Files) -> None:
        """These files are being changed from now on."""
        self._files.append(wanted)

    def run(self) -> bool:
        """Take room for one more run, if there is any."""
        if self.runs <= 0:
            return False
        self.runs -= 1
        return True
