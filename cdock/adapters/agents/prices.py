"""What a reply of a Claude model costs, roughly: for limits on money while a run has not said its own figure yet.

The program tells its costs only at the end of a turn, and a run that is stopped never does. List prices in US dollars
for a million tokens that go in and come out; they change, and what the program says replaces them.
"""

from collections.abc import Mapping

from cdock.adapters.agents.lines import count

_PRICES = {"opus": (15.0, 75.0), "sonnet": (3.0, 15.0), "haiku": (1.0, 5.0)}
_USUAL = "sonnet"
_WRITTEN, _READ = 1.25, 0.1
"""Shares of the price of what goes in, for what is written to the cache and read from it."""


def estimate(model: str, usage: Mapping[str, object]) -> float:
    """US dollars for one reply with this usage; a model of no known family is priced as a middling one."""
    family = next((name for name in _PRICES if name in model.lower()), _USUAL)
    into, out = _PRICES[family]
    read = float(count(usage.get("input_tokens")))
    read += count(usage.get("cache_creation_input_tokens")) * _WRITTEN
    read += count(usage.get("cache_read_input_tokens")) * _READ
    return (read * into + count(usage.get("output_tokens")) * out) / 1_000_000
