"""Room for attempts on this machine, used up while one plan is made."""


class Slots:
    """How many more issues may be claimed, and how many more runs may start."""

    def __init__(self, *, claims: int, runs: int) -> None:
        self.claims = claims
        self.runs = runs

    def claim(self) -> bool:
        """Take room for one more claimed issue, if there is any."""
        if self.claims <= 0:
            return False
        self.claims -= 1
        return True

    def run(self) -> bool:
        """Take room for one more run, if there is any."""
        if self.runs <= 0:
            return False
        self.runs -= 1
        return True
