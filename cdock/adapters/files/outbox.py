"""The outbox as files."""

import json
from dataclasses import asdict
from pathlib import Path

from cdock.adapters.files.folder import Folder, Form, plain
from cdock.core.outbox import Entry, in_order

VERSION = 1


class FileOutbox(Folder[Entry]):
    """See `cdock.ports.Outbox`."""

    def __init__(self, root: Path) -> None:
        form = Form[Entry](
            every="the outbox",
            one="an entry of the outbox",
            name="op",
            id_of=lambda entry: entry.op,
            dump=dump_entry,
            load=_load,
            ordered=in_order,
        )
        super().__init__(root, form)


def dump_entry(entry: Entry) -> str:
    """The entry as JSON. Written by hand: a command that only keeps words must not wait for a library."""
    record = {"version": VERSION, **asdict(entry)}
    return json.dumps(record, indent=2, ensure_ascii=False, default=plain) + "\n"


def _load(text: bytes) -> Entry:
    from cdock.adapters.files.entries import load_entry

    return load_entry(text)
