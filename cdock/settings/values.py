"""What the tables of `cdock.toml` are made of."""

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(value: object) -> timedelta:
    """`"90s"`, `"30m"`, `"2h"` or a number of seconds. Raises `ValueError` for anything else."""
    if isinstance(value, timedelta):
        return value
    seconds = math.nan
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", value.strip(), re.ASCII)
        seconds = float(match[1]) * _UNITS[match[2]] if match else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    try:
        return timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise ValueError('a duration such as "90s", "30m" or "2h" is wanted') from None


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
Pause = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]


class Table(BaseModel):
    """A table of the file: its keys are known ones, and nothing changes them later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
