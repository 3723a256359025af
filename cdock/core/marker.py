"""The hidden first line by which cdock finds its own texts again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SAID = "said"
"""The kind of marker on words of a person that cdock only passed on."""
_MARKER = re.compile(r"<!-- cdock:(?P<kind>[a-z]+)(?P<fields>(?: [a-z]+=[\w.-]+)*) -->")


@dataclass(frozen=True)
class Marker:
    """The hidden first line of a text of ours."""

    kind: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        fields = "".join(f" {name}={value}" for name, value in self.fields.items())
        return f"<!-- cdock:{self.kind}{fields} -->"


def parse_marker(text: str) -> Marker | None:
    """The marker on the first line of `text`; elsewhere it is somebody's quotation and means nothing."""
    match = _MARKER.fullmatch(text.lstrip("\ufeff").partition("\n")[0].strip())
    if match is None:
        return None
    pairs = (pair.partition("=") for pair in match["fields"].split())
    return Marker(match["kind"], {name: value for name, _, value in pairs})


def speaks_for_cdock(text: str) -> bool:
    """Whether a text from our own account is cdock's: it has a marker, and is not what a person said through us."""
    marker = parse_marker(text)
    return marker is not None and marker.kind != SAID
