"""The runner without containers."""
