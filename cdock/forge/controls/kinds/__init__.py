"""The kinds of faults, each in the module of its family. They register themselves when they are imported."""

from __future__ import annotations

from importlib import import_module

for _module in ("altered", "broken", "git", "limited", "refused", "stale", "wrong"):
    import_module(f"{__name__}.{_module}")
