"""The errors cdock raises, named by what the caller should do about them.

CdockError
├── Unavailable      look again later; nothing was decided (exit 5)
│   └── Limited          the forge's quota is used up until a known time (exit 5)
├── ClaimLost        somebody else holds the issue now; stop working on it (exit 1)
└── Refused          a person has to act (exit 1)
    ├── Overtaken        others pushed to the branch first; merged with their commits, ours go there as well (exit 1)
    ├── Misconfigured    a setting is wrong (exit 2)
    ├── NotPermitted     the token or the account may not do this (exit 4)
    └── Missing          a program or a service this machine needs is not there (exit 6)

Foreign exceptions end in their adapter, which raises one of these `from` them. Every error can say what was
tried and what a person can do next; the codes are stable and listed in the documentation.
"""

from datetime import datetime
from typing import ClassVar


class CdockError(Exception):
    """Base of all errors that cdock raises on purpose.

    `code` is stable and documented, `tried` names what was attempted and on what, `fix` is the next step.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "CD100"

    def __init__(self, message: str, *, code: str = "", tried: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.tried = tried
        self.fix = fix

    def __str__(self) -> str:
        return self.message


class Unavailable(CdockError):
    """The outside did not answer, so nothing is known; the same step is planned again later."""

    exit_code: ClassVar[int] = 5
    default_code: ClassVar[str] = "CD200"


class Limited(Unavailable):
    """A quota of the forge is used up: nothing was sent, and nothing may be before `until` (aware, in UTC)."""

    default_code: ClassVar[str] = "CD221"

    def __init__(self, message: str, *, until: datetime, tried: str = "", fix: str = "") -> None:
        super().__init__(message, tried=tried, fix=fix)
        self.until = until


class ClaimLost(CdockError):
    """A compare-and-swap on a claim was lost: another poller holds the issue. A normal answer, not a fault."""

    default_code: ClassVar[str] = "CD300"


class Refused(CdockError):
    """The outside said no, or a rule of ours does; repeating will not help, a person has to act."""

    default_code: ClassVar[str] = "CD400"


class Overtaken(Refused):
    """Others pushed to a branch first, and ours would overwrite that. No fault, and nothing a person has to mend."""


class Misconfigured(Refused):
    """A setting, a file or an argument is wrong."""

    exit_code: ClassVar[int] = 2
    default_code: ClassVar[str] = "CD410"


class NotPermitted(Refused):
    """The token is wrong, or its account lacks a permission."""

    exit_code: ClassVar[int] = 4
    default_code: ClassVar[str] = "CD420"


class Missing(Refused):
    """A program or a service that is needed is not on this machine."""

    exit_code: ClassVar[int] = 6
    default_code: ClassVar[str] = "CD430"
