"""cdock turns GitHub issues into reviewed pull requests with coding agents."""

__version__ = "0.1.0"
