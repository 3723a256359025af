"""One module per verb, each with a `command`."""
