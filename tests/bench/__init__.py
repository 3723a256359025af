"""Benchmarks: ratios against a floor that is measured in the same rounds. `python -m tests.bench --list`."""
