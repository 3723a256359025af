"""The stored form of an entry of the outbox, version 1, checked on reading."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cdock.core.outbox import Entry, Kind, State


class EntryRecord(BaseModel):
    """Unknown fields are kept out on reading, so that an older cdock can deliver what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1]
    op: UUID
    kind: Kind
    body: str
    created_at: AwareDatetime
    title: str = ""
    labels: tuple[str, ...] = ()
    ready: bool = False
    on: int = Field(default=0, ge=0)
    after: UUID | None = None
    while_open: bool = False
    state: State = State.PENDING
    sent_at: AwareDatetime | None = None
    tried_at: AwareDatetime | None = None
    tries: int = Field(default=0, ge=0)
    not_before: AwareDatetime | None = None
    number: int = Field(default=0, ge=0)
    url: str = ""
    error: str = ""
    fix: str = ""


def load_entry(text: bytes) -> Entry:
    """The entry that `text` holds.

    Raises:
        ValueError: it holds none; the message names the field.
    """
    try:
        record = EntryRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise ValueError(f"{where}: {first['msg']}") from error
    return Entry(**{name: getattr(record, name) for name in EntryRecord.model_fields if name != "version"})
