"""What GitHub lets an account send: 80 writes that create content in a minute and 500 in an hour.

It wants them one after another and a second apart, and does not say how many are left. The budget keeps below that
(`writes_per_hour` sets it for several machines with one account).
"""

from cdock.adapters.gate import EVERYTHING as EVERYTHING
from cdock.adapters.gate import FREE as FREE
from cdock.adapters.gate import Budget as Budget
from cdock.adapters.gate import Gate as Gate
from cdock.adapters.gate import Turn as Turn
from cdock.adapters.gate import shared_gate
from cdock.adapters.github.hosts import Host


def gate_for(host: Host, *, account: str, budget: Budget | None = None) -> Gate:
    """The gate of an account on a host, the same for all who ask in this process; the strictest budget counts.

    Without a `budget` a host on this machine has none, and each client its own gate: that is the embedded forge.
    """
    if budget is None and host.loopback:
        return Gate(FREE, host=host.name)
    return shared_gate(host.name, account=account, budget=Budget() if budget is None else budget)
