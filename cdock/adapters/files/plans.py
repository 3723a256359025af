"""Plans that are being made or published, as files."""

import json
from dataclasses import asdict
from pathlib import Path

from cdock.adapters.files.folder import Folder, Form, plain
from cdock.core.planning.drafts import Draft

VERSION = 1


class FilePlans(Folder[Draft]):
    """See `cdock.ports.Plans`."""

    def __init__(self, root: Path) -> None:
        form = Form[Draft](
            every="the plans",
            one="a plan on this machine",
            name="id",
            id_of=lambda draft: draft.id,
            dump=dump_draft,
            load=_load,
            ordered=lambda drafts: tuple(sorted(drafts, key=lambda draft: (draft.created_at, str(draft.id)))),
        )
        super().__init__(root, form)


def dump_draft(draft: Draft) -> str:
    """The draft as JSON, with a question mark for each half a character, which nobody could store or publish."""
    record = {"version": VERSION, **asdict(draft)}
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    return text.encode("utf-8", "replace").decode() + "\n"


def _load(text: bytes) -> Draft:
    from cdock.adapters.files.drafts import load_draft

    return load_draft(text)
